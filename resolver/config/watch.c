/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7); see the header. */
#include "resolver/config/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define SETTLE_NS (50 * NS_PER_MS) /* a swap is several events */
#define SETTLE_MAX_NS (500 * NS_PER_MS) /* and who writes on and on is read all the same */
#define MASK (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR | IN_MASK_ADD)
#define LINKS_MAX 40 /* the kernel's own limit: path_resolution(7) */

static const struct watch_dir *dir_by_number(const struct watch_dir *dir, size_t n, int wd)
{
	for (size_t i = 0; i < n; i++)
		if (dir[i].wd == wd)
			return &dir[i];
	return NULL;
}

static bool name_among(const struct watch_name *one, size_t n, int wd, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (one[i].wd == wd && strcmp(one[i].name, name) == 0)
			return true;
	return false;
}

static void names_forget(struct watch_name *one, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(one[i].name);
}

/* Of those before, the ones that nobody wants any more. */
static void dirs_forget(struct watch *w, struct watch_dir *before, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!dir_by_number(w->dir, w->n_dirs, before[i].wd))
			inotify_rm_watch(w->fd.fd, before[i].wd);
		free(before[i].path);
	}
}

static struct watch_dir *dir_find(struct watch *w, const char *path)
{
	for (size_t i = 0; i < w->n_dirs; i++)
		if (strcmp(w->dir[i].path, path) == 0)
			return &w->dir[i];
	return NULL;
}

/* `mask`: beyond what every directory is watched for. */
static struct watch_dir *dir_add(struct watch *w, const char *path, uint32_t mask)
{
	struct watch_dir *dir = dir_find(w, path);
	if (dir && !(mask & ~dir->mask))
		return dir;
	int wd = dir || w->n_dirs < WATCH_DIRS_MAX ? inotify_add_watch(w->fd.fd, path, MASK | mask) : -1;
	char *copy = wd >= 0 && !dir ? strdup(path) : NULL;
	if (wd < 0 || (!dir && !copy)) {
		w->partial |= wd >= 0 || errno != ENOENT; /* gone this moment: its parent tells */
		return NULL;
	}
	if (!dir) {
		dir = &w->dir[w->n_dirs++];
		*dir = (struct watch_dir){ .path = copy };
	}
	dir->wd = wd;
	dir->mask |= mask;
	return dir;
}

static void name_add(struct watch *w, const char *path, const char *name, uint32_t mask)
{
	const struct watch_dir *dir = dir_add(w, path, mask);
	if (!dir || name_among(w->name, w->n_names, dir->wd, name))
		return;
	char *copy = w->n_names < WATCH_NAMES_MAX ? strdup(name) : NULL;
	if (copy)
		w->name[w->n_names++] = (struct watch_name){ .wd = dir->wd, .name = copy };
	else
		w->partial = true;
}

/* --- the way to a file --- */

struct way {
	char at[PATH_MAX];   /* without links; "" is the root */
	char rest[PATH_MAX]; /* still to go from there */
	unsigned n_links;
};

static bool way_begin(struct way *y, const char *path)
{
	y->n_links = 0;
	y->at[0] = 0;
	if (*path != '/' && !getcwd(y->at, sizeof(y->at)))
		return false;
	if (strcmp(y->at, "/") == 0)
		y->at[0] = 0;
	return (size_t)snprintf(y->rest, sizeof(y->rest), "%s", path) < sizeof(y->rest);
}

/* The next name of what is to go; false: there is none. */
static bool way_next(struct way *y, char name[NAME_MAX + 1])
{
	size_t skip = strspn(y->rest, "/"), len = strcspn(y->rest + skip, "/");
	if (!len || len > NAME_MAX)
		return false;
	memcpy(name, y->rest + skip, len);
	name[len] = 0;
	memmove(y->rest, y->rest + skip + len, strlen(y->rest + skip + len) + 1);
	return true;
}

static void way_up(struct way *y)
{
	char *slash = strrchr(y->at, '/');
	if (slash)
		*slash = 0;
}

/* A link: where it leads is to go before the rest. */
static bool way_turn(struct way *y, const char *to)
{
	char rest[PATH_MAX];
	if (++y->n_links > LINKS_MAX || (size_t)snprintf(rest, sizeof(rest), "%s/%s", to, y->rest) >= sizeof(rest))
		return false;
	if (*to == '/')
		y->at[0] = 0;
	strcpy(y->rest, rest);
	return true;
}

/* A step: watched first and looked up then, so that whatever changes it later is told. False: it
 * leads no further. */
static bool way_step(struct watch *w, struct way *y, const char *name)
{
	bool last = y->rest[strspn(y->rest, "/")] == 0;
	char next[PATH_MAX], to[PATH_MAX];
	if (strcmp(name, ".") == 0)
		return true;
	if (strcmp(name, "..") == 0) {
		way_up(y);
		return true;
	}
	name_add(w, *y->at ? y->at : "/", name, last ? IN_CLOSE_WRITE : 0);
	if ((size_t)snprintf(next, sizeof(next), "%s/%s", y->at, name) >= sizeof(next))
		return false;
	ssize_t n = readlink(next, to, sizeof(to) - 1);
	if (n < 0 && errno != EINVAL)
		return false;
	if (n >= 0) {
		to[n] = 0;
		return way_turn(y, to);
	}
	strcpy(y->at, next);
	return true;
}

static void path_add(struct watch *w, const char *path)
{
	char name[NAME_MAX + 1];
	struct way y;
	struct stat st;
	if (!way_begin(&y, path)) {
		w->partial = true;
		return;
	}
	while (way_next(&y, name))
		if (!way_step(w, &y, name))
			return;
	const char *end = *y.at ? y.at : "/";
	struct watch_dir *dir = stat(end, &st) == 0 && S_ISDIR(st.st_mode) ? dir_add(w, end, IN_CLOSE_WRITE) : NULL;
	if (dir)
		dir->all = true;
}

/* Something is watched for that was not before. */
static bool is_more(const struct watch *w, const struct watch_dir *dir, size_t n_dirs, const struct watch_name *name,
		    size_t n_names)
{
	for (size_t i = 0; i < w->n_dirs; i++) {
		const struct watch_dir *old = dir_by_number(dir, n_dirs, w->dir[i].wd);
		if (!old || (w->dir[i].mask & ~old->mask) || (w->dir[i].all && !old->all))
			return true;
	}
	for (size_t i = 0; i < w->n_names; i++)
		if (!name_among(name, n_names, w->name[i].wd, w->name[i].name))
			return true;
	return false;
}

/* The kernel knows a directory again and its events go on under the same number: what was
 * on its way to us when the list is set anew still counts. */
bool watch_set(struct watch *w, const char *const *path, size_t n)
{
	struct watch_dir dir[WATCH_DIRS_MAX];
	struct watch_name name[WATCH_NAMES_MAX];
	size_t n_dirs = w->n_dirs, n_names = w->n_names;
	if (w->fd.fd < 0)
		return false;
	memcpy(dir, w->dir, n_dirs * sizeof(*dir));
	memcpy(name, w->name, n_names * sizeof(*name));
	w->n_dirs = w->n_names = 0;
	w->partial = false;
	for (size_t i = 0; i < n; i++)
		path_add(w, path[i]);
	bool more = is_more(w, dir, n_dirs, name, n_names);
	dirs_forget(w, dir, n_dirs);
	names_forget(name, n_names);
	return more;
}

static bool concerns(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_UNMOUNT))
		return true;
	if (!e->len)
		return false;
	for (size_t i = 0; i < w->n_dirs; i++)
		if (w->dir[i].wd == e->wd && w->dir[i].all)
			return true;
	return name_among(w->name, w->n_names, e->wd, e->name);
}

static void inotify_ready(struct loop_fd *fd, uint32_t events)
{
	struct watch *w = container_of(fd, struct watch, fd);
	char buf[8192] __attribute__((aligned(8)));
	bool hit = false;
	ssize_t n;
	(void)events;
	while ((n = read(fd->fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)at;
			hit |= concerns(w, e);
			at += sizeof(*e) + e->len;
		}
	}
	if (!hit)
		return;
	uint64_t now = w->loop->now_ns, at = now + SETTLE_NS;
	if (!w->first_ns)
		w->first_ns = now;
	loop_timer_set(w->loop, &w->settle, at < w->first_ns + SETTLE_MAX_NS ? at : w->first_ns + SETTLE_MAX_NS);
}

static void settled(struct loop_timer *t)
{
	struct watch *w = container_of(t, struct watch, settle);
	w->first_ns = 0;
	w->changed(w->ctx);
}

int watch_init(struct watch *w, struct loop *loop, void (*changed)(void *ctx), void *ctx, struct diag *d)
{
	*w = (struct watch){ .loop = loop, .changed = changed, .ctx = ctx };
	w->fd.ready = inotify_ready;
	w->settle.due = settled;
	w->fd.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd.fd < 0)
		return diag_errno(d, "inotify_init1");
	if (loop_add(loop, &w->fd, w->fd.fd, EPOLLIN) == 0)
		return 0;
	int rc = diag_errno(d, "epoll");
	close(w->fd.fd);
	w->fd.fd = -1;
	return rc;
}

void watch_release(struct watch *w)
{
	if (!w->loop)
		return;
	loop_timer_set(w->loop, &w->settle, T_NEVER);
	if (w->fd.fd < 0)
		return;
	watch_set(w, NULL, 0);
	loop_del(w->loop, &w->fd);
	close(w->fd.fd);
	w->fd.fd = -1;
}
