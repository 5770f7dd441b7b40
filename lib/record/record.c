/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a result record back, whole. Records may come from another machine
 * or another version, so everything is checked and bounded; what is absent
 * reads as absent.
 */
#include "lib/record/result.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/record/metrics_common.h"
#include "lib/record/result_dir.h"

#define SCHEMA       "nodens-result/1"
#define SIZE_MAX_RUN (16 << 20)
#define COLUMNS_MAX  64
#define ROWS_MAX     2000000
#define LINE_MAX_CSV 4096

struct record {
	char *dir;
	json_t *root;
	char *args, seed[24], cpus[24]; /* facts that run.json does not hold as text */
	size_t n_columns, n_rows, cap_rows;
	char *column_name[COLUMNS_MAX];
	double *column[COLUMNS_MAX];
};

/* --- run.json --- */

static FILE *open_file(const struct record *r, const char *name, struct diag *d)
{
	char *path;
	if (asprintf(&path, "%s/%s", r->dir, name) < 0) {
		diag_set(d, ERR_NOMEM, "no memory");
		return NULL;
	}
	/* not to wait for a FIFO's other end */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *f = NULL;
	if (fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode)) {
		diag_set(d, ERR_SYNTAX, "%s: not a file", path);
		errno = EINVAL;
		close(fd);
	} else if (fd < 0 || !(f = fdopen(fd, "r"))) {
		diag_errno(d, "%s", path);
	}
	free(path);
	return f;
}

/* A number with a unit; a name that tools share has the unit that they agreed on, and counts
 * or measures something, so it is not below zero. */
static int check_metrics(const struct record *r, struct diag *d)
{
	static const struct metric_def shared[] = { METRICS_COMMON, { 0 } };
	const char *name;
	json_t *m;
	json_object_foreach(json_object_get(r->root, "metrics"), name, m)
	{
		json_t *v = json_object_get(m, "value");
		const char *unit = json_string_value(json_object_get(m, "unit"));
		const struct metric_def *is = shared;
		if (!json_is_number(v) || !unit)
			return diag_set(d, ERR_SYNTAX, "%s/" RESULT_RUN ": metric '%.80s': %s", r->dir, name,
					unit ? "its value is not a number" : "its unit is absent");
		while (is->name && strcmp(is->name, name) != 0)
			is++;
		if (is->name && strcmp(is->unit, unit) != 0 && strcmp(unit, "1") != 0)
			return diag_set(d, ERR_SYNTAX, "%s/" RESULT_RUN ": metric '%s' is in %.40s, expected %s", r->dir, name, unit,
					is->unit);
		if (is->name && json_number_value(v) < 0)
			return diag_set(d, ERR_RANGE, "%s/" RESULT_RUN ": metric '%s' is below zero", r->dir, name);
	}
	return 0;
}

static int check_run(const struct record *r, struct diag *d)
{
	static const char *const objects[] = { "labels", "metrics" };
	static const char *const arrays[] = { "args", "inputs", "hists", "checks", "remarks" };
	json_t *version = json_object_get(r->root, "schema");
	const char *schema = json_string_value(version);
	if (!json_is_object(r->root))
		return diag_set(d, ERR_SYNTAX, "%s/" RESULT_RUN ": not an object", r->dir);
	if (!schema || strcmp(schema, SCHEMA))
		return diag_set(d, ERR_UNKNOWN, "%s/" RESULT_RUN ": schema is '%.40s', this program reads '%s'",
				r->dir, schema ? schema : version ? "not text" : "absent", SCHEMA);
	if (!json_is_string(json_object_get(r->root, "tool")))
		return diag_set(d, ERR_MISSING, "%s/" RESULT_RUN ": no tool", r->dir);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		if (!json_is_object(json_object_get(r->root, objects[i])))
			return diag_set(d, ERR_SYNTAX, "%s/" RESULT_RUN ": '%s' is not an object", r->dir,
					objects[i]);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (!json_is_array(json_object_get(r->root, arrays[i])))
			return diag_set(d, ERR_SYNTAX, "%s/" RESULT_RUN ": '%s' is not an array", r->dir,
					arrays[i]);
	return check_metrics(r, d);
}

static int load_run(struct record *r, struct diag *d)
{
	struct stat st;
	json_error_t e;
	FILE *f = open_file(r, RESULT_RUN, d);
	if (!f)
		return ERR_SYS;
	if (fstat(fileno(f), &st) || st.st_size > SIZE_MAX_RUN) {
		fclose(f);
		return diag_set(d, ERR_LIMIT, "%s/" RESULT_RUN ": longer than 16 MiB", r->dir);
	}
	r->root = json_loadf(f, JSON_REJECT_DUPLICATES, &e);
	fclose(f);
	if (!r->root)
		return diag_set(d, ERR_SYNTAX, "%s/" RESULT_RUN ":%d:%d: %s", r->dir, e.line, e.column,
				e.text);
	return check_run(r, d);
}

static int join_args(struct record *r)
{
	size_t i, size = 1;
	json_t *v;
	json_array_foreach(json_object_get(r->root, "args"), i, v)
		size += json_string_length(v) + 1;
	r->args = calloc(1, size);
	if (!r->args)
		return ERR_NOMEM;
	json_array_foreach(json_object_get(r->root, "args"), i, v)
	{
		if (i)
			strcat(r->args, " ");
		strcat(r->args, json_is_string(v) ? json_string_value(v) : "");
	}
	json_t *seed = json_object_get(r->root, "seed");
	if (json_is_integer(seed))
		snprintf(r->seed, sizeof(r->seed), "%" JSON_INTEGER_FORMAT, json_integer_value(seed));
	json_t *cpus = json_object_get(r->root, "cpus");
	if (json_is_integer(cpus))
		snprintf(r->cpus, sizeof(r->cpus), "%" JSON_INTEGER_FORMAT, json_integer_value(cpus));
	return 0;
}

/* --- series.csv --- */

static int series_error(const struct record *r, struct diag *d, int code, unsigned line,
			const char *words)
{
	return diag_set(d, code, "%s/" RESULT_SERIES ":%u: %s", r->dir, line, words);
}

static int read_columns(struct record *r, char *line, struct diag *d)
{
	char *name;
	while ((name = strsep(&line, ","))) {
		if (r->n_columns == COLUMNS_MAX)
			return series_error(r, d, ERR_LIMIT, 1, "more than 64 columns");
		if (!(r->column_name[r->n_columns] = strdup(name)))
			return series_error(r, d, ERR_NOMEM, 1, "no memory");
		r->n_columns++;
	}
	if (strcmp(r->column_name[0], "t_s"))
		return series_error(r, d, ERR_SYNTAX, 1, "the first column must be t_s");
	return 0;
}

static int grow_rows(struct record *r)
{
	size_t cap = r->cap_rows ? r->cap_rows * 2 : 256;
	for (size_t i = 0; i < r->n_columns; i++) {
		double *p = realloc(r->column[i], cap * sizeof(*p));
		if (!p)
			return ERR_NOMEM;
		r->column[i] = p;
	}
	r->cap_rows = cap;
	return 0;
}

static int read_row(struct record *r, char *line, unsigned line_no, struct diag *d)
{
	char *field, *end;
	size_t i = 0;
	if (r->n_rows == ROWS_MAX)
		return series_error(r, d, ERR_LIMIT, line_no, "more than 2,000,000 rows");
	if (r->n_rows == r->cap_rows && grow_rows(r))
		return series_error(r, d, ERR_NOMEM, line_no, "no memory");
	for (; (field = strsep(&line, ",")) && i < r->n_columns; i++) {
		double v = *field ? strtod(field, &end) : NAN;
		if (*field && (*end || !isfinite(v)))
			return series_error(r, d, ERR_SYNTAX, line_no, "not a number");
		r->column[i][r->n_rows] = v;
	}
	if (field || i < r->n_columns)
		return series_error(r, d, ERR_SYNTAX, line_no, "fields and columns differ in number");
	double t = r->column[0][r->n_rows];
	if (isnan(t) || (r->n_rows && t < r->column[0][r->n_rows - 1]))
		return series_error(r, d, ERR_RANGE, line_no, "t_s is absent or falls");
	r->n_rows++;
	return 0;
}

static int load_series(struct record *r, struct diag *d)
{
	char line[LINE_MAX_CSV];
	unsigned line_no = 0;
	FILE *f = open_file(r, RESULT_SERIES, d);
	int rc = 0;
	if (!f)
		return errno == ENOENT ? 0 : ERR_SYS;
	while (!rc && fgets(line, sizeof(line), f)) {
		line_no++;
		size_t len = strlen(line);
		if (!len || line[len - 1] != '\n')
			rc = series_error(r, d, ERR_SYNTAX, line_no, "line cut off, or too long");
		else
			line[len - 1] = '\0';
		if (!rc)
			rc = line_no == 1 ? read_columns(r, line, d) : read_row(r, line, line_no, d);
	}
	if (!rc && ferror(f))
		rc = diag_errno(d, "%s/" RESULT_SERIES, r->dir);
	fclose(f);
	return rc;
}

/* --- the whole --- */

int record_load(struct record **ret, const char *dir, struct diag *d)
{
	struct record *r = calloc(1, sizeof(*r));
	if (!r || !(r->dir = strdup(dir))) {
		free(r);
		return diag_set(d, ERR_NOMEM, "no memory");
	}
	int rc = load_run(r, d);
	if (!rc && join_args(r))
		rc = diag_set(d, ERR_NOMEM, "no memory");
	if (!rc)
		rc = load_series(r, d);
	if (rc)
		record_free(r);
	else
		*ret = r;
	return rc;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < COLUMNS_MAX; i++) {
		free(r->column_name[i]);
		free(r->column[i]);
	}
	json_decref(r->root);
	free(r->args);
	free(r->dir);
	free(r);
}

const char *record_tool(const struct record *r)
{
	return json_string_value(json_object_get(r->root, "tool"));
}

const char *record_dir(const struct record *r)
{
	return r->dir;
}

const char *record_label(const struct record *r, const char *key)
{
	return json_string_value(json_object_get(json_object_get(r->root, "labels"), key));
}

const char *record_fact(const struct record *r, const char *key)
{
	json_t *input = json_array_get(json_object_get(r->root, "inputs"), 0);
	if (!strcmp(key, "args"))
		return *r->args ? r->args : NULL;
	if (!strcmp(key, "seed"))
		return *r->seed ? r->seed : NULL;
	if (!strcmp(key, "cpus"))
		return *r->cpus ? r->cpus : NULL;
	if (!strcmp(key, "input"))
		return json_string_value(json_object_get(input, "path"));
	if (!strcmp(key, "input_sha256"))
		return json_string_value(json_object_get(input, "sha256"));
	return json_string_value(json_object_get(r->root, key));
}

static json_t *metric(const struct record *r, const char *name)
{
	return json_object_get(json_object_get(r->root, "metrics"), name);
}

bool record_num(const struct record *r, const char *name, double *ret)
{
	json_t *v = json_object_get(metric(r, name), "value");
	if (!json_is_number(v))
		return false;
	*ret = json_number_value(v);
	return true;
}

const char *record_unit(const struct record *r, const char *name)
{
	return json_string_value(json_object_get(metric(r, name), "unit"));
}

const char *record_metric_name(const struct record *r, size_t i)
{
	void *at = json_object_iter(json_object_get(r->root, "metrics"));
	while (at && i--)
		at = json_object_iter_next(json_object_get(r->root, "metrics"), at);
	return at ? json_object_iter_key(at) : NULL;
}

/* What is wrong with it, or NULL; `ret_line` is where. */
static const char *read_hist(FILE *f, struct hist *h, unsigned *ret_line)
{
	char line[256], rest;
	uint64_t n, min, max, low, high, count, last = 0;
	double sum;
	*ret_line = 1;
	if (!fgets(line, sizeof(line), f) ||
	    sscanf(line, "# n=%" SCNu64 " min=%" SCNu64 " max=%" SCNu64 " sum=%lf", &n, &min, &max, &sum) != 4)
		return "expected # n=... min=... max=... sum=...";
	++*ret_line;
	if (!fgets(line, sizeof(line), f) || strcmp(line, "low_ns,high_ns,count\n"))
		return "expected low_ns,high_ns,count";
	while (++*ret_line, fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNu64 ",%" SCNu64 ",%" SCNu64 "%c", &low, &high, &count, &rest) != 4 || rest != '\n' ||
		    strchr(line, '-'))
			return "expected three counts";
		if (low > high || low < last || count > n)
			return "buckets that fall, or hold more than there is";
		last = high;
		hist_record_n(h, low, count);
	}
	if (ferror(f))
		return "could not be read";
	if (h->n != n || !isfinite(sum) || (n && min > max))
		return "its buckets do not add up to its first line: cut off?";
	/* buckets blur these; the file has them exactly */
	if (n) {
		h->min = min;
		h->max = max;
		h->sum = sum;
	}
	return NULL;
}

const char *record_hist_name(const struct record *r, size_t i)
{
	return json_string_value(json_array_get(json_object_get(r->root, "hists"), i));
}

int record_hist_load(const struct record *r, const char *name, struct hist *ret, struct diag *d)
{
	char file[256];
	unsigned line = 0;
	if (strchr(name, '/') || strlen(name) > sizeof(file) - 16)
		return diag_set(d, ERR_SYNTAX, "%s/" RESULT_RUN ": '%.80s' is no name of a histogram", r->dir, name);
	snprintf(file, sizeof(file), "hist-%s.csv", name);
	FILE *f = open_file(r, file, d);
	if (!f)
		return errno == ENOENT ? ERR_MISSING : ERR_SYS;
	struct hist *h = malloc(sizeof(*h));
	if (h)
		hist_init(h);
	const char *wrong = h ? read_hist(f, h, &line) : "no memory";
	if (!wrong)
		*ret = *h;
	free(h);
	fclose(f);
	return wrong ? diag_set(d, ERR_SYNTAX, "%s/%s:%u: %s", r->dir, file, line, wrong) : 0;
}

bool record_hist(const struct record *r, const char *name, struct hist *ret)
{
	return record_hist_load(r, name, ret, NULL) == 0;
}

static const char *text_of(json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : "";
}

bool record_remark(const struct record *r, size_t i, const char **ret_kind, const char **ret_text)
{
	json_t *v = json_array_get(json_object_get(r->root, "remarks"), i);
	if (!v)
		return false;
	*ret_kind = text_of(v, "kind");
	*ret_text = text_of(v, "text");
	return true;
}

bool record_check(const struct record *r, size_t i, const char **ret_name, bool *ret_passed,
		  const char **ret_detail)
{
	json_t *v = json_array_get(json_object_get(r->root, "checks"), i);
	if (!v)
		return false;
	*ret_name = text_of(v, "name");
	*ret_passed = json_is_true(json_object_get(v, "passed"));
	*ret_detail = text_of(v, "detail");
	return true;
}

size_t record_rows(const struct record *r)
{
	return r->n_rows;
}

const double *record_column(const struct record *r, const char *name)
{
	for (size_t i = 0; i < r->n_columns; i++)
		if (!strcmp(r->column_name[i], name))
			return r->column[i];
	return NULL;
}
