/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look, plan, apply: at most three short-lived processes a family, each with a
 * limit. The program takes the xtables lock itself. Where it cannot look for want of
 * a raw socket, nf_tables is asked (iptables_kernel.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/node/child.h"
#include "resolver/node/iptables.h"
#include "resolver/node/iptables_backend.h"
#include "resolver/node/iptables_kernel.h"

#define SAVE_LIMIT    (5 * NS_PER_S)
#define RESTORE_LIMIT (8 * NS_PER_S) /* it waits 5 s for the lock itself */
#define OVERTAKEN_MAX 3 /* changes of others between look and write; then this is not the time */

bool iptables_present(bool v4)
{
	return child_in_path(v4 ? "iptables-restore" : "ip6tables-restore") && child_in_path(v4 ? "iptables-save" : "ip6tables-save");
}

void iptables_version(char *ret, size_t size)
{
	const char *argv[] = {iptables_backend_name("iptables"), "--version", NULL};
	struct child_result r;

	snprintf(ret, size, "iptables");
	if (child_run(argv, NULL, SAVE_LIMIT, &r, NULL))
		return;
	r.out[strcspn(r.out, "\n")] = '\0';
	if (*r.out)
		snprintf(ret, size, "%s", r.out);
	child_release(&r);
}

static int fault(const struct child_result *r, const char *program, enum ipt_fault *ret_fault, struct diag *d)
{
	char *text = r->err;

	*ret_fault = strstr(text, "holding the xtables lock") ? IPT_FAULT_LOCK : IPT_FAULT_OTHER;
	text[strcspn(text, "\n")] = '\0';
	return diag_set(d, ERR_SYS, "%s: exit status %d: %s", program, r->status, *text ? text : "(no words)");
}

#define MAX_ARGS 8
static int run(const char *const *args, const char *input, uint64_t limit, uint64_t deadline_ns,
	       struct child_result *ret, enum ipt_fault *ret_fault, struct diag *d)
{
	const char *argv[MAX_ARGS] = {iptables_backend_name(args[0])};
	uint64_t now = clock_mono_ns();
	int err;

	for (size_t i = 1; i < MAX_ARGS - 1 && args[i]; i++)
		argv[i] = args[i];
	if (deadline_ns)
		limit = now >= deadline_ns ? 0 : deadline_ns - now < limit ? deadline_ns - now : limit;
	err = child_run(argv, input, limit, ret, d);

	*ret_fault = err == ERR_TIMEOUT ? IPT_FAULT_LOCK : err ? IPT_FAULT_OTHER : IPT_FAULT_NONE;
	if (!err && ret->status) {
		err = fault(ret, argv[0], ret_fault, d);
		child_release(ret);
	}
	return err;
}

/* One table's text. */
static int save_table(const struct ipt_conf *c, const char *table, char **ret_text, enum ipt_fault *ret_fault, struct diag *d)
{
	const char *argv[] = {c->v4 ? "iptables-save" : "ip6tables-save", "-c", "-t", table, NULL};
	struct child_result r;
	int err = run(argv, NULL, SAVE_LIMIT, c->deadline_ns, &r, ret_fault, d);

	if (err)
		return err;
	*ret_text = r.out;
	r.out = NULL;
	child_release(&r);
	return 0;
}

/* raw and filter only: nat of a large cluster is megabytes. */
static int save(const struct ipt_conf *c, char **ret_text, enum ipt_fault *ret_fault, struct diag *d)
{
	char *raw = NULL, *filter = NULL;
	int err = save_table(c, "raw", &raw, ret_fault, d);

	if (!err)
		err = save_table(c, "filter", &filter, ret_fault, d);
	if (!err && asprintf(ret_text, "%s\n%s", raw, filter) < 0)
		err = diag_set(d, ERR_NOMEM, "iptables: out of memory");
	free(raw);
	free(filter);
	return err;
}

static int missing(bool v4, enum ipt_fault *ret_fault, struct diag *d)
{
	*ret_fault = IPT_FAULT_OTHER;
	return diag_set(d, ERR_MISSING, "no %s in PATH: install iptables in the image, or use -rules nftables",
			v4 ? "iptables-restore and iptables-save" : "ip6tables-restore and ip6tables-save");
}

/* Carries the plan out, and releases it. */
static int restore(const struct ipt_conf *c, struct ipt_plan *plan, enum ipt_fault *ret_fault, struct diag *d)
{
	const char *argv[] = {c->v4 ? "iptables-restore" : "ip6tables-restore", "--noflush", "-w", "5", NULL};
	struct child_result r;
	int err = run(argv, plan->text, RESTORE_LIMIT, c->deadline_ns, &r, ret_fault, d);

	free(plan->text);
	if (!err)
		child_release(&r);
	return err;
}

/* Whether the program gave up because somebody's rule asks a set. */
static bool unprintable(const struct ipt_conf *c, const char *words)
{
	return c->netfilter && strstr(words, "ipset");
}

/* What was to be done when a plan was refused. */
struct refused {
	char *plan; /* NULL: none was */
	struct diag words;
	int err;
	unsigned times;
};

/* A plan that somebody's change of the tables has overtaken is refused, too, and says nothing
 * about what it asks for: the next look makes another one. 1: look again. */
static int plan_and_restore(const char *saved, const struct ipt_conf *c, enum ipt_intent intent, struct refused *r,
			    bool *ret_changed, enum ipt_fault *ret_fault, struct diag *d)
{
	struct ipt_plan plan;
	int err = iptables_plan(saved, c, intent, &plan, d);

	if (err || !plan.text)
		return err;
	if (r->plan && !strcmp(r->plan, plan.text)) {
		free(plan.text);
		*ret_fault = IPT_FAULT_OTHER;
		return diag_set(d, r->err, "%s", r->words.text);
	}
	free(r->plan);
	r->plan = strdup(plan.text);
	r->err = err = restore(c, &plan, ret_fault, &r->words);
	*ret_changed |= !err;
	if (err && *ret_fault == IPT_FAULT_OTHER && r->plan && ++r->times < OVERTAKEN_MAX)
		return 1;
	if (err && r->times == OVERTAKEN_MAX)
		*ret_fault = IPT_FAULT_LOCK; /* somebody is at the tables, and leaves us no turn */
	return err ? diag_set(d, err, "%s", r->words.text) : 0;
}

/* What was just installed must be seen standing; else each look would install it
 * once more. */
static int seen_standing(const struct ipt_conf *c, struct diag *d)
{
	struct ipt_plan plan;
	char *saved;
	bool stands;
	int err = iptables_kernel_save(c->netfilter, c, &saved, d);

	if (err)
		return err;
	err = iptables_plan(saved, c, IPT_ENSURE, &plan, d);
	free(saved);
	if (err)
		return err;
	stands = !plan.text;
	free(plan.text);
	if (stands)
		return 0;
	iptables_drop(c, IPT_ALL, NULL);
	return diag_set(d, ERR_SYS, "iptables: somebody's rule asks an ipset, so that looking at ours needs CAP_NET_RAW here");
}

/* Without a raw socket a rule cannot ask a set, so gates that do are a
 * predecessor's: others come in their place. */
static int apply_unprinted(const struct ipt_conf *c, enum ipt_intent intent, struct refused *r, bool *ret_changed,
			   enum ipt_fault *ret_fault, struct diag *d)
{
	char *saved;
	int err = iptables_kernel_drop(c->netfilter, c, intent, ret_changed, d);

	*ret_fault = IPT_FAULT_OTHER;
	if (err || intent != IPT_ENSURE)
		return err;
	err = iptables_kernel_save(c->netfilter, c, &saved, d);
	if (err)
		return err;
	err = plan_and_restore(saved, c, intent, r, ret_changed, ret_fault, d);
	free(saved);
	return err ? err : seen_standing(c, d);
}

static int apply_once(const struct ipt_conf *c, enum ipt_intent intent, struct refused *r, bool *ret_changed,
		      enum ipt_fault *ret_fault, struct diag *d)
{
	struct diag words = {""};
	char *saved;
	int err = save(c, &saved, ret_fault, &words);

	if (err && unprintable(c, words.text))
		return apply_unprinted(c, intent, r, ret_changed, ret_fault, d);
	if (err)
		return diag_set(d, err, "%s", words.text);
	err = plan_and_restore(saved, c, intent, r, ret_changed, ret_fault, d);
	free(saved);
	return err;
}

int iptables_apply(const struct ipt_conf *c, enum ipt_intent intent, bool *ret_changed, enum ipt_fault *ret_fault,
		   struct diag *d)
{
	struct refused r = {.plan = NULL};
	int err;

	*ret_changed = false;
	if (!iptables_present(c->v4))
		return missing(c->v4, ret_fault, d);
	do
		err = apply_once(c, intent, &r, ret_changed, ret_fault, d);
	while (err > 0);
	free(r.plan);
	return err;
}

int iptables_drop(const struct ipt_conf *c, enum ipt_part part, struct diag *d)
{
	enum ipt_fault ignored;
	struct ipt_plan plan;
	int err = iptables_plan_drop(c, part, &plan, d);

	return err || !plan.text ? err : restore(c, &plan, &ignored, d);
}

int iptables_counters(const struct ipt_conf *c, struct node_counters *add_to, struct diag *d)
{
	enum ipt_fault ignored;
	struct diag words = {""};
	char *saved;
	int err = save_table(c, "raw", &saved, &ignored, &words); /* all that count are there */

	if (err && unprintable(c, words.text))
		err = iptables_kernel_save(c->netfilter, c, &saved, &words);
	if (err)
		return diag_set(d, err, "%s", words.text);
	iptables_count(saved, c, add_to);
	free(saved);
	return 0;
}
