/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to set before the cache is rolled out: each as a value, a line to paste, the
 * rule that made it and the record it rests on. A limit that stands is never
 * lowered: what these records do not know of may need it. One setting more is a
 * function in the table of settings.c.
 */
#ifndef NODENS_REPORTS_SETTINGS_H
#define NODENS_REPORTS_SETTINGS_H

#include "reports/read/book.h"

#define SETTINGS_MAX 12

enum setting_place { PLACE_SYSCTL, PLACE_COREFILE, PLACE_FLAGS, PLACE_KUBECTL, PLACE_N };
extern const char *const setting_place_words[PLACE_N]; /* "sysctl, on every node", ... */

struct setting {
	enum setting_place place;
	char name[48];
	double value;
	const char *unit;
	char line[128]; /* to paste; "" when it is a value to keep in mind */
	char rule[320], from[128];
};

struct settings {
	size_t n;
	struct setting s[SETTINGS_MAX];
};

struct settings_conf {
	double nodes;       /* of the cluster that it is for; 0: as the records have it */
	double replica_qps; /* what one replica of the cluster DNS may be asked a second */
};
#define REPLICA_QPS_DEFAULT 5000
#define REPLICA_LOAD        0.7 /* of it, so that one may be lost */
#define WORKER_LOAD         0.7 /* of a processor */
#define CONNTRACK_STEP      4096

void settings_advise(struct settings *ret, const struct book *b, const struct settings_conf *c);
/* Nodes that the settings are for. */
double settings_nodes(const struct book *b, const struct settings_conf *c);
/* Replicas for so many questions a second; 2 at least. */
double settings_replicas(double qps, double replica_qps);

/* The knee of a curve of hits: the first row within `points` (0.005) of the largest. */
struct table;
int settings_knee(const struct table *t, int value_column, double points);

#endif
