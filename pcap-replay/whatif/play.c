/* SPDX-License-Identifier: Apache-2.0 */
/* The core's driver here: three sources of events (questions, answers, deadlines), in order. */
#include "pcap-replay/whatif/play.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "lib/record/qstream.h"
#include "resolver/core/core.h"
#include "resolver/corefile/sealed.h"

#define START_NS   NS_PER_S          /* of virtual time: 0 has a meaning in the core */
#define AFTER_NS   (10 * NS_PER_S)   /* time for what is under way when the capture ends */
#define MADE_UP_NS NS_PER_MS         /* answers that the capture does not have take this long */

struct coming { /* an answer on its way */
	uint64_t t_ns;
	const struct asked_one *from; /* NULL: made up, of `query` */
	uint32_t id;
	uint16_t len;
	uint8_t query[DNS_HEADER_LEN + NAME_MAX_WIRE + 4]; /* header and question of what was asked */
};

struct play {
	const struct play_conf *c;
	struct core *core;
	struct core_stats *stats;
	struct play_counts *n;
	struct coming *heap; /* heap[0] is the next */
	size_t n_heap, cap_heap;
	struct name domain;
	uint64_t now_ns;
	bool no_memory;
	uint8_t *reply; /* DNS_MSG_MAX octets */
};

/* --- answers on their way --- */

static void heap_push(struct play *p, const struct coming *c)
{
	size_t i = p->n_heap;
	if (i == p->cap_heap) {
		size_t cap = p->cap_heap ? p->cap_heap * 2 : 256;
		struct coming *bigger = realloc(p->heap, cap * sizeof(*bigger));
		if (!bigger) {
			p->no_memory = true;
			return;
		}
		p->heap = bigger;
		p->cap_heap = cap;
	}
	p->n_heap++;
	for (; i > 0 && p->heap[(i - 1) / 2].t_ns > c->t_ns; i = (i - 1) / 2)
		p->heap[i] = p->heap[(i - 1) / 2];
	p->heap[i] = *c;
}

static struct coming heap_pop(struct play *p)
{
	struct coming first = p->heap[0], last = p->heap[--p->n_heap];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < p->n_heap; i = child) {
		if (child + 1 < p->n_heap && p->heap[child + 1].t_ns < p->heap[child].t_ns)
			child++;
		if (p->heap[child].t_ns >= last.t_ns)
			break;
		p->heap[i] = p->heap[child];
	}
	p->heap[i] = last;
	return first;
}

/* --- what the core wants --- */

static void on_ask(void *ctx, const struct core_ask *a)
{
	struct play *p = ctx;
	struct dns_msg m;
	struct coming c = {.id = a->id, .t_ns = p->now_ns + MADE_UP_NS};
	uint8_t name[NAME_MAX_WIRE];
	if (dns_msg_parse(&m, a->query, a->len) || a->len < DNS_HEADER_LEN + m.q.name_len + 4u)
		return;
	c.len = (uint16_t)(DNS_HEADER_LEN + m.q.name_len + 4);
	memcpy(c.query, a->query, c.len);
	if (a->zone != UINT16_MAX) { /* else a health probe */
		size_t len = name_lower(name, m.q.name);
		c.from = asked_answer(p->c->asked, asked_key(name, len, m.q.qtype, m.q.qclass),
				      p->now_ns > START_NS ? p->now_ns - START_NS : 0);
		p->n->asked++;
		p->n->asked_cluster += name_within(name, p->domain.b);
		p->n->made_up += !c.from;
		if (c.from)
			c.t_ns = p->now_ns + c.from->took_ns;
	}
	heap_push(p, &c);
}

static void on_reply(void *ctx, const struct core_client *cl, const uint8_t *bytes, size_t len)
{
	struct play *p = ctx;
	(void)bytes;
	(void)len;
	p->n->waited_ns += p->now_ns - START_NS - p->c->asked->one[cl->cookie].t_ns;
}

static void on_cancel(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id; /* an answer that comes all the same is not taken */
}

static void answer_made_up(struct play *p, struct coming *c)
{
	struct dns_question q;
	struct wire w;
	wire_init(&w, c->query + DNS_HEADER_LEN, c->len - DNS_HEADER_LEN);
	wire_question(&w, &q);
	uint8_t name[NAME_MAX_WIRE];
	name_lower(name, q.name);
	unsigned rcode = asked_is_branch(p->c->asked, name) ? DNS_NOERROR : DNS_NXDOMAIN;
	uint8_t msg[sizeof(c->query) + 64];
	memcpy(msg, c->query, c->len);
	set_be16(msg + 2, (uint16_t)(DNS_QR | DNS_RD | DNS_RA | rcode));
	memset(msg + 4, 0, 8);
	msg[5] = 1;
	msg[9] = 1; /* the zone's SOA, so that the denial can be kept */
	static const uint8_t soa[] = {0, 0, 6, 0, 1, 0, 0, 0, 30, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 30, 0, 0, 0, 30, 0, 0, 0, 30, 0, 0, 0, 30};
	const uint8_t *owner = name_within(q.name, p->domain.b) ? p->domain.b : (const uint8_t *)"";
	size_t len = c->len, owner_len = name_len(owner);
	if (len + owner_len + sizeof(soa) - 1 > sizeof(msg))
		return; /* a name that long is no cut of anything */
	memcpy(msg + len, owner, owner_len);
	memcpy(msg + len + owner_len, soa + 1, sizeof(soa) - 1);
	p->n->asked_cluster_nx += rcode == DNS_NXDOMAIN && owner_len > 1;
	core_answer(p->core, p->now_ns, c->id, msg, len + owner_len + sizeof(soa) - 1);
}

static void answer(struct play *p, struct coming *c)
{
	const struct asked *a = p->c->asked;
	struct dns_msg m;
	if (!c->from) {
		answer_made_up(p, c);
		return;
	}
	uint8_t *reply = p->reply;
	memcpy(reply, asked_reply(a, c->from), c->from->reply_len);
	if (!dns_reply_parse(&m, reply, c->from->reply_len) && DNS_HEADER_LEN + m.q.name_len + 4u == c->len) {
		p->n->asked_cluster_nx += m.rcode == DNS_NXDOMAIN && name_within(m.q.name, p->domain.b);
		memcpy(reply + DNS_HEADER_LEN, c->query + DNS_HEADER_LEN, m.q.name_len); /* spelled as it was asked */
	}
	if (!core_answer(p->core, p->now_ns, c->id, reply, c->from->reply_len))
		core_fail(p->core, p->now_ns, c->id, CORE_FAIL_BADREPLY);
}

/* --- time --- */

static void pass_until(struct play *p, uint64_t until_ns)
{
	for (;;) {
		uint64_t tick_ns = core_deadline(p->core), next_ns = p->n_heap ? p->heap[0].t_ns : T_NEVER;
		if (tick_ns > until_ns && next_ns > until_ns)
			break;
		if (tick_ns <= next_ns) {
			if (tick_ns > p->now_ns)
				p->now_ns = tick_ns;
			core_tick(p->core, p->now_ns);
			continue;
		}
		struct coming c = heap_pop(p);
		p->now_ns = c.t_ns > p->now_ns ? c.t_ns : p->now_ns;
		answer(p, &c);
	}
	if (until_ns > p->now_ns)
		p->now_ns = until_ns;
}

static void ask(struct play *p, size_t i, uint8_t *out, const struct in6_addr *local)
{
	const struct asked_one *q = &p->c->asked->one[i];
	struct core_client cl = {.addr = q->client, .local = *local, .cookie = i, .port = 1024,
				 .proto = q->proto == QS_UDP ? CORE_UDP : CORE_TCP};
	size_t len;
	enum core_verdict v = core_query(p->core, p->now_ns, &cl, asked_query(p->c->asked, q), q->len, out, &len);
	p->n->questions++;
	p->n->at_once += v == CORE_REPLY;
}

char *play_corefile(const struct play_conf *c)
{
	struct corefile_stock s = {.domain = c->domain, .bind = "169.254.20.10", .upstream = "10.96.0.11", .resolver = "172.18.0.1",
				   .success = c->entries, .denial = c->entries, .ttl_s = c->ttl_s,
				   .negative_ttl_s = c->negative_ttl_s, .search_path = c->shield};
	return corefile_stock_text(&s);
}

int play_ours(const struct play_conf *c, struct play_counts *ret, struct diag *d)
{
	struct play p = {.c = c, .n = ret, .now_ns = START_NS};
	struct core_ops ops = {.ctx = &p, .reply = on_reply, .ask = on_ask, .cancel = on_cancel};
	struct hash_key key = {1, 2}; /* the same from run to run */
	struct corefile_plan *plan = NULL;
	char *text = play_corefile(c);
	uint8_t *out = malloc(DNS_MSG_MAX);
	*ret = (struct play_counts){0};
	p.stats = calloc(1, sizeof(*p.stats));
	p.reply = malloc(DNS_MSG_MAX);
	int rc = text && out && p.stats && p.reply ? 0 : diag_set(d, ERR_NOMEM, "out of memory");
	if (rc == 0 && name_from_text(&p.domain, c->domain))
		rc = diag_set(d, ERR_SYNTAX, "%s: expected a domain name", c->domain);
	if (rc == 0)
		name_lower(p.domain.b, p.domain.b);
	rc = rc ? rc : corefile_compile_sealed(&plan, "Corefile", text, d);
	rc = rc ? rc : core_new(&p.core, &plan->conf, &ops, p.stats, &key, 1, d);
	if (rc == 0) {
		for (size_t i = 0; i < c->asked->n && !p.no_memory; i++) {
			pass_until(&p, START_NS + c->asked->one[i].t_ns);
			ask(&p, i, out, &plan->conf.listener[0].addr);
		}
		pass_until(&p, p.now_ns + AFTER_NS);
		ret->entries = p.stats->entries_success + p.stats->entries_denial;
		ret->again = p.stats->hedges + p.stats->retries;
		rc = p.no_memory ? diag_set(d, ERR_NOMEM, "out of memory") : 0;
	}
	core_free(p.core);
	corefile_plan_free(plan);
	free(p.heap);
	free(p.stats);
	free(p.reply);
	free(out);
	free(text);
	return rc;
}
