// SPDX-License-Identifier: Apache-2.0
/*
 * Events from a query stream, and the array they live in.
 */
#include "conntrack-model/events.h"

#include <stdlib.h>
#include <string.h>

#include "conntrack-model/ctable.h"

void ct_events_add(struct ct_events *e, const struct ct_event *ev)
{
	if (e->err)
		return;
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 4096;
		struct ct_event *p = realloc(e->ev, cap * sizeof(*p));
		if (!p) {
			e->err = ERR_NOMEM;
			return;
		}
		e->ev = p;
		e->cap = cap;
	}
	e->ev[e->n] = *ev;
	e->ev[e->n].seq = (uint32_t)e->n;
	e->n++;
	if (ev->t_ns > e->end_ns)
		e->end_ns = ev->t_ns;
}

static int by_time(const void *pa, const void *pb)
{
	const struct ct_event *a = pa, *b = pb;

	if (a->t_ns != b->t_ns)
		return a->t_ns < b->t_ns ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

void ct_events_sort(struct ct_events *e)
{
	if (e->n)
		qsort(e->ev, e->n, sizeof(*e->ev), by_time);
}

void ct_events_release(struct ct_events *e)
{
	free(e->ev);
	memset(e, 0, sizeof(*e));
}

static bool addr_known(const struct qs_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(&a->ip);
}

static int add_record(struct ct_events *e, const struct qrec *r)
{
	if (!addr_known(&r->client) || !addr_known(&r->server))
		return 0;
	struct ct_event ev = {
		.t_ns = r->t_ns, .client = r->client, .server = r->server, .kind = (uint8_t)r->kind,
		.proto = r->proto == QS_UDP ? CT_UDP : CT_TCP,
	};
	ct_events_add(e, &ev);
	return 1;
}

int ct_events_from_qs(struct ct_events *e, const char *path, uint64_t *ret_n_skipped, struct diag *d)
{
	struct qs_reader *r;
	struct qrec rec;
	uint64_t n_skipped = 0;
	int rc = qs_reader_open(&r, path, d);

	if (rc < 0)
		return rc;
	while ((rc = qs_reader_next(r, &rec, d)) > 0)
		n_skipped += !add_record(e, &rec);
	qs_reader_close(r);
	if (rc < 0)
		return rc;
	if (e->err)
		return diag_set(d, e->err, "%s: too large for memory", path);
	ct_events_sort(e);
	*ret_n_skipped = n_skipped;
	return 0;
}
