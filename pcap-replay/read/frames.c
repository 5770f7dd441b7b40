/* SPDX-License-Identifier: Apache-2.0 */
/* Files become lanes when their time comes; the lane with the oldest frame is next. */
#include "pcap-replay/read/frames.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"

#define STEP_NS (10 * NS_PER_S)
#define TIMELESS_MAX 4096 /* frames looked at for one that has a time */

struct part { /* one file */
	char *path;
	uint64_t first_ns;
	size_t order; /* as given, for equal times */
};

struct lane {
	struct capfile *file; /* NULL: free */
	const char *path;
	struct frame f;       /* waiting to be handed out */
	uint64_t newest_ns;   /* at most INT64_MAX */
	int64_t shift_ns;
};

struct frames {
	struct part *part;
	size_t n_parts, next_part;
	struct lane lane[FRAMES_LANES_MAX];
	size_t lanes; /* above those in use there is none */
	int taken; /* lane whose frame was handed out last; -1 none */
	int err;
	struct diag first_fault;
	struct frames_counts counts;
};

static int fault(struct frames *fs, int rc, const struct diag *d)
{
	if (!fs->err) {
		fs->err = rc;
		fs->first_fault = *d;
	}
	fs->counts.bad_files++;
	return rc;
}

/* --- which files --- */

static int part_add(struct frames *fs, const char *path, struct diag *d)
{
	if (fs->n_parts == FRAMES_FILES_MAX)
		return diag_set(d, ERR_LIMIT, "%s: more than %d files", path, FRAMES_FILES_MAX);
	struct part *p = realloc(fs->part, (fs->n_parts + 1) * sizeof(*p));
	char *copy = strdup(path);
	if (p)
		fs->part = p;
	if (!p || !copy) {
		free(copy);
		return diag_set(d, ERR_NOMEM, "%s: out of memory", path);
	}
	p[fs->n_parts] = (struct part){.path = copy, .order = fs->n_parts};
	fs->n_parts++;
	return 0;
}

static int folder_add(struct frames *fs, const char *path, struct diag *d)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	struct stat st;
	char file[4096];
	size_t before = fs->n_parts;
	int rc = dir ? 0 : diag_errno(d, "%s", path);
	while (rc == 0 && (e = readdir(dir))) {
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.' && stat(file, &st) == 0 && S_ISREG(st.st_mode))
			rc = part_add(fs, file, d);
	}
	if (dir)
		closedir(dir);
	if (rc == 0 && fs->n_parts == before)
		rc = diag_set(d, ERR_MISSING, "%s: a folder without a file in it", path);
	return rc;
}

static int parts_add(struct frames *fs, const char *path, struct diag *d)
{
	struct stat st;
	if (strcmp(path, "-") && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return folder_add(fs, path, d);
	return part_add(fs, path, d);
}

/* The time of a file's first frame that has one; 0 for none. What cannot be read is met
 * again, and told, when the file's turn comes. */
static uint64_t first_time(const char *path)
{
	struct capfile *file;
	struct frame f;
	struct diag d;
	uint64_t t_ns = 0;
	struct stat st;
	if (!strcmp(path, "-") || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) || capfile_open(&file, path, &d)) /* no pipe is read twice */
		return 0;
	for (int i = 0; i < TIMELESS_MAX && !t_ns && capfile_next(file, &f, &d) > 0; i++)
		t_ns = f.has_time ? f.t_ns : 0;
	capfile_close(file);
	return t_ns;
}

static int by_first_time(const void *pa, const void *pb)
{
	const struct part *a = pa, *b = pb;
	if (a->first_ns != b->first_ns)
		return a->first_ns < b->first_ns ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* --- lanes --- */

/* The lane's next frame into its place; closes the lane at the file's end. */
static void lane_advance(struct frames *fs, struct lane *l)
{
	struct diag d = {0};
	int rc = capfile_next(l->file, &l->f, &d);
	if (rc <= 0) {
		if (rc < 0)
			fault(fs, rc, &d);
		capfile_close(l->file);
		l->file = NULL;
		return;
	}
	if (!l->f.has_time) {
		fs->counts.without_time++;
		if (!l->newest_ns) /* nothing before it to be simultaneous with: what comes then */
			l->newest_ns = first_time(l->path);
		l->f.t_ns = l->newest_ns;
		return;
	}
	uint64_t raw = l->f.t_ns;
	if (!fs->counts.first_ns || raw < fs->counts.first_ns)
		fs->counts.first_ns = raw;
	if (raw > fs->counts.last_ns)
		fs->counts.last_ns = raw;
	int64_t t_ns, newest_ns = (int64_t)l->newest_ns;
	/* steps there and back add up; where time has no numbers any more it stands */
	bool beyond = __builtin_add_overflow((int64_t)raw, l->shift_ns, &t_ns);
	if (beyond || t_ns < newest_ns) {
		fs->counts.out_of_order++;
		if (beyond || t_ns < 0 || newest_ns - t_ns > (int64_t)STEP_NS) {
			fs->counts.clock_steps++;
			l->shift_ns = newest_ns - (int64_t)raw;
			t_ns = newest_ns;
		}
		l->f.t_ns = (uint64_t)t_ns;
		return;
	}
	l->f.t_ns = l->newest_ns = (uint64_t)t_ns;
}

static void lane_open(struct frames *fs, const struct part *p)
{
	struct diag d = {0};
	size_t i = 0;
	while (i < FRAMES_LANES_MAX && fs->lane[i].file)
		i++;
	if (i == FRAMES_LANES_MAX) {
		diag_set(&d, ERR_LIMIT, "%s: more than %d captures of one time", p->path, FRAMES_LANES_MAX);
		fault(fs, ERR_LIMIT, &d);
		return;
	}
	struct lane *l = &fs->lane[i];
	fs->lanes = i + 1 > fs->lanes ? i + 1 : fs->lanes;
	l->path = p->path;
	l->newest_ns = 0;
	l->shift_ns = 0;
	int rc = capfile_open(&l->file, p->path, &d);
	if (rc) {
		l->file = NULL;
		fault(fs, rc, &d);
		return;
	}
	fs->counts.files++;
	if (!fs->counts.format[0])
		snprintf(fs->counts.format, sizeof(fs->counts.format), "%s", capfile_format(l->file));
	lane_advance(fs, l);
}

static struct lane *lane_oldest(struct frames *fs)
{
	struct lane *best = NULL;
	for (size_t i = 0; i < fs->lanes; i++)
		if (fs->lane[i].file && (!best || fs->lane[i].f.t_ns < best->f.t_ns))
			best = &fs->lane[i];
	return best;
}

int frames_open(struct frames **ret, const char *const *paths, size_t n, struct diag *d)
{
	struct frames *fs = calloc(1, sizeof(*fs));
	int rc = fs ? 0 : diag_set(d, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = parts_add(fs, paths[i], d);
	if (rc == 0 && fs->n_parts > 1) {
		for (size_t i = 0; i < fs->n_parts; i++)
			fs->part[i].first_ns = first_time(fs->part[i].path);
		qsort(fs->part, fs->n_parts, sizeof(*fs->part), by_first_time);
	}
	if (rc) {
		frames_close(fs);
		return rc;
	}
	fs->taken = -1;
	*ret = fs;
	return 0;
}

int frames_next(struct frames *fs, struct frame *ret, uint16_t *ret_lane, struct diag *d)
{
	if (fs->taken >= 0)
		lane_advance(fs, &fs->lane[fs->taken]);
	fs->taken = -1;
	struct lane *l = lane_oldest(fs);
	while (fs->next_part < fs->n_parts && (!l || fs->part[fs->next_part].first_ns <= l->f.t_ns)) {
		lane_open(fs, &fs->part[fs->next_part++]);
		l = lane_oldest(fs);
	}
	if (!l) {
		if (fs->err && d)
			*d = fs->first_fault;
		return fs->err;
	}
	fs->taken = (int)(l - fs->lane);
	fs->counts.frames++;
	*ret = l->f;
	*ret_lane = (uint16_t)fs->taken;
	return 1;
}

const struct frames_counts *frames_counts(const struct frames *fs)
{
	return &fs->counts;
}

const char *frames_path(const struct frames *fs, size_t i)
{
	return i < fs->n_parts ? fs->part[i].path : NULL;
}

void frames_close(struct frames *fs)
{
	if (!fs)
		return;
	for (size_t i = 0; i < FRAMES_LANES_MAX; i++)
		capfile_close(fs->lane[i].file);
	for (size_t i = 0; i < fs->n_parts; i++)
		free(fs->part[i].path);
	free(fs->part);
	free(fs);
}
