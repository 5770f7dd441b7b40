/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events from a query stream (lib/record/qstream.h).
 */
#include <string.h>

#include "conntrack-model/ctable.h"
#include "conntrack-model/events.h"

static bool addr_known(const struct qs_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(&a->ip);
}

static int add_record(struct ct_events *e, const struct qrec *r)
{
	if (!addr_known(&r->client) || !addr_known(&r->server))
		return 0;
	struct ct_event ev = {
		.t_ns = r->t_ns,
		.client = r->client,
		.server = r->server,
		.kind = (uint8_t)r->kind,
		.proto = r->proto == QS_UDP ? CT_UDP : CT_TCP,
	};
	ct_events_add(e, &ev);
	return 1;
}

int ct_events_from_qs(struct ct_events *e, const char *path, struct ct_stream *ret, struct diag *d)
{
	struct qs_reader *r;
	struct qrec rec;
	uint64_t n_skipped = 0;
	int rc = qs_reader_open(&r, path, d);

	if (rc < 0)
		return rc;
	qs_reader_any_order(r);
	while ((rc = qs_reader_next(r, &rec, d)) > 0)
		n_skipped += !add_record(e, &rec);
	const char *point = qs_reader_fact(r, "point"), *source = qs_reader_fact(r, "source");
	struct ct_stream s = {.n_skipped = n_skipped,
			      .n_back = qs_reader_went_back(r),
			      .upstream = point && strcmp(point, "upstream") == 0,
			      .captured = source && strcmp(source, "capture") == 0};
	qs_reader_close(r);
	if (rc < 0)
		return rc;
	if (e->err)
		return diag_set(d, e->err, "%s: too large for memory", path);
	*ret = s;
	return 0;
}
