/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line, one write(2): lines of several processes on one pipe do not mix,
 * and nothing waits in a buffer when a program is killed.
 */
#include "lib/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define LINE_MAX_BYTES 8192

static struct {
	const char *program;
	enum log_style style;
	enum log_level least;
} conf = {"nodens", LOG_STYLE_TOOL, LOG_LVL_INFO};

static const char *const level_text[] = {
	[LOG_LVL_DEBUG] = "DEBUG", [LOG_LVL_INFO] = "INFO",   [LOG_LVL_WARNING] = "WARNING",
	[LOG_LVL_ERROR] = "ERROR", [LOG_LVL_FATAL] = "FATAL",
};

void log_setup(const char *program, enum log_style style, enum log_level least)
{
	conf.program = program;
	conf.style = style;
	conf.least = least;
}

static unsigned long lost;

unsigned long log_lost(void)
{
	return lost;
}

static void write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* a log nobody can read must not stop the program */
			lost++;
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

static size_t prefix_print(char *buf, size_t cap, enum log_level level)
{
	time_t now;
	struct tm tm;
	size_t n;

	if (conf.style == LOG_STYLE_TOOL)
		return (size_t)snprintf(buf, cap, "%.64s: ", conf.program);
	if (conf.style == LOG_STYLE_COREDNS)
		return (size_t)snprintf(buf, cap, "[%s] ", level_text[level]);
	now = (time_t)(clock_real_ns() / NS_PER_S);
	localtime_r(&now, &tm);
	n = strftime(buf, cap, "%Y/%m/%d %H:%M:%S ", &tm);
	return n + (size_t)snprintf(buf + n, cap - n, "[%s] ", level_text[level]);
}

static size_t escape(char *buf, size_t cap, const char *text, bool ascii)
{
	size_t len = 0;

	for (; *text; text++) {
		unsigned c = (unsigned char)*text;
		bool plain = c >= 0x20 && c != 0x7f && (c < 0x80 || !ascii);

		if (len + (plain ? 1 : 4) >= cap)
			break;
		if (plain)
			buf[len++] = (char)c;
		else
			len += (size_t)sprintf(buf + len, "\\%03u", c);
	}
	buf[len] = 0;
	return len;
}

size_t log_escape(char *buf, size_t cap, const char *text)
{
	return escape(buf, cap, text, true);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char buf[LINE_MAX_BYTES], words[LINE_MAX_BYTES];
	size_t len;
	va_list ap;

	if (level < conf.least)
		return;
	len = prefix_print(buf, sizeof(buf), level);
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	/* The NUL's place is the newline's. A tool speaks to its user, in the user's letters. */
	len += escape(buf + len, sizeof(buf) - len, words, conf.style != LOG_STYLE_TOOL);
	buf[len++] = '\n';
	write_all(conf.style == LOG_STYLE_COREDNS ? STDOUT_FILENO : STDERR_FILENO, buf, len);
}

void log_raw(const char *line)
{
	char buf[LINE_MAX_BYTES];
	size_t len = strlen(line);

	if (len > sizeof(buf) - 1)
		len = sizeof(buf) - 1;
	memcpy(buf, line, len);
	buf[len++] = '\n';
	write_all(conf.style == LOG_STYLE_COREDNS ? STDOUT_FILENO : STDERR_FILENO, buf, len);
}
