/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of costs: defaults, file, text.
 */
#include "sim/world/costs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/opt.h"

#define US NS_PER_US

static const struct {
	size_t off;
	uint64_t median_us, p99_us;
} legs[] = {
	{offsetof(struct sim_costs, pod_cache), 38, 110},    {offsetof(struct sim_costs, cache_pod), 42, 120},
	{offsetof(struct sim_costs, pod_backend), 45, 130},  {offsetof(struct sim_costs, backend_pod), 55, 150},
	{offsetof(struct sim_costs, node_backend), 40, 120}, {offsetof(struct sim_costs, backend_node), 50, 140},
	{offsetof(struct sim_costs, node_world), 40, 120},   {offsetof(struct sim_costs, world_node), 50, 140},
	{offsetof(struct sim_costs, tcp_setup), 80, 200},    {offsetof(struct sim_costs, client), 15, 60},
	{offsetof(struct sim_costs, start), 28, 110},
};
static const struct sim_costs defaults = {
	.hit_cpu_ns = 12 * US,
	.miss_cpu_ns = 20 * US,
	.answer_cpu_ns = 14 * US,
	.original_hit_cpu_ns = 19 * US,
	.original_miss_cpu_ns = 28 * US,
	.original_answer_cpu_ns = 21 * US,
	.tcp_cpu_ns = 8 * US,
	.new_flow_ns = 12 * US,
	.rto_ns = 200 * NS_PER_MS,
	.syn_rto_ns = NS_PER_S,
	.conn_idle_ns = 10 * NS_PER_S,
	.conn_age_ns = 120 * NS_PER_S,
	.cache_queue = 4096,
	.backend_queue = 256,
	.pod_share = 0.5,
	.race_share = 0,
};

#define ROW(field, kind, help)                                                                     \
	{                                                                                          \
#field, kind, offsetof(struct sim_costs, field), help                              \
	}
#define ROW_NS(field, help)                                                                        \
	{                                                                                          \
#field, COST_NS, offsetof(struct sim_costs, field##_ns), help                      \
	}
/* clang-format off */
const struct cost_def cost_defs[] = {
	ROW(pod_cache,    COST_DELAY, "pod to the node's cache, one way"),
	ROW(cache_pod,    COST_DELAY, "and back"),
	ROW(pod_backend,  COST_DELAY, "pod to a backend through kube-proxy's rules, one way"),
	ROW(backend_pod,  COST_DELAY, "and back"),
	ROW(node_backend, COST_DELAY, "cache to a backend, one way"),
	ROW(backend_node, COST_DELAY, "and back"),
	ROW(node_world,   COST_DELAY, "cache to a resolver outside the cluster, one way"),
	ROW(world_node,   COST_DELAY, "and back"),
	ROW(tcp_setup,    COST_DELAY, "more for a pod's TCP connection: connect, accept, wake-ups"),
	ROW(tcp_backend,  COST_DELAY, "and more where kube-proxy's rules lead it to a backend"),
	ROW(client,       COST_DELAY, "the pod's thread wakes up and goes on"),
	ROW(start,        COST_DELAY, "a lookup's intended start to its first packet: the load program"),
	ROW(pod_share,    COST_SHARE, "where processors are shared: of a way between pod and backend, the share that is the pod's work"),
	ROW(idle_cache,   COST_IDLE, "more for what goes to the cache after a pause, by its length"),
	ROW(idle_backend, COST_IDLE, "more for what goes to a backend after a pause"),
	ROW_NS(hit_cpu,      "the cache answers from memory"),
	ROW_NS(miss_cpu,     "the cache asks upstream"),
	ROW_NS(answer_cpu,   "the cache takes an answer from upstream"),
	ROW_NS(original_hit_cpu,    "the original cache answers from memory"),
	ROW_NS(original_miss_cpu,   "it asks upstream"),
	ROW_NS(original_answer_cpu, "it takes an answer from upstream"),
	ROW_NS(tcp_cpu,      "more for each message over a pod's TCP connection"),
	ROW_NS(cut_cpu,      "more where the cache denies a name by what it knows of one above"),
	ROW_NS(sleep,        "where processors are shared: a thread that has nothing left to do goes to sleep, and is woken"),
	ROW_NS(octet,        "more for each octet of the name asked, wherever a message is made, answered or read"),
	ROW(backend_cpu,  COST_DELAY, "a backend works on a query; 0: it is never busy"),
	ROW_NS(socket,       "a pod opens a socket, before its first datagram"),
	ROW_NS(new_flow,     "the first packet of a flow walks the rules"),
	ROW_NS(rto,          "TCP repeats a lost segment after"),
	ROW_NS(syn_rto,      "TCP repeats a lost SYN after"),
	ROW_NS(conn_idle,    "the cache closes an idle connection after"),
	ROW_NS(conn_age,     "the cache closes any connection after"),
	ROW(cache_queue,   COST_COUNT, "datagrams that wait for the cache before more are lost"),
	ROW(backend_queue, COST_COUNT, "datagrams that wait for a busy backend"),
	ROW(processors,    COST_COUNT, "a node's pods, cache and backends share so many processors; 0: they wait for none"),
	ROW(eevdf,         COST_COUNT, "1: their scheduler is that of kernels since 6.6"),
	ROW(aside,         COST_SHARE, "and so much of one's time goes to whatever else the machine does"),
	ROW(race_share,    COST_SHARE, "share of A/AAAA pairs from one socket that race for one entry"),
	{0},
};
/* clang-format on */

void sim_costs_init(struct sim_costs *c)
{
	*c = defaults;
	for (size_t i = 0; i < sizeof(legs) / sizeof(legs[0]); i++)
		leg_set((struct leg *)((char *)c + legs[i].off),
			(struct scen_delay){legs[i].median_us * US, legs[i].p99_us * US});
}

static const struct cost_def *find(const char *name, size_t len)
{
	for (const struct cost_def *c = cost_defs; c->name; c++)
		if (strlen(c->name) == len && strncmp(c->name, name, len) == 0)
			return c;
	return NULL;
}

#define COST_MOST (7 * 86400 * NS_PER_S) /* as a scenario's durations: sums of them stay far from what 64 bits hold */

static int duration(const char *text, uint64_t *ret_ns)
{
	uint64_t ns;

	if (opt_duration(text, 0, &ns) < 0 || ns > COST_MOST)
		return ERR_SYNTAX;
	*ret_ns = ns;
	return 0;
}

/* "0:8us 0.5:12us 1:2ms" */
static int set_points(struct leg *l, char *first, char **save)
{
	struct leg_point p[LEG_POINTS_MAX];
	unsigned n = 0;

	for (char *word = first; word; word = strtok_r(NULL, " \t", save), n++) {
		char *end;
		if (n == LEG_POINTS_MAX)
			return ERR_LIMIT;
		p[n].share = strtod(word, &end);
		if (*end != ':' || duration(end + 1, &p[n].ns) < 0)
			return ERR_SYNTAX;
	}
	return leg_set_points(l, p, n) ? 0 : ERR_SYNTAX;
}

/* "0s:0us 5ms:100us", or 0 */
static int set_idle(struct idle *i, char *first, char **save)
{
	struct idle_point p[IDLE_POINTS_MAX];
	unsigned n = 0;

	if (first && strcmp(first, "0") == 0 && !strtok_r(NULL, " \t", save)) {
		*i = (struct idle){.n = 0};
		return 0;
	}
	for (char *word = first; word; word = strtok_r(NULL, " \t", save), n++) {
		char *more = strchr(word, ':');
		if (n == IDLE_POINTS_MAX || !more)
			return ERR_SYNTAX;
		*more++ = 0;
		if (duration(word, &p[n].pause_ns) < 0 || duration(more, &p[n].more_ns) < 0)
			return ERR_SYNTAX;
	}
	return idle_set(i, p, n) ? 0 : ERR_SYNTAX;
}

static int set(struct sim_costs *c, const struct cost_def *def, char *text)
{
	char *save, *end;
	char *first = strtok_r(text, " \t", &save);
	void *at = (char *)c + def->off;

	if (first && def->kind == COST_DELAY && strchr(first, ':'))
		return set_points(at, first, &save);
	if (def->kind == COST_IDLE)
		return set_idle(at, first, &save);
	char *second = first ? strtok_r(NULL, " \t", &save) : NULL;
	if (!first || (second && def->kind != COST_DELAY) || (second && strtok_r(NULL, " \t", &save)))
		return ERR_SYNTAX;
	if (def->kind == COST_DELAY) {
		struct scen_delay v;
		if (duration(first, &v.median_ns) < 0 ||
		    duration(second ? second : first, &v.p99_ns) < 0 ||
		    v.p99_ns < v.median_ns)
			return ERR_SYNTAX;
		leg_set(at, v);
		return 0;
	}
	if (def->kind == COST_NS)
		return duration(first, at) < 0 ? ERR_SYNTAX : 0;
	double v = strtod(first, &end);
	if (*end || !(v >= 0) || (def->kind == COST_SHARE && v > 1) || v > 1e9)
		return ERR_SYNTAX;
	if (def->kind == COST_COUNT)
		*(uint64_t *)at = (uint64_t)v;
	else
		*(double *)at = v;
	return 0;
}

/* For both lists, or only the second. */
static int set_both(struct sim_costs *c, struct sim_costs *nft, bool only_nft, const struct cost_def *def, char *text)
{
	char again[2048];
	int rc = 0;

	snprintf(again, sizeof(again), "%s", text);
	if (!only_nft)
		rc = set(c, def, text);
	return rc == 0 ? set(nft, def, again) : rc;
}

static int load_line(struct sim_costs *c, struct sim_costs *nft, const char *path, unsigned n, char *line, struct diag *d)
{
	static const char *const takes[] = {("a duration up to 7 days, or median and p99 ('12us 80us'), "
					    "or shares and durations from 0 to 1 ('0:8us 0.5:12us 1:2ms')"),
					    "a duration up to 7 days ('12us')", "a count",
					    "a share from 0 to 1",
					    "pauses from 0 and what each adds ('0s:0us 5ms:100us'), or 0"};
	const char *names[64];
	size_t n_names = 0;

	if (strncmp(line, "#! measured=", 12) == 0) {
		snprintf(c->measured, sizeof(c->measured), "%.*s", (int)strcspn(line + 12, "\n"), line + 12);
		memcpy(nft->measured, c->measured, sizeof(nft->measured));
	}
	line[strcspn(line, "#\n")] = 0;
	char *name = line + strspn(line, " \t");
	if (!*name)
		return 0;
	bool only_nft = strncmp(name, COST_NFT, strlen(COST_NFT)) == 0;
	name += only_nft ? strlen(COST_NFT) : 0;
	nft->by_dialect |= only_nft;
	size_t len = strcspn(name, " \t=");
	char *value = name + len + strspn(name + len, " \t");
	const struct cost_def *def = find(name, len);
	if (*value != '=')
		return diag_at(d, ERR_SYNTAX, path, n, 0, "expected NAME = VALUE");
	if (def)
		return set_both(c, nft, only_nft, def, value + 1) == 0
			       ? 0
			       : diag_at(d, ERR_SYNTAX, path, n, 0, "%s takes %s", def->name,
					 takes[def->kind]);
	for (const struct cost_def *k = cost_defs; k->name; k++)
		names[n_names++] = k->name;
	names[n_names] = NULL;
	name[len] = 0;
	const char *near = err_suggest(name, names);
	return diag_at(d, ERR_UNKNOWN, path, n, 0, "unknown cost '%s'%s%s%s", name,
		       near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

int sim_costs_load(struct sim_costs *c, struct sim_costs *nft, const char *path, struct diag *d)
{
	struct sim_costs nobodys = *c;
	char line[2048];
	FILE *f = file_open(path, d);
	int rc = 0;

	if (!f)
		return ERR_SYS;
	for (unsigned n = 1; rc == 0 && fgets(line, sizeof(line), f); n++)
		rc = load_line(c, nft ? nft : &nobodys, path, n, line, d);
	fclose(f);
	return rc;
}

static void duration_text(uint64_t ns, char buf[24])
{
	static const struct {
		uint64_t ns;
		const char *unit;
	} units[] = {{NS_PER_S, "s"}, {NS_PER_MS, "ms"}, {NS_PER_US, "us"}, {1, "ns"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns % units[i].ns == 0 && (ns > 0 || units[i].ns == 1)) {
			snprintf(buf, 24, "%" PRIu64 "%s", ns / units[i].ns, units[i].unit);
			return;
		}
	}
}

static void leg_text(const struct leg *l, char buf[COST_TEXT])
{
	char a[24], b[24];
	size_t len = 0;

	if (!l->n_points) {
		duration_text(l->d.median_ns, a);
		duration_text(l->d.p99_ns, b);
		snprintf(buf, COST_TEXT, "%s %s", a, b);
		return;
	}
	for (unsigned i = 0; i < l->n_points && len < COST_TEXT; i++) {
		duration_text(l->point[i].ns, a);
		len += (size_t)snprintf(buf + len, COST_TEXT - len, "%s%g:%s", i ? " " : "", l->point[i].share, a);
	}
}

static void idle_text(const struct idle *l, char buf[COST_TEXT])
{
	char pause[24], more[24];
	size_t len = 0;

	snprintf(buf, COST_TEXT, "0");
	for (unsigned i = 0; i < l->n; i++) {
		duration_text(l->at[i].pause_ns, pause);
		duration_text(l->at[i].more_ns, more);
		len += (size_t)snprintf(buf + len, COST_TEXT - len, "%s%s:%s", i ? " " : "", pause, more);
	}
}

void sim_cost_text(const struct sim_costs *c, const struct cost_def *def, char buf[COST_TEXT])
{
	const void *at = (const char *)c + def->off;
	char a[24] = "";

	switch (def->kind) {
	case COST_DELAY:
		leg_text(at, buf);
		break;
	case COST_NS:
		duration_text(*(const uint64_t *)at, a);
		snprintf(buf, COST_TEXT, "%s", a);
		break;
	case COST_COUNT:
		snprintf(buf, COST_TEXT, "%" PRIu64, *(const uint64_t *)at);
		break;
	case COST_SHARE:
		snprintf(buf, COST_TEXT, "%g", *(const double *)at);
		break;
	case COST_IDLE:
		idle_text(at, buf);
		break;
	}
}
