/* SPDX-License-Identifier: Apache-2.0 */
/* The other ends of a core under test: clients and upstreams that remember. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "lib/dns/wire.h"
#include "resolver/corefile/corefile.h"
#include "tests/scenario/config.h"
#include "tests/scenario/disturb.h"
#include "tests/scenario/transcript.h"

void said_add(struct world *w, const char *client, const uint8_t *bytes, size_t len)
{
	struct said *r;

	transcript_reply(w, client, bytes, len);
	if (w->n_said == THINGS_MAX) {
		script_fail(&w->s, "more than %d replies", THINGS_MAX);
		return;
	}
	r = &w->said[w->n_said++];
	snprintf(r->client, sizeof(r->client), "%s", client);
	r->bytes = malloc(len + 1);
	memcpy(r->bytes, bytes, len);
	r->len = len;
	r->is_expected = false;
}

void reply_check(struct world *w, const struct asked *a, const uint8_t *b, size_t len)
{
	struct dns_msg q, r;

	if (dns_msg_parse(&r, b, len) < 0 || r.end != len) {
		script_fail(&w->s, "the reply to %s is not well-formed", a->name);
		return;
	}
	if (get_be16(b) != get_be16(a->bytes))
		script_fail(&w->s, "the reply to %s has another id", a->name);
	if (!(r.h.flags & DNS_QR))
		script_fail(&w->s, "the reply to %s has no QR bit", a->name);
	if (a->is_raw || dns_msg_parse(&q, a->bytes, a->len) < 0)
		return;
	if (msg_check(b, len) < 0)
		script_fail(&w->s, "ldns does not accept the reply to %s", a->name);
	if (r.h.n_qd && (r.q.name_len != q.q.name_len || r.q.qtype != q.q.qtype ||
			 memcmp(r.q.name, q.q.name, q.q.name_len) != 0))
		script_fail(&w->s, "the reply to %s does not echo its question", a->name);
	if (r.edns.present != q.edns.present)
		script_fail(&w->s, "the reply to %s: OPT %s", a->name,
			    r.edns.present ? "without one in the query" : "is missing");
	if ((r.h.flags ^ q.h.flags) & (DNS_RD | DNS_CD))
		script_fail(&w->s, "the reply to %s: RD or CD not copied", a->name);
}

struct asked *asked_by_name(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_asked; i++)
		if (strcmp(w->asked[i].name, name) == 0)
			return &w->asked[i];
	if (w->n_asked == 64) {
		script_fail(&w->s, "more than 64 clients");
		return &w->asked[0];
	}
	snprintf(w->asked[w->n_asked].name, sizeof(w->asked[0].name), "%s", name);
	return &w->asked[w->n_asked++];
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	struct world *w = ctx;
	struct asked *a = &w->asked[c->cookie];

	if (w->is_over) {
		transcript_reply(w, a->name, bytes, len);
		return;
	}
	reply_check(w, a, bytes, len);
	said_add(w, a->name, bytes, len);
}

static void on_ask(void *ctx, const struct core_ask *ask)
{
	struct world *w = ctx;
	struct sent *s;

	transcript_ask(w, ask);
	if (w->is_over)
		return;
	if (w->n_sent == THINGS_MAX || ask->len > sizeof(s->query)) {
		script_fail(&w->s, "too many or too long questions to upstreams");
		return;
	}
	s = &w->sent[w->n_sent++];
	*s = (struct sent){.ask = *ask};
	memcpy(s->query, ask->query, ask->len);
	s->ask.query = s->query;
}

static void on_cancel(void *ctx, uint32_t id)
{
	struct world *w = ctx;

	transcript_cancel(w, id);
	for (size_t i = 0; i < w->n_sent; i++)
		if (w->sent[i].ask.id == id)
			w->sent[i].is_done = true;
}

static void on_event(void *ctx, int level, const char *text)
{
	struct world *w = ctx;
	size_t n = strlen(w->events);

	transcript_event(w, level, text);
	snprintf(w->events + n, sizeof(w->events) - n, "%d %s\n", level, text);
}

/* The words that the daemon makes of it, but for the addresses of its sockets. */
static void on_failed(void *ctx, const struct core_failed *f)
{
	struct world *w = ctx;
	char name[NAME_MAX_TEXT], type[16], line[NAME_MAX_TEXT + 256];
	bool has_upstream = f->upstream < w->conf.n_upstreams;

	transcript_failed(w, f);
	name_to_text(f->name, name, sizeof(name));
	snprintf(line, sizeof(line), "plugin/errors: %u %s %s: %s%s%s", f->rcode, name,
		 dns_type_str(f->qtype, type),
		 has_upstream ? w->conf.upstream[f->upstream].label : "", has_upstream ? ": " : "",
		 core_fail_text(f->why));
	on_event(w, 3, line);
}

static void on_done(void *ctx, const struct core_client *c, const struct core_done *done)
{
	transcript_done(ctx, c, done);
}

static void on_breach(void *ctx, const char *what)
{
	struct world *w = ctx;

	w->is_breach = true;
	script_fail(&w->s, "%s", what);
}

static bool refuses(void *ctx, const struct core_ask *a, enum core_fail_why *ret_why)
{
	struct world *w = ctx;

	if (!w->n_refuse)
		return false;
	w->n_refuse--;
	*ret_why = w->refuse_why;
	on_cancel(ctx, a->id); /* it is over */
	return true;
}

void world_start(struct world *w)
{
	static const struct hash_key key = {1, 2};
	struct diag d = {""};

	w->d.to = (struct core_ops){.ctx = w,
				    .reply = on_reply,
				    .ask = on_ask,
				    .cancel = on_cancel,
				    .event = on_event,
				    .failed = on_failed,
				    .done = on_done};
	w->d.breach = on_breach;
	if (!w->disturb || w->disturb->is_gentle)
		w->d.refuses = refuses;
	config_complete(w);
	if (driver_start(&w->d, &w->conf, w->stats, &key, &d) < 0)
		script_fail(&w->s, "the core does not start: %s", d.text);
	else
		core_set_probes(w->d.core, &w->probes);
}

void world_pass(struct world *w, uint64_t until_ns)
{
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t next = core_deadline(w->d.core);

		if (next > until_ns) {
			w->d.now_ns = until_ns;
			return;
		}
		if (next > w->d.now_ns)
			w->d.now_ns = next;
		driver_tick(&w->d);
	}
	script_fail(&w->s, "the core's deadline does not move on");
}

void world_settle(struct world *w)
{
	world_pass(w, w->d.now_ns);
}

void world_free(struct world *w)
{
	driver_end(&w->d);
	disturb_end(w);
	transcript_end(w);
	for (size_t i = 0; i < w->n_plans; i++)
		corefile_plan_free(w->plan[i]);
	for (size_t i = 0; i < w->n_said; i++)
		free(w->said[i].bytes);
	free(w->stats);
	free(w);
}
