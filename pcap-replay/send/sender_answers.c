/* SPDX-License-Identifier: Apache-2.0 */
/* What is outstanding, and what ends it: an answer, its time, the end of its connection. */
#include "pcap-replay/send/sender_int.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "lib/record/qstream.h"

#define STAMP_NS NS_PER_MS /* when one of a batch was sent is an estimate */

void sender_told(struct sender *s, const struct pending *p, uint64_t now_ns, const uint8_t *reply, size_t len)
{
	struct sender_done d = {s->c->plan, p->query, p->number, p->target, p->due_ns, p->sent_ns, reply ? now_ns : 0, reply, len};
	if (s->c->done)
		s->c->done(s->c->ctx, &d);
}

/* Takes *at out of its socket's list. */
void pending_leave(struct sender *s, struct pending **at)
{
	struct pending *p = *at;
	*at = p->next;
	p->sock->n_waiting--;
	if (s->again_end == &p->next)
		s->again_end = at;
}

void pending_join(struct sock *sock, struct pending **at, struct pending *p)
{
	p->sock = sock;
	p->next = *at;
	*at = p;
	sock->n_waiting++;
}

struct pending *pending_new(struct sender *s, struct sock *sock)
{
	struct pending *p = s->free_list;
	s->free_list = p->next;
	*p = (struct pending){.older = s->newest};
	pending_join(sock, &sock->waiting, p);
	*(s->newest ? &s->newest->newer : &s->oldest) = p;
	s->newest = p;
	s->n_out++;
	return p;
}

void pending_end(struct sender *s, struct pending *p)
{
	struct pending **at = p->sock ? &p->sock->waiting : NULL;
	while (at && *at != p)
		at = &(*at)->next;
	if (at)
		pending_leave(s, at);
	*(p->older ? &p->older->newer : &s->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &s->newest) = p->older;
	s->outstanding[p->target]--;
	s->n_out--;
	p->next = s->free_list;
	s->free_list = p;
}

/* The first target's, as a picture. */
static void warm(struct sender *s, const struct pending *p, uint64_t took_ns)
{
	if (p->target == 0)
		heat_record(&s->r->heat, p->due_ns > s->start_ns ? p->due_ns - s->start_ns : 0, took_ns);
}

static bool is_over(const struct sender *s, uint64_t now_ns)
{
	return s->oldest && now_ns >= s->oldest->sent_ns + s->c->timeout_ns;
}

/* What lies in the sockets was in time, however late we look (the machine gave us none, or somebody stopped us); and
 * what has not been sent is no loss. Both are heard of first. */
void sender_expire(struct sender *s, uint64_t now_ns)
{
	for (size_t n = s->n_out + 1; is_over(s, now_ns) && s->n_out < n;) {
		n = s->n_out;
		socks_hear(s->socks, 0);
	}
	while (is_over(s, now_ns)) {
		struct pending *p = s->oldest;
		s->r->target[p->target].timeouts++;
		warm(s, p, s->c->timeout_ns);
		sender_told(s, p, now_ns, NULL, 0);
		pending_end(s, p);
	}
}

static bool is_answer(const struct sender *s, const struct pending *p, const uint8_t *reply, size_t len)
{
	const struct plan_query *q = &s->c->plan->query[p->query];
	const uint8_t *asked = s->c->plan->octets + q->at;
	struct dns_msg a, b;
	if (len < DNS_HEADER_LEN || memcmp(asked, reply, 2) || !(reply[2] & 0x80))
		return false;
	dns_msg_parse(&a, asked, q->len);
	dns_reply_parse(&b, reply, len);
	return !a.q.name || !b.q.name || (a.q.qtype == b.q.qtype && a.q.qclass == b.q.qclass && name_eq(a.q.name, b.q.name));
}

void sender_got(void *ctx, struct sock *sock, const uint8_t *reply, size_t len, uint64_t now_ns)
{
	struct sender *s = ctx;
	struct sender_counts *c = &s->r->target[sock->target];
	struct pending *p = sock->waiting, *hit = NULL;
	for (; p; p = p->next)
		if (is_answer(s, p, reply, len))
			hit = p; /* the oldest of them stands last */
	if (hit && now_ns + STAMP_NS < hit->sent_ns) /* the wall clock stepped while it lay there */
		now_ns = clock_mono_ns();
	/* its time is over, if that has not been looked at yet; a stream has no stamps, and when that came is not known */
	bool late = hit && !sock->tcp && !sock->tls && now_ns >= hit->sent_ns + s->c->timeout_ns;
	if (!hit || late) {
		c->unexpected++;
		return;
	}
	c->answered++;
	c->rcode[reply[3] & 15]++;
	c->truncated += (reply[2] & 2) != 0;
	hist_record(&c->from_due, now_ns > hit->due_ns ? now_ns - hit->due_ns : 0);
	hist_record(&c->from_sent, now_ns > hit->sent_ns ? now_ns - hit->sent_ns : 0);
	warm(s, hit, now_ns > hit->due_ns ? now_ns - hit->due_ns : 0);
	sender_told(s, hit, now_ns, reply, len);
	pending_end(s, hit);
}

/* Its connection has ended: once it may be asked again, after those before `place`. */
static void lost_one(struct sender *s, struct pending **at, struct pending **place)
{
	struct pending *p = *at;
	pending_leave(s, at);
	p->sock = NULL;
	if (p->again)
		return;
	pending_join(&s->again, place, p);
	if (!p->next)
		s->again_end = &p->next;
}

void sender_lost(void *ctx, struct sock *sock, const uint8_t *msg, size_t len)
{
	struct sender *s = ctx;
	const struct plan *plan = s->c->plan;
	struct pending **place = s->again_end; /* the newest comes first here, and is put behind the others */
	for (struct pending **at = &sock->waiting; *at;) {
		const struct plan_query *q = &plan->query[(*at)->query];
		if (!msg) {
			lost_one(s, at, place);
		} else if (q->len == len && !memcmp(plan->octets + q->at, msg, len)) {
			lost_one(s, at, place);
			return;
		} else {
			at = &(*at)->next;
		}
	}
}
