/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where programs (never libraries, never the core) put their words. The tools
 * write "program: text" to stderr; the daemon writes CoreDNS's forms,
 * "[INFO] text" on stdout once it serves, and dated lines on stderr before.
 */
#ifndef NODENS_LOG_H
#define NODENS_LOG_H

#include <stddef.h>

enum log_level { LOG_LVL_DEBUG, LOG_LVL_INFO, LOG_LVL_WARNING, LOG_LVL_ERROR, LOG_LVL_FATAL };
enum log_style { LOG_STYLE_TOOL, LOG_STYLE_BOOT, LOG_STYLE_COREDNS };

void log_setup(const char *program, enum log_style style, enum log_level least);
/* `text` with \DDD for every octet that is no graphic one or a blank of ASCII, so
 * that nothing from a file or the network makes a line, moves a cursor or looks
 * like another; returns the length. What does not fit is left out. */
size_t log_escape(char *buf, size_t cap, const char *text);
/* One line, escaped as by log_escape; with LOG_STYLE_TOOL octets above ASCII stay. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Lines that could not be written, for example because the reader of a pipe
 * that does not block has stopped. */
unsigned long log_lost(void);
/* As it is, with only the newline added: query log lines. */
void log_raw(const char *line);

#define log_debug(...) log_line(LOG_LVL_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LVL_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LVL_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_LVL_ERROR, __VA_ARGS__)

#endif
