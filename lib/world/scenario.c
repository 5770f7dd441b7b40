/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenario file: its keys as tables, its defaults, and the checks that need
 * more than one value. The schema is docs/formats.md, "Scenario".
 */
#include "lib/world/scenario_int.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"

static_assert(sizeof(enum scen_proxy) == sizeof(int), "read_choice stores an int");
static_assert(sizeof(enum scen_stub) == sizeof(int), "read_choice stores an int");
static_assert(sizeof(enum scen_transport) == sizeof(int), "read_choice stores an int");

/* --- the schema --- */

enum { CELL_CACHE_OFF = 1, CELL_CACHE_ON = 2, CELL_CACHE_ORIGINAL = 4 };

struct draft { /* the scenario and what is only needed while reading it */
	struct scenario s;
	unsigned cache_cells, n_services;
};
#define OFF(m) offsetof(struct draft, m)

static const struct choice stubs[] = {
	{ "glibc", SCEN_GLIBC },
	{ "musl", SCEN_MUSL },
	{ "go", SCEN_GO },
	{ 0 },
};
#define PROXY_CHOICE(name, bit, word) {word, name},
static const struct choice proxies[] = {
	SCEN_PROXIES(PROXY_CHOICE)
	{ 0 },
};
static const struct choice families[] = {
	{ "ipv4", SCEN_IP4 }, { "ipv6", SCEN_IP6 }, { "dual", SCEN_DUAL }, { 0 },
};
static const struct choice cache_cells[] = {
	{ "off", CELL_CACHE_OFF },
	{ "on", CELL_CACHE_ON },
	{ "original", CELL_CACHE_ORIGINAL },
	{ 0 },
};

static const struct field pods_fields[] = {
	{ "nodes", read_unsigned, OFF(s.n_nodes), 1, 100000 },
	{ "per_node", read_unsigned, OFF(s.n_pods), 1, 1000, .required = true },
	{ "stub", read_choice, OFF(s.stub), .choices = stubs },
	{ "ndots", read_unsigned, OFF(s.ndots), 0, 15 },
	{ "timeout", read_duration, OFF(s.timeout_ns), NS_PER_MS, 30.0 * NS_PER_S },
	{ "attempts", read_unsigned, OFF(s.attempts), 1, 5 },
	{ "search", read_search },
	{ "retries", read_unsigned, OFF(s.retries), 0, 10 },
	{ "retry_delay", read_duration, OFF(s.retry_ns), 0, 60.0 * NS_PER_S },
	{ 0 },
};
static const struct field names_fields[] = {
	{ "zipf", read_number, OFF(s.zipf_s), 0, 10 },
	{ "services", read_unsigned, OFF(n_services), 0, SCEN_SERVICES_MAX },
	{ "ask", read_asks },
	{ 0 },
};
static const struct choice scalers[] = {
	{ "fixed", SCEN_FIXED }, { "proportional", SCEN_PROPORTIONAL }, { "hpa", SCEN_HPA }, { 0 },
};
static const struct field burst_fields[] = {
	{ "length", read_duration, OFF(s.burst_ns), 0, 3600.0 * NS_PER_S, .required = true },
	{ "loss", read_share, OFF(s.burst_loss), 0.001, 1 },
	{ 0 },
};
static const struct field replica_fields[] = {
	{ "service", read_delay, OFF(s.replica.service), 0, 60.0 * NS_PER_S },
	{ "workers", read_unsigned, OFF(s.replica.workers), 1, SCEN_WORKERS_MAX },
	{ "cpu_limit", read_number, OFF(s.replica.cpu_limit), 0, 64 },
	{ "cpu_period", read_duration, OFF(s.replica.period_ns), 1.0 * NS_PER_MS, 1.0 * NS_PER_S },
	{ "queue", read_unsigned, OFF(s.replica.queue), 1, 1e8 },
	{ 0 },
};
static const struct field scaler_fields[] = {
	{ "kind", read_choice, OFF(s.scaler.kind), .choices = scalers, .required = true },
	{ "min", read_unsigned, OFF(s.scaler.min), 1, SCEN_BACKENDS_MAX },
	{ "max", read_unsigned, OFF(s.scaler.max), 1, SCEN_BACKENDS_MAX },
	{ "nodes_per_replica", read_unsigned, OFF(s.scaler.nodes_per_replica), 1, 1e6 },
	{ "cores_per_replica", read_unsigned, OFF(s.scaler.cores_per_replica), 1, 1e6 },
	{ "cores_per_node", read_unsigned, OFF(s.scaler.cores_per_node), 1, 1024 },
	{ "target", read_share, OFF(s.scaler.target), 0.01, 1 },
	{ "request", read_number, OFF(s.scaler.request), 0.001, 64 },
	{ "sync", read_duration, OFF(s.scaler.sync_ns), 1.0 * NS_PER_S, 3600.0 * NS_PER_S },
	{ "start", read_duration, OFF(s.scaler.start_ns), 0, 3600.0 * NS_PER_S },
	{ "calm", read_duration, OFF(s.scaler.calm_ns), 0, 86400.0 * NS_PER_S },
	{ 0 },
};
static const struct field cluster_fields[] = {
	{ "domain", read_name, OFF(s.domain) },
	{ "cluster_dns", read_ipv4, OFF(s.cluster_dns) },
	{ "upstream_dns", read_ipv4, OFF(s.upstream_dns) },
	{ "local_dns", read_ipv4, OFF(s.local_dns) },
	{ "backends", read_unsigned, OFF(s.n_backends), 1, SCEN_BACKENDS_MAX },
	{ "backend_delay", read_delay, OFF(s.backend_delay), 0, 60.0 * NS_PER_S },
	{ "loss", read_share, OFF(s.loss), 0, 1 },
	{ "burst", read_section, .sub = burst_fields },
	{ "replica", read_section, .sub = replica_fields },
	{ "autoscaler", read_section, .sub = scaler_fields },
	{ "endpoints_delay", read_duration, OFF(s.endpoints_ns), 0, 3600.0 * NS_PER_S },
	{ "outside_limit", read_rate, OFF(s.outside_limit_per_s), 0, 1e9 },
	{ "events", read_events },
	{ "ttl", read_ttl, OFF(s.ttl_s), 0, 86400.0 * NS_PER_S },
	{ "negative_ttl", read_ttl, OFF(s.negative_ttl_s), 0, 86400.0 * NS_PER_S },
	{ "records", read_records },
	{ 0 },
};
static const struct field cells_fields[] = {
	{ "proxy", read_bits, OFF(s.proxy_modes), .choices = proxies },
	{ "cache", read_bits, OFF(cache_cells), .choices = cache_cells },
	{ "ip", read_bits, OFF(s.ip_families), .choices = families },
	{ 0 },
};
static const struct field cache_fields[] = {
	{ "success", read_unsigned, OFF(s.cache_success), 1, 1e8 },
	{ "denial", read_unsigned, OFF(s.cache_denial), 1, 1e8 },
	{ "ttl", read_ttl, OFF(s.cache_ttl_s), 0, 86400.0 * NS_PER_S },
	{ "negative_ttl", read_ttl, OFF(s.cache_negative_ttl_s), 0, 86400.0 * NS_PER_S },
	{ 0 },
};
static const struct field conntrack_fields[] = {
	{ "max", read_u64, OFF(s.conntrack_max), 0, 1e9 },
	{ "buckets", read_u64, OFF(s.conntrack_buckets), 0, 1e9 },
	{ "kernel", read_kernel, OFF(s.kernel) },
	{ 0 },
};
static const struct field node_fields[] = {
	{ "packet", read_duration, OFF(s.packet_ns), 0, 1.0 * NS_PER_S },
	{ "cpus", read_unsigned, OFF(s.node_cpus), 1, 1024 },
	{ "backlog", read_unsigned, OFF(s.backlog), 1, 1e8 },
	{ "veth", read_unsigned, OFF(s.veth_ring), 0, 1e8 },
	{ 0 },
};
static const struct field top_fields[] = {
	{ "scenario", read_version, .required = true },
	{ "name", read_text, OFF(s.name), .required = true },
	{ "about", read_text, OFF(s.about) },
	{ "seed", read_u64, OFF(s.seed), 0, 9007199254740992.0 },
	{ "duration", read_duration, OFF(s.duration_ns), 100.0 * NS_PER_MS, 7 * 86400.0 * NS_PER_S,
	  .required = true },
	{ "warmup", read_duration, OFF(s.warmup_ns), 0, 86400.0 * NS_PER_S },
	{ "pods", read_section, .required = true, .sub = pods_fields },
	{ "growth", read_number, OFF(s.growth), 1e-6, SCEN_GROWTH_MAX },
	{ "surges", read_surges },
	{ "loads", read_loads, .required = true },
	{ "names", read_section, .required = true, .sub = names_fields },
	{ "cluster", read_section, .sub = cluster_fields },
	{ "cells", read_section, .sub = cells_fields },
	{ "cache", read_section, .sub = cache_fields },
	{ "conntrack", read_section, .sub = conntrack_fields },
	{ "node", read_section, .sub = node_fields },
	{ 0 },
};
#undef OFF

static void set_defaults(struct draft *t)
{
	struct scenario *s = &t->s;
	s->about = "";
	s->seed = 1;
	s->n_nodes = 1;
	s->stub = SCEN_GLIBC;
	s->ndots = 5;
	s->attempts = 2;
	s->timeout_ns = 5 * NS_PER_S;
	s->domain = "cluster.local";
	s->cluster_dns.s_addr = htonl(0x0a60000a);  /* 10.96.0.10 */
	s->upstream_dns.s_addr = htonl(0x0a60000b); /* 10.96.0.11 */
	s->local_dns.s_addr = htonl(0xa9fe140a);    /* 169.254.20.10 */
	s->n_backends = 2;
	s->node_cpus = 4;
	s->backlog = 1000;
	s->growth = 1;
	s->burst_loss = 1;
	s->replica = (struct scen_replica){ .workers = 1, .period_ns = 100 * NS_PER_MS, .queue = 256 };
	s->scaler = (struct scen_scaler){ .min = 2, .nodes_per_replica = 16, .cores_per_replica = 256,
					  .cores_per_node = 4, .target = 0.8, .request = 0.1,
					  .sync_ns = 15 * NS_PER_S, .start_ns = 5 * NS_PER_S, .calm_ns = 300 * NS_PER_S };
	s->endpoints_ns = NS_PER_S;
	s->ttl_s = 30;
	s->negative_ttl_s = 30;
	s->proxy_modes = SCEN_IPTABLES | SCEN_NFTABLES;
	s->ip_families = SCEN_IP4;
	t->cache_cells = CELL_CACHE_OFF | CELL_CACHE_ON;
	/* what the stock nodelocaldns Corefile says for the cluster's zone */
	s->cache_success = s->cache_denial = 9984;
	s->cache_ttl_s = 30;
	s->cache_negative_ttl_s = 5;
}

/* The checks and defaults that need several values. */
static int check_whole(struct reading *r, struct draft *t, struct yaml_at root)
{
	const struct scenario *s = &t->s;
	double weight = 0;
	for (size_t i = 0; i < s->n_asks; i++)
		weight += s->ask[i].weight;
	if (!s->n_asks)
		return yaml_err(root, r->d, ERR_MISSING, "no name to look up: give names.ask or names.services");
	if (weight <= 0 && s->zipf_s <= 0)
		return yaml_err(root, r->d, ERR_RANGE, "all names have weight 0");
	if (s->cluster_dns.s_addr == s->upstream_dns.s_addr ||
	    s->cluster_dns.s_addr == s->local_dns.s_addr ||
	    s->upstream_dns.s_addr == s->local_dns.s_addr)
		return yaml_err(root, r->d, ERR_RANGE,
				"cluster_dns, upstream_dns and local_dns must be three addresses");
	if (!s->scaler.max) /* upstream the formula has no bound; an HPA must be given one */
		t->s.scaler.max = s->scaler.kind == SCEN_PROPORTIONAL ? SCEN_BACKENDS_MAX
				  : s->scaler.min > 32		      ? s->scaler.min
								      : 32;
	unsigned most = s->scaler.kind == SCEN_FIXED || s->scaler.max < s->n_backends ? s->n_backends : s->scaler.max;
	for (size_t i = 0; i < s->n_events; i++)
		if (s->event[i].what == SCEN_SCALE && s->event[i].to > most)
			most = s->event[i].to;
	for (size_t i = 0; i < s->n_events; i++)
		if (s->event[i].what == SCEN_FAIL && s->event[i].backend > most)
			return yaml_err(root, r->d, ERR_RANGE, "cluster.events: there is no backend %u",
					s->event[i].backend);
	if (s->burst_ns && s->loss >= s->burst_loss)
		return yaml_err(root, r->d, ERR_RANGE, "cluster.burst.loss must be more than cluster.loss");
	if (s->scaler.min > s->scaler.max)
		return yaml_err(root, r->d, ERR_RANGE, "cluster.autoscaler: min is more than max");
	return 0;
}

static struct yaml_at find(struct yaml_at map, const char *word)
{
	struct yaml_at key, value;
	for (size_t i = 0; yaml_pair(map, i, &key, &value); i++)
		if (yaml_text(key) && !strcmp(yaml_text(key), word))
			return value;
	return (struct yaml_at){ 0 };
}

/* "cluster.backends=4": the row of its key reads the value, as it would from the file. */
static int set_one(struct reading *r, struct draft *t, const char *set)
{
	const struct field *rows = top_fields, *f = NULL;
	const char *at = set, *equals = strchr(set, '=');
	struct yaml_doc *y;

	if (!equals)
		return diag_set(r->d, ERR_SYNTAX, "'%s': expected KEY=VALUE", set);
	while (at < equals) {
		size_t len = strcspn(at, ".=");
		for (f = rows; f && f->key && !(strlen(f->key) == len && strncmp(f->key, at, len) == 0);)
			f++;
		if (!f || !f->key)
			return diag_set(r->d, ERR_UNKNOWN, "'%s': a scenario has no key '%.*s'", set,
					(int)(equals - set), set);
		rows = f->sub;
		at += len + (at[len] == '.');
	}
	if (!f || f->read == read_loads || f->read == read_asks || f->read == read_records || f->read == read_version)
		return diag_set(r->d, ERR_UNKNOWN, "'%s': this key cannot be set so", set);
	int rc = yaml_doc_parse(&y, set, equals + 1, strlen(equals + 1), r->d);
	if (rc)
		return rc;
	if (f->read == read_events) /* in place of the file's, not after them */
		t->s.n_events = 0;
	if (f->read == read_surges)
		t->s.n_surges = 0;
	rc = f->read(r, yaml_root(y), f, t);
	yaml_doc_free(y);
	return rc;
}

struct setting { /* keys set otherwise than the file has them */
	const char *const *item;
	size_t n;
};

static int read_scenario(struct draft *t, const char *path, struct yaml_at root,
			 const struct setting *sets, struct diag *d)
{
	struct reading r = { &t->s, d, false };
	set_defaults(t);
	t->s.path = scen_strdup(&t->s, path);
	if (!t->s.path)
		return diag_set(d, ERR_NOMEM, "%s: no memory", path);
	if (yaml_kind(root) == YAML_NONE)
		return diag_set(d, ERR_SYNTAX, "%s: the file is empty", path);
	int rc = read_map(&r, root, top_fields, t);
	for (size_t i = 0; !rc && i < sets->n; i++)
		rc = set_one(&r, t, sets->item[i]);
	if (!rc)
		rc = default_search(&r);
	if (!rc)
		rc = expand_services(&r, t->n_services,
				     yaml_line(find(find(root, "names"), "services")));
	if (!rc)
		rc = expand_loads(&r);
	if (!rc)
		rc = check_whole(&r, t, root);
	if (!rc)
		rc = expand_asks(&r);
	t->s.cache_off = t->cache_cells & CELL_CACHE_OFF;
	t->s.cache_on = t->cache_cells & CELL_CACHE_ON;
	t->s.cache_original = t->cache_cells & CELL_CACHE_ORIGINAL;
	return rc;
}

static int parse(struct scenario **ret, const char *path, const char *text, size_t len,
		 const struct setting *sets, struct diag *d)
{
	struct yaml_doc *y;
	int rc = yaml_doc_parse(&y, path, text, len, d);
	if (rc)
		return rc;
	/* a draft begins with its scenario, so the caller frees it as one */
	static_assert(offsetof(struct draft, s) == 0, "a draft is a scenario");
	struct draft *t = calloc(1, sizeof(*t));
	if (t)
		rc = read_scenario(t, path, yaml_root(y), sets, d);
	else
		rc = diag_set(d, ERR_NOMEM, "%s: no memory", path);
	yaml_doc_free(y);
	if (rc) {
		scenario_free(t ? &t->s : NULL);
		return rc;
	}
	hash_sha256_hex(text, len, t->s.digest);
	*ret = &t->s;
	return 0;
}

int scenario_parse(struct scenario **ret, const char *path, const char *text, size_t len,
		   struct diag *d)
{
	return parse(ret, path, text, len, &(struct setting){ 0 }, d);
}

/* The file's text, one octet more than YAML_SIZE_MAX at most: the parser
 * refuses it then. Freed by the caller. */
static int slurp(const char *path, char **ret_text, size_t *ret_len, struct diag *d)
{
	FILE *f = file_open(path, d);
	if (!f)
		return ERR_SYS;
	char *text = malloc(YAML_SIZE_MAX + 1);
	size_t len = text ? fread(text, 1, YAML_SIZE_MAX + 1, f) : 0;
	int rc = 0;
	if (!text)
		rc = diag_set(d, ERR_NOMEM, "%s: no memory", path);
	else if (ferror(f))
		rc = diag_errno(d, "%s", path);
	fclose(f);
	if (rc) {
		free(text);
		return rc;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int scenario_load_set(struct scenario **ret, const char *path, const char *const *sets, size_t n_sets,
		      struct diag *d)
{
	char *text = NULL;
	size_t len = 0;
	int rc = slurp(path, &text, &len, d);
	if (rc)
		return rc;
	rc = parse(ret, path, text, len, &(struct setting){ sets, n_sets }, d);
	free(text);
	return rc;
}

int scenario_load(struct scenario **ret, const char *path, struct diag *d)
{
	return scenario_load_set(ret, path, NULL, 0, d);
}

/* --- words --- */

static const char *word_of(const struct choice *table, int value)
{
	for (; table->word; table++)
		if (table->value == value)
			return table->word;
	return "?";
}

const char *scen_proxy_str(enum scen_proxy p)
{
	return word_of(proxies, p);
}

const char *scen_ip_str(enum scen_ip ip)
{
	return word_of(families, ip);
}

const char *scen_stub_str(enum scen_stub s)
{
	return word_of(stubs, s);
}

const char *scen_cell_str(enum scen_proxy p, bool with_cache, char buf[32])
{
	snprintf(buf, 32, "%s-%s", scen_proxy_str(p), with_cache ? "cache" : "nocache");
	return buf;
}
