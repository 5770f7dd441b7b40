/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sweep: a scenario and keys of it that take several values, all with all.
 *
 *   sweep: 1
 *   scenario: quickstart.yaml        # beside this file
 *   replications: 5
 *   vary:
 *     - {key: cluster.backends, values: [2, 4, 8]}
 *     - {key: growth, values: [1, 2]}
 */
#ifndef NODENS_SIM_SWEEP_FILE_H
#define NODENS_SIM_SWEEP_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define SWEEP_KEYS_MAX 8
#define SWEEP_VALUES_MAX 64
#define SWEEP_POINTS_MAX 10000
#define SWEEP_TEXT_MAX 160

struct sweep_key {
	char key[SWEEP_TEXT_MAX];
	char value[SWEEP_VALUES_MAX][SWEEP_TEXT_MAX];
	unsigned n_values;
};
struct sweep_file {
	char scenario[4096]; /* as to be opened */
	uint64_t replications;
	struct sweep_key key[SWEEP_KEYS_MAX];
	unsigned n_keys, n_points;
	char digest[65]; /* of the file */
};

int sweep_file_load(struct sweep_file *ret, const char *path, struct diag *d);
/* "cluster.backends=4" for each key; the last key turns fastest. */
void sweep_point(const struct sweep_file *s, unsigned point, char ret_set[SWEEP_KEYS_MAX][2 * SWEEP_TEXT_MAX]);

#endif
