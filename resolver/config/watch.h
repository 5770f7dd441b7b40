/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when one of a few files may have changed. Kubelet swaps a symbolic link
 * (..data) to replace all files of a ConfigMap at once, editors rename,
 * resolv.conf is often a link elsewhere, and what is gone may come back: so it is
 * every directory on the way to a file that is watched, for the name that is
 * looked up there, as far as the way leads. A burst of events becomes one call.
 */
#ifndef NODENS_WATCH_H
#define NODENS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/net/loop.h"

#define WATCH_DIRS_MAX  256
#define WATCH_NAMES_MAX 1024

struct watch_dir {
	int wd;
	uint32_t mask; /* beyond what every directory is watched for */
	bool all;      /* any name in it counts */
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
	bool partial; /* some of it cannot be watched: a limit, of ours or of the kernel's */
	size_t n_dirs, n_names;
	struct watch_dir dir[WATCH_DIRS_MAX];
	struct watch_name name[WATCH_NAMES_MAX];
};

/* Where the kernel has no inotify left, where the list is `partial`, when something is mounted on the
 * way, or where another host writes, `changed` is not called: callers look at their files from time to
 * time as well. */
int watch_init(struct watch *w, struct loop *loop, void (*changed)(void *ctx), void *ctx, struct diag *d);
void watch_release(struct watch *w);
/* The whole list anew; a path that is a directory stands for all that is in it. No change that
 * comes after the call, or that came before it to what was watched already, goes unnoticed.
 * True when something is watched for that was not: who read files before must look again. */
bool watch_set(struct watch *w, const char *const *path, size_t n);

#endif
