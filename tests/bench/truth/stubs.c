/* SPDX-License-Identifier: Apache-2.0 */
/* What real resolvers did under real loss, with a dead backend, and over TCP. */
#include <math.h>
#include <stdio.h>

#include "tests/bench/truth/truth.h"

/* Real getaddrinfo (glibc 2.36 in one process, musl 1.2.6, Go 1.27), iid loss on each packet, timeout 1 s, two
 * tries: lookups with exactly one repeat, within three standard deviations of both; the tail within 5 %. */
static void loss_tails(void)
{
	static const struct {
		const char *stub, *loss;
		double measured, sigma, retry_s, p99_ms, p999_ms;
	} rows[] = {
		{"glibc", "1%", 0.0366, 0.0027, 1, 1005, 2007}, {"glibc", "5%", 0.1613, 0.0067, 1, 2007, 2010},
		{"musl", "1%", 0.0374, 0.0027, 0.5, 503, 524},	{"musl", "5%", 0.1573, 0.0066, 0.5, 1003, 1009},
		{"go", "1%", 0.0398, 0.0028, 1, 1004, 1007},	{"go", "5%", 0.1643, 0.0068, 1, 2007, 2010},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char yaml[1024], what[64];
		struct bench b;
		snprintf(yaml, sizeof(yaml),
			 HEAD "duration: 300s\npods: {per_node: 20, stub: %s, timeout: 1s, attempts: 2, search: []}\n"
			      "loads:\n  - {name: a, transport: new-port, rate: 5/s}\n"
			      "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n  loss: %s\n" WEB,
			 rows[i].stub, rows[i].loss);
		begin(&b, yaml);
		const struct sim_result *r = go(&b, SIM_NOCACHE, 2);
		double got = between(r, 0.9 * rows[i].retry_s, 1.8 * rows[i].retry_s);
		double sigma = hypot(rows[i].sigma, sqrt(got / (double)r->total));
		snprintf(what, sizeof(what), "%s, %s loss: lookups with one repeat", rows[i].stub, rows[i].loss);
		row(what, got, rows[i].measured, -3 * sigma, "getaddrinfo, 5,000 lookups");
		row("the same: p99, ms", numbers_quantile(&r->latency[0], 0.99) / 1e6, rows[i].p99_ms, 0.05, "getaddrinfo");
		row("the same: p99.9, ms", numbers_quantile(&r->latency[0], 0.999) / 1e6, rows[i].p999_ms, 0.05, "getaddrinfo");
		end(&b);
	}
}

/* One of two backends dead and still listed; 240 lookups were measured. */
static void dead_backend(void)
{
	static const struct {
		const char *stub;
		double failed;
	} rows[] = {{"glibc", 0.500}, {"musl", 0.554}, {"go", 0.038}};

	for (size_t i = 0; i < 3; i++) {
		char yaml[1024], what[64];
		struct bench b;
		snprintf(yaml, sizeof(yaml),
			 HEAD "duration: 100s\nwarmup: 1s\npods: {per_node: 10, stub: %s, timeout: 1s, attempts: 2, search: []}\n"
			      "loads:\n  - {name: a, transport: new-port, rate: 5/s}\n"
			      "names:\n  ask: [web.default.svc.cluster.local.]\ncluster:\n"
			      "  events:\n    - {what: fail, at: 0s, for: 2h, unready: 1h}\n" WEB,
			 rows[i].stub);
		begin(&b, yaml);
		const struct sim_result *r = go(&b, SIM_NOCACHE, 1);
		double sigma = sqrt(rows[i].failed * (1 - rows[i].failed) / 240);
		snprintf(what, sizeof(what), "%s, one of two backends dead: failed", rows[i].stub);
		row(what, (double)r->lost / (double)r->total, rows[i].failed, -3 * sigma, "getaddrinfo, 240 lookups");
		end(&b);
	}
}

/* A lab with TCP_NODELAY at its backends, 2 % loss: p99 4.9 ms; had each loss waited for its timer, 156. */
static void tcp_tail(void)
{
	struct bench b;

	begin(&b, HEAD "duration: 60s\nwarmup: 2s\npods: {per_node: 4, stub: musl}\n"
		       "loads:\n  - {name: a, transport: new-port, rate: 25/s}\nnames: {zipf: 0.8, services: 65}\n"
		       "cluster: {loss: 2%, backend_delay: {median: 400us, p99: 10ms}}\n");
	const struct sim_result *r = go(&b, SIM_CACHE, 8);
	struct hist all;
	numbers_latency(r, &all);
	row("TCP upstream, 2 % loss: p99, ms", numbers_quantile(&all, 0.99) / 1e6, 4.9, 0.5, "lab, musl, another machine's costs");
	row("the same: p99.9, ms", numbers_quantile(&all, 0.999) / 1e6, 31.7, -22.3,
	    "lab: 9.4 with musl, 54 with Go, of 6,000 lookups each");
	end(&b);
}

void truth_stubs(void)
{
	loss_tails();
	dead_backend();
	tcp_tail();
}
