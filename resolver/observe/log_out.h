/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines on their way to standard output, which must never make DNS wait:
 * whoever reads it may stop reading. So standard output does not block, lines
 * are gathered and leave at most once a round of the loop, what the reader does
 * not take is kept while there is room, and what finds no room is counted.
 *
 * Writes end between lines and are no longer than PIPE_BUF, so that a pipe takes
 * each as a whole or not at all, and lines of several processes do not mix.
 */
#ifndef NODENS_LOG_OUT_H
#define NODENS_LOG_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "resolver/net/loop.h"

#define LOG_OUT_LINE_MAX 4096 /* PIPE_BUF, newline included */

struct log_out;

/* Once, before anything is forked: descriptors 1 and 2 no longer block. They
 * become open file descriptions of their own where the kernel allows it, so that
 * whoever shares the pipe or terminal with us sees no difference. */
void log_out_unblock_stdio(void);

/* Lines go to `fd`; lost ones are added to *lost. NULL: no memory. */
struct log_out *log_out_new(struct loop *loop, int fd, uint64_t *lost);
/* Tries once more to get rid of what is there. */
void log_out_free(struct log_out *o);
/* Room for a line with its newline, or NULL: the line is lost, and counted. */
char *log_out_reserve(struct log_out *o);
/* The line in the room just reserved has `len` octets, without a newline. */
void log_out_commit(struct log_out *o, size_t len);
void log_out_line(struct log_out *o, const char *line);
/* Before the loop sleeps. */
void log_out_flush(struct log_out *o);

#endif
