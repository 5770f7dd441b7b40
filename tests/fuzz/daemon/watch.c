/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands between the core and its driver: each query that the core parks gets one
 * reply, none before core_query has returned, no other client gets one, and
 * nobody waits longer than a stub resolver would.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/world.h"

#define PATIENCE_NS (5 * NS_PER_S)
#define WAITING_MAX 4096

static struct waiting {
	struct core_client client;
	uint16_t id;
	uint64_t since_ns;
} waiting[WAITING_MAX];
static struct core_ops real;

#if defined(__SANITIZE_ADDRESS__)
#define CHECKS_ITSELF
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECKS_ITSELF
#endif
#endif

/* Builds with sanitizers do so at the end of each call. */
static void checked(const struct core *c)
{
#ifndef CHECKS_ITSELF
	core_check(c);
#else
	(void)c;
#endif
}

static bool same_client(const struct core_client *a, const struct core_client *b)
{
	return memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0 && a->port == b->port &&
	       a->cookie == b->cookie && a->proto == b->proto;
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	unsigned i = 0;

	if (w.is_silent)
		fault_found("the core replies from within a call that only notes");
	if (len < DNS_HEADER_LEN || !(b[2] & 0x80))
		fault_found("a reply of %zu octets, or no reply", len);
	while (i < w.n_waiting &&
	       !(waiting[i].id == get_be16(b) && same_client(&waiting[i].client, c)))
		i++;
	if (i == w.n_waiting)
		fault_found("a reply to id %04x, which does not wait", get_be16(b));
	if (k.now_ns - waiting[i].since_ns > PATIENCE_NS && !w.has_jumped)
		fault_found("a reply after %llu ms",
			    (unsigned long long)((k.now_ns - waiting[i].since_ns) / NS_PER_MS));
	memmove(&waiting[i], &waiting[i + 1], (--w.n_waiting - i) * sizeof(waiting[0]));
	real.reply(ctx, c, b, len);
}

static void on_ask(void *ctx, const struct core_ask *a)
{
	if (w.is_silent)
		fault_found("the core asks from within a call that only notes");
	real.ask(ctx, a);
}

static void on_cancel(void *ctx, uint32_t id)
{
	if (w.is_silent)
		fault_found("the core cancels from within a call that only notes");
	real.cancel(ctx, id);
}

static void on_event(void *ctx, int level, const char *text)
{
	diary(DIARY_OUTWARD, "says", (uint64_t)level, 0, text, strlen(text));
	if (real.event)
		real.event(ctx, level, text);
}

static void on_failed(void *ctx, const struct core_failed *f)
{
	diary(DIARY_OUTWARD, "failed", (uint64_t)f->qtype << 32 | (unsigned)f->rcode << 16 | f->zone,
	      (uint64_t)f->upstream << 16 | (unsigned)f->proto << 8 | f->why, f->name, name_len(f->name));
	if (real.failed)
		real.failed(ctx, f);
}

int __real_core_new(struct core **ret, const struct core_conf *conf, const struct core_ops *ops,
		    struct core_stats *stats, const struct hash_key *key, uint64_t seed,
		    struct diag *d);
int __wrap_core_new(struct core **ret, const struct core_conf *conf, const struct core_ops *ops,
		    struct core_stats *stats, const struct hash_key *key, uint64_t seed,
		    struct diag *d);
int __wrap_core_new(struct core **ret, const struct core_conf *conf, const struct core_ops *ops,
		    struct core_stats *stats, const struct hash_key *key, uint64_t seed,
		    struct diag *d)
{
	struct core_ops mine = *ops;

	real = *ops;
	mine.reply = on_reply;
	mine.ask = on_ask;
	mine.cancel = on_cancel;
	mine.event = on_event;
	mine.failed = on_failed;
	return __real_core_new(ret, conf, &mine, stats, key, seed, d);
}

static struct wquery *query_of(const struct core_client *c, const uint8_t *in, size_t len)
{
	unsigned i = len >= 2 ? get_be16(in) - QUERY_ID : QUERIES_MAX;
	struct wquery *q = &w.query[i < w.n_queries ? i : 0];

	return i < w.n_queries && q->port == c->port &&
			       memcmp(&q->addr, &c->addr, sizeof(c->addr)) == 0
		       ? q
		       : NULL;
}

enum core_verdict __real_core_query(struct core *c, uint64_t now_ns, const struct core_client *cl,
				    const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len);
enum core_verdict __wrap_core_query(struct core *c, uint64_t now_ns, const struct core_client *cl,
				    const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len);
enum core_verdict __wrap_core_query(struct core *c, uint64_t now_ns, const struct core_client *cl,
				    const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len)
{
	uint64_t dropped = w.shm->core.dropped;
	struct wquery *q = query_of(cl, in, len);
	enum core_verdict verdict;

	w.is_silent = true;
	verdict = __real_core_query(c, now_ns, cl, in, len, out, ret_len);
	w.is_silent = false;
	diary(DIARY_INWARD, "query", verdict, core_deadline(c), NULL, 0);
	if (q)
		q->arrived = true;
	w.n_dropped += verdict == CORE_DROP && cl->proto == CORE_UDP;
	if (verdict == CORE_DROP && q)
		q->over = true;
	if (verdict == CORE_DROP && w.shm->core.dropped == dropped && q &&
	    !conf_is_loose(w.reload[w.n_reloads - 1].conf))
		fault_found("a query is dropped and not counted");
	if (verdict == CORE_WAIT && len < DNS_HEADER_LEN)
		fault_found("a query of %zu octets waits", len);
	if (verdict == CORE_WAIT && w.n_waiting < WAITING_MAX)
		waiting[w.n_waiting++] = (struct waiting){*cl, get_be16(in), k.now_ns};
	checked(c);
	return verdict;
}

bool __real_core_answer(struct core *c, uint64_t now_ns, uint32_t ask_id, const uint8_t *b,
			size_t len);
bool __wrap_core_answer(struct core *c, uint64_t now_ns, uint32_t ask_id, const uint8_t *b,
			size_t len);
bool __wrap_core_answer(struct core *c, uint64_t now_ns, uint32_t ask_id, const uint8_t *b,
			size_t len)
{
	bool taken = __real_core_answer(c, now_ns, ask_id, b, len);

	diary(DIARY_INWARD, "answer", taken, core_deadline(c), NULL, 0);
	checked(c);
	return taken;
}

void __real_core_tick(struct core *c, uint64_t now_ns);
void __wrap_core_tick(struct core *c, uint64_t now_ns);
void __wrap_core_tick(struct core *c, uint64_t now_ns)
{
	__real_core_tick(c, now_ns);
	diary(DIARY_INWARD, "tick", 0, core_deadline(c), NULL, 0);
	checked(c);
}

int __real_core_reconfigure(struct core *c, const struct core_conf *conf, uint64_t now_ns,
			    struct diag *d);
int __wrap_core_reconfigure(struct core *c, const struct core_conf *conf, uint64_t now_ns,
			    struct diag *d);
int __wrap_core_reconfigure(struct core *c, const struct core_conf *conf, uint64_t now_ns,
			    struct diag *d)
{
	int rc;

	w.is_silent = true;
	rc = __real_core_reconfigure(c, conf, now_ns, d);
	w.is_silent = false;
	checked(c);
	return rc;
}

void watch_idle(void)
{
	if (w.n_waiting)
		fault_found("id %04x, parked %llu ms ago, has no reply", waiting[0].id,
			    (unsigned long long)((k.now_ns - waiting[0].since_ns) / NS_PER_MS));
}
