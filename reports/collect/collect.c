/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command: options, secrets from files, one query after the other, a record. A number that the
 * server does not have is absent, with a remark that says what was not found.
 */
#include "reports/collect/collect.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/record/metrics_common.h"
#include "lib/record/result.h"
#include "lib/record/table.h"
#include "reports/collect/prometheus.h"
#include "reports/collect/queries.h"

enum { EXIT_INVALID = 2, EXIT_USAGE = 3 };
#define METRICS_MAX 64

static struct {
	const char *prometheus, *out, *end, *token_file, *ca_file, *cache, *dns, *node;
	uint64_t range_ns;
	struct opt_list labels;
	bool print;
} o = { .out = "live", .end = "now", .node = "", .range_ns = 3600 * NS_PER_S };

/* clang-format off */
static const struct opt_def defs[] = {
	{ "prometheus", 'p', OPT_TEXT, &o.prometheus, "URL", "the server, as far as before /api (required)" },
	{ "out", 'o', OPT_TEXT, &o.out, "DIR", "the record to write" },
	{ "range", 'r', OPT_DURATION, &o.range_ns, "TIME", "how far back to look, 1m to 30 days" },
	{ "end", 0, OPT_TEXT, &o.end, "TIME", "where the range ends: now, or 2026-01-31T12:00:00Z, or seconds since the epoch" },
	{ "token-file", 0, OPT_TEXT, &o.token_file, "FILE", "a bearer token to send; only over https or to this machine" },
	{ "ca-file", 0, OPT_TEXT, &o.ca_file, "FILE", "PEM certificates to trust in place of the system's" },
	{ "cache", 0, OPT_TEXT, &o.cache, "MATCHERS", "which series are caches', such as 'job=\"node-local-dns\"'" },
	{ "cluster-dns", 0, OPT_TEXT, &o.dns, "MATCHERS", "which are the cluster DNS's" },
	{ "node", 0, OPT_TEXT, &o.node, "MATCHERS", "which of node_exporter's series are this cluster's" },
	{ "label", 'l', OPT_LIST, &o.labels, "KEY=VALUE", "a label of the record, such as scenario and cell; may be repeated" },
	{ "print-queries", 0, OPT_BOOL, &o.print, NULL, "print what would be asked, and exit" },
	{ 0 },
};
/* clang-format on */
const struct opt_prog collect_prog = {
	"capacity-report collect", "--prometheus URL [options]",
	"Writes a result record of what a Prometheus server knows of a cluster's DNS.", defs, OPT_GNU
};

struct job {
	struct prometheus server;
	struct query_scope scope;
	struct result *record;
	bool any_dns; /* some CoreDNS was found */
	unsigned warned; /* answers that the server itself warned of */
	char warning[300];
	char *token;
};

static int ask(struct job *j, const char *row, struct prom_answer *ret, struct diag *d)
{
	char *text = query_text(row, &j->scope);
	int rc = text ? prom_query(&j->server, text, ret, d) : diag_set(d, ERR_NOMEM, "no memory");
	free(text);
	const char *warning = rc ? NULL : prom_warning(ret);
	if (warning && !j->warned++)
		snprintf(j->warning, sizeof(j->warning), "%s", warning);
	return rc;
}

/* A store that did not answer is missing from every sum, and nothing else says so. */
static void tell_warnings(const struct job *j)
{
	char text[400];
	if (!j->warned)
		return;
	snprintf(text, sizeof(text), "the server warned of %u of its answers, first: %s", j->warned, j->warning);
	result_remark(j->record, "note", text);
}

static void absent(const struct job *j, const char *what, const char *promql)
{
	char text[512];
	snprintf(text, sizeof(text), "%s: the server has nothing for %.400s", what, promql);
	result_remark(j->record, "skip", text);
}

static int take_values(struct job *j, struct diag *d)
{
	for (const struct query_value *q = query_values; q->promql; q++) {
		struct prom_answer a;
		double v;
		int rc = ask(j, q->promql, &a, d);
		if (rc)
			return rc;
		bool has = a.n && prom_value(&a, 0, &v);
		prom_release(&a);
		if (has)
			result_num(j->record, q->metric.name, v);
		else
			absent(j, q->metric.name, q->promql);
		if (has && (!strcmp(q->metric.name, "cache.queries") || !strcmp(q->metric.name, "backend.queries")))
			j->any_dns = true;
		if (has && !strcmp(q->metric.name, "cache.down") && v > 0) {
			char text[128];
			snprintf(text, sizeof(text), "%.0f caches could not be scraped: they are missing from every sum", v);
			result_remark(j->record, "note", text);
		}
	}
	return 0;
}

static int take_hists(struct job *j, struct diag *d)
{
	static struct hist h;
	for (const struct query_hist *q = query_hists; q->name; q++) {
		struct prom_answer a;
		int rc = ask(j, q->promql, &a, d);
		if (rc)
			return rc;
		prom_buckets(&a, &h);
		prom_release(&a);
		if (h.n)
			result_hist(j->record, q->name, &h);
		else
			absent(j, q->name, q->promql);
	}
	return 0;
}

static int take_tables(struct job *j, struct diag *d)
{
	static const char *const columns[] = { TABLE_WHAT, "queries", NULL };
	for (const struct query_table *q = query_tables; q->name; q++) {
		struct prom_answer a;
		struct table t;
		double v;
		int rc = ask(j, q->promql, &a, d);
		if (rc)
			return rc;
		table_init(&t, columns);
		for (size_t i = 0; i < a.n && !rc; i++)
			if (prom_value(&a, i, &v))
				rc = table_add(&t, prom_label(&a, i, q->label), &v);
		prom_release(&a);
		if (!rc && t.n_rows)
			result_table(j->record, q->name, &t);
		table_release(&t);
		if (rc)
			return diag_set(d, rc, "%s: %s", q->name, err_str(rc));
	}
	return 0;
}

/* Whose caches these are: the first that has a series. */
static int take_make(struct job *j, struct diag *d)
{
	static const struct {
		const char *make, *promql;
	} makes[] = {
		{ "nodens", "count(nodens_ready)" },
		{ "node-local-dns", "count(coredns_nodecache_setup_errors_total)" },
		{ "aks-localdns", "count($cache(increase,coredns_dns_requests_total,server=~\".*169[.]254[.]10[.]1[01]:53\"))" },
		{ "coredns", "count($cache(increase,coredns_dns_requests_total,))" },
	};
	for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
		struct prom_answer a;
		int rc = ask(j, makes[i].promql, &a, d);
		if (rc)
			return rc;
		bool has = a.n > 0;
		prom_release(&a);
		if (has) {
			result_label(j->record, "make", makes[i].make);
			result_label(j->record, LABEL_CACHE, "on");
			return 0;
		}
	}
	result_label(j->record, LABEL_CACHE, "off");
	return 0;
}

static int collect(struct job *j, int argc, char **argv, struct diag *d)
{
	struct metric_def metrics[METRICS_MAX] = { 0 };
	bool named[2] = { false, false };
	size_t n = 0;
	for (const struct query_value *q = query_values; q->promql; q++)
		metrics[n++] = q->metric;
	for (const struct query_hist *q = query_hists; q->name; q++)
		metrics[n++] = q->metric;
	int rc = result_open(&j->record, o.out, "capacity-report", metrics, argc, argv, d);
	if (rc)
		return rc;
	result_label(j->record, LABEL_ENGINE, ENGINE_CLUSTER);
	for (size_t i = 0; i < o.labels.n; i++) {
		char key[64];
		const char *eq = strchr(o.labels.item[i], '=');
		snprintf(key, sizeof(key), "%.*s", (int)(eq - o.labels.item[i]), o.labels.item[i]);
		named[0] |= !strcmp(key, LABEL_SCENARIO);
		named[1] |= !strcmp(key, LABEL_CELL);
		result_label(j->record, key, eq + 1);
	}
	if (!named[0])
		result_label(j->record, LABEL_SCENARIO, "live");
	if (!named[1])
		result_label(j->record, LABEL_CELL, "live");
	rc = take_make(j, d);
	rc = rc ? rc : take_values(j, d);
	if (!rc && !j->any_dns)
		rc = diag_set(d, ERR_MISSING, "%s: no questions of any CoreDNS in the range: are caches and cluster DNS scraped?", o.prometheus);
	rc = rc ? rc : take_hists(j, d);
	rc = rc ? rc : take_tables(j, d);
	tell_warnings(j);
	if (rc)
		result_abandon(j->record);
	else
		rc = result_close(j->record, d);
	return rc;
}

static int read_token(struct job *j, struct diag *d)
{
	size_t len;
	const char *u = o.prometheus;
	if (!o.token_file)
		return 0;
	if (strncmp(u, "https://", 8) != 0 && strncmp(u, "http://127.", 11) != 0 && strncmp(u, "http://localhost", 16) != 0 &&
	    strncmp(u, "http://[::1]", 12) != 0)
		return diag_set(d, ERR_UNSUPPORTED, "%s: a token is sent over https, or to this machine, and not else", u);
	int rc = file_read(o.token_file, 1 << 16, &j->token, &len, d);
	if (rc)
		return rc;
	while (len && isspace((unsigned char)j->token[len - 1]))
		j->token[--len] = 0;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)j->token[i]))
			return diag_set(d, ERR_SYNTAX, "%s: expected one token, without blanks", o.token_file);
	if (!len)
		return diag_set(d, ERR_MISSING, "%s: expected a token, it is empty", o.token_file);
	j->server.token = j->token;
	return 0;
}

static int read_end(double *ret, struct diag *d)
{
	struct tm tm = { 0 };
	char *rest;
	if (!strcmp(o.end, "now"))
		return 0;
	*ret = strtod(o.end, &rest);
	if (rest != o.end && !*rest && *ret > 0 && *ret < 1e11)
		return 0;
	rest = strptime(o.end, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!rest || *rest)
		return diag_set(d, ERR_SYNTAX, "--end %s: expected now, 2026-01-31T12:00:00Z, or seconds since the epoch", o.end);
	*ret = (double)timegm(&tm);
	return 0;
}

static int check_options(struct job *j, struct diag *d)
{
	if (o.range_ns < 60 * NS_PER_S || o.range_ns > 30 * 86400 * NS_PER_S)
		return diag_set(d, ERR_RANGE, "--range: expected 1m to 30 days");
	for (size_t i = 0; i < o.labels.n; i++)
		if (!strchr(o.labels.item[i], '=') || o.labels.item[i][0] == '=')
			return diag_set(d, ERR_SYNTAX, "--label %s: expected KEY=VALUE", o.labels.item[i]);
	j->scope = (struct query_scope){ o.cache, o.dns, o.node, o.range_ns / NS_PER_S };
	j->server = (struct prometheus){ .url = o.prometheus, .ca_file = o.ca_file };
	return read_end(&j->server.end_s, d);
}

static void print_queries(const struct query_scope *s)
{
	for (const struct query_value *q = query_values; q->promql; q++) {
		char *text = query_text(q->promql, s);
		printf("# %s: %s\n%s\n", q->metric.name, q->metric.help, text ? text : "");
		free(text);
	}
	for (const struct query_hist *q = query_hists; q->name; q++) {
		char *text = query_text(q->promql, s);
		printf("# %s: %s\n%s\n", q->name, q->metric.help, text ? text : "");
		free(text);
	}
}

int collect_main(int argc, char **argv)
{
	struct job j = { 0 };
	struct diag d = { "" };
	char special, **given = calloc((size_t)argc + 1, sizeof(*given)); /* the parser moves argv about */
	if (!given)
		return EXIT_INVALID;
	memcpy(given, argv, (size_t)argc * sizeof(*argv));
	int n = opt_parse(&collect_prog, argc, argv, &special, &d), status = 0;
	if (special) {
		if (special == 'h')
			opt_help(&collect_prog, stdout);
		else
			printf("capacity-report %s\n", opt_version());
	} else if (n || (!o.prometheus && !o.print) || check_options(&j, &d)) {
		log_error("%s", *d.text ? d.text : n > 0 ? "collect takes no operands" : "where is the server? give --prometheus URL");
		status = EXIT_USAGE;
	} else if (o.print) {
		print_queries(&j.scope);
	} else if (read_token(&j, &d) || collect(&j, argc, given, &d)) {
		log_error("%s", d.text);
		status = EXIT_INVALID;
	} else {
		printf("%s\n", o.out);
	}
	free(j.token);
	free(given);
	return status;
}
