/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: `in` never holds a whole frame unless the handler paused; `out`
 * is freed as soon as it is empty, so an idle connection costs its struct and
 * nothing else.
 */
#include "resolver/net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/dns/wire.h"
#include "resolver/net/tls.h"

void stream_init(struct stream *s, int fd)
{
	*s = (struct stream){ .fd = fd };
}

void stream_release(struct stream *s)
{
	free(s->in);
	free(s->out);
	s->in = s->out = NULL;
	s->in_len = s->in_cap = s->out_off = s->out_len = s->out_cap = 0;
}

static ssize_t raw_read(struct stream *s, uint8_t *b, size_t cap)
{
	s->want_write_to_read = false;
	if (s->tls)
		return tls_read(s->tls, b, cap, &s->want_write_to_read);
	return recv(s->fd, b, cap, 0);
}

/* Hands up the frames in b; what is left begins at *ret_used. */
static bool frames_take(const uint8_t *b, size_t len, size_t *ret_used, stream_msg_f *msg, void *ctx)
{
	size_t at = 0;
	bool go_on = true;
	while (go_on && len - at >= 2) {
		size_t n = get_be16(b + at);
		if (len - at - 2 < n)
			break;
		at += 2 + n;
		go_on = msg(ctx, b + at - n, n);
	}
	*ret_used = at;
	return go_on;
}

/* False: no memory, which less than before does not need. */
static bool in_keep(struct stream *s, const uint8_t *b, size_t len)
{
	if (len == 0) {
		free(s->in);
		s->in = NULL;
		s->in_len = s->in_cap = 0;
		return true;
	}
	if (len > s->in_cap) {
		size_t cap = len < 256 ? 256 : len;
		uint8_t *p = realloc(s->in, cap);
		if (!p)
			return false;
		s->in = p;
		s->in_cap = cap;
	}
	memmove(s->in, b, len);
	s->in_len = len;
	return true;
}

static enum stream_status read_failed(struct stream *s, ssize_t n)
{
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? STREAM_OK : STREAM_ERROR;
	s->eof = true;
	if (s->in_len == 0)
		return STREAM_CLOSED;
	errno = EPROTO; /* cut in the middle of a message */
	return STREAM_ERROR;
}

/* Behind the `have` octets that the scratch buffer holds already. */
static enum stream_status read_after(struct stream *s, struct stream_scratch *scratch, size_t have,
				     size_t *ret_have)
{
	size_t room = sizeof(scratch->b) - have;
	if (s->read_max && s->read_max < room)
		room = s->read_max;
	s->more = false;
	s->n_read = 0;
	ssize_t n = raw_read(s, scratch->b + have, room);
	if (n <= 0)
		return read_failed(s, n);
	s->n_read = (size_t)n;
	s->more = (size_t)n == room;
	*ret_have = have + (size_t)n;
	return STREAM_OK;
}

enum stream_status stream_read_raw(struct stream *s, struct stream_scratch *scratch, size_t *ret_len)
{
	*ret_len = 0;
	return read_after(s, scratch, 0, ret_len);
}

enum stream_status stream_read(struct stream *s, struct stream_scratch *scratch, stream_msg_f *msg,
			       void *ctx)
{
	size_t have = s->in_len, used;
	if (have)
		memcpy(scratch->b, s->in, have);
	enum stream_status st = read_after(s, scratch, have, &have);
	if (st != STREAM_OK || have == s->in_len)
		return st;
	bool go_on = frames_take(scratch->b, have, &used, msg, ctx);
	if (!in_keep(s, scratch->b + used, have - used)) {
		errno = ENOMEM;
		return STREAM_ERROR;
	}
	return go_on ? STREAM_OK : STREAM_PAUSED;
}

enum stream_status stream_resume(struct stream *s, stream_msg_f *msg, void *ctx)
{
	size_t used;
	if (!s->in_len)
		return STREAM_OK;
	bool go_on = frames_take(s->in, s->in_len, &used, msg, ctx);
	if (used)
		in_keep(s, s->in + used, s->in_len - used);
	return go_on ? STREAM_OK : STREAM_PAUSED;
}

/* Room for len octets behind what is queued; NULL: no memory. */
static uint8_t *out_room(struct stream *s, size_t len)
{
	size_t end = s->out_off + s->out_len;
	if (end + len > s->out_cap && s->out_off) {
		memmove(s->out, s->out + s->out_off, s->out_len);
		s->out_off = 0;
		end = s->out_len;
	}
	if (end + len > s->out_cap) {
		size_t cap = s->out_cap ? s->out_cap : 1024;
		while (cap < end + len)
			cap *= 2;
		uint8_t *p = realloc(s->out, cap);
		if (!p)
			return NULL;
		s->out = p;
		s->out_cap = cap;
	}
	return s->out + end;
}

int stream_put(struct stream *s, const uint8_t *msg, size_t len)
{
	uint8_t *to = out_room(s, 2 + len);
	if (!to)
		return ERR_NOMEM;
	set_be16(to, (uint16_t)len);
	memcpy(to + 2, msg, len);
	s->out_len += 2 + len;
	return 0;
}

int stream_put_raw(struct stream *s, const uint8_t *b, size_t len)
{
	uint8_t *to = out_room(s, len);
	if (!to)
		return ERR_NOMEM;
	memcpy(to, b, len);
	s->out_len += len;
	return 0;
}

long stream_flush(struct stream *s)
{
	while (s->out_len) {
		const uint8_t *b = s->out + s->out_off;
		ssize_t n = s->tls ? tls_write(s->tls, b, s->out_len)
				   : send(s->fd, b, s->out_len, MSG_NOSIGNAL | (s->goes_with_end ? MSG_MORE : 0));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? (long)s->out_len : -1;
		s->out_off += (size_t)n;
		s->out_len -= (size_t)n;
	}
	free(s->out);
	s->out = NULL;
	s->out_off = s->out_cap = 0;
	return 0;
}
