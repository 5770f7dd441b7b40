/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder that becomes a result record only as a whole: files grow in a
 * subfolder and are renamed at the end, run.json last. Whoever is killed in
 * between leaves a folder without run.json, which is no record.
 */
#ifndef NODENS_RESULT_DIR_H
#define NODENS_RESULT_DIR_H

#include <stdio.h>

#include "lib/base/err.h"

#define RESULT_RUN    "run.json"
#define RESULT_SERIES "series.csv"
#define RESULT_TEMP   ".partial" /* the subfolder in which a record grows */

struct result_dir {
	char *path, *temp; /* temp: where files grow */
};

/* mkdir -p */
int dirs_make(const char *path, struct diag *d);
/* dirs_make, and an empty subfolder; what a killed run left in it goes. */
int result_dir_open(struct result_dir *ret, const char *path, struct diag *d);
/* A new file in the subfolder. */
FILE *result_dir_create(const struct result_dir *rd, const char *name, struct diag *d);
/* The old record goes, the new files take their places. Releases. */
int result_dir_commit(struct result_dir *rd, struct diag *d);
/* Nothing stays but what was there before. Releases. */
void result_dir_abandon(struct result_dir *rd);

#endif
