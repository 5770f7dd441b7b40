/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when one of a few files may have changed. Kubelet swaps a symbolic link
 * (..data) to replace all files of a ConfigMap at once, editors rename, and
 * resolv.conf is often a link elsewhere: so it is directories that are watched,
 * the one that holds the path and the one that holds what it points to. A burst
 * of events becomes one call.
 */
#ifndef NODENS_WATCH_H
#define NODENS_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "resolver/net/loop.h"

#define WATCH_DIRS_MAX  128
#define WATCH_NAMES_MAX 256

struct watch_dir {
	int wd;
	bool all; /* any name in it counts */
	char *path;
};
struct watch_name {
	int wd;
	char *name;
};
struct watch {
	struct loop *loop;
	struct loop_fd fd;
	struct loop_timer settle;
	uint64_t first_ns; /* when what settles began; 0: nothing does */
	void (*changed)(void *ctx);
	void *ctx;
	size_t n_dirs, n_names;
	struct watch_dir dir[WATCH_DIRS_MAX];
	struct watch_name name[WATCH_NAMES_MAX];
};

/* Where the kernel has no inotify left, `changed` is never called: callers look
 * at their files from time to time as well. */
int watch_init(struct watch *w, struct loop *loop, void (*changed)(void *ctx), void *ctx, struct diag *d);
void watch_release(struct watch *w);
/* The whole list anew; a path that is a directory stands for all that is in it. */
void watch_set(struct watch *w, const char *const *path, size_t n);

#endif
