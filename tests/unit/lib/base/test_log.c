/* SPDX-License-Identifier: Apache-2.0 */
/* Each style's prefix and stream, levels, and lines longer than the buffer. */
#include <criterion/criterion.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"

static char got[20000];

/* Runs with `fd` sent to a pipe; what came is in got[]. */
static void capture(int fd, void (*act)(void))
{
	int p[2], saved = dup(fd);
	ssize_t n;

	cr_assert_eq(pipe(p), 0);
	dup2(p[1], fd);
	act();
	dup2(saved, fd);
	close(p[1]);
	n = read(p[0], got, sizeof(got) - 1);
	close(p[0]);
	close(saved);
	got[n > 0 ? n : 0] = 0;
}

static void speak(void)
{
	log_debug("unheard");
	log_info("port %d", 53);
	log_error("bad");
}

static void speak_raw(void)
{
	log_raw("as it is %d");
}

static void speak_long(void)
{
	static char word[12000];

	memset(word, 'w', sizeof(word) - 1);
	log_info("%s", word);
}

static void speak_octets(void)
{
	log_info("%s", "a\x1b[2Jb\nc\t\x7f\xc2\x9b\r[INFO] d \\ ~");
}

Test(log, octets_that_are_not_graphic_are_escaped)
{
	char buf[12];

	log_setup("node-cache", LOG_STYLE_COREDNS, LOG_LVL_INFO);
	capture(STDOUT_FILENO, speak_octets);
	cr_assert_str_eq(got, "[INFO] a\\027[2Jb\\010c\\009\\127\\194\\155\\013[INFO] d \\ ~\n");
	cr_assert_eq(log_escape(buf, sizeof(buf), "abcdefg\n"), 11);
	cr_assert_eq(log_escape(buf, sizeof(buf), "abcdefgh\n"), 8, "an escape is whole or not there");
	cr_assert_eq(log_escape(buf, sizeof(buf), "abcdefghijkl"), 11);
}

static void speak_letters(void)
{
	log_info("2\u2009635\t\033[2J");
}

Test(log, a_tool_s_letters_stay)
{
	log_setup("dns-sim", LOG_STYLE_TOOL, LOG_LVL_INFO);
	capture(STDERR_FILENO, speak_letters);
	cr_assert_str_eq(got, "dns-sim: 2\u2009635\\009\\027[2J\n");
}

Test(log, tool_style)
{
	log_setup("dns-sim", LOG_STYLE_TOOL, LOG_LVL_INFO);
	capture(STDERR_FILENO, speak);
	cr_assert_str_eq(got, "dns-sim: port 53\ndns-sim: bad\n");
}

Test(log, coredns_style)
{
	log_setup("node-cache", LOG_STYLE_COREDNS, LOG_LVL_DEBUG);
	capture(STDOUT_FILENO, speak);
	cr_assert_str_eq(got, "[DEBUG] unheard\n[INFO] port 53\n[ERROR] bad\n");
	capture(STDOUT_FILENO, speak_raw);
	cr_assert_str_eq(got, "as it is %d\n");
}

Test(log, boot_style_is_dated)
{
	regex_t re;

	log_setup("node-cache", LOG_STYLE_BOOT, LOG_LVL_ERROR);
	capture(STDERR_FILENO, speak);
	regcomp(&re, "^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} \\[ERROR\\] bad\n$", REG_EXTENDED);
	cr_assert_eq(regexec(&re, got, 0, NULL, 0), 0, "%s", got);
	regfree(&re);
}

Test(log, long_lines_are_cut_at_a_newline)
{
	log_setup("x", LOG_STYLE_TOOL, LOG_LVL_INFO);
	capture(STDERR_FILENO, speak_long);
	cr_assert_eq(strlen(got), 8192);
	cr_assert_eq(got[8191], '\n');
}
