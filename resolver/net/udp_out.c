/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/net/udp_out.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#define SEGMENTS_MAX 64 /* in one message: the least any kernel takes */

struct batch {
	unsigned n_msg, n_iov;
	struct mmsghdr msg[UDP_OUT_MAX];
	struct iovec iov[UDP_OUT_MAX];
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(sizeof(uint16_t))];
	} size[UDP_OUT_MAX];
};

struct udp_out *udp_outs_add(struct udp_queue *q, struct udp_outs *o)
{
	assert(q->n < UDP_OUT_MAX);
	struct udp_out *w = &q->out[q->n++];
	w->next = NULL;
	*(o->first ? o->end : &o->first) = w;
	o->end = &w->next;
	return w;
}

/* Takes the first and all of its length out of the list. Their order among others
 * is of no meaning: they are questions. */
static void message_add(struct batch *b, struct udp_outs *o, unsigned max)
{
	struct msghdr *h = &b->msg[b->n_msg].msg_hdr;
	uint16_t len = (uint16_t)o->first->len;
	unsigned from = b->n_iov;
	for (struct udp_out **l = &o->first, *w; (w = *l) && b->n_iov - from < max;) {
		if (w->len != len) {
			l = &w->next;
			continue;
		}
		b->iov[b->n_iov++] = (struct iovec){ w->b, w->len };
		*l = w->next;
	}
	*h = (struct msghdr){ .msg_iov = &b->iov[from], .msg_iovlen = b->n_iov - from };
	if (h->msg_iovlen > 1) {
		struct cmsghdr *c = &b->size[b->n_msg].align;
		*c = (struct cmsghdr){ .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT,
				       .cmsg_len = CMSG_LEN(sizeof(len)) };
		memcpy(CMSG_DATA(c), &len, sizeof(len));
		h->msg_control = c;
		h->msg_controllen = CMSG_SPACE(sizeof(len));
	}
	b->n_msg++;
}

static int batch_send(const struct batch *b, unsigned *sent, int fd)
{
	while (*sent < b->n_msg) {
		int k = sendmmsg(fd, (struct mmsghdr *)b->msg + *sent, b->n_msg - *sent, MSG_NOSIGNAL);
		if (k > 0)
			*sent += (unsigned)k;
		else if (errno != EINTR)
			return errno;
	}
	return 0;
}

/* What a message of several may be refused for: no checksums by the device, none
 * at all on the socket, a segment that does not fit (net/ipv4/udp.c). */
static bool refused_as_one(int err)
{
	return err == EIO || err == EINVAL || err == EMSGSIZE;
}

static void batch_split(struct batch *b, unsigned sent)
{
	struct iovec *iov = b->msg[sent].msg_hdr.msg_iov, *end = b->iov + b->n_iov;
	b->n_msg = sent;
	for (; iov < end; iov++)
		b->msg[b->n_msg++].msg_hdr = (struct msghdr){ .msg_iov = iov, .msg_iovlen = 1 };
}

int udp_outs_send(struct udp_queue *q, struct udp_outs *o, int fd)
{
	struct batch b;
	unsigned sent = 0;
	b.n_msg = b.n_iov = 0;
	while (o->first)
		message_add(&b, o, q->one_by_one ? 1 : SEGMENTS_MAX);
	o->end = NULL;
	int err = batch_send(&b, &sent, fd);
	if (refused_as_one(err) && b.msg[sent].msg_hdr.msg_iovlen > 1) {
		q->one_by_one = true;
		batch_split(&b, sent);
		err = batch_send(&b, &sent, fd);
	}
	return err;
}
