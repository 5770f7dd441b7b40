/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queries.qs: what all pods sent and got, in order of time. Each load program
 * wrote its own part on the same clock; this is a merge.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/cell/cell.h"
#include "lib/record/qstream.h"

struct part {
	struct qs_reader *r;
	struct qrec rec;
	int more; /* 1: rec is the next record */
};

static int open_parts(const struct cell *c, struct part *parts, struct diag *d)
{
	char path[4200];

	for (unsigned i = 0; i < c->topo.n_pods; i++) {
		snprintf(path, sizeof path, "%s/.pod%u.qs", c->dir, i + 1);
		parts[i].more = qs_reader_open(&parts[i].r, path, d);
		if (!parts[i].more)
			parts[i].more = qs_reader_next(parts[i].r, &parts[i].rec, d);
		if (parts[i].more < 0)
			return parts[i].more;
	}
	return 0;
}

static int copy_in_order(struct part *parts, unsigned n, struct qs_writer *w, struct diag *d)
{
	for (;;) {
		struct part *first = NULL;

		for (unsigned i = 0; i < n; i++)
			if (parts[i].more && (!first || parts[i].rec.t_ns < first->rec.t_ns))
				first = &parts[i];
		if (!first)
			return 0;
		qs_writer_put(w, &first->rec);
		first->more = qs_reader_next(first->r, &first->rec, d);
		if (first->more < 0)
			return first->more;
	}
}

int stream_merge(const struct cell *c, struct diag *d)
{
	static struct part parts[TOPO_PODS_MAX];
	struct qs_writer *w = NULL;
	char path[4200];
	int code, closed;

	memset(parts, 0, sizeof parts);
	code = open_parts(c, parts, d);
	snprintf(path, sizeof path, "%s/queries.qs", c->dir);
	code = code ? code : qs_writer_open(&w, path, d);
	if (!code) {
		qs_writer_fact(w, "point", "pod");
		qs_writer_fact(w, "scenario", c->lab->s->name);
		qs_writer_fact(w, "cell", c->name);
		code = copy_in_order(parts, c->topo.n_pods, w, d);
		closed = qs_writer_close(w, code ? NULL : d);
		code = code ? code : closed;
	}
	for (unsigned i = 0; i < c->topo.n_pods; i++)
		qs_reader_close(parts[i].r);
	return code;
}
