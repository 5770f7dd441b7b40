/* SPDX-License-Identifier: Apache-2.0 */
/* One buffer, reserved and committed by whole lines, flushed as far as the reader takes it. */
#include "resolver/observe/log_out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define BUFFER_LEN (256u * 1024)
#define RETRY_NS (5 * NS_PER_MS)

_Static_assert(LOG_OUT_LINE_MAX <= PIPE_BUF, "a pipe takes a whole line or nothing");

struct log_out {
	struct loop *loop;
	struct loop_timer retry;
	int fd;
	uint64_t *lost;
	bool stalled;	 /* the reader is behind: wait for the timer */
	size_t off, len; /* what is in the buffer; off is not at a line's start only
			  * after a stream socket took part of one */
	char buffer[BUFFER_LEN];
};

/* --- standard output --- */

static void unblock(int fd)
{
	char path[32];
	struct stat st;

	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		return; /* files do not block, and one opened again would begin anew */
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (own >= 0) {
			dup2(own, fd);
			close(own);
			return;
		}
	}
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void log_out_unblock_stdio(void)
{
	unblock(STDOUT_FILENO);
	unblock(STDERR_FILENO);
}

/* --- the buffer --- */

static void retry_due(struct loop_timer *t)
{
	struct log_out *o = container_of(t, struct log_out, retry);

	o->stalled = false;
	log_out_flush(o);
}

struct log_out *log_out_new(struct loop *loop, int fd, uint64_t *lost)
{
	struct log_out *o = malloc(sizeof(*o));

	if (!o)
		return NULL;
	o->loop = loop;
	o->retry = (struct loop_timer){.due = retry_due};
	o->fd = fd;
	o->lost = lost;
	o->stalled = false;
	o->off = o->len = 0;
	return o;
}

/* Nobody will ever read what is there. */
static void give_up(struct log_out *o)
{
	for (size_t i = o->off; i < o->len; i++)
		*o->lost += o->buffer[i] == '\n';
	o->off = o->len = 0;
}

void log_out_free(struct log_out *o)
{
	if (!o)
		return;
	o->stalled = false;
	log_out_flush(o);
	loop_timer_set(o->loop, &o->retry, T_NEVER);
	give_up(o);
	free(o);
}

char *log_out_reserve(struct log_out *o)
{
	if (o->len + LOG_OUT_LINE_MAX > BUFFER_LEN) {
		log_out_flush(o);
		memmove(o->buffer, o->buffer + o->off, o->len - o->off);
		o->len -= o->off;
		o->off = 0;
	}
	if (o->len + LOG_OUT_LINE_MAX > BUFFER_LEN) {
		++*o->lost;
		return NULL;
	}
	return o->buffer + o->len;
}

void log_out_commit(struct log_out *o, size_t len)
{
	o->buffer[o->len + len] = '\n';
	o->len += len + 1;
}

void log_out_line(struct log_out *o, const char *line)
{
	size_t len = strnlen(line, LOG_OUT_LINE_MAX - 1);
	char *room = log_out_reserve(o);

	if (!room)
		return;
	memcpy(room, line, len);
	log_out_commit(o, len);
}

/* Whole lines, as many as a pipe takes at once. */
static size_t chunk(const struct log_out *o)
{
	size_t len = o->len - o->off;

	if (len <= PIPE_BUF)
		return len;
	const char *at = o->buffer + o->off, *end = memrchr(at, '\n', PIPE_BUF);

	return end ? (size_t)(end + 1 - at) : PIPE_BUF;
}

void log_out_flush(struct log_out *o)
{
	if (o->stalled)
		return;
	while (o->off < o->len) {
		ssize_t n = write(o->fd, o->buffer + o->off, chunk(o));

		if (n >= 0) {
			o->off += (size_t)n;
		} else if (errno == EAGAIN) {
			o->stalled = true;
			loop_timer_set(o->loop, &o->retry, o->loop->now_ns + RETRY_NS);
			return;
		} else if (errno != EINTR) {
			give_up(o);
		}
	}
	o->off = o->len = 0;
}
