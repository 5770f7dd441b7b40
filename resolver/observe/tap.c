/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks by collector, and what each plugin sends to them. */
#include "resolver/observe/tap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/opt.h"
#include "resolver/observe/dnstap.h"
#include "resolver/observe/log_format.h"

#define SINKS_MAX 16	 /* collectors */
#define ASKED_SLOTS 4096 /* exchanges remembered; a later one takes an earlier one's place */
#define EXTRA_MAX 1024

struct asked {	     /* what the answer's message needs to repeat */
	uint32_t id; /* 0: none */
	uint16_t zone, upstream;
	uint8_t proto;
	bool has_local;
	uint16_t local_port;
	struct in6_addr local;
	uint64_t sent_ns; /* real time */
};

struct tap {				    /* one a block */
	const struct corefile_dnstap *conf; /* NULL: none */
	struct dnstap *sink;		    /* one of taps.sink */
	struct log_format *extra;
};

struct taps {
	const struct corefile_plan *plan;
	struct loop *loop;
	struct driver_stats *stats;
	size_t n_sinks, n_blocks;
	struct dnstap *sink[SINKS_MAX];
	struct asked asked[ASKED_SLOTS];
	struct tap tap[];
};

/* --- configuration --- */

static int tap_new(struct tap *tap, const struct corefile_dnstap *conf, struct diag *d)
{
	if (!conf->target)
		return 0;
	tap->conf = conf;
	if (conf->extra && *conf->extra && log_format_new(&tap->extra, conf->extra) < 0)
		return diag_set(d, ERR_NOMEM, "no memory for dnstap");
	return 0;
}

int taps_new(struct taps **ret, const struct corefile_plan *p, struct loop *loop,
	     struct driver_stats *stats, struct diag *d)
{
	bool any = false;
	int err = 0;

	for (size_t i = 0; i < p->n_blocks; i++)
		any |= p->block[i].dnstap.target != NULL;
	*ret = NULL;
	if (!any)
		return 0;
	struct taps *t = calloc(1, sizeof(*t) + p->n_blocks * sizeof(t->tap[0]));

	if (!t)
		return diag_set(d, ERR_NOMEM, "no memory for dnstap");
	t->plan = p;
	t->loop = loop;
	t->stats = stats;
	t->n_blocks = p->n_blocks;
	for (size_t i = 0; i < p->n_blocks && err == 0; i++) {
		const struct corefile_dnstap *c = &p->block[i].dnstap;

		err = tap_new(&t->tap[i], c, d);
		if (err == 0 && c->target)
			err = dnstap_check(c->target, c->is_tcp, d);
	}
	if (err)
		taps_free(t);
	else
		*ret = t;
	return err;
}

static struct dnstap *sink_find(struct taps *t, const struct corefile_dnstap *c)
{
	for (size_t i = 0; t && i < t->n_sinks; i++)
		if (t->sink[i] && dnstap_is_for(t->sink[i], c->target, c->is_tcp))
			return t->sink[i];
	return NULL;
}

static struct dnstap *sink_take(struct taps *old, const struct corefile_dnstap *c)
{
	struct dnstap *s = sink_find(old, c);

	for (size_t i = 0; s && i < old->n_sinks; i++)
		if (old->sink[i] == s)
			old->sink[i] = NULL;
	return s;
}

void taps_open(struct taps *t, struct taps *old)
{
	for (size_t i = 0; t && i < t->n_blocks; i++) {
		const struct corefile_dnstap *c = t->tap[i].conf;
		struct dnstap *s = c ? sink_find(t, c) : NULL;

		if (c && !s && t->n_sinks < SINKS_MAX) {
			s = sink_take(old, c);
			if (!s &&
			    dnstap_open(&s, t->loop, c->target, c->is_tcp, t->stats, NULL) < 0)
				continue; /* no memory: the block goes untapped */
			t->sink[t->n_sinks++] = s;
		}
		t->tap[i].sink = s;
	}
}

void taps_free(struct taps *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_sinks; i++)
		dnstap_close(t->sink[i]);
	for (size_t i = 0; i < t->n_blocks; i++)
		log_format_free(t->tap[i].extra);
	free(t);
}

static const struct tap *tap_of(const struct taps *t, uint16_t zone)
{
	if (zone >= t->plan->conf.n_zones)
		return NULL;
	const struct tap *tap = &t->tap[t->plan->conf.zone[zone].block];

	return tap->sink ? tap : NULL;
}

/* --- messages --- */

static void put(const struct tap *tap, struct dnstap_msg *m)
{
	m->identity = tap->conf->identity;
	m->version = *tap->conf->version ? tap->conf->version : opt_version();
	if (!tap->conf->full)
		m->query = m->response = NULL;
	if (!m->query)
		m->query_len = 0;
	if (!m->response)
		m->response_len = 0;
	dnstap_put(tap->sink, m);
}

static size_t extra_print(const struct taps *t, const struct tap *tap, const struct core_client *c,
			  const struct core_done *done, char *buf)
{
	static const struct core_done nothing;
	const struct core_conf *conf = &t->plan->conf;
	struct log_facts facts = {.client = c, .done = done ? done : &nothing};

	if (done && done->upstream < conf->n_upstreams)
		facts.upstream = conf->upstream[done->upstream].label;
	return tap->extra ? log_format_print(tap->extra, &facts, buf, EXTRA_MAX) : 0;
}

void taps_done(struct taps *t, const struct core_client *c, const struct core_done *done)
{
	const struct tap *tap = tap_of(t, done->zone);
	char extra[EXTRA_MAX];

	if (!tap)
		return;
	uint64_t real = clock_real_ns(), mono = clock_mono_ns();
	struct dnstap_msg m = {.type = DNSTAP_CLIENT_QUERY,
			       .proto = c->proto,
			       .extra = extra,
			       .extra_len = extra_print(t, tap, c, done, extra),
			       .query_addr = &c->addr,
			       .query_port = c->port,
			       .query_ns = real - (mono - done->start_ns),
			       .query = done->query,
			       .query_len = done->query_len};

	if (!IN6_IS_ADDR_UNSPECIFIED(&c->local) && c->listener < t->plan->conf.n_listeners) {
		m.response_addr = &c->local;
		m.response_port = t->plan->conf.listener[c->listener].port;
	}
	put(tap, &m);
	if (!done->reply_len)
		return;
	m.type = DNSTAP_CLIENT_RESPONSE;
	m.query = NULL;
	m.response = done->reply;
	m.response_len = done->reply_len;
	m.response_ns = real;
	put(tap, &m);
}

static void forwarder_put(struct taps *t, const struct tap *tap, const struct asked *a,
			  struct dnstap_msg *m)
{
	const struct core_upstream *up = &t->plan->conf.upstream[a->upstream];
	char extra[EXTRA_MAX];

	m->proto = a->proto;
	m->extra = extra;
	m->extra_len = extra_print(t, tap, NULL, NULL, extra);
	m->response_addr = &up->addr;
	m->response_port = up->port;
	m->query_ns = a->sent_ns;
	if (a->has_local) {
		m->query_addr = &a->local;
		m->query_port = a->local_port;
	}
	put(tap, m);
}

void taps_ask(struct taps *t, const struct core_ask *a, const struct upstream_seen *at)
{
	const struct tap *tap = tap_of(t, a->zone);
	uint8_t query[512];
	struct dnstap_msg m = {.type = DNSTAP_FORWARDER_QUERY, .query = query, .query_len = a->len};

	if (!tap || a->upstream >= t->plan->conf.n_upstreams || a->len > sizeof(query) ||
	    a->len < DNS_HEADER_LEN)
		return;
	struct asked *row = &t->asked[a->id % ASKED_SLOTS];

	*row = (struct asked){.id = a->id,
			      .zone = a->zone,
			      .upstream = a->upstream,
			      .proto = a->proto,
			      .sent_ns = clock_real_ns()};
	memcpy(query, a->query, a->len);
	if (at) {
		row->has_local = true;
		row->local = at->local;
		row->local_port = at->local_port;
		set_be16(query, at->dns_id);
	}
	forwarder_put(t, tap, row, &m);
}

void taps_answer(struct taps *t, uint32_t ask_id, const uint8_t *bytes, size_t len)
{
	struct asked *row = &t->asked[ask_id % ASKED_SLOTS];
	struct dnstap_msg m = {.type = DNSTAP_FORWARDER_RESPONSE,
			       .response = bytes,
			       .response_len = len,
			       .response_ns = clock_real_ns()};
	const struct tap *tap;

	if (!ask_id || row->id != ask_id)
		return;
	tap = tap_of(t, row->zone);
	if (tap && row->upstream < t->plan->conf.n_upstreams)
		forwarder_put(t, tap, row, &m);
}

void taps_flush(struct taps *t)
{
	for (size_t i = 0; t && i < t->n_sinks; i++)
		dnstap_flush(t->sink[i]);
}
