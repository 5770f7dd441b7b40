/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7); see the header. */
#include "resolver/config/watch.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define SETTLE_NS (50 * NS_PER_MS) /* a swap is several events */
#define SETTLE_MAX_NS (500 * NS_PER_MS) /* and who writes on and on is read all the same */
#define MASK (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB | IN_DELETE_SELF)

static void forget(struct watch *w)
{
	for (size_t i = 0; i < w->n_dirs; i++) {
		inotify_rm_watch(w->fd.fd, w->dir[i].wd);
		free(w->dir[i].path);
	}
	for (size_t i = 0; i < w->n_names; i++)
		free(w->name[i].name);
	w->n_dirs = w->n_names = 0;
}

static int dir_add(struct watch *w, const char *path, bool all)
{
	for (size_t i = 0; i < w->n_dirs; i++) {
		if (strcmp(w->dir[i].path, path) == 0) {
			w->dir[i].all |= all;
			return w->dir[i].wd;
		}
	}
	if (w->n_dirs == WATCH_DIRS_MAX)
		return -1;
	int wd = inotify_add_watch(w->fd.fd, path, MASK);
	char *copy = wd >= 0 ? strdup(path) : NULL;
	if (!copy)
		return -1;
	w->dir[w->n_dirs++] = (struct watch_dir){ .wd = wd, .all = all, .path = copy };
	return wd;
}

static void name_add(struct watch *w, int wd, const char *name)
{
	char *copy = w->n_names < WATCH_NAMES_MAX && wd >= 0 ? strdup(name) : NULL;
	if (copy)
		w->name[w->n_names++] = (struct watch_name){ .wd = wd, .name = copy };
}

static void file_add(struct watch *w, const char *path)
{
	char a[PATH_MAX], b[PATH_MAX];
	if (strlen(path) >= sizeof(a))
		return;
	strcpy(a, path);
	strcpy(b, path);
	name_add(w, dir_add(w, dirname(a), false), basename(b));
}

void watch_set(struct watch *w, const char *const *path, size_t n)
{
	char real[PATH_MAX];
	struct stat st;
	if (w->fd.fd < 0)
		return;
	forget(w);
	for (size_t i = 0; i < n; i++) {
		if (stat(path[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			dir_add(w, path[i], true);
			continue;
		}
		file_add(w, path[i]);
		if (realpath(path[i], real) && strcmp(real, path[i]) != 0)
			file_add(w, real);
	}
}

/* Kubelet's links begin with ".."; they concern every file beside them. */
static bool concerns(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF) || !e->len)
		return e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF);
	if (strncmp(e->name, "..", 2) == 0)
		return true;
	for (size_t i = 0; i < w->n_dirs; i++)
		if (w->dir[i].wd == e->wd && w->dir[i].all)
			return true;
	for (size_t i = 0; i < w->n_names; i++)
		if (w->name[i].wd == e->wd && strcmp(w->name[i].name, e->name) == 0)
			return true;
	return false;
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
	if (loop_add(loop, &w->fd, w->fd.fd, EPOLLIN) < 0)
		return diag_errno(d, "epoll");
	return 0;
}

void watch_release(struct watch *w)
{
	if (!w->loop)
		return;
	loop_timer_set(w->loop, &w->settle, T_NEVER);
	if (w->fd.fd < 0)
		return;
	forget(w);
	loop_del(w->loop, &w->fd);
	close(w->fd.fd);
	w->fd.fd = -1;
}
