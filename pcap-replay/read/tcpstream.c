/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One struct stream a direction and place. Invariants: buf[at..at+len) are the octets
 * just before `next` that no message has used yet; every segment in `ahead` begins
 * beyond `next`, and while there is one the stream waits in the list of holes;
 * `aligned` says whether buf[at] is a length prefix.
 */
#include "pcap-replay/read/tcpstream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"

#define AHEAD_MAX    32
#define AHEAD_BYTES  (256 * 1024)
#define HASH_SLOTS   16384
#define HOLE_WAIT_NS NS_PER_S          /* a missing segment comes within, or never */
#define HOLE_ACK_NS  (50 * NS_PER_MS)  /* its receiver has it, so only the capture lacks it */
#define FAR_BACK     (1 << 20)         /* octets: no retransmission goes back that far */
#define FAR_AHEAD    (1 << 24)         /* no window is that large here */
#define FAR_CLOSED   (1 << 16)         /* of a connection that ended */

struct segment {
	uint64_t t_ns;
	uint32_t seq, n;
	uint8_t *data;
};

struct stream {
	struct stream *chain;            /* hash bucket */
	struct stream *older, *newer;    /* by last use */
	struct stream *wait_older, *wait_newer; /* those with a hole, by its age */
	struct packet id;                /* tuple, interface, direction; time of the last segment */
	uint32_t next;
	bool started, aligned, closed, waiting;
	uint64_t hole_ns;                /* when the hole was met, while waiting */
	uint64_t buf_ns, last_ns;        /* newest segment of the first message in buf; of all */
	uint8_t *buf;
	size_t at, len, cap;             /* buf[at .. at + len) is not used yet */
	unsigned n_ahead;
	size_t ahead_bytes;
	struct segment *ahead;           /* AHEAD_MAX, by sequence number; made when needed */
};

struct tcpstreams {
	struct budget *budget;
	struct tcp_sink sink;
	struct tcp_counts counts;
	struct hash_key key;
	size_t n;
	struct stream *slot[HASH_SLOTS];
	struct stream *oldest, *newest;
	struct stream *wait_oldest, *wait_newest;
};

struct tcpstreams *tcpstreams_new(struct budget *b, const struct tcp_sink *sink)
{
	struct tcpstreams *ts = calloc(1, sizeof(*ts));
	if (ts) {
		ts->budget = b;
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
	k[41] = (uint8_t)pk->lane;
	return hash_sip13(&ts->key, k, sizeof(k)) % HASH_SLOTS;
}

static bool same_stream(const struct packet *a, const struct packet *b)
{
	return a->sport == b->sport && a->dport == b->dport && a->iface == b->iface && a->dir == b->dir && a->lane == b->lane &&
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

static void wait_end(struct tcpstreams *ts, struct stream *s)
{
	if (!s->waiting)
		return;
	*(s->wait_older ? &s->wait_older->wait_newer : &ts->wait_oldest) = s->wait_newer;
	*(s->wait_newer ? &s->wait_newer->wait_older : &ts->wait_newest) = s->wait_older;
	s->waiting = false;
}

static void wait_begin(struct tcpstreams *ts, struct stream *s, uint64_t t_ns)
{
	if (s->waiting)
		return;
	s->waiting = true;
	s->hole_ns = t_ns;
	s->wait_newer = NULL;
	s->wait_older = ts->wait_newest;
	*(ts->wait_newest ? &ts->wait_newest->wait_newer : &ts->wait_oldest) = s;
	ts->wait_newest = s;
}

static void stream_forget(struct tcpstreams *ts, struct stream *s)
{
	for (unsigned i = 0; i < s->n_ahead; i++)
		free(s->ahead[i].data);
	budget_give(ts->budget, s->ahead_bytes);
	wait_end(ts, s);
	s->n_ahead = 0;
	s->ahead_bytes = 0;
	s->at = s->len = 0;
	s->started = s->aligned = s->closed = false;
}

static size_t stream_bytes(const struct stream *s)
{
	return sizeof(*s) + s->cap + (s->ahead ? AHEAD_MAX * sizeof(struct segment) : 0);
}

static void stream_remove(struct tcpstreams *ts, struct stream *s)
{
	struct stream **at = &ts->slot[bucket_of(ts, &s->id)];
	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	use_unlink(ts, s);
	stream_forget(ts, s);
	budget_give(ts->budget, stream_bytes(s));
	free(s->buf);
	free(s->ahead);
	free(s);
	ts->n--;
}

/* Room for `s` to grow; the streams used longest ago make it. */
static bool make_room(struct tcpstreams *ts, const struct stream *s, size_t n)
{
	while (!budget_take(ts->budget, n)) {
		if (!ts->oldest || ts->oldest == s)
			return false;
		ts->counts.evicted++;
		stream_remove(ts, ts->oldest);
	}
	return true;
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
	s = make_room(ts, NULL, sizeof(*s)) ? calloc(1, sizeof(*s)) : NULL;
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

/* The message begins `back` octets before what comes next in the stream. */
static void emit(struct tcpstreams *ts, struct stream *s, const uint8_t *msg, size_t len, size_t back)
{
	struct packet pk = s->id;
	pk.t_ns = s->buf_ns;
	pk.seq = s->next - (uint32_t)back;
	ts->sink.message(ts->sink.ctx, &pk, msg, len);
}

static void consume(struct stream *s, size_t n)
{
	s->at += n;
	s->len -= n;
	s->buf_ns = s->last_ns;
	if (s->len == 0)
		s->at = 0;
}

static void lose(struct tcpstreams *ts, struct stream *s)
{
	ts->counts.lost_bytes += s->len;
	s->at = s->len = 0;
	s->aligned = false;
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
	const uint8_t *p = s->buf + s->at;
	if (s->len >= 2 && plausible(p + 2, s->len - 2, get_be16(p))) {
		s->aligned = true;
		ts->counts.resyncs++;
		return true;
	}
	if (plausible(p, s->len, s->len)) {
		emit(ts, s, p, s->len, s->len);
		ts->counts.resyncs++;
		consume(s, s->len);
		s->aligned = true;
		return true;
	}
	lose(ts, s);
	return false;
}

static void deliver(struct tcpstreams *ts, struct stream *s)
{
	if (!s->aligned && (s->len == 0 || !align(ts, s)))
		return;
	while (s->len >= 2) {
		const uint8_t *p = s->buf + s->at;
		size_t n = get_be16(p);
		if (n < DNS_HEADER_LEN) { /* no message is that short: we are out of step */
			lose(ts, s);
			return;
		}
		if (s->len < 2 + n)
			return;
		emit(ts, s, p + 2, n, s->len);
		consume(s, 2 + n);
	}
}

/* Only what one message can need stays, so the buffer is bounded by two of them
 * and a segment; its front is closed up when it is more than half of it. */
static bool append(struct tcpstreams *ts, struct stream *s, uint64_t t_ns, const uint8_t *p, size_t n)
{
	if (s->at && s->at >= s->len) {
		memmove(s->buf, s->buf + s->at, s->len);
		s->at = 0;
	}
	if (s->at + s->len + n > s->cap) {
		size_t cap = (s->at + s->len + n) * 2;
		if (!make_room(ts, s, cap - s->cap))
			return false;
		uint8_t *b = realloc(s->buf, cap);
		if (!b) {
			budget_give(ts->budget, cap - s->cap);
			return false;
		}
		s->buf = b;
		s->cap = cap;
	}
	memcpy(s->buf + s->at + s->len, p, n);
	if (s->len == 0 || t_ns > s->buf_ns)
		s->buf_ns = t_ns;
	s->last_ns = t_ns;
	s->len += n;
	s->next += (uint32_t)n;
	return true;
}

/* --- segments into order --- */

static void keep_ahead(struct tcpstreams *ts, struct stream *s, const struct packet *pk, uint32_t seq)
{
	const uint32_t n = pk->len;
	unsigned at = 0;
	while (at < s->n_ahead && (int32_t)(s->ahead[at].seq - seq) < 0)
		at++;
	if (at < s->n_ahead && s->ahead[at].seq == seq && s->ahead[at].n >= n)
		return;
	if (!s->ahead) {
		if (!make_room(ts, s, AHEAD_MAX * sizeof(struct segment)))
			return;
		s->ahead = malloc(AHEAD_MAX * sizeof(struct segment));
		if (!s->ahead) {
			budget_give(ts->budget, AHEAD_MAX * sizeof(struct segment));
			return;
		}
	}
	if (!make_room(ts, s, n))
		return;
	uint8_t *copy = malloc(n);
	if (!copy) {
		budget_give(ts->budget, n);
		return;
	}
	memcpy(copy, pk->payload, n);
	memmove(&s->ahead[at + 1], &s->ahead[at], (s->n_ahead - at) * sizeof(s->ahead[0]));
	s->ahead[at] = (struct segment){pk->t_ns, seq, n, copy};
	s->n_ahead++;
	s->ahead_bytes += n;
	wait_begin(ts, s, pk->t_ns);
}

static void segment_now(struct tcpstreams *ts, struct stream *s, const struct segment *g)
{
	uint32_t old = s->next - g->seq; /* octets we have already */
	if (old >= g->n) {
		ts->counts.repeated++;
		return;
	}
	if (append(ts, s, g->t_ns, g->data + old, g->n - old)) {
		deliver(ts, s);
	} else {
		ts->counts.lost_bytes += g->n - old;
		s->next += g->n - old;
		lose(ts, s);
	}
}

static void drain_ahead(struct tcpstreams *ts, struct stream *s)
{
	while (s->n_ahead && (int32_t)(s->ahead[0].seq - s->next) <= 0) {
		struct segment g = s->ahead[0];
		s->n_ahead--;
		s->ahead_bytes -= g.n;
		memmove(&s->ahead[0], &s->ahead[1], s->n_ahead * sizeof(s->ahead[0]));
		segment_now(ts, s, &g);
		budget_give(ts->budget, g.n);
		free(g.data);
	}
	if (s->n_ahead == 0)
		wait_end(ts, s);
}

/* What is missing will not come: go on behind it. */
static void skip_hole(struct tcpstreams *ts, struct stream *s)
{
	ts->counts.holes++;
	if (s->len)
		ts->counts.partial++;
	lose(ts, s);
	s->next = s->ahead[0].seq;
	wait_end(ts, s);
	drain_ahead(ts, s);
	if (s->n_ahead)
		wait_begin(ts, s, s->ahead[0].t_ns);
}

void tcpstreams_tick(struct tcpstreams *ts, uint64_t now_ns)
{
	while (ts->wait_oldest && (now_ns == T_NEVER || now_ns > ts->wait_oldest->hole_ns + HOLE_WAIT_NS))
		skip_hole(ts, ts->wait_oldest);
}

static void segment(struct tcpstreams *ts, struct stream *s, const struct packet *pk, uint32_t seq)
{
	const struct segment g = {pk->t_ns, seq, pk->len, (uint8_t *)(uintptr_t)pk->payload};
	if ((int32_t)(seq - s->next) > 0) {
		keep_ahead(ts, s, pk, seq);
		if (s->n_ahead == AHEAD_MAX || s->ahead_bytes > AHEAD_BYTES)
			skip_hole(ts, s);
		return;
	}
	segment_now(ts, s, &g);
	drain_ahead(ts, s);
}

/* Sequence numbers of another connection on the same ports, whose SYN was missed. */
static bool is_another(const struct stream *s, const struct packet *pk)
{
	int32_t ahead = (int32_t)(pk->seq - s->next);
	if (!s->started || !pk->len || pk->flags & TCP_SYN)
		return false;
	return s->closed ? ahead < -FAR_CLOSED || ahead > FAR_CLOSED : ahead < -FAR_BACK || ahead > FAR_AHEAD;
}

static void started(struct tcpstreams *ts, struct stream *s, const struct packet *pk)
{
	bool syn = pk->flags & TCP_SYN;
	if (syn && s->started && pk->seq + 1 == s->next && s->len == 0)
		return; /* the same SYN again */
	if (syn && s->started)
		stream_forget(ts, s); /* the port is used anew */
	if (is_another(s, pk))
		stream_forget(ts, s);
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

static struct packet reversed(const struct packet *pk)
{
	struct packet back = *pk;
	back.src = pk->dst;
	back.dst = pk->src;
	back.sport = pk->dport;
	back.dport = pk->sport;
	if (pk->dir != DIR_UNKNOWN)
		back.dir = pk->dir == DIR_IN ? DIR_OUT : DIR_IN;
	return back;
}

/* One close a connection, whichever side ends it first. */
static void ended(struct tcpstreams *ts, struct stream *s, const struct packet *pk)
{
	struct packet back = reversed(pk);
	struct stream *other = stream_find(ts, &back);
	if (!s->closed && !(other && other->closed))
		ts->sink.close(ts->sink.ctx, pk);
	s->closed = true;
	if (other)
		other->closed = true;
}

/* The receiver acknowledges what the capture lacks: waiting for it is over soon. */
static void acknowledged(struct tcpstreams *ts, const struct packet *pk)
{
	struct packet back = reversed(pk);
	struct stream *s = stream_find(ts, &back);
	if (s && s->waiting && (int32_t)(pk->ack - s->next) > 0 && pk->t_ns > s->hole_ns + HOLE_ACK_NS)
		skip_hole(ts, s);
}

void tcpstreams_packet(struct tcpstreams *ts, const struct packet *pk)
{
	tcpstreams_tick(ts, pk->t_ns);
	if (ts->wait_oldest && pk->flags & TCP_ACK)
		acknowledged(ts, pk);
	if (!(pk->flags & TCP_SYN) && pk->len == 0 && !(pk->flags & (TCP_FIN | TCP_RST)))
		return;
	struct stream *s = stream_get(ts, pk);
	if (!s) {
		ts->counts.lost_bytes += pk->len;
		return;
	}
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
	tcpstreams_tick(ts, T_NEVER);
	for (struct stream *s = ts->oldest; s; s = s->newer) {
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
