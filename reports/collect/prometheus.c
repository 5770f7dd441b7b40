/* SPDX-License-Identifier: Apache-2.0 */
/* One question a call; an answer is kept as parsed until released. */
#include "reports/collect/prometheus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/http_get.h"
#include "lib/base/json.h"

#define ANSWER_MAX   ((size_t)64 << 20)
#define EDGES_MAX    256
#define ASK_LIMIT_NS (60 * NS_PER_S)

/* PromQL as part of a URL. */
static void put_escaped(FILE *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || strchr("-._~", *c))
			fputc(*c, out);
		else
			fprintf(out, "%%%02X", *c);
	}
}

static char *query_url(const struct prometheus *p, const char *promql)
{
	char *url = NULL;
	size_t len = strlen(p->url), size;
	FILE *out = open_memstream(&url, &size);
	if (!out)
		return NULL;
	while (len && p->url[len - 1] == '/')
		len--;
	fprintf(out, "%.*s/api/v1/query?", (int)len, p->url);
	if (p->end_s > 0)
		fprintf(out, "time=%.3f&", p->end_s);
	fputs("query=", out);
	put_escaped(out, promql);
	return fclose(out) ? NULL : url;
}

/* {"status":"success","data":{"resultType":"vector","result":[...]}} */
static int take(struct prom_answer *a, const struct prometheus *p, const char *text, long status, struct diag *d)
{
	struct diag why = { "" };
	if (jdoc_parse(&a->doc, text, strlen(text), &why))
		return diag_set(d, ERR_PEER, "%s: status %ld and no JSON (%s): is it a Prometheus server's address?", p->url, status,
				why.text);
	const char *said = jdoc_text(jdoc_get(a->doc, "status")), *error = jdoc_text(jdoc_get(a->doc, "error"));
	const struct jdoc *data = jdoc_get(a->doc, "data");
	const char *type = jdoc_text(jdoc_get(data, "resultType"));
	if (!said || strcmp(said, "success") != 0)
		return diag_set(d, ERR_PEER, "%s: status %ld: %s", p->url, status, error ? error : "neither success nor an error");
	a->samples = jdoc_get(data, "result");
	if (!type || strcmp(type, "vector") != 0 || jdoc_type(a->samples) != JDOC_LIST)
		return diag_set(d, ERR_PEER, "%s: expected an instant vector, got %s", p->url, type ? type : "nothing");
	a->n = jdoc_count(a->samples);
	return 0;
}

int prom_query(const struct prometheus *p, const char *promql, struct prom_answer *ret, struct diag *d)
{
	struct prom_answer a = { 0 };
	char *text = NULL, *url = query_url(p, promql);
	long status = 0;
	if (!url)
		return diag_set(d, ERR_NOMEM, "no memory");
	const struct http_get get = { .url = url, .bearer = p->token, .ca_file = p->ca_file, .use_proxy = true,
				      .any_status = true, .timeout_ns = ASK_LIMIT_NS, .max_bytes = ANSWER_MAX };
	int rc = http_get(&get, &text, &status, d);
	if (!rc)
		rc = take(&a, p, text, status, d);
	free(text);
	free(url);
	if (rc)
		prom_release(&a);
	else
		*ret = a;
	return rc;
}

void prom_release(struct prom_answer *a)
{
	jdoc_free(a->doc);
	*a = (struct prom_answer){ 0 };
}

bool prom_value(const struct prom_answer *a, size_t i, double *ret)
{
	const struct jdoc *pair = jdoc_get(jdoc_item(a->samples, i), "value");
	const char *text = jdoc_text(jdoc_item(pair, 1));
	char *end;
	if (!text)
		return false;
	double v = strtod(text, &end);
	if (*end || end == text || !isfinite(v))
		return false;
	*ret = v;
	return true;
}

const char *prom_warning(const struct prom_answer *a)
{
	return jdoc_text(jdoc_item(jdoc_get(a->doc, "warnings"), 0));
}

const char *prom_label(const struct prom_answer *a, size_t i, const char *name)
{
	const char *text = jdoc_text(jdoc_get(jdoc_get(jdoc_item(a->samples, i), "metric"), name));
	return text ? text : "";
}

struct edge {
	double le, count;
};

static int by_edge(const void *a, const void *b)
{
	double x = ((const struct edge *)a)->le, y = ((const struct edge *)b)->le;
	return x < y ? -1 : x > y;
}

void prom_buckets(const struct prom_answer *a, struct hist *ret)
{
	struct edge e[EDGES_MAX];
	size_t n = 0;
	hist_init(ret);
	for (size_t i = 0; i < a->n && n < EDGES_MAX; i++) {
		const char *le = prom_label(a, i, "le");
		if (*le && prom_value(a, i, &e[n].count)) {
			e[n].le = strcmp(le, "+Inf") == 0 ? INFINITY : strtod(le, NULL);
			n++;
		}
	}
	qsort(e, n, sizeof(e[0]), by_edge);
	double before = 0, last = 0;
	for (size_t i = 0; i < n; i++) {
		last = isfinite(e[i].le) ? e[i].le : last;
		/* increase() extrapolates: counts need not be whole, nor quite cumulative */
		double more = floor(e[i].count + 0.5) - before;
		if (more > 0 && last >= 0 && more < 1e18)
			hist_record_n(ret, (uint64_t)(last * 1e9 + 0.5), (uint64_t)more);
		before += more > 0 ? more : 0;
	}
}
