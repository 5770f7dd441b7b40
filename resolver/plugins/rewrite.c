/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite [continue|stop] FIELD ...: the question on its way up, and the answer
 * on its way back. The way back needs no memory of the way up: it runs the same
 * rules over the question as asked and collects what must be undone.
 */
#include <string.h>

#include "resolver/plugins/message.h"
#include "resolver/plugins/plugins.h"
#include "resolver/plugins/rewrite_name.h"
#include "resolver/plugins/rewrite_rules.h"

enum { UNDO_MAX = 24, AUTO_MAX = 8, CHAIN_MAX = 16, HELD_LOOK_MAX = 64 };

struct rewrite {
	struct plugin_step step;
	size_t n;
	struct rewrite_rule *rule;
};

enum undo_kind { UNDO_REMAP, UNDO_SUFFIX, UNDO_REGEX, UNDO_CNAME };
struct undo { /* one thing to do to names of the answer */
	enum undo_kind kind;
	bool names, values;
	const char *from, *to;
	const struct cf_regex *regex;
	const struct rewrite_rule *rule; /* UNDO_CNAME: a CNAME gets another target */
};
struct rewrite_run {
	const struct name *asked;
	const struct plugin_query *query;
	struct edns0_list options; /* so far */
	char name[NAME_MAX_TEXT]; /* the question's name as it stands */
	uint16_t qtype, qclass;
	size_t n_undo, n_auto;
	struct undo undo[UNDO_MAX];
	char before[AUTO_MAX][NAME_MAX_TEXT], after[AUTO_MAX][NAME_MAX_TEXT];
	bool has_ttl;
	uint32_t ttl_min_s, ttl_max_s;
	bool has_rcode;
	uint16_t rcode_from, rcode_to;
	unsigned n_answers;   /* records of the answer section */
	unsigned turned;      /* which of them, from 1 on, is a CNAME with a new target */
	unsigned n_kept;      /* CNAMEs whose new target is the old one and is there */
	struct wire came;     /* the answer as it came */
};

static void undo_add(struct rewrite_run *run, const struct undo *u)
{
	if (run->n_undo < UNDO_MAX)
		run->undo[run->n_undo++] = *u;
}

static void undo_name_rule(const struct rewrite_rule *r, struct rewrite_run *run,
			   const char *before, const char *after)
{
	if (r->is_auto && r->match == REWRITE_SUFFIX) {
		undo_add(run, &(struct undo){.kind = UNDO_SUFFIX,
					     .names = true,
					     .values = true,
					     .from = r->to,
					     .to = r->from});
	} else if (r->is_auto && run->n_auto < AUTO_MAX) {
		char *b = run->before[run->n_auto], *a = run->after[run->n_auto++];

		strcpy(b, before);
		strcpy(a, after);
		undo_add(run, &(struct undo){.kind = UNDO_REMAP,
					     .names = true,
					     .values = true,
					     .from = a,
					     .to = b});
	}
	for (size_t i = 0; i < r->n_answers; i++)
		undo_add(run, &(struct undo){.kind = UNDO_REGEX,
					     .names = !r->answer[i].is_value,
					     .values = r->answer[i].is_value,
					     .regex = r->answer[i].from,
					     .to = r->answer[i].to});
}

/* One rule: did it apply? -1: it makes a name that is none. */
static int rule_run(const struct rewrite_rule *r, struct rewrite_run *run)
{
	struct cf_match m = {0};
	char to[NAME_MAX_TEXT];

	switch (r->field) {
	case REWRITE_TYPE:
		if (run->qtype != r->from_value)
			return 0;
		run->qtype = r->to_value;
		return 1;
	case REWRITE_CLASS:
		if (run->qclass != r->from_value)
			return 0;
		run->qclass = r->to_value;
		return 1;
	case REWRITE_CNAME: /* applies to every question, as in CoreDNS */
		undo_add(run, &(struct undo){.kind = UNDO_CNAME, .values = true, .rule = r});
		return 1;
	case REWRITE_EDNS0:
		return edns0_apply(&r->edns0, run->query, &run->options);
	default:
		break;
	}
	if (!rewrite_matches(r, run->name, &m))
		return 0;
	if (r->field == REWRITE_NAME) {
		if (!rewrite_name(r, run->name, &m, to))
			return -1;
		undo_name_rule(r, run, run->name, to);
		strcpy(run->name, to);
	} else if (r->field == REWRITE_TTL) {
		run->has_ttl = true;
		run->ttl_min_s = r->ttl_min_s;
		run->ttl_max_s = r->ttl_max_s;
	} else {
		run->has_rcode = true;
		run->rcode_from = r->from_value;
		run->rcode_to = r->to_value;
	}
	return 1;
}

/* How many rules applied; -1 as above. */
static int rules_run(const struct rewrite *w, const struct plugin_query *q, struct rewrite_run *run)
{
	int n = 0;

	run->asked = &q->name;
	run->query = q;
	run->options.n = 0;
	run->qtype = q->qtype;
	run->qclass = q->qclass;
	run->n_undo = run->n_auto = 0;
	run->has_ttl = run->has_rcode = false;
	run->n_answers = run->turned = run->n_kept = 0;
	name_to_text(q->name.b, run->name, sizeof(run->name));
	for (size_t i = 0; i < w->n; i++) {
		int hit = rule_run(&w->rule[i], run);

		if (hit < 0)
			return -1;
		n += hit;
		if (hit && !w->rule[i].goes_on)
			break;
	}
	return n;
}

static enum plugin_verdict rewrite_ask(const struct plugin_step *s, struct plugin_query *q,
				       struct wire_out *out, size_t *ret_len)
{
	struct rewrite_run run;
	struct name name;
	int n = rules_run((const struct rewrite *)s, q, &run);

	(void)out;
	if (n == 0)
		return PLUGIN_NEXT;
	if (n < 0 || name_from_text(&name, run.name) != 0) {
		*ret_len = DNS_SERVFAIL;
		return PLUGIN_RCODE;
	}
	name_lower(name.b, name.b);
	q->name = name;
	q->qtype = run.qtype;
	q->qclass = run.qclass;
	return PLUGIN_NEXT;
}

/* One undo on a name's text; false when it does not apply. */
static bool undo_text(const struct undo *u, const char *src, char *to)
{
	size_t at = 0, len = strlen(src), from_len = u->from ? strlen(u->from) : 0;
	struct cf_match m;

	to[0] = 0;
	switch (u->kind) {
	case UNDO_REMAP: /* the name, or one below it */
		if (!rewrite_ends_with(src, u->from) || (len > from_len && src[len - from_len - 1] != '.'))
			return false;
		break;
	case UNDO_SUFFIX:
		if (!rewrite_ends_with(src, u->from))
			return false;
		break;
	case UNDO_REGEX:
		return cf_regex_exec(u->regex, src, len, &m) && rewrite_text_fill(to, u->to, src, &m);
	case UNDO_CNAME:
		return rewrite_matches(u->rule, src, &m) && rewrite_name(u->rule, src, &m, to);
	}
	return rewrite_text_add(to, &at, src, len - from_len) && rewrite_text_add(to, &at, u->to, strlen(u->to));
}

/* Does the answer say itself what is at this name: by records of it, or by denying
 * the end of its chain? Only its first records are looked at: beyond them the
 * price is a question too many. */
static bool is_in_hand(const struct rewrite_run *run, const char *target)
{
	struct name want, owner;
	struct dns_msg m;
	struct wire w;

	if (name_from_text(&want, target) != 0 || dns_msg_parse(&m, run->came.base, run->came.len) != 0)
		return false;
	w = run->came;
	w.off = m.answer_off;
	for (unsigned i = 0; i < m.h.n_an && !w.err; i++) {
		struct wire head = w;
		struct dns_rr rr;

		wire_rr(&w, &rr);
		if (i >= HELD_LOOK_MAX)
			continue; /* to the authority */
		wire_name(&head, &owner);
		if (!head.err && name_eq(owner.b, want.b))
			return true;
	}
	return m.rcode == DNS_NXDOMAIN || wire_has_type(&w, m.h.n_ns, DNS_SOA);
}

/* A new target that is the old one needs no look-up where the answer holds it;
 * where it does not, the look-up is what such a rule is written for. */
static bool is_kept(struct rewrite_run *run, const char *target)
{
	return run->n_kept < CHAIN_MAX && is_in_hand(run, target) && ++run->n_kept;
}

/* `cname`: the record's number, if it is a CNAME that may get another target. */
static bool undo_name(struct rewrite_run *run, const uint8_t *name, bool value, unsigned cname,
		      struct name *ret)
{
	char text[NAME_MAX_TEXT], to[NAME_MAX_TEXT];
	struct name low;
	bool changed = false;

	name_lower(low.b, name);
	name_to_text(low.b, text, sizeof(text));
	for (size_t i = run->n_undo; i-- > 0;) { /* last rule first */
		const struct undo *u = &run->undo[i];
		bool turns = u->kind == UNDO_CNAME;

		if ((turns && !cname) || !(value ? u->values : u->names) || !undo_text(u, text, to))
			continue;
		if (turns && !strcmp(text, to) && is_kept(run, to))
			continue;
		strcpy(text, to);
		changed = true;
		if (turns) {
			run->turned = cname;
			cname = 0; /* one new target a chain */
		}
	}
	return changed && name_from_text(ret, text) == 0;
}

/* The core has put the name as asked back already; what lies beside it is ours. */
static bool undo_owner(void *ctx, const uint8_t *name, struct name *ret)
{
	struct rewrite_run *run = ctx;

	return !name_eq(name, run->asked->b) && undo_name(run, name, false, 0, ret);
}

static bool undo_value(void *ctx, const struct dns_rr *rr, unsigned at, const uint8_t *name,
		       struct name *ret)
{
	struct rewrite_run *run = ctx;
	bool turnable = rr->type == DNS_CNAME && at <= run->n_answers && !run->turned;

	return undo_name(run, name, true, turnable ? at : 0, ret);
}

static uint32_t undo_ttl(void *ctx, uint32_t ttl_s)
{
	const struct rewrite_run *run = ctx;

	if (!run->has_ttl)
		return ttl_s;
	return ttl_s < run->ttl_min_s	? run->ttl_min_s
	       : ttl_s > run->ttl_max_s ? run->ttl_max_s
					: ttl_s;
}

static size_t rewrite_answered(const struct plugin_step *s, struct plugin_query *q, uint8_t *msg,
			       size_t len, size_t cap)
{
	struct rewrite_run run;
	size_t to_len;

	if (len < DNS_HEADER_LEN || rules_run((const struct rewrite *)s, q, &run) <= 0)
		return len;
	if (!run.n_undo && !run.has_ttl && !run.has_rcode)
		return len;
	uint16_t flags = get_be16(msg + 2);

	run.n_answers = get_be16(msg + 6);
	wire_init(&run.came, msg, len);
	if (run.has_rcode && DNS_RCODE(flags) == run.rcode_from)
		set_be16(msg + 2, (uint16_t)((flags & ~15) | run.rcode_to));
	struct message_map map = {
		.ctx = &run, .owner = undo_owner, .value = undo_value, .ttl = undo_ttl};

	to_len = message_map(&map, q, msg, len, cap);
	/* A question for the CNAME itself has its answer. */
	if (run.turned && q->qtype != DNS_CNAME && q->qtype != DNS_ANY)
		q->follow_rr = (uint16_t)run.turned;
	return to_len;
}

static void rewrite_options(const struct plugin_step *s, const struct plugin_query *q,
			    struct wire_out *out)
{
	struct rewrite_run run;

	if (rules_run((const struct rewrite *)s, q, &run) > 0)
		edns0_put(&run.options, out);
}

static const struct plugin_ops ops = {.name = "rewrite",
				      .ask = rewrite_ask,
				      .options = rewrite_options,
				      .answered = rewrite_answered};

static int rule_add(struct cf_setup *s, struct rewrite *w, const struct cf_token *tok, size_t n)
{
	struct rewrite_rule r;
	int err = rewrite_rule_read(s, tok, n, &r);

	if (err)
		return err == ERR_UNSUPPORTED ? 0 : err;
	struct rewrite_rule *slot = arena_push(s->arena, &w->rule, &w->n, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = r;
	w->step.follows |= r.field == REWRITE_CNAME;
	return 0;
}

/* The block form is one rule over several lines: their words in a row. */
int setup_rewrite(struct cf_setup *s, const struct cf_node *n)
{
	struct rewrite *w = cf_step_find(s, &ops);
	struct cf_token *tok = NULL;
	size_t n_tok = 0;
	int err = 0;

	if (!w)
		w = cf_step_new(s, &ops, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	for (size_t i = 0; i <= n->n_nodes; i++) {
		const struct cf_node *line = i ? &n->node[i - 1] : n;

		for (size_t k = i ? 0 : 1; k < line->n; k++) {
			struct cf_token *slot = arena_push(s->arena, &tok, &n_tok, sizeof(*slot));

			if (!slot)
				return cf_nomem(s);
			*slot = line->tok[k];
		}
	}
	if (n_tok == 0)
		return cf_error(s, &n->tok[0], "no rule type specified for rewrite");
	err = rule_add(s, w, tok, n_tok);
	return err;
}
