/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page is read back with a small parser of the Prometheus text format, which
 * is strict where Prometheus is: order, types, duplicates, histograms. The
 * schema of a real node-cache scrape must be found in it, label by label.
 */
#include "resolver/observe/metrics.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

/* --- parser --- */

#define SERIES_MAX 4000
struct series {
	char family[100], name[100], labels[400], label_names[160], le[24];
	double value;
};
static struct series series[SERIES_MAX];
static size_t n_series;
static struct {
	char name[100], type[16];
} family[300];
static size_t n_families;

static bool is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!(isalpha((unsigned char)s[i]) || s[i] == '_' || (i && isdigit((unsigned char)s[i]))))
			return false;
	}
	return n > 0;
}

/* {a="b",...}: fills names and, apart from le, the text. Returns what follows. */
static const char *parse_labels(const char *p, struct series *s, const char *line)
{
	char *text = s->labels, *names = s->label_names;

	cr_assert_eq(*p, '{');
	for (p++; *p != '}';) {
		const char *eq = strchr(p, '='), *end;

		cr_assert(eq && is_name(p, (size_t)(eq - p)) && eq[1] == '"', "%s", line);
		for (end = eq + 2; *end != '"'; end++) {
			cr_assert(*end && *end != '\n', "%s", line);
			if (*end == '\\') {
				end++;
				cr_assert(strchr("\\\"n", *end) && *end, "escape in %s", line);
			}
		}
		if (!strncmp(p, "le=", 3)) {
			snprintf(s->le, sizeof s->le, "%.*s", (int)(end - eq - 2), eq + 2);
		} else {
			names += sprintf(names, "%s%.*s", names == s->label_names ? "" : ",", (int)(eq - p), p);
			text += sprintf(text, "%.*s,", (int)(end + 1 - p), p);
		}
		p = end + 1;
		cr_assert(*p == ',' || *p == '}', "%s", line);
		p += *p == ',';
	}
	return p + 1;
}

static void family_of(struct series *s, const char *line)
{
	const char *current = n_families ? family[n_families - 1].name : "";
	size_t len = strlen(current);

	/* a sample belongs to the family announced last, or the page is out of order */
	cr_assert(!strncmp(s->name, current, len), "not under its family %s: %s", current, line);
	if (!strcmp(family[n_families - 1].type, "histogram"))
		cr_assert(!strcmp(s->name + len, "_bucket") || !strcmp(s->name + len, "_sum") || !strcmp(s->name + len, "_count"), "%s", line);
	else
		cr_assert_str_empty(s->name + len, "%s", line);
	strcpy(s->family, current);
}

static void parse_sample(const char *line)
{
	struct series *s = &series[n_series++];
	size_t len = strcspn(line, "{ ");
	const char *p = line + len;
	char *end;

	cr_assert_lt(n_series, SERIES_MAX);
	memset(s, 0, sizeof *s);
	cr_assert(is_name(line, len) && len < sizeof s->name, "%s", line);
	memcpy(s->name, line, len);
	if (*p == '{')
		p = parse_labels(p, s, line);
	cr_assert_eq(*p, ' ', "%s", line);
	s->value = strtod(p + 1, &end);
	cr_assert(end > p + 1 && !*end, "value of %s", line);
	family_of(s, line);
	for (size_t i = 0; i + 1 < n_series; i++)
		cr_assert(strcmp(series[i].name, s->name) || strcmp(series[i].labels, s->labels) || strcmp(series[i].le, s->le),
			  "twice: %s", line);
}

static void parse_type(const char *line)
{
	char name[100], type[16];

	cr_assert_eq(sscanf(line, "# TYPE %99s %15s", name, type), 2, "%s", line);
	for (size_t i = 0; i < n_families; i++)
		cr_assert_str_neq(family[i].name, name, "family twice: %s", line);
	strcpy(family[n_families].name, name);
	strcpy(family[n_families++].type, type);
}

static void parse(char *page)
{
	n_series = n_families = 0;
	cr_assert(*page && page[strlen(page) - 1] == '\n');
	for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, "# TYPE ", 7))
			parse_type(line);
		else if (*line != '#')
			parse_sample(line);
		else
			cr_assert(!strncmp(line, "# HELP ", 7), "%s", line);
	}
}

/* Cumulative, closed by +Inf, which equals the count. */
static void check_histograms(void)
{
	for (size_t i = 0; i < n_series; i++) {
		const struct series *s = &series[i];

		if (!*s->le)
			continue;
		if (i && *series[i - 1].le && !strcmp(series[i - 1].labels, s->labels) && !strcmp(series[i - 1].name, s->name)) {
			cr_expect_geq(s->value, series[i - 1].value, "%s{%s}", s->name, s->labels);
			cr_expect(strtod(s->le, NULL) > strtod(series[i - 1].le, NULL));
		}
		if (!strcmp(s->le, "+Inf")) {
			cr_expect(strstr(series[i + 1].name, "_sum") != NULL);
			cr_expect_eq(series[i + 2].value, s->value, "%s{%s}", s->name, s->labels);
		}
	}
}

static double value(const char *name, const char *labels)
{
	for (size_t i = 0; i < n_series; i++) {
		if (!strcmp(series[i].name, name) && strstr(series[i].labels, labels) && !*series[i].le)
			return series[i].value;
	}
	return -1;
}

/* --- something to show --- */

static void events_put(struct core_stats *s, uint64_t each)
{
	struct stats_event e = {.server = "dns://[fd00::a]:53"};

	e.what = STATS_DNS64;
	stats_event_add(s, &e, each);
	strcpy(e.zone, "example.");
	strcpy(e.type, "A");
	strcpy(e.rclass, "IN");
	e.what = STATS_TEMPLATE_MATCH;
	stats_event_add(s, &e, each);
	strcpy(e.section, "answer");
	strcpy(e.text, "{{ .Name }} \"x\\y\"");
	e.what = STATS_TEMPLATE_FAILURE;
	stats_event_add(s, &e, each);
	e.what = STATS_TEMPLATE_RR_FAILURE;
	stats_event_add(s, &e, each);
}

static struct core_stats *worker(uint64_t each)
{
	struct core_stats *s = calloc(1, sizeof *s);
	static const char *const zone[] = {"cluster.local.", "in-addr.arpa.", "ip6.arpa.", "."};

	s->n_servers = 4;
	for (uint32_t i = 0; i < s->n_servers; i++) {
		struct stats_server *r = &s->server[i];

		r->key = 100 + i;
		snprintf(r->server, sizeof r->server, "dns://[fd00::a]:53");
		snprintf(r->zone, sizeof r->zone, "%s", zone[i]);
		snprintf(r->zones, sizeof r->zones, "%s", i == 1 || i == 2 ? "in-addr.arpa.,ip6.arpa." : zone[i]);
		r->block = (uint16_t)(i == 2 ? 1 : i);
		r->requests[0][1][0] = each;
		r->responses[3] = each;
		r->do_requests = each;
		r->cache_hits_success = r->cache_hits_denial = r->cache_misses = r->cache_requests = each;
		stats_duration_add(&r->duration, 300000);
		stats_size_add(&r->request_size[1], 45);
		stats_size_add(&r->response_size[0], 70000);
	}
	s->n_upstreams = 1;
	s->upstream[0].key = 7;
	snprintf(s->upstream[0].to, sizeof s->upstream[0].to, "10.96.0.11:53");
	s->upstream[0].conn_hits[1] = s->upstream[0].conn_misses[1] = each;
	stats_duration_add(&s->upstream[0].duration[0], 9000000000);
	events_put(s, each);
	s->block_entries[0][0] = 10 * each;
	s->block_entries[1][0] = 20 * each;
	s->block_entries[1][1] = 3 * each;
	s->panics = each;
	return s;
}

static struct corefile_plan *plan(void)
{
	static const char *const plugin[] = {"bind", "errors", "cache", "forward"};
	static struct corefile_block block = {.n_plugins = 4, .plugin = plugin};
	static const struct core_listener listener = {.label = "dns://[fd00::a]:53"};
	static struct core_zone zone[2] = {{.listeners = 1, .has_metrics = true}, {.listeners = 1, .has_metrics = false}};
	static struct corefile_plan p = {.conf = {.n_listeners = 1, .listener = &listener, .n_zones = 2, .zone = zone},
					 .n_blocks = 1, .block = &block, .has_hosts = true, .n_hosts_entries = 6};

	cr_assert_eq(name_from_text(&zone[0].origin, "cluster.local."), 0);
	cr_assert_eq(name_from_text(&zone[1].origin, "acme.\"quoted\""), 0);
	return &p;
}

static void scrape(const struct metrics_input *in)
{
	char *page = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&page, &size);

	metrics_write(in, f);
	fclose(f);
	parse(page);
	check_histograms();
	free(page);
}

static struct metrics_driver driver;
static const uint64_t setup_errors[NODE_ERRORS] = {3, 0, 0, 0, 1};

static void scrape_two_workers(void)
{
	static struct node_counters counters = {.packets = {[NODE_PATH_IN] = {60, 5}}};
	const struct core_stats *const stats[] = {worker(5), worker(2)};
	struct metrics_input in = {
		.plan = plan(), .n_stats = 2, .stats = stats, .driver = &driver, .setup_errors = setup_errors,
		.counters = &counters, .version = "v1 \"x\"",
	};

	metrics_health_add(&driver, 1000000, 1);
	scrape(&in);
	for (int i = 0; i < 2; i++)
		free((void *)(uintptr_t)stats[i]);
}

Test(metrics, a_page_with_nothing_counted_is_valid)
{
	scrape(&(struct metrics_input){.version = "v0"});
	cr_expect_eq(value("coredns_nodecache_setup_errors_total", "errortype=\"iptables_lock\""), 0);
	cr_expect_eq(value("coredns_panics_total", ""), 0);
	cr_expect_gt(value("process_resident_memory_bytes", ""), 100000);
	cr_expect_gt(value("process_start_time_seconds", ""), 1e9);
}

Test(metrics, workers_are_summed)
{
	scrape_two_workers();
	cr_expect_eq(value("coredns_dns_requests_total", "family=\"2\",proto=\"udp\",server=\"dns://[fd00::a]:53\",type=\"A\",view=\"\",zone=\".\""), 7);
	cr_expect_eq(value("coredns_dns_responses_total", "plugin=\"cache\",rcode=\"NXDOMAIN\""), 7);
	cr_expect_eq(value("coredns_dns_request_duration_seconds_count", "zone=\"cluster.local.\""), 2);
	cr_expect_eq(value("coredns_panics_total", ""), 7);
	cr_expect_eq(value("coredns_proxy_conn_cache_hits_total", "proto=\"tcp\""), 7);
	cr_expect_eq(value("coredns_nodecache_setup_errors_total", "iptables\""), 3);
	cr_expect_eq(value("nodens_notrack_packets_total", "direction=\"in\",proto=\"udp\""), 60);
	cr_expect_eq(value("coredns_plugin_enabled", "name=\"cache\""), 1);
	cr_expect_eq(value("coredns_plugin_enabled", "name=\"bind\""), -1, "it handles no query");
}

Test(metrics, zones_of_one_block_are_one_cache)
{
	scrape_two_workers();
	cr_expect_eq(value("coredns_cache_requests_total", "zones=\"in-addr.arpa.,ip6.arpa.\""), 14);
	cr_expect_eq(value("coredns_cache_requests_total", "zones=\".\""), 7);
}

Test(metrics, entries_stand_at_their_block)
{
	scrape_two_workers();
	cr_expect_eq(value("coredns_cache_entries", "type=\"success\",view=\"\",zones=\"cluster.local.\""), 70);
	cr_expect_eq(value("coredns_cache_entries", "type=\"success\",view=\"\",zones=\"in-addr.arpa.,ip6.arpa.\""), 140);
	cr_expect_eq(value("coredns_cache_entries", "type=\"denial\",view=\"\",zones=\"in-addr.arpa.,ip6.arpa.\""), 21);
	cr_expect_eq(value("coredns_cache_entries", "type=\"success\",view=\"\",zones=\".\""), 0);
}

Test(metrics, blocks_without_prometheus_are_not_shown)
{
	struct core_stats *s = worker(1);
	const struct core_stats *const stats[] = {s};

	/* The plan has a zone acme."quoted" without the plugin. */
	name_to_text(plan()->conf.zone[1].origin.b, s->server[0].zone, sizeof s->server[0].zone);
	scrape(&(struct metrics_input){.plan = plan(), .n_stats = 1, .stats = stats, .version = ""});
	cr_expect_eq(value("coredns_dns_do_requests_total", "acme"), -1);
	cr_expect_eq(value("coredns_dns_do_requests_total", "zone=\".\""), 1);
	free(s);
}

static const char *type_of(const char *name)
{
	for (size_t i = 0; i < n_families; i++) {
		if (!strcmp(family[i].name, name))
			return family[i].type;
	}
	return "absent";
}

/* name type label,names bucket,edges: one line of the schema. */
static void has_family(const char *name, const char *type, const char *labels, const char *edges)
{
	char found[600] = "";
	const char *first = NULL;

	cr_expect_str_eq(type_of(name), type, "%s is %s", name, type_of(name));
	for (size_t i = 0; i < n_series; i++) {
		if (strcmp(series[i].family, name))
			continue;
		cr_expect_str_eq(*series[i].label_names ? series[i].label_names : "-", labels, "labels of %s", name);
		if (*series[i].le && (!first || !strcmp(first, series[i].labels))) {
			first = series[i].labels;
			sprintf(found + strlen(found), "%s%s", *found ? "," : "", series[i].le);
		}
	}
	cr_expect_str_eq(*found ? found : "-", edges, "buckets of %s: %s", name, found);
}

Test(metrics, schema_of_the_original)
{
	char *schema, name[100], type[16], labels[160], edges[600];
	struct diag d;
	int rows = 0;

	scrape_two_workers();
	cr_assert_eq(file_read("tests/golden/metrics/coredns-1.13.schema", 1 << 16, &schema, NULL, &d), 0, "%s", d.text);
	for (char *at = schema, *line; (line = strsep(&at, "\n"));) {
		if (*line == '#' || sscanf(line, "%99s %15s %159s %599s", name, type, labels, edges) != 4)
			continue;
		has_family(name, type, labels, edges);
		rows++;
	}
	cr_expect_gt(rows, 30);
	free(schema);
}

Test(metrics, plugins_counts_are_summed)
{
	scrape_two_workers();
	cr_expect_eq(value("coredns_template_matches_total", "class=\"IN\",server=\"dns://[fd00::a]:53\",type=\"A\",view=\"\",zone=\"example.\""), 7);
	cr_expect_eq(value("coredns_template_template_failures_total", "section=\"answer\""), 7);
	cr_expect_eq(value("coredns_dns64_requests_translated_total", "server=\"dns://[fd00::a]:53\""), 7);
	cr_expect_eq(value("coredns_hosts_entries", ""), 6);
}

Test(metrics, rows_of_plugins_have_a_limit)
{
	struct core_stats *s = calloc(1, sizeof *s);
	struct stats_event e = {.what = STATS_TEMPLATE_MATCH};
	uint64_t sum = 0;

	for (int i = 0; i < 3 * STATS_EVENTS_MAX; i++) {
		snprintf(e.zone, sizeof e.zone, "z%d.", i);
		stats_event_add(s, &e, 1);
	}
	for (uint32_t i = 0; i < s->n_events; i++)
		sum += s->event[i].n;
	cr_expect_eq(s->n_events, STATS_EVENTS_MAX);
	cr_expect_eq(sum, 3 * STATS_EVENTS_MAX);
	free(s);
}

Test(metrics, health_buckets)
{
	struct metrics_driver m = {.ready = 0};

	metrics_health_add(&m, 250000, 1);
	metrics_health_add(&m, 250001, 1);
	metrics_health_add(&m, 9000000000, 0);
	cr_expect_eq(m.health.bucket[0], 1);
	cr_expect_eq(m.health.bucket[1], 1);
	cr_expect_eq(m.health.bucket[METRICS_HEALTH_EDGES], 1);
	cr_expect_eq(m.health.failures, 1);
	cr_expect_eq(m.health.n, 3);
}
