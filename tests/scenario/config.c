/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a scenario's configuration lines, each into its field of core_conf. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/qstream.h"
#include "tests/scenario/config.h"

static void address_word(struct script *s, struct in6_addr *ret_ip, uint16_t *ret_port)
{
	const char *w = word_next(s, "an address");
	const char *colon = strrchr(w, ':');
	char host[64];
	size_t n = colon ? (size_t)(colon - w) : strlen(w);

	if (n >= 2 && *w == '[' && w[n - 1] == ']') {
		w++;
		n -= 2;
	}
	snprintf(host, sizeof(host), "%.*s", (int)n, w);
	*ret_port = colon ? (uint16_t)atoi(colon + 1) : DNS_PORT;
	if (qs_ip_from_text(ret_ip, host) < 0)
		script_fail(s, "'%s' is not an address", host);
}

int upstream_by_name(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->conf.n_upstreams; i++)
		if (strcmp(w->text[i], name) == 0)
			return (int)i;
	return -1;
}

static int zone_by_name(struct world *w, const struct name *n)
{
	for (size_t i = 0; i < w->conf.n_zones; i++)
		if (name_eq(w->zone[i].origin.b, n->b))
			return (int)i;
	return -1;
}

static void config_listener(struct world *w)
{
	size_t i = w->conf.n_listeners;
	static char label[4][64];

	if (i == 4) {
		script_fail(&w->s, "at most 4 listeners");
		return;
	}
	address_word(&w->s, &w->listener[i].addr, &w->listener[i].port);
	snprintf(label[i], sizeof(label[i]), "dns://%s", w->s.word[1]);
	w->listener[i].label = label[i];
	w->conf.n_listeners++;
}

static void config_upstream(struct world *w)
{
	const char *name = word_next(&w->s, "a name");
	int old = upstream_by_name(w, name);
	size_t i = old >= 0 ? (size_t)old : w->conf.n_upstreams;
	struct core_upstream *u = &w->upstream[i];

	if (i == 16) {
		script_fail(&w->s, "at most 16 upstreams");
		return;
	}
	snprintf(w->text[i], sizeof(w->text[i]), "%s", name);
	snprintf(w->label[i], sizeof(w->label[i]), "%s",
		 word_left(&w->s) ? w->s.word[w->s.at] : "");
	address_word(&w->s, &u->addr, &u->port);
	u->label = w->label[i];
	if (word_is(&w->s, "udp"))
		u->transport = CORE_TO_UDP;
	else if (word_is(&w->s, "tcp"))
		u->transport = CORE_TO_TCP;
	else if (word_is(&w->s, "tls"))
		u->transport = CORE_TO_TLS;
	else if (word_is(&w->s, "https"))
		u->transport = CORE_TO_HTTPS;
	if (old < 0)
		w->conf.n_upstreams++;
}

static bool config_cache_word(struct script *s, struct core_cache_conf *c)
{
	if (word_is(s, "cache")) {
		c->enabled = true;
	} else if (word_is(s, "pos")) {
		c->pos_max_s = (uint32_t)number_next(s, "seconds");
	} else if (word_is(s, "neg")) {
		c->neg_max_s = (uint32_t)number_next(s, "seconds");
	} else if (word_is(s, "pos_min")) {
		c->pos_min_s = (uint32_t)number_next(s, "seconds");
		c->pos_min_set = true;
	} else if (word_is(s, "neg_min")) {
		c->neg_min_s = (uint32_t)number_next(s, "seconds");
		c->neg_min_set = true;
	} else if (word_is(s, "servfail")) {
		c->servfail_ns = duration_next(s, "servfail");
	} else if (word_is(s, "keepttl")) {
		c->keepttl = true;
	} else if (word_is(s, "prefetch")) {
		c->prefetch_hits = (uint32_t)number_next(s, "hits");
		c->prefetch_window_ns = duration_next(s, "window");
		c->prefetch_percent = (unsigned)number_next(s, "percent");
	} else if (word_is(s, "stale")) {
		c->stale_enabled = true;
		c->stale_ns = duration_next(s, "window");
		c->stale_verify = word_is(s, "verify");
		if (!c->stale_verify && !word_is(s, "immediate"))
			script_fail(s, "stale needs 'immediate' or 'verify'");
	} else if (word_is(s, "client_timer")) {
		c->stale_verify_timeout_ns = duration_next(s, "client timer");
	} else if (word_is(s, "recheck")) {
		c->stale_recheck_ns = duration_next(s, "recheck");
	} else if (word_is(s, "no_success")) {
		c->pos_disabled = true;
	} else if (word_is(s, "no_denial")) {
		c->neg_disabled = true;
	} else {
		return false;
	}
	return true;
}

static void config_zone(struct world *w)
{
	static char nsid[16][64];
	struct script *s = &w->s;
	struct name origin = name_word(s, "a zone");
	int old = zone_by_name(w, &origin);
	size_t i = old >= 0 ? (size_t)old : w->conf.n_zones;
	struct core_zone *z = &w->zone[i];

	if (i == 16) {
		script_fail(s, "at most 16 zones");
		return;
	}
	core_conf_zone_defaults(z);
	z->origin = origin;
	z->listeners = UINT64_MAX;
	z->block = (uint16_t)i;
	z->has_metrics = true;
	while (word_left(s)) {
		if (word_is(s, "cluster")) {
			z->is_cluster = true;
		} else if (word_is(s, "shield_off")) {
			z->shield_off = true;
		} else if (word_is(s, "shield_trust")) {
			z->shield_trusts = true;
		} else if (word_is(s, "autopath")) {
			z->autopath = true;
		} else if (word_is(s, "errors")) {
			z->has_errors = true;
		} else if (word_is(s, "block")) {
			z->block = (uint16_t)number_next(s, "block");
		} else if (word_is(s, "listeners")) {
			z->listeners = number_next(s, "a mask");
		} else if (word_is(s, "bufsize")) {
			z->bufsize = (uint16_t)number_next(s, "octets");
		} else if (word_is(s, "digest")) {
			z->answers_digest = number_next(s, "a number");
		} else if (word_is(s, "cookies")) {
			z->cookies = true;
		} else if (word_is(s, "nsid")) {
			snprintf(nsid[i], sizeof(nsid[i]), "%s", word_next(s, "nsid"));
			z->nsid = nsid[i];
		} else if (!config_cache_word(s, &z->cache)) {
			script_fail(s, "unknown word '%s' for a zone", s->word[s->at]);
			return;
		}
	}
	if (old < 0)
		w->conf.n_zones++;
}

static uint32_t rcode_bit(struct script *s)
{
	const char *w = word_next(s, "an rcode");
	uint16_t rcode = 0;

	if (dns_rcode_from_str(w, &rcode) < 0 || rcode > 31)
		script_fail(s, "'%s' is not an rcode", w);
	return 1u << (rcode & 31);
}

static bool forward_word(struct world *w, struct core_forward *f, struct name *except)
{
	struct script *s = &w->s;

	if (word_is(s, "from")) {
		f->from = name_word(s, "from");
	} else if (word_is(s, "except")) {
		except[f->n_except++ & 3] = name_word(s, "except");
	} else if (word_is(s, "force_tcp")) {
		f->force_tcp = true;
	} else if (word_is(s, "prefer_udp")) {
		f->prefer_udp = true;
	} else if (word_is(s, "max_fails")) {
		f->max_fails = (unsigned)number_next(s, "max_fails");
	} else if (word_is(s, "health")) {
		f->health_ns = duration_next(s, "health");
	} else if (word_is(s, "health_domain")) {
		f->health_domain = name_word(s, "health_domain");
	} else if (word_is(s, "no_rec")) {
		f->health_no_rec = true;
	} else if (word_is(s, "timeout")) {
		f->read_timeout_ns = duration_next(s, "timeout");
	} else if (word_is(s, "budget")) {
		f->budget_ns = duration_next(s, "budget");
	} else if (word_is(s, "max_concurrent")) {
		f->max_concurrent = number_next(s, "max_concurrent");
	} else if (word_is(s, "failover")) {
		f->failover_rcodes |= rcode_bit(s);
	} else if (word_is(s, "next")) {
		f->next_rcodes |= rcode_bit(s);
	} else if (word_is(s, "next_on_nodata")) {
		f->next_on_nodata = true;
	} else if (word_is(s, "failfast")) {
		f->failfast_all_unhealthy = true;
	} else if (word_is(s, "hedge")) {
		f->hedge_percent = (unsigned)number_next(s, "percent");
	} else if (word_is(s, "policy")) {
		f->policy = word_is(s, "round_robin")  ? CORE_ROUND_ROBIN
			    : word_is(s, "sequential") ? CORE_SEQUENTIAL
						       : CORE_RANDOM;
		if (f->policy == CORE_RANDOM && !word_is(s, "random"))
			script_fail(s, "policy is random, round_robin or sequential");
	} else {
		return false;
	}
	return true;
}

static void config_forward_line(struct world *w)
{
	struct script *s = &w->s;
	struct name origin = name_word(s, "a zone");
	int i = zone_by_name(w, &origin);
	struct core_forward *f;
	struct core_zone *z;

	if (i < 0 || w->zone[i].n_forward == 4) {
		script_fail(s, i < 0 ? "no such zone" : "at most 4 forwards in a zone");
		return;
	}
	z = &w->zone[i];
	f = &w->forward[i][z->n_forward];
	core_conf_forward_defaults(f);
	f->hedge_percent = 0;
	while (word_left(s)) {
		int u = upstream_by_name(w, s->word[s->at]);

		if (u >= 0) {
			f->to[f->n_to++] = (uint16_t)u;
			s->at++;
		} else if (!forward_word(w, f, w->except[i])) {
			script_fail(s, "'%s' is neither an upstream nor an option", s->word[s->at]);
			return;
		}
	}
	f->except = w->except[i];
	z->forward = w->forward[i];
	z->n_forward++;
}

static void config_limits(struct world *w)
{
	struct script *s = &w->s;

	while (word_left(s)) {
		if (word_is(s, "inflight"))
			w->conf.max_inflight = (uint32_t)number_next(s, "inflight");
		else if (word_is(s, "waiters"))
			w->conf.max_waiters = (uint32_t)number_next(s, "waiters");
		else if (word_is(s, "cache"))
			w->conf.cache_bytes = number_next(s, "cache");
		else if (word_is(s, "neg_share"))
			w->conf.neg_share_percent = (uint32_t)number_next(s, "neg_share");
		else
			script_fail(s, "limits: inflight, waiters, cache, neg_share");
		if (s->failed)
			return;
	}
}

bool config_line(struct world *w)
{
	struct script *s = &w->s;

	if (word_is(s, "listener"))
		config_listener(w);
	else if (word_is(s, "upstream"))
		config_upstream(w);
	else if (word_is(s, "zone"))
		config_zone(w);
	else if (word_is(s, "forward"))
		config_forward_line(w);
	else if (word_is(s, "limits"))
		config_limits(w);
	else if (word_is(s, "probe"))
		memcpy(w->probes.probe[3].labels, name_word(s, "a name").b,
		       sizeof(w->probes.probe[3].labels));
	else
		return false;
	return true;
}

void config_complete(struct world *w)
{
	w->conf.listener = w->listener;
	w->conf.zone = w->zone;
	w->conf.upstream = w->upstream;
	if (!w->conf.n_listeners) {
		qs_ip_from_text(&w->listener[0].addr, "169.254.20.10");
		w->listener[0].port = DNS_PORT;
		w->listener[0].label = "dns://169.254.20.10:53";
		w->conf.n_listeners = 1;
	}
	for (size_t i = 0; i < w->conf.n_zones; i++) {
		struct core_forward *f = &w->forward[i][0];

		if (w->zone[i].n_forward || !w->conf.n_upstreams)
			continue;
		core_conf_forward_defaults(f);
		f->hedge_percent = 0;
		f->policy = CORE_SEQUENTIAL;
		for (size_t u = 0; u < w->conf.n_upstreams; u++)
			f->to[f->n_to++] = (uint16_t)u;
		w->zone[i].forward = f;
		w->zone[i].n_forward = 1;
	}
}
