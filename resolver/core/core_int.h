/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core from inside. A query's way through the files:
 *
 *   query.c -> arrive.c: route, hooks, cache --hit--> serve.c: the reply
 *                |miss
 *              miss.c: a failure, a plugin's reply or a stale answer at once, or a wait
 *                |     (room.c: when there is no place for it, whose gives way)
 *                |
 *              begin.c: the question enters the table, after its ask hooks (hooks.c)
 *                |     (follow.c: a CNAME whose target is another question)
 *                |
 *   core_tick: due.c: what was noted is done, and by timer (failed.c)
 *                |
 *              try.c: which upstream, when again, when twice; ask.c -> ops->ask
 *                |  (core_answer: exchange.c; core_fail: failed.c)
 *              finish.c: store, reply to all who wait (waiters.c), wake the followers
 *
 * Above core_tick nothing leaves: what a query or a failure needs done is noted
 * (due_note, waiter_put_off). Only core_tick and core_answer store answers, so
 * cache entries found while a query is served stay where they are.
 *
 * circle: arrive autopath begin denials due failed finish follow halves miss serve
 * shield shield_learn targets try waiters: they are one machine. The end of a question
 * answers its clients, and what answers one (a step of its search list, a second half,
 * the target of an alias, a denial to be made sure of) may be another question, which
 * begins, fails and ends by the same calls. What keeps this from running in circles is
 * not who knows whom but the list of what is due: nothing begins within an end.
 */
#ifndef NODENS_CORE_INT_H
#define NODENS_CORE_INT_H

#include <assert.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "resolver/core/absent.h"
#include "resolver/core/autopath.h"
#include "resolver/core/config.h"
#include "resolver/core/denials.h"
#include "resolver/core/core.h"
#include "resolver/core/failures.h"
#include "resolver/core/questions.h"
#include "resolver/core/reply.h"
#include "resolver/core/shield.h"
#include "resolver/core/timers.h"
#include "resolver/core/upstream.h"

#define UPSTREAM_NONE UINT16_MAX
#define HEDGE_COST 100 /* hundredths */
#define HEDGE_CREDIT_MAX (10 * HEDGE_COST)
#define FOLLOW_HEAD_MAX 2048 /* the CNAMEs an answer begins with, as a message */
/* Levels of lib/base/log.h, whose header brings output functions with it. */
enum event_level { EVENT_DEBUG, EVENT_INFO, EVENT_WARNING, EVENT_ERROR };

/* core_client.listener of one who asked at a listener that is gone. */
#define LISTENER_GONE UINT8_MAX

enum core_state {
	CORE_IDLE,
	CORE_NOTES, /* within a call that is silent */
	CORE_ACTS,  /* within one from which replies and asks leave */
};

struct core {
	struct config *conf;
	struct core_ops ops;
	struct core_stats *stats;
	struct hash_key key;
	struct rng rng;
	struct cache cache;
	struct failures failures;
	struct questions tab;
	struct core_probes *probes;    /* of the `loop` plugin, or NULL */
	struct timers timers;          /* items: questions, then upstreams */
	struct upstream *up;           /* CORE_UPSTREAMS_MAX */
	struct forward_state *forward; /* of zone z: from forward_at[z] on */
	uint32_t forward_at[CORE_ZONES_MAX + 1];
	struct shield_exists *exists;  /* SHIELD_EXISTS_SIZE */
	struct absent absent;          /* names denied themselves */
	uint8_t shield[CORE_ZONES_MAX]; /* enum shield_state */
	struct denial_trust trust[CORE_ZONES_MAX];
	uint8_t shield_given_up[CORE_ZONES_MAX]; /* a bit for each level */
	struct path_client *path;      /* PATH_CLIENTS, when some zone has autopath; or NULL */
	struct follow *follow;         /* when some zone's plugins need it; or NULL */
	struct answer_buf *buf;        /* the answer being worked on */
	struct answer_buf *synth;      /* one made from another name's */
	uint8_t *reply;                /* replies to parked clients; DNS_MSG_MAX */
	uint8_t *hook;                 /* what respond hooks edit; DNS_MSG_MAX */
	uint8_t *second, *merged;      /* for merge hooks; DNS_MSG_MAX each */
	uint32_t id_bits, id_turn;     /* ask ids: turn << id_bits | slot */
	uint32_t hedge_credit;         /* hundredths of a hedge */
	uint8_t state;                 /* enum core_state */
	bool is_dropped;               /* the query at hand: no reply, and no wait */
	unsigned n_checks;             /* calls of core_check_some */
};

/* One client's query on its way to a reply. */
struct visit {
	const struct core_client *client;
	const struct query *q;
	const struct config_zone *zone; /* NULL: none */
	uint16_t zone_index;
	uint16_t upstream;              /* who answered */
	uint8_t from;                   /* enum core_from */
	bool is_path;                   /* its search list has been walked */
	bool is_unrouted;               /* turned away before a zone was looked for */
	bool is_parked;                 /* it waits: too late to drop it */
	bool is_again;                  /* was let in and counted under an earlier configuration */
	bool is_stale;                  /* what it waited for besides its own answer is an old one */
	struct entry *stale;            /* better than nothing */
	uint64_t start_ns, now_ns;
	uint8_t *out;
	size_t cap;
};

/* --- check.c --- */
/* The whole core, or once in a while when much is under way. */
void core_check_some(struct core *c);
#if CHECKED
#define CORE_CHECK(c) core_check_some(c)
#else
#define CORE_CHECK(c) ((void)0)
#endif

/* --- keys and entries --- */
static inline void key_of_query(const struct core *c, const struct query *q, const struct config_zone *z,
		  struct cache_key *ret)
{
	ret->name = q->name;
	ret->name_len = q->name_len;
	ret->key_flags = q->key_flags;
	ret->qtype = q->qtype;
	ret->qclass = q->qclass;
	ret->hash = hash_sip13(&c->key, q->name, q->name_len) ^ z->view;
}

/* For the failure table. */
static inline uint64_t key_mark(const struct cache_key *k)
{
	uint64_t x = key_mix(k->hash, key_rest(k->qtype, k->qclass, k->key_flags));

	return x ? x : 1;
}

/* `e`, which may be NULL, if it is usable at `now`; or NULL. */
static inline struct entry *entry_fresh(struct entry *e, uint64_t now_ns)
{
	return e && entry_expires_ns(e) > now_ns ? e : NULL;
}

/* The same if it is inside the zone's stale window, expired or not. */
static inline struct entry *entry_stale(struct entry *e, const struct config_zone *z, uint64_t now_ns)
{
	return e && z->z.cache.stale_enabled && entry_expires_ns(e) + z->z.cache.stale_ns > now_ns
		       ? e
		       : NULL;
}

static inline void cache_gauges(struct core *c)
{
	struct core_stats *s = c->stats;

	s->entries_success = c->cache.counts.entries[CACHE_POSITIVE];
	s->entries_denial = c->cache.counts.entries[CACHE_DENIAL];
	s->bytes_used = cache_bytes_used(&c->cache);
}

/* --- what a question may ask --- */
static inline const struct core_forward *question_forward(const struct core *c, const struct question *q)
{
	return &c->conf->zone[q->zone].z.forward[q->forward];
}

/* Of an upstream among the forward's targets; 0: none of them. */
static inline uint16_t target_bit(const struct core_forward *f, unsigned upstream)
{
	for (size_t i = 0; i < f->n_to; i++)
		if (f->to[i] == upstream)
			return (uint16_t)(1u << i);
	return 0;
}

/* --- arrive.c --- */
/* Every call but core_fail begins and ends with these: none within another. */
static inline void core_enter(struct core *c, enum core_state s)
{
	assert(c->state == CORE_IDLE);
	c->state = (uint8_t)s;
}
static inline void core_leave(struct core *c)
{
	c->state = CORE_IDLE;
	CORE_CHECK(c);
}
/* Before a reply, an ask or a cancel leaves, and before an answer is stored. */
static inline void core_acts(const struct core *c)
{
	assert(c->state == CORE_ACTS);
}
/* From the zone's arrive hooks on. */
enum core_verdict query_serve(struct core *c, struct visit *v, size_t *ret_len);
#define core_say(c, level, ...)                                                \
	do {                                                                    \
		if ((c)->ops.event) {                                           \
			struct diag said;                                       \
			diag_set(&said, 0, __VA_ARGS__);                        \
			(c)->ops.event((c)->ops.ctx, level, said.text);         \
		}                                                               \
	} while (0)
/* The reply from a fresh entry; 0: parked for more. */
size_t hit_serve(struct core *c, struct visit *v, const struct cache_key *k, struct entry *e);

/* --- setup.c --- */
void stats_bind(struct core *c);
/* Tables that only some configurations want; *ret NULL: this one does not. */
int path_table(const struct config *conf, struct path_client **ret);
int forwards_new(const struct config *conf, struct forward_state **ret, uint32_t *at);
void upstream_fresh(const struct core *c, struct upstream *u, const struct core_upstream *conf);

/* --- serve.c: all return the reply's length in v->out; 0: parked for a second half --- */
size_t serve_answer(struct core *c, const struct visit *v, const struct answer *a,
		    struct reply_age age, const uint8_t *ede, size_t ede_len);
size_t serve_entry(struct core *c, const struct visit *v, const struct entry *e, bool is_stale);
struct plugin_query;
size_t serve_rcode(struct core *c, const struct visit *v, unsigned rcode, int ede);
/* SERVFAIL with the words of EDE_OVERLOAD. */
size_t serve_overload(struct core *c, const struct visit *v);
/* The denial of an ancestor, `age_s` old, as the answer to this query. */
size_t serve_synthesized(struct core *c, const struct visit *v, const struct answer *cut,
			 uint32_t age_s, bool is_stale);
/* Does this client get server cookies? */
bool cookies_given(const struct core *c, const struct visit *v);
/* What an arrive or ask hook decided, other than NEXT: `len` octets in c->buf->msg
 * with PLUGIN_REPLY, the RCODE with PLUGIN_RCODE. */
enum core_verdict serve_verdict(struct core *c, struct visit *v, const struct plugin_query *asked,
				unsigned verdict, size_t len, size_t *ret_len);
void serve_drop(struct core *c, const struct visit *v); /* counted and told, nothing more */
void plugin_query_fill(struct plugin_query *p, const struct visit *v);
/* Counts what hooks wanted counted, at the listener it happened. */
void plugin_events_count(struct core *c, unsigned listener, const struct plugin_query *p);

/* Respond hooks over a whole message without OPT, then what the client's transport
 * allows of it. */
size_t seal(struct core *c, const struct visit *v, uint8_t *msg, size_t len, const uint8_t *ede,
	    size_t ede_len);

/* --- halves.c --- */
/* The first half is in c->hook, and has this extended error. Is a second needed, and there?
 * 0: parked for it. */
size_t halves_begin(struct core *c, const struct visit *v, size_t first_len, const uint8_t *ede,
		    size_t ede_len);
/* The second half of a merged reply came; NULL: it never will. `step`: what is known of
 * the first, which may not have been stored. 0: parked for that. */
size_t serve_second(struct core *c, const struct visit *v, unsigned step,
		    const struct answer *second);
/* What the second half needed was asked for again, and goes out as it is. */
size_t serve_first(struct core *c, const struct visit *v, const struct answer *first);

/* --- targets.c --- */
/* May this client not have an answer because of the names that it leads to? The reply
 * then lies in v->out, `ret_len` octets; 0: it is dropped, and nobody waits. */
bool targets_refuse(struct core *c, const struct visit *v, const struct answer *a, size_t *ret_len);
bool targets_refused(struct core *c, const struct visit *v, const struct answer *a); /* no reply */
/* May this client not ask for the second half of its answer? */
bool second_refused(struct core *c, const struct visit *v, uint16_t qtype);

/* --- hooks.c --- */
/* Is what upstreams are to be asked another question than the key's? */
bool asks_changed(const struct plugin_query *p, const struct cache_key *k);
/* Runs the arrive hooks, else as hooks_run; `ret_len` is the RCODE with PLUGIN_RCODE. */
unsigned hooks_arrive(const struct config_zone *z, struct plugin_query *p, uint8_t *buf,
		      size_t *ret_len);
/* Runs the ask hooks over `p`, and the answered hooks over a hook's own reply, which
 * `buf` of DNS_MSG_MAX octets takes. `p` is left as the ask hooks made it, but for
 * what is to be followed. Returns enum plugin_verdict; NEXT: upstreams are asked. */
unsigned hooks_run(const struct config_zone *z, struct plugin_query *p, uint8_t *buf,
		   size_t *ret_len);
/* Runs the answered hooks over a message; `p` is the question as asked. */
size_t hooks_answered(const struct config_zone *z, struct plugin_query *p, uint8_t *msg, size_t len);

/* --- begin.c --- */
struct question_start { /* a question about to begin */
	const struct cache_key *key;
	const struct plugin_query *asked; /* as ask hooks left it; NULL: unchanged */
	const uint8_t *reply;             /* a hook's, to be followed; NULL: upstreams are asked */
	size_t reply_len;
	const struct core_client *client; /* whose it is; NULL: the core's own */
	uint16_t zone;
	uint8_t listener, proto, purpose;
	uint8_t verdict;                  /* enum plugin_verdict, by question_open; NEXT (0) before */
	uint64_t start_ns, now_ns;        /* its budget counts from `start_ns` */
};
/* Enters it into the table; it is not asked yet. NIL when full. */
uint32_t question_enter(struct core *c, const struct question_start *s);
/* A question the core has itself, not a client's query: finds it under way, or
 * enters it; then *ret_is_new, and due_note is the caller's. NIL: full, or a plugin
 * answers it: then s->verdict, and s->reply_len as hooks return it, with the
 * reply in c->merged. */
uint32_t question_open(struct core *c, struct question_start *s, bool *ret_is_new);
/* Follows another question, or is asked: from due.c only. */
void question_begin(struct core *c, uint32_t qi, uint64_t now_ns);
/* Starts, or finds under way, a question nobody waits for; NIL when full. */
uint32_t refresh_start(struct core *c, const struct cache_key *k, uint16_t zone, unsigned listener,
		       unsigned proto, enum question_purpose purpose, uint64_t now_ns);

/* --- miss.c --- */
/* Parks the visit for another question than its own; false: not possible. */
bool park_for(struct core *c, const struct visit *v, const struct cache_key *k, uint16_t zone,
	      enum waits_for waits, unsigned step);
enum core_verdict miss_query(struct core *c, struct visit *v, const struct cache_key *k,
			     struct entry *found, size_t *ret_len);
/* Replies with what is stale to all who wait for a question; false: nothing is. */
bool stale_to_waiters(struct core *c, uint32_t qi, uint64_t now_ns);

/* --- room.c --- */
/* May this address be owed one more reply? False: counted. */
bool room_for_reply(struct core *c, const struct core_client *client);
/* A place for one more waiter or question of this client, if need be by ending
 * somebody's wait, who is told later; false: there is none, counted. */
bool room_make(struct core *c, enum holds what, const struct in6_addr *addr, uint64_t now_ns);
/* For a question beside a client's own (a cut, a refresh, a second half), which
 * must not push anybody out. `client` NULL: nobody's. */
bool room_for_more(const struct core *c, const struct core_client *client);
void clients_gauge(struct core *c); /* not in core_leave: a hit changes nothing of it */

/* --- when.c --- */
uint64_t question_wakes(const struct question *q); /* the next of its times, or T_NEVER */
void question_timer(struct core *c, uint32_t qi);    /* to that */
/* How long an upstream may be silent before somebody else is asked as well. */
uint64_t hedge_delay(struct core *c, unsigned upstream);
/* How long one waits for another question before it is asked itself. */
uint64_t follow_delay(struct core *c, const struct question *leader);

/* --- try.c --- */
void question_ask(struct core *c, uint32_t qi, uint64_t now_ns); /* from its first forward on */
void try_next(struct core *c, uint32_t qi, uint64_t now_ns);
void try_again(struct core *c, uint32_t qi, unsigned upstream, enum core_proto proto,
	       uint64_t now_ns); /* the same upstream, not counted as a try */
void try_hedge(struct core *c, uint32_t qi, uint64_t now_ns);
/* May this silent question be asked once more, as far as its client is concerned? */
bool may_pay(struct core *c, uint32_t qi);
bool next_forward(struct core *c, uint32_t qi, uint64_t now_ns); /* false: there is none */
bool has_untried(const struct core *c, const struct question *q);
void question_release_forward(struct core *c, struct question *q);

/* --- ask.c --- */
/* Ids are never 0. `slot`: place among all questions' exchanges, then the upstreams. */
uint32_t ask_id_new(struct core *c, uint32_t slot);
struct ask *ask_find(struct core *c, uint32_t id, uint32_t *ret_qi); /* NULL: not open */
/* Upstream whose probe has this id, or -1. */
int probe_find(const struct core *c, uint32_t id);
void ask_send(struct core *c, uint32_t qi, unsigned upstream, enum core_proto proto,
	      uint64_t now_ns);
void ask_close(struct core *c, uint32_t qi, struct ask *a, bool cancel);
unsigned asks_open(const struct question *q);
uint64_t asked_hash(const struct core *c, const struct question *q); /* of the name asked for */

/* --- health.c --- */
/* It counts as failed, but no probe is sent yet; false: it did already, or never does. */
bool upstream_suspected(struct core *c, unsigned u, const struct core_forward *f, bool tcp);
void upstream_failed(struct core *c, unsigned u, const struct core_forward *f, bool tcp,
		     uint64_t now_ns);
void upstream_answered(struct core *c, unsigned u, uint64_t now_ns);
void probe_due(struct core *c, unsigned u, uint64_t now_ns);
void probe_failed(struct core *c, unsigned u, uint64_t now_ns);

/* --- genuine.c --- */
#define RCODE_BADCOOKIE 23
/* Has the reply that `m` was read from a record of this type in its answer section? */
static inline bool reply_has_type(const struct dns_msg *m, const uint8_t *bytes, size_t len,
				  uint16_t type)
{
	struct wire w;

	wire_init(&w, bytes, len);
	w.off = m->answer_off;
	return wire_has_type(&w, m->h.n_an, type);
}
enum genuine {
	GENUINE_NO,      /* to be ignored; the same may have been asked in another way meanwhile */
	GENUINE_DAMAGED, /* from the upstream, and of no use */
	GENUINE_YES,
};
/* `m` was read from `bytes`, as far as `err` let it. */
enum genuine answer_judge(struct core *c, uint32_t qi, const struct ask *a,
			  const struct dns_msg *m, int err, const uint8_t *bytes, size_t len,
			  uint64_t now_ns);

/* --- failed.c --- */
/* An exchange of a question came to nothing. */
void exchange_failed(struct core *c, uint64_t now_ns, uint32_t ask_id, enum core_fail_why why);
/* Before question_fail: tells who listens what went wrong. */
void failure_tell(struct core *c, const struct question *q, unsigned rcode, enum core_fail_why why);
/* The same with what the question's last exchange died of. */
void failure_tell_last(struct core *c, const struct question *q);

/* --- follow.c --- */
int follow_table(const struct config *conf, struct follow **ret);
/* Remembers the CNAMEs among the first `n_rr` answer records of a message: the
 * question goes on to the last one's target. False: full, or there are none. */
bool follow_keep(struct core *c, struct question *q, const uint8_t *msg, size_t len, unsigned n_rr);
void follow_release(struct core *c, struct question *q);
/* Each head is a question's, or free. */
void follow_check(const struct core *c);
/* The question has a head: on to its target. */
void follow_begin(struct core *c, uint32_t qi, uint64_t now_ns);
#define FOLLOW_WHOLES_MAX 16 /* aliases in a row; Azure's and AWS' chains have four to six */
/* The head and the target's answer, `age_s` old, as the question's own answer, in
 * a buffer of its own; false: it makes none, or too many lie in one another. Those
 * made last are given back first. */
bool follow_whole(struct core *c, const struct question *q, const struct answer *target,
		  uint32_t age_s, struct answer *ret);
void follow_whole_free(struct core *c);
/* The target's answer, `age_s` old, is there. */
void follow_end(struct core *c, uint32_t qi, const struct answer *target, uint32_t age_s,
		uint16_t upstream, uint64_t now_ns);

/* --- finish.c --- */
void question_finish(struct core *c, uint32_t qi, const struct answer *a, uint16_t upstream,
		     uint64_t now_ns);
/* The answer is in the cache, as good as new. */
void question_known(struct core *c, uint32_t qi, const struct entry *e, uint64_t now_ns);
/* An ancestor's denial, `age_s` old, is the answer. */
void question_deny(struct core *c, uint32_t qi, const struct answer *cut, uint32_t age_s,
		   uint16_t upstream, uint64_t now_ns);
/* Its entries are being renewed by it no more. */
void refreshing_clear(struct core *c, const struct question *q);
void question_failed_note(struct core *c, const struct question *q, unsigned rcode, unsigned ede,
			  uint64_t now_ns);
/* Nobody answered. `note`: remember it, RFC 9520. */
void question_fail(struct core *c, uint32_t qi, unsigned rcode, int ede, bool note,
		   uint64_t now_ns);
/* Given up for others: whoever waits for it is told to try again, and it is not
 * remembered as a failure. */
void question_overload(struct core *c, uint32_t qi, uint64_t now_ns);

/* --- waiters.c --- */
/* One parked client, its query read again. */
void visit_of(const struct core *c, const struct waiter *w, struct query *query, struct visit *v,
	      uint64_t now_ns);
/* Who waited for another question than its own; NULL: which failed. */
size_t serve_other(struct core *c, const struct visit *v, const struct waiter *w,
		   const struct answer *a);
/* All who wait for a question get their replies: from its answer, ... */
void waiters_serve(struct core *c, struct question *q, const struct answer *a, uint16_t upstream,
		   uint64_t now_ns);
/* ... from an entry whose time is over, ... */
void waiters_serve_entry(struct core *c, struct question *q, struct entry *e, uint64_t now_ns);
/* ... from the denial of an ancestor, ... */
void waiters_deny(struct core *c, struct question *q, const struct answer *cut, uint32_t age_s,
		  bool is_stale, uint16_t upstream, uint64_t now_ns);
/* ... the same whose time is over. */
void waiters_deny_stale(struct core *c, struct question *q, struct entry *e, uint64_t now_ns);

/* --- due.c --- */
/* Does all that is noted, and what comes of it. */
void due_run(struct core *c, uint64_t now_ns);

#endif
