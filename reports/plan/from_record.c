/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From counters to answers. A server counts questions, a plan wants lookups: a glibc pod with
 * ndots 5 and the kubelet's three search domains asks 8 questions for a name outside the cluster (A
 * and AAAA under three domains that deny it, then bare) and, since half of the services are in another
 * namespace, 3 on average for one inside. Of Q questions, of which D are outside (zone "."):
 *	outside = D / 2,  inside = (Q - 8 outside) / 3
 * and where zones are not told apart, of N denials: N = 6 outside + inside.
 */
#include "reports/plan/ask.h"

#include <math.h>
#include <string.h>

#include "lib/record/metrics_common.h"
#include "lib/record/result.h"
#include "lib/record/table.h"

static void say(struct plan_input *in, int i, double v, const char *from)
{
	const struct plan_number_def *q = &plan_numbers[i];
	if (!isnan(in->number[i]) || !isfinite(v) || v < 0)
		return;
	in->number[i] = v < q->low ? q->low : v > q->high ? q->high : v;
	in->from[i] = from;
}

/* Lookups a second, inside and outside, from questions a second. */
static void lookups(double all, double outside, double denied, double *ret_in, double *ret_out)
{
	double in, out;
	if (isnan(outside)) {
		in = fmax((6 * all - 8 * denied) / 10, 0);
		out = (denied - in) / 6;
	} else {
		out = outside / 2;
		in = (all - 8 * out) / 3;
	}
	*ret_in = in < 0 ? 0 : in;
	*ret_out = out < 0 ? 0 : out;
}

static double num(const struct record *r, const char *metric)
{
	double v;
	return record_num(r, metric, &v) ? v : NAN;
}

/* Questions a second: all, outside (NAN: not told apart), denied. */
static void say_traffic(struct plan_input *in, double nodes, double pods, double q, double q_out, double denied, const char *from)
{
	double inside, outside;
	lookups(q, q_out, denied, &inside, &outside);
	if (inside + outside <= 0)
		return;
	say(in, PN_OUTSIDE, outside / (inside + outside), from);
	if (isnan(pods)) { /* nobody counted them: as many as were said, or are usual */
		double n = !isnan(in->number[PN_NODES]) ? in->number[PN_NODES] : nodes;
		double p = !isnan(in->number[PN_PODS]) ? in->number[PN_PODS] : plan_numbers[PN_PODS].usual;
		pods = n * p;
	}
	say(in, PN_RATE, (inside + outside) / pods, from);
}

static int from_cluster(struct plan_input *in, const struct record *r, struct diag *d)
{
	bool cached = num(r, "cache.queries") > 0;
	double span = num(r, "world.load_s"), nodes = num(r, "world.nodes"), pods = num(r, "world.pods");
	double q = num(r, cached ? "cache.queries" : "backend.queries"), out = num(r, "cache.outside");
	double denied = num(r, "cache.nxdomain");
	if (isnan(nodes))
		nodes = num(r, "cache.instances");
	if (!(span > 0) || !(q > 0))
		return diag_set(d, ERR_MISSING, "%s: expected questions in a time range (cache.queries or backend.queries, world.load_s)",
				record_dir(r));
	say(in, PN_NODES, nodes, "record");
	say(in, PN_PODS, round(pods / nodes), "record");
	say_traffic(in, nodes, pods, q / span, out / span, (isnan(denied) ? 0 : denied) / span, "record");
	say(in, PN_REPLICAS, num(r, "backend.instances"), "record");
	say(in, PN_DELAY, num(r, "cluster_dns.all.p50") / 1e3, "record");
	say(in, PN_TAIL, num(r, "cluster_dns.all.p99") / 1e3, "record");
	return 0;
}

static int from_capture(struct plan_input *in, const struct record *r, struct diag *d)
{
	struct table clients;
	struct diag none = { "" };
	double span = num(r, "capture.span"), q = num(r, "queries.sent"), denied = num(r, "answers.nxdomain"), pods = NAN;
	if (!(span > 0) || !(q > 0))
		return diag_set(d, ERR_MISSING, "%s: expected questions over some time in the capture", record_dir(r));
	if (!record_table(r, "traffic_clients", &clients, &none)) {
		pods = (double)clients.n_rows;
		table_release(&clients);
	}
	say(in, PN_PODS, pods, "capture");
	say_traffic(in, 1, pods, q / span, NAN, (isnan(denied) ? 0 : denied) / span, "capture");
	return 0;
}

int plan_input_record(struct plan_input *in, const char *dir, struct diag *d)
{
	struct record *r;
	int rc = record_load(&r, dir, d);
	if (rc)
		return rc;
	const char *engine = record_label(r, LABEL_ENGINE);
	if (engine && !strcmp(engine, ENGINE_CLUSTER))
		rc = from_cluster(in, r, d);
	else if (!strcmp(record_tool(r), "pcap-replay"))
		rc = from_capture(in, r, d);
	else
		rc = diag_set(d, ERR_UNSUPPORTED, "%s: expected a record of capacity-report collect or of pcap-replay summary", dir);
	record_free(r);
	return rc;
}
