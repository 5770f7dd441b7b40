/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of clients' connections when all that was queued has been sent: each is in the
 * lists that its state says, waits for what it is watched and timed for, and what is counted by
 * client and in all is what a recount finds. Builds for tests look each time; nothing else links it.
 */
#include <assert.h>

#include "lib/base/clock.h"
#include "resolver/net/listen_tcp_int.h"

/* With more connections, only so many of the rounds, for it walks over all of them. */
#define CHECK_ALWAYS 64
#define CHECK_ONE_IN 16

/* --- lists --- */

/* How many there are in a list of all, or of a client. */
static unsigned list_check(const struct tcp_list *l, enum tcp_listing which, bool client, const struct tcp_server *s, const struct tcp_client *who)
{
	const struct tcp_conn *before = NULL;
	unsigned n = 0;

	for (const struct tcp_conn *c = l->first; c; before = c, c = c->link[which][client].next, n++) {
		assert(n < s->n_slots && c->server == s && s->conn[c->slot] == c);
		assert(c->listed[which] && c->link[which][client].prev == before && (!who || c->who == who));
	}
	assert(l->last == before);
	return n;
}

static void clients_check(const struct tcp_server *s, unsigned n_open)
{
	unsigned n = 0, listed[TCP_LISTINGS] = {0};
	size_t held = 0, held_in = 0;

	for (unsigned b = 0; b < TCP_CLIENT_BUCKETS; b++) {
		for (const struct tcp_client *who = s->clients.bucket[b]; who; who = who->next) {
			assert(who->n && tcp_clients_find(&s->clients, &who->addr) == who);
			assert(who->held_in_bytes <= who->held_bytes);
			assert(who->round <= s->round && who->turn_left <= (int)s->limits.turn_bytes);
			n += who->n;
			held += who->held_bytes;
			held_in += who->held_in_bytes;
			for (unsigned k = 0; k < TCP_LISTINGS; k++)
				listed[k] += list_check(&who->list[k], (enum tcp_listing)k, true, s, who);
		}
	}
	assert(n == n_open && held == s->held_bytes && held_in == s->held_in_bytes);
	for (unsigned k = 0; k < TCP_LISTINGS; k++)
		assert(list_check(&s->list[k], (enum tcp_listing)k, false, s, NULL) == listed[k]);
}

/* --- a connection --- */

static void buffers_check(const struct stream *s)
{
	assert(s->in_len <= s->in_cap && (s->in == NULL) == (s->in_cap == 0));
	assert(s->out_off + s->out_len <= s->out_cap && (s->out == NULL) == (s->out_cap == 0));
	assert(s->out_len || !s->out);
}

static void held_check(const struct tcp_conn *c)
{
	const struct stream *s = &c->stream;
	size_t n = s->out_cap + s->in_cap + c->kernel_out_bytes + c->kernel_in_bytes;
	bool counts = n >= TCP_HOLD_MIN;

	assert(c->held_bytes == (counts ? n : 0) && c->listed[TCP_HOLDING] == counts);
	assert(c->held_in_bytes == (counts ? c->kernel_in_bytes : 0));
	assert(c->unsent_bytes == s->out_len + c->kernel_out_bytes);
	assert(c->hold_ns <= c->server->loop->now_ns && c->sent_ns <= c->server->loop->now_ns);
}

/* What it is watched for, and until when. */
static void waits_check(const struct tcp_conn *c)
{
	const struct stream *s = &c->stream;
	bool idle = c->in_flight == 0 && s->out_len == 0;
	uint32_t ev = (s->eof || c->paused || c->full ? 0 : EPOLLIN) | (s->out_len ? EPOLLOUT : 0);

	assert(c->timer.armed ? c->timer.at_ns <= c->deadline_ns : c->deadline_ns == T_NEVER);
	if (c->ending) {
		assert(idle && c->deadline_ns != T_NEVER && !c->watch.events && c->watch.registered == !s->eof);
		return;
	}
	assert(c->watch.registered && c->watch.events == ev);
	assert(c->listed[TCP_IDLE] == idle && (idle ? !s->eof && !c->full : c->served));
	assert((c->blocked_ns != 0) == (s->out_len != 0));
	assert((c->deadline_ns != T_NEVER) == (idle || s->out_len));
}

/* Who is not read for what it has asked, or holds, is read again some time. */
static void paused_check(const struct tcp_conn *c)
{
	const struct tcp_limits *l = &c->server->limits;

	assert(c->in_flight <= l->pipeline_max);
	assert(!c->paused || c->full || c->listed[TCP_HELD_UP] || c->in_flight > l->pipeline_max / 2 ||
	       c->stream.out_len > l->out_max_bytes / 2);
}

static void conn_check(const struct tcp_server *s, unsigned slot)
{
	const struct tcp_conn *c = s->conn[slot];

	assert(c->server == s && c->slot == slot && c->listener < TCP_SLOTS && !c->dirty && !c->dying && !c->reset);
	assert(s->generation[slot] && c->client.cookie == ((uint64_t)s->generation[slot] << 32 | slot) && c->client.proto == CORE_TCP);
	assert(c->who == tcp_clients_find(&s->clients, &c->client.addr));
	buffers_check(&c->stream);
	held_check(c);
	waits_check(c);
	paused_check(c);
}

/* --- the whole --- */

void tcp_server_check(const struct tcp_server *s)
{
	bool holds = s->list[TCP_HOLDING].first || s->list[TCP_HELD_UP].first;
	unsigned open = s->n_slots - s->n_free, n = 0;

	assert(!s->dirty && s->n_free <= s->n_slots && open == s->stats->tcp_open);
	if (open > CHECK_ALWAYS && s->round % CHECK_ONE_IN)
		return;
	for (unsigned i = s->n_free; i > 0 && s->n_free - i < CHECK_ALWAYS; i--)
		assert(s->free_slot[i - 1] < s->n_slots && !s->conn[s->free_slot[i - 1]]);
	for (unsigned i = 0; i < s->n_slots && n < open; i++) {
		n += s->conn[i] != NULL;
		if (s->conn[i])
			conn_check(s, i);
	}
	assert(n == open);
	clients_check(s, n);
	assert(s->held_bytes == s->stats->tcp_held_bytes && s->peak_bytes >= s->held_bytes);
	assert(!holds || s->look.armed);
	assert(s->conns_watch.registered);
}
