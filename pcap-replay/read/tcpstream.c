/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One struct stream a direction. Invariants: buf[0..len) are the octets just
 * before `next` that no message has used yet; every segment in `ahead` begins
 * beyond `next`; `aligned` says whether buf[0] is a length prefix.
 */
#include "pcap-replay/read/tcpstream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"

#define AHEAD_MAX     32
#define AHEAD_BYTES   (256 * 1024)
#define HASH_SLOTS    16384

struct segment {
	uint32_t seq, n;
	uint8_t *data;
};

struct stream {
	struct stream *chain;            /* hash bucket */
	struct stream *older, *newer;    /* by last use */
	struct packet id;                /* tuple, interface, direction; time of the last segment */
	uint32_t next;
	bool started, aligned, closed;
	uint8_t *buf;
	size_t len, cap;
	unsigned n_ahead;
	size_t ahead_bytes;
	struct segment ahead[AHEAD_MAX]; /* by sequence number */
};

struct tcpstreams {
	struct tcp_sink sink;
	struct tcp_counts counts;
	struct hash_key key;
	size_t n;
	struct stream *slot[HASH_SLOTS];
	struct stream *oldest, *newest;
};

struct tcpstreams *tcpstreams_new(const struct tcp_sink *sink)
{
	struct tcpstreams *ts = calloc(1, sizeof(*ts));
	if (ts) {
		ts->sink = *sink;
		rng_os_bytes(&ts->key, sizeof(ts->key));
	}
	return ts;
}

const struct tcp_counts *tcpstreams_counts(const struct tcpstreams *ts)
{
	return &ts->counts;
}

/* --- the table --- */

static size_t bucket_of(const struct tcpstreams *ts, const struct packet *pk)
{
	uint8_t k[42];
	memcpy(k, &pk->src, 16);
	memcpy(k + 16, &pk->dst, 16);
	memcpy(k + 32, &pk->sport, 2);
	memcpy(k + 34, &pk->dport, 2);
	memcpy(k + 36, &pk->iface, 4);
	k[40] = pk->dir;
	k[41] = 0;
	return hash_sip13(&ts->key, k, sizeof(k)) % HASH_SLOTS;
}

static bool same_stream(const struct packet *a, const struct packet *b)
{
	return a->sport == b->sport && a->dport == b->dport && a->iface == b->iface && a->dir == b->dir &&
	       !memcmp(&a->src, &b->src, 16) && !memcmp(&a->dst, &b->dst, 16);
}

static void use_unlink(struct tcpstreams *ts, struct stream *s)
{
	*(s->older ? &s->older->newer : &ts->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &ts->newest) = s->older;
}

static void use_newest(struct tcpstreams *ts, struct stream *s)
{
	s->newer = NULL;
	s->older = ts->newest;
	*(ts->newest ? &ts->newest->newer : &ts->oldest) = s;
	ts->newest = s;
}

static void stream_forget(struct stream *s)
{
	for (unsigned i = 0; i < s->n_ahead; i++)
		free(s->ahead[i].data);
	s->n_ahead = 0;
	s->ahead_bytes = 0;
	s->len = 0;
	s->started = s->aligned = s->closed = false;
}

static void stream_remove(struct tcpstreams *ts, struct stream *s)
{
	struct stream **at = &ts->slot[bucket_of(ts, &s->id)];
	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	use_unlink(ts, s);
	stream_forget(s);
	free(s->buf);
	free(s);
	ts->n--;
}

static struct stream *stream_find(struct tcpstreams *ts, const struct packet *pk)
{
	for (struct stream *s = ts->slot[bucket_of(ts, pk)]; s; s = s->chain)
		if (same_stream(&s->id, pk))
			return s;
	return NULL;
}

static struct stream *stream_get(struct tcpstreams *ts, const struct packet *pk)
{
	struct stream *s = stream_find(ts, pk);
	if (s) {
		use_unlink(ts, s);
		use_newest(ts, s);
		return s;
	}
	if (ts->n >= TCP_STREAMS_MAX) {
		ts->counts.evicted++;
		stream_remove(ts, ts->oldest);
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->id = *pk;
	s->id.payload = NULL;
	struct stream **slot = &ts->slot[bucket_of(ts, pk)];
	s->chain = *slot;
	*slot = s;
	use_newest(ts, s);
	ts->n++;
	return s;
}

/* --- messages out of ordered octets --- */

static void emit(struct tcpstreams *ts, struct stream *s, const uint8_t *msg, size_t len)
{
	ts->sink.message(ts->sink.ctx, &s->id, msg, len);
}

static void consume(struct stream *s, size_t n)
{
	memmove(s->buf, s->buf + n, s->len - n);
	s->len -= n;
}

/* Could these octets be the start of a DNS message? Judged by the header where
 * the whole is not there. */
static bool plausible(const uint8_t *p, size_t n, size_t whole)
{
	struct dns_msg m;
	if (whole < DNS_HEADER_LEN)
		return false;
	if (n >= whole)
		return dns_msg_parse(&m, p, whole) == 0 && m.end == whole;
	if (n < DNS_HEADER_LEN)
		return false;
	return get_be16(p + 4) <= 1 && get_be16(p + 6) < 512 && get_be16(p + 8) < 64 && get_be16(p + 10) < 64 &&
	       (DNS_OPCODE(get_be16(p + 2)) == DNS_QUERY);
}

/* At the start of a segment after a gap: a prefixed message, a message whose
 * prefix travelled in the segment we lack, or nothing we can use. */
static bool align(struct tcpstreams *ts, struct stream *s)
{
	if (s->len >= 2 && plausible(s->buf + 2, s->len - 2, get_be16(s->buf))) {
		s->aligned = true;
		ts->counts.resyncs++;
		return true;
	}
	if (plausible(s->buf, s->len, s->len)) {
		emit(ts, s, s->buf, s->len);
		ts->counts.resyncs++;
		s->len = 0;
		s->aligned = true;
		return true;
	}
	ts->counts.lost_bytes += s->len;
	s->len = 0;
	return false;
}

static void deliver(struct tcpstreams *ts, struct stream *s)
{
	if (!s->aligned && (s->len == 0 || !align(ts, s)))
		return;
	while (s->len >= 2) {
		size_t n = get_be16(s->buf);
		if (n < DNS_HEADER_LEN) { /* no message is that short: we are out of step */
			ts->counts.lost_bytes += s->len;
			s->len = 0;
			s->aligned = false;
			return;
		}
		if (s->len < 2 + n)
			return;
		emit(ts, s, s->buf + 2, n);
		consume(s, 2 + n);
	}
}

static bool append(struct stream *s, const uint8_t *p, size_t n)
{
	if (s->len + n > s->cap) {
		size_t cap = (s->len + n) * 2;
		uint8_t *b = realloc(s->buf, cap);
		if (!b)
			return false;
		s->buf = b;
		s->cap = cap;
	}
	memcpy(s->buf + s->len, p, n);
	s->len += n;
	s->next += (uint32_t)n;
	return true;
}

/* --- segments into order --- */

static void keep_ahead(struct stream *s, uint32_t seq, const uint8_t *p, uint32_t n)
{
	unsigned at = 0;
	while (at < s->n_ahead && (int32_t)(s->ahead[at].seq - seq) < 0)
		at++;
	if (at < s->n_ahead && s->ahead[at].seq == seq && s->ahead[at].n >= n)
		return;
	uint8_t *copy = malloc(n);
	if (!copy)
		return;
	memcpy(copy, p, n);
	memmove(&s->ahead[at + 1], &s->ahead[at], (s->n_ahead - at) * sizeof(s->ahead[0]));
	s->ahead[at] = (struct segment){seq, n, copy};
	s->n_ahead++;
	s->ahead_bytes += n;
}

static void segment_now(struct tcpstreams *ts, struct stream *s, uint32_t seq, const uint8_t *p, uint32_t n)
{
	uint32_t old = s->next - seq; /* octets we have already */
	if (old >= n)
		return;
	if (append(s, p + old, n - old))
		deliver(ts, s);
}

static void drain_ahead(struct tcpstreams *ts, struct stream *s)
{
	while (s->n_ahead && (int32_t)(s->ahead[0].seq - s->next) <= 0) {
		struct segment g = s->ahead[0];
		s->n_ahead--;
		s->ahead_bytes -= g.n;
		memmove(&s->ahead[0], &s->ahead[1], s->n_ahead * sizeof(s->ahead[0]));
		segment_now(ts, s, g.seq, g.data, g.n);
		free(g.data);
	}
}

/* What is missing will not come: go on behind it. */
static void skip_hole(struct tcpstreams *ts, struct stream *s)
{
	ts->counts.holes++;
	if (s->len)
		ts->counts.partial++;
	ts->counts.lost_bytes += s->len;
	s->len = 0;
	s->aligned = false;
	s->next = s->ahead[0].seq;
	drain_ahead(ts, s);
}

static void segment(struct tcpstreams *ts, struct stream *s, const struct packet *pk, uint32_t seq)
{
	if ((int32_t)(seq - s->next) > 0) {
		keep_ahead(s, seq, pk->payload, pk->len);
		if (s->n_ahead == AHEAD_MAX || s->ahead_bytes > AHEAD_BYTES)
			skip_hole(ts, s);
		return;
	}
	segment_now(ts, s, seq, pk->payload, pk->len);
	drain_ahead(ts, s);
}

static void started(struct tcpstreams *ts, struct stream *s, const struct packet *pk)
{
	bool syn = pk->flags & TCP_SYN;
	if (syn && s->started && pk->seq + 1 == s->next && s->len == 0)
		return; /* the same SYN again */
	if (syn && s->started)
		stream_forget(s); /* the port is used anew */
	if (s->started)
		return;
	s->started = true;
	s->aligned = syn;
	s->next = syn ? pk->seq + 1 : pk->seq;
	if (syn && !(pk->flags & TCP_ACK)) {
		ts->counts.connections++;
		ts->sink.open(ts->sink.ctx, pk);
	} else if (!syn) {
		ts->counts.midstream++;
	}
}

/* One close a connection, whichever side ends it first. */
static void ended(struct tcpstreams *ts, struct stream *s, const struct packet *pk)
{
	struct packet back = *pk;
	back.src = pk->dst;
	back.dst = pk->src;
	back.sport = pk->dport;
	back.dport = pk->sport;
	if (pk->dir != DIR_UNKNOWN)
		back.dir = pk->dir == DIR_IN ? DIR_OUT : DIR_IN;
	struct stream *other = stream_find(ts, &back);
	if (!s->closed && !(other && other->closed))
		ts->sink.close(ts->sink.ctx, pk);
	s->closed = true;
	if (other)
		other->closed = true;
}

void tcpstreams_packet(struct tcpstreams *ts, const struct packet *pk)
{
	if (!(pk->flags & TCP_SYN) && pk->len == 0 && !(pk->flags & (TCP_FIN | TCP_RST)))
		return;
	struct stream *s = stream_get(ts, pk);
	if (!s)
		return;
	s->id.t_ns = pk->t_ns;
	if ((pk->flags & TCP_SYN) || pk->len)
		started(ts, s, pk);
	if (pk->len)
		segment(ts, s, pk, pk->seq + ((pk->flags & TCP_SYN) ? 1 : 0));
	if (pk->cut && pk->len) /* the snap length made a hole behind this segment */
		ts->counts.holes++;
	if (pk->flags & (TCP_FIN | TCP_RST))
		ended(ts, s, pk);
}

void tcpstreams_finish(struct tcpstreams *ts)
{
	for (struct stream *s = ts->oldest; s; s = s->newer) {
		while (s->n_ahead)
			skip_hole(ts, s);
		if (s->len)
			ts->counts.partial++;
		s->len = 0;
	}
}

void tcpstreams_free(struct tcpstreams *ts)
{
	if (!ts)
		return;
	while (ts->oldest)
		stream_remove(ts, ts->oldest);
	free(ts);
}
