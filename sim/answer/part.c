/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See part.h.
 */
#include "sim/answer/part.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/hash.h"

#define SAMPLES_MAX 4096 /* a cell has 600 */

/* --- writing --- */

static void put_hist(FILE *f, const char *name, unsigned i, const struct hist *h)
{
	if (!h->n)
		return;
	fprintf(f, "hist %s %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %a\n", name, i, h->n, h->min, h->max, h->sum);
	for (unsigned k = 0; k < HIST_BUCKETS; k++)
		if (h->count[k])
			fprintf(f, "b %u %" PRIu64 "\n", k, h->count[k]);
}

static void put_heat(FILE *f, const struct heat *h)
{
	if (!h->n_steps)
		return;
	fprintf(f, "heat %" PRIu64 " %u\n", h->step_ns, h->n_steps);
	for (unsigned i = 0; i < h->n_steps; i++)
		for (unsigned k = 0; k < HEAT_BANDS; k++)
			if (h->count[i][k])
				fprintf(f, "s %u %u %" PRIu32 "\n", i, k, h->count[i][k]);
}

static void put_sample(FILE *f, const struct sim_sample *s)
{
	const uint64_t *v = (const uint64_t *)s;

	fprintf(f, "sample");
	for (size_t i = 0; i < sizeof(*s) / sizeof(*v); i++)
		fprintf(f, " %" PRIu64, v[i]);
	fputc('\n', f);
}

void part_head(FILE *f, const char *digest)
{
	fprintf(f, "#nodens-sim-part 3\nsweep %s\n", digest);
}

static void put_task(FILE *f, uint64_t job, uint64_t rep, const struct sim_result *r)
{
	fprintf(f, "task %" PRIu64 " %" PRIu64 "\n", job, rep);
#define PUT(field, how) fprintf(f, "num " #field " %" PRIu64 "\n", r->field);
	SIM_NUMBERS(PUT)
#undef PUT
	for (unsigned i = 0; i < SIM_CAUSES_N; i++)
		if (r->lost_by[i] || r->dropped[i])
			fprintf(f, "cause %u %" PRIu64 " %" PRIu64 "\n", i, r->lost_by[i], r->dropped[i]);
	for (unsigned i = 0; i < SIM_BACKENDS_MAX; i++)
		if (r->upstream_backend[i] || r->backend_cpu_ns[i])
			fprintf(f, "backend %u %" PRIu64 " %" PRIu64 "\n", i, r->upstream_backend[i],
				r->backend_cpu_ns[i]);
	if (r->why_wrong[0])
		fprintf(f, "why %s\n", r->why_wrong);
	for (unsigned i = 0; i < SCEN_LOADS_MAX; i++)
		put_hist(f, "latency", i, &r->latency[i]);
	for (unsigned i = 0; i < SIM_PATHS_N; i++)
		put_hist(f, "path", i, &r->path[i]);
	put_hist(f, "sli", 0, &r->sli);
	put_hist(f, "node_peak", 0, &r->node_peak);
	put_heat(f, &r->heat);
	for (size_t i = 0; i < r->n_samples; i++)
		put_sample(f, &r->sample[i]);
}

int part_task(FILE *f, uint64_t job, uint64_t rep, const struct sim_result *r)
{
	char *text = NULL, hex[65];
	size_t len = 0;
	FILE *whole = open_memstream(&text, &len);

	if (!whole)
		return ERR_NOMEM;
	put_task(whole, job, rep, r);
	if (fclose(whole) != 0) {
		free(text);
		return ERR_NOMEM;
	}
	hash_sha256_hex(text, len, hex);
	/* errno is of the write: at once, and not at the end of a long shard */
	bool written = fprintf(f, "%send %s\n", text, hex) >= 0 && fflush(f) == 0;
	int why = errno;
	free(text);
	errno = why;
	return written ? 0 : ERR_SYS;
}

void part_done(FILE *f, uint64_t n_tasks)
{
	fprintf(f, "done %" PRIu64 "\n", n_tasks);
}

/* --- reading --- */

static int bad(const struct part_reader *p, struct diag *d, const char *expected)
{
	return diag_at(d, ERR_SYNTAX, p->path, p->line, 0, "expected %s, found '%.60s'", expected, p->text);
}

static bool next_line(struct part_reader *p)
{
	if (!fgets(p->text, sizeof(p->text), p->f)) {
		p->text[0] = '\0';
		p->line++;
		return false;
	}
	p->text[strcspn(p->text, "\n")] = '\0';
	p->line++;
	return true;
}

int part_open(struct part_reader *p, const char *path, const char *digest, struct diag *d)
{
	*p = (struct part_reader){.path = path, .f = file_open_regular(path, d)}; /* each task is come back to */
	if (!p->f)
		return ERR_SYS;
	if (!next_line(p) || strcmp(p->text, "#nodens-sim-part 3") != 0)
		return bad(p, d, "'#nodens-sim-part 3'");
	if (!next_line(p) || strncmp(p->text, "sweep ", 6) != 0)
		return bad(p, d, "'sweep SHA256'");
	if (strcmp(p->text + 6, digest) != 0)
		return diag_at(d, ERR_RANGE, path, p->line, 0, "this part is of another sweep, scenario or list of costs");
	return 0;
}

void part_close(struct part_reader *p)
{
	if (p->f)
		fclose(p->f);
	p->f = NULL;
	free(p->task);
	p->task = NULL;
}

/* The line, as it was written, to those of its task. */
static bool keep_line(struct part_reader *p)
{
	size_t n = strlen(p->text);

	if (p->len + n + 1 > p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 65536;
		char *more = realloc(p->task, cap);
		if (!more)
			return false;
		p->task = more;
		p->cap = cap;
	}
	memcpy(p->task + p->len, p->text, n);
	p->task[p->len + n] = '\n';
	p->len += n + 1;
	return true;
}

static bool is_end(const char *text)
{
	return strncmp(text, "end ", 4) == 0;
}

/* So many numbers after the word; false: fewer, more, or none. */
static bool numbers(const char *text, uint64_t *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *end;
		if (*text != ' ' || text[1] < '0' || text[1] > '9')
			return false;
		errno = 0;
		ret[i] = strtoull(text + 1, &end, 10);
		if (errno)
			return false;
		text = end;
	}
	return *text == '\0';
}

static bool take_num(struct sim_result *r, char *text)
{
	size_t len = strcspn(text, " ");
	uint64_t v;

	if (!numbers(text + len, &v, 1))
		return false;
	text[len] = '\0';
#define TAKE(field, how)                     \
	if (strcmp(text, #field) == 0) {     \
		r->field = v;                \
		return true;                 \
	}
	SIM_NUMBERS(TAKE)
#undef TAKE
	return false;
}

static bool take_hist(struct sim_result *r, const char *text, struct hist **ret)
{
	char name[16];
	unsigned i;
	struct hist h;
	int used = 0;

	if (sscanf(text, "%15s %u %" SCNu64 " %" SCNu64 " %" SCNu64 " %la%n", name, &i, &h.n, &h.min, &h.max, &h.sum,
		   &used) != 6 || text[used] || i >= SCEN_LOADS_MAX)
		return false;
	if ((strcmp(name, "path") == 0 && i >= SIM_PATHS_N) || !h.n || h.min > h.max || !isfinite(h.sum))
		return false;
	*ret = strcmp(name, "latency") == 0	? &r->latency[i]
	       : strcmp(name, "path") == 0	? &r->path[i]
	       : strcmp(name, "sli") == 0	? &r->sli
	       : strcmp(name, "node_peak") == 0 ? &r->node_peak
						: NULL;
	if (!*ret || (*ret)->n)
		return false;
	(*ret)->n = h.n;
	(*ret)->min = h.min;
	(*ret)->max = h.max;
	(*ret)->sum = h.sum;
	return true;
}

static bool take_sample(struct sim_result *r, const char *text)
{
	if (r->n_samples == r->cap_samples) {
		size_t cap = r->cap_samples ? r->cap_samples * 2 : 64;
		struct sim_sample *p = cap <= SAMPLES_MAX ? realloc(r->sample, cap * sizeof(*p)) : NULL;
		if (!p)
			return false;
		r->sample = p;
		r->cap_samples = cap;
	}
	return numbers(text, (uint64_t *)&r->sample[r->n_samples++], sizeof(struct sim_sample) / sizeof(uint64_t));
}

/* A step is the finest one, doubled so many times. */
static bool take_heat(struct heat *h, const uint64_t v[2])
{
	uint64_t times = v[0] / HEAT_STEP_NS;

	if (!times || v[0] % HEAT_STEP_NS || (times & (times - 1)) || !v[1] || v[1] > HEAT_STEPS)
		return false;
	h->step_ns = v[0];
	h->n_steps = (unsigned)v[1];
	return true;
}

static bool take_line(struct sim_result *r, char *text, struct hist **h)
{
	uint64_t v[3];

	if (strncmp(text, "num ", 4) == 0)
		return take_num(r, text + 4);
	if (strncmp(text, "hist ", 5) == 0)
		return take_hist(r, text + 5, h);
	if (strncmp(text, "sample", 6) == 0)
		return take_sample(r, text + 6);
	if (strncmp(text, "why ", 4) == 0) {
		snprintf(r->why_wrong, sizeof(r->why_wrong), "%.95s", text + 4);
		return true;
	}
	if (strncmp(text, "b ", 2) == 0 && *h && numbers(text + 1, v, 2) && v[0] < HIST_BUCKETS) {
		(*h)->count[v[0]] = v[1];
		return true;
	}
	if (strncmp(text, "heat ", 5) == 0 && numbers(text + 4, v, 2))
		return take_heat(&r->heat, v);
	if (strncmp(text, "s ", 2) == 0 && numbers(text + 1, v, 3) && v[0] < r->heat.n_steps && v[1] < HEAT_BANDS &&
	    v[2] <= UINT32_MAX) {
		r->heat.count[v[0]][v[1]] = (uint32_t)v[2];
		return true;
	}
	if (strncmp(text, "cause ", 6) == 0 && numbers(text + 5, v, 3) && v[0] < SIM_CAUSES_N) {
		r->lost_by[v[0]] = v[1];
		r->dropped[v[0]] = v[2];
		return true;
	}
	if (strncmp(text, "backend ", 8) == 0 && numbers(text + 7, v, 3) && v[0] < SIM_BACKENDS_MAX) {
		r->upstream_backend[v[0]] = v[1];
		r->backend_cpu_ns[v[0]] = v[2];
		return true;
	}
	return false;
}

int part_next(struct part_reader *p, uint64_t *ret_job, uint64_t *ret_rep, struct sim_result *ret, bool *ret_more,
	      struct diag *d)
{
	struct hist *h = NULL;
	uint64_t v[2];
	char hex[65];

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < SCEN_LOADS_MAX; i++)
		hist_init(&ret->latency[i]);
	for (unsigned i = 0; i < SIM_PATHS_N; i++)
		hist_init(&ret->path[i]);
	hist_init(&ret->sli);
	hist_init(&ret->node_peak);
	*ret_more = false;
	if (!next_line(p))
		return bad(p, d, "'task JOB REPLICATION' or 'done TASKS' (the file was cut)");
	if (strncmp(p->text, "done", 4) == 0 && numbers(p->text + 4, v, 1))
		return v[0] == p->n_tasks ? 0 : bad(p, d, "the number of tasks before it");
	if (strncmp(p->text, "task", 4) != 0 || !numbers(p->text + 4, v, 2))
		return bad(p, d, "'task JOB REPLICATION'");
	p->len = 0;
	bool kept = keep_line(p);
	while (kept && next_line(p) && !is_end(p->text)) {
		kept = keep_line(p);
		if (!take_line(ret, p->text, &h)) {
			sim_result_release(ret);
			return bad(p, d, "a line of a task");
		}
	}
	if (kept)
		hash_sha256_hex(p->task, p->len, hex);
	if (!kept || !is_end(p->text) || strcmp(p->text + 4, hex) != 0 || !ret->n_nodes) {
		sim_result_release(ret);
		return kept ? bad(p, d, "'end' and the digest of a whole task") : diag_set(d, ERR_NOMEM, "out of memory");
	}
	p->n_tasks++;
	*ret_job = v[0];
	*ret_rep = v[1];
	*ret_more = true;
	return 0;
}
