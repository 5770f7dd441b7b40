/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS over a byte stream (RFC 1035 section 4.2.2, RFC 7766): messages with a
 * two-octet length, in and out, on a non-blocking socket, plain or TLS. Shared
 * by client connections and the upstream pool. Whole messages are handed up
 * straight from a scratch buffer; a connection owns memory only for a message
 * cut in the middle and for output the peer has not taken yet.
 */
#ifndef NODENS_STREAM_H
#define NODENS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/limits.h"

struct tls_session;

#define STREAM_FRAME_MAX (2 + DNS_MSG_MAX)
/* One a process: what a read is taken into. Larger than a frame, so that a
 * burst of small ones costs one system call. */
struct stream_scratch {
	uint8_t b[2 * STREAM_FRAME_MAX];
};

struct stream {
	int fd;
	struct tls_session *tls; /* NULL: plain */
	uint8_t *in;             /* the beginning of a frame, in_len octets */
	size_t in_len, in_cap;
	uint8_t *out;            /* out_len octets still to be sent, from out_off */
	size_t out_off, out_len, out_cap;
	size_t read_max;         /* octets taken by one read; 0: a scratch buffer full */
	size_t n_read;           /* octets that the last read brought */
	bool eof;                /* the peer will send no more */
	bool more;               /* the last read filled its room: read again */
	bool want_write_to_read; /* TLS only: reading needs the socket writable */
	bool goes_with_end;      /* plain only: what is sent waits in the kernel, to be one segment with the end */
};

enum stream_status {
	STREAM_OK,     /* nothing more for now */
	STREAM_PAUSED, /* the handler asked to stop; call stream_resume later */
	STREAM_CLOSED, /* end of stream between messages */
	STREAM_ERROR,  /* reset, frame cut short, TLS failure: errno says */
};

/* One message without its length. Returns false to pause (the rest is kept).
 * May queue output, must not release the stream. */
typedef bool stream_msg_f(void *ctx, const uint8_t *msg, size_t len);

void stream_init(struct stream *s, int fd);
/* Frees the buffers; descriptor and TLS session are the caller's to close. */
void stream_release(struct stream *s);
/* Read what is there, at most a scratch buffer full, and hand up whole frames. */
enum stream_status stream_read(struct stream *s, struct stream_scratch *scratch, stream_msg_f *msg,
			       void *ctx);
/* For another framing: what is there, at most a scratch buffer full, as it is;
 * *ret_len may be 0. Nothing is kept. */
enum stream_status stream_read_raw(struct stream *s, struct stream_scratch *scratch, size_t *ret_len);
/* Frames that stayed behind when the handler paused. */
enum stream_status stream_resume(struct stream *s, stream_msg_f *msg, void *ctx);
/* Queue one message. 0 or ERR_NOMEM. */
int stream_put(struct stream *s, const uint8_t *msg, size_t len);
/* Queue octets that bring their own framing. */
int stream_put_raw(struct stream *s, const uint8_t *b, size_t len);
/* Send what is queued: octets left over (0: all gone), or -1 on error. */
long stream_flush(struct stream *s);

#endif
