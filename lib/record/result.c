/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a result record. Histograms and series go to their files at once,
 * run.json is built in memory and written at close. The first error sticks and
 * close reports it; then nothing of the new record appears.
 */
#include "lib/record/result.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/opt.h"
#include "lib/record/result_dir.h"

#define SCHEMA      "nodens-result/1"
#define COLUMNS_MAX 64

struct result {
	struct result_dir dir;
	const struct metric_def *defs;
	json_t *root, *metrics, *labels, *inputs, *hists, *checks, *remarks;
	FILE *series;
	size_t n_columns;
	double last_t;
	int err;
	struct diag diag; /* of err */
};

/* The first error stays. */
static void stick(struct result *r, int err, const char *words, const char *detail)
{
	if (r->err)
		return;
	r->err = err;
	diag_set(&r->diag, err, "result %s: %s%s", r->dir.path, words, detail);
}

/* Arguments and file names need not be UTF-8; the record must be. */
static json_t *text_json(const char *text)
{
	json_t *j = json_string(text);
	char *copy = j ? NULL : strdup(text);
	if (!copy)
		return j;
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	j = json_string(copy);
	free(copy);
	return j;
}

/* Takes `value` over; NULL means that memory ran out making it. */
static void set(struct result *r, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		stick(r, ERR_NOMEM, "cannot store ", key);
}

static void append(struct result *r, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		stick(r, ERR_NOMEM, "no memory", "");
}

/* SOURCE_DATE_EPOCH (reproducible-builds.org): what is computed, not measured, is then the same
 * octets wherever and whenever it is made. */
static bool reproducible(time_t *ret)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	char *end;
	if (!epoch || !*epoch)
		return false;
	long long t = strtoll(epoch, &end, 10);
	*ret = (time_t)t;
	return !*end && t >= 0;
}

static void set_host_facts(struct result *r)
{
	struct utsname u;
	struct tm tm;
	char text[160];
	time_t now = (time_t)(clock_real_ns() / NS_PER_S);
	bool anywhere = reproducible(&now);
	if (gmtime_r(&now, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		set(r, r->root, "start", json_string(text));
	if (anywhere)
		return;
	if (!uname(&u)) {
		snprintf(text, sizeof(text), "%s %s", u.sysname, u.release);
		set(r, r->root, "host", text_json(u.nodename));
		set(r, r->root, "kernel", text_json(text));
	}
	set(r, r->root, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
}

static json_t *member(struct result *r, const char *key, json_t *value)
{
	set(r, r->root, key, value);
	return value;
}

static void begin(struct result *r, const char *tool, int argc, char **argv)
{
	set(r, r->root, "schema", json_string(SCHEMA));
	set(r, r->root, "tool", text_json(tool));
	set(r, r->root, "version", text_json(opt_version()));
	json_t *args = member(r, "args", json_array());
	for (int i = 0; i < argc; i++)
		append(r, args, text_json(argv[i]));
	set_host_facts(r);
	r->inputs = member(r, "inputs", json_array());
	r->labels = member(r, "labels", json_object());
	r->metrics = member(r, "metrics", json_object());
	r->hists = member(r, "hists", json_array());
	r->checks = member(r, "checks", json_array());
	r->remarks = member(r, "remarks", json_array());
}

int result_open(struct result **ret, const char *dir, const char *tool,
		const struct metric_def *defs, int argc, char **argv, struct diag *d)
{
	struct result *r = calloc(1, sizeof(*r));
	if (!r || !(r->root = json_object())) {
		free(r);
		return diag_set(d, ERR_NOMEM, "no memory");
	}
	int rc = result_dir_open(&r->dir, dir, d);
	if (rc) {
		json_decref(r->root);
		free(r);
		return rc;
	}
	r->defs = defs;
	r->last_t = -INFINITY;
	begin(r, tool, argc, argv);
	*ret = r;
	return 0;
}

void result_seed(struct result *r, uint64_t seed)
{
	set(r, r->root, "seed", json_integer((json_int_t)seed));
}

void result_input(struct result *r, const char *path)
{
	char hex[65], text[4200];
	int rc = strcmp(path, "-") ? hash_sha256_file(path, hex) : ERR_UNSUPPORTED;
	if (rc == ERR_UNSUPPORTED) {
		snprintf(text, sizeof(text), "input %.4000s: no file, so nothing says later what was in it", strcmp(path, "-") ? path : "standard input");
		result_remark(r, "note", text);
		return;
	}
	if (rc) {
		stick(r, ERR_SYS, "cannot read input ", path);
		return;
	}
	append(r, r->inputs, json_pack("{s:o, s:s}", "path", text_json(path), "sha256", hex));
}

void result_label(struct result *r, const char *key, const char *value)
{
	set(r, r->labels, key, text_json(value));
}

/* The row of a name, also through a row that ends in '*'. */
static const struct metric_def *def_find(const struct metric_def *def, const char *name)
{
	for (; def->name; def++) {
		size_t len = strlen(def->name);
		bool open = def->name[len - 1] == '*';
		if (open ? !strncmp(def->name, name, len - 1) && name[len - 1]
			 : !strcmp(def->name, name))
			return def;
	}
	return NULL;
}

static const char *merge_str(enum merge_rule m)
{
	static const char *const words[] = { "sum", "min", "max", "same", "last" };
	assert((unsigned)m < sizeof(words) / sizeof(words[0]));
	return words[m];
}

static void put_metric(struct result *r, const char *name, double v, const char *unit,
		       enum merge_rule merge)
{
	/* a count stays a count: 3, not 3.0 */
	bool whole = v == floor(v) && fabs(v) < 9007199254740992.0;
	if (!isfinite(v)) {
		stick(r, ERR_RANGE, "not a finite number: ", name);
		return;
	}
	json_t *value = whole ? json_integer((json_int_t)v) : json_real(v);
	set(r, r->metrics, name,
	    json_pack("{s:o, s:s, s:s}", "value", value, "unit", unit, "merge", merge_str(merge)));
}

void result_num(struct result *r, const char *metric, double value)
{
	const struct metric_def *def = def_find(r->defs, metric);
	if (!def)
		stick(r, ERR_UNKNOWN, "metric without a row in the tool's table: ", metric);
	else
		put_metric(r, metric, value, def->unit, def->merge);
}

FILE *result_file(struct result *r, const char *name)
{
	FILE *f = result_dir_create(&r->dir, name, r->err ? NULL : &r->diag);
	if (!f)
		r->err = r->err ? r->err : ERR_SYS;
	return f;
}

void result_file_end(struct result *r, FILE *f, const char *name)
{
	bool bad = ferror(f);
	if (fclose(f) || bad)
		stick(r, ERR_SYS, "cannot write ", name);
}

static void put_file(struct result *r, const char *name, const char *suffix, const struct hist *h,
		     void (*put)(const struct hist *h, FILE *f))
{
	char file[256];
	snprintf(file, sizeof(file), "hist-%s.%s", name, suffix);
	FILE *f = result_file(r, file);
	if (!f)
		return;
	put(h, f);
	result_file_end(r, f, file);
}

static void put_csv(const struct hist *h, FILE *f)
{
	fprintf(f, "# n=%" PRIu64 " min=%" PRIu64 " max=%" PRIu64 " sum=%.17g\n", h->n,
		h->n ? h->min : 0, h->max, h->sum);
	fputs("low_ns,high_ns,count\n", f);
	hist_write_csv(h, f);
}

static void put_hgrm(const struct hist *h, FILE *f)
{
	hist_write_hgrm(h, f, (double)NS_PER_US);
}

/* Part of file names, so it must not lead anywhere. */
static bool hist_name_ok(const char *name)
{
	return strlen(name) < 200 && name[0] != '.' &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-")];
}

void result_hist(struct result *r, const char *name, const struct hist *h)
{
	static const struct {
		const char *suffix;
		double q;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };
	char metric[256];
	if (!def_find(r->defs, name) || !hist_name_ok(name)) {
		stick(r, ERR_UNKNOWN, "histogram without a row in the tool's table: ", name);
		return;
	}
	put_file(r, name, "csv", h, put_csv);
	put_file(r, name, "hgrm", h, put_hgrm);
	append(r, r->hists, json_string(name));
	snprintf(metric, sizeof(metric), "%s.n", name);
	put_metric(r, metric, (double)h->n, "1", MERGE_SUM);
	if (!h->n)
		return;
	snprintf(metric, sizeof(metric), "%s.mean", name);
	put_metric(r, metric, hist_mean(h), "ns", MERGE_LAST);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		snprintf(metric, sizeof(metric), "%s.%s", name, quantiles[i].suffix);
		put_metric(r, metric, (double)hist_quantile(h, quantiles[i].q), "ns", MERGE_LAST);
	}
	snprintf(metric, sizeof(metric), "%s.max", name);
	put_metric(r, metric, (double)h->max, "ns", MERGE_MAX);
}

void result_remark(struct result *r, const char *kind, const char *text)
{
	append(r, r->remarks, json_pack("{s:o, s:o}", "kind", text_json(kind), "text", text_json(text)));
}

void result_check(struct result *r, const char *name, bool passed, const char *detail)
{
	append(r, r->checks,
	       json_pack("{s:o, s:b, s:o}", "name", text_json(name), "passed", (int)passed, "detail",
			 text_json(detail ? detail : "")));
}

void result_columns(struct result *r, const char *const *names)
{
	assert(!r->series);
	FILE *f = result_file(r, RESULT_SERIES);
	if (!f)
		return;
	for (; names[r->n_columns]; r->n_columns++)
		fprintf(f, "%s%s", r->n_columns ? "," : "", names[r->n_columns]);
	fputc('\n', f);
	assert(r->n_columns > 0 && r->n_columns <= COLUMNS_MAX);
	r->series = f;
}

void result_row(struct result *r, const double *values)
{
	if (!r->series)
		return;
	if (!(values[0] >= r->last_t)) {
		stick(r, ERR_RANGE, "series rows are not in order of time", "");
		return;
	}
	r->last_t = values[0];
	for (size_t i = 0; i < r->n_columns; i++) {
		if (i)
			fputc(',', r->series);
		if (isfinite(values[i])) /* an empty field: not known at that time */
			fprintf(r->series, "%.9g", values[i]);
	}
	fputc('\n', r->series);
}

static void close_series(struct result *r)
{
	if (!r->series)
		return;
	result_file_end(r, r->series, RESULT_SERIES);
	r->series = NULL;
}

static void put_run(struct result *r)
{
	FILE *f = result_file(r, RESULT_RUN);
	if (!f)
		return;
	bool bad = json_dumpf(r->root, f, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) != 0;
	fputc('\n', f);
	if (bad)
		stick(r, ERR_SYS, "cannot write ", RESULT_RUN);
	result_file_end(r, f, RESULT_RUN);
}

static void release(struct result *r)
{
	json_decref(r->root);
	free(r);
}

int result_close(struct result *r, struct diag *d)
{
	close_series(r);
	put_run(r);
	int rc = r->err;
	if (rc) {
		if (d)
			*d = r->diag;
		result_dir_abandon(&r->dir);
	} else {
		rc = result_dir_commit(&r->dir, d);
	}
	release(r);
	return rc;
}

void result_abandon(struct result *r)
{
	if (!r)
		return;
	close_series(r);
	result_dir_abandon(&r->dir);
	release(r);
}
