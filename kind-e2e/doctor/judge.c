/* SPDX-License-Identifier: Apache-2.0 */
/* The layers in their order, from the client's own file outwards, and what judges share. */
#include "kind-e2e/doctor/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct probe *const probe_layers[] = {
	probes_resolv, probes_service, probes_dns,   probes_cache, probes_conntrack,
	probes_rules,  probes_net,     probes_proxy, probes_cni,   NULL};

const char *status_word(enum status s)
{
	static const char *const words[N_STATUS] = {"ok", "note", "skip", "warn", "fail"};

	return words[s];
}

void say(struct verdict *v, enum status s, const char *fmt, ...)
{
	va_list ap;

	v->status = s;
	va_start(ap, fmt);
	vsnprintf(v->words, sizeof v->words, fmt, ap);
	va_end(ap);
}

void remedy(struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->remedy, sizeof v->remedy, fmt, ap);
	va_end(ap);
}

bool lacks(struct verdict *v, const char *why)
{
	if (!why || !why[0])
		return false;
	say(v, STATUS_SKIP, "%s", why);
	return true;
}

const struct asked *asked_find(const struct facts *f, const char *key)
{
	for (unsigned i = 0; i < f->dns.n; i++)
		if (!strcmp(f->dns.q[i].key, key))
			return &f->dns.q[i];
	return NULL;
}

static bool replica_answers(const struct facts *f, unsigned i, const char *how)
{
	char key[ASKED_KEY];
	const struct asked *a;

	snprintf(key, sizeof key, "replica.%u.%s", i, how);
	a = asked_find(f, key);
	return !a || a->answered;
}

/* A name that every cluster has and one that none has get the same answer, and it is no answer. */
static const char *helpless(const struct facts *f)
{
	const struct asked *is = asked_find(f, "name.fqdn"), *is6 = asked_find(f, "name.fqdn6"),
			   *is_not = asked_find(f, "name.nx");

	if (!is || !is_not || !is->answered || !is_not->answered || is->n_answers || is_not->n_answers ||
	    (is6 && is6->n_answers) || strcmp(is->result, is_not->result) != 0 || !strcmp(is->result, "NXDOMAIN"))
		return NULL;
	return is->result;
}

void patient_examine(struct patient *ret, const struct facts *f)
{
	const struct asked *first = asked_find(f, "name.fqdn"), *six = asked_find(f, "name.fqdn6");

	memset(ret, 0, sizeof *ret);
	ret->f = f;
	ret->silent = first && !first->answered && !first->truncated;
	ret->helpless = helpless(f);
	ret->nameless = first && !ret->silent && !first->n_answers && !(six && six->n_answers);
	for (unsigned i = 0; i < ENDPOINTS_MAX; i++)
		ret->dead += !replica_answers(f, i, "udp") || !replica_answers(f, i, "tcp");
	cache_recognise(&ret->cache, f);
}

bool patient_holds_server(const struct patient *p, const char **ret_link)
{
	return facts_is_local(&p->f->host, &p->f->server, ret_link) &&
	       strcmp(*ret_link, "kube-ipvs0") != 0;
}
