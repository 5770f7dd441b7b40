/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of one capture or several, in one stream on one clock. Files given
 * together and the files of a folder are ordered by their first frame; those that
 * overlap in time are merged, each in a lane of its own (they were taken at
 * different places), those that follow one another share a lane (a rotated
 * capture). A clock that was set back by more than ten seconds goes on from where
 * it was, so that time never leaps back; smaller disorder is left to reorder.h.
 */
#ifndef NODENS_FRAMES_H
#define NODENS_FRAMES_H

#include <stddef.h>

#include "pcap-replay/read/capfile.h"

#define FRAMES_FILES_MAX 4096
#define FRAMES_LANES_MAX 64 /* files open at a time */

struct frames_counts {
	uint64_t frames;
	uint64_t first_ns, last_ns;  /* as the files say; 0 when no frame has a time */
	uint64_t without_time;       /* simple packet blocks; they count as simultaneous with what is before them */
	uint64_t out_of_order;       /* older than one before them in their file */
	uint64_t clock_steps;        /* clock set back by more than ten seconds */
	size_t files, bad_files;
	char format[16];
};

struct frames;
/* Paths of files or folders; "-" alone is standard input. Opens each once to learn its
 * first frame's time. */
int frames_open(struct frames **ret, const char *const *paths, size_t n, struct diag *d);
/* 1 and a frame (valid until the next call), 0 at the end, negative at the end when a
 * file was damaged or cut: the others have been read, the diag is the first fault's. */
int frames_next(struct frames *fs, struct frame *ret, uint16_t *ret_lane, struct diag *d);
const struct frames_counts *frames_counts(const struct frames *fs);
/* The i-th file's path, NULL past the last. */
const char *frames_path(const struct frames *fs, size_t i);
void frames_close(struct frames *fs);

#endif
