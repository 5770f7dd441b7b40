/* SPDX-License-Identifier: Apache-2.0 */
/* Processors that a node's pods, its cache and the backends share: what a lookup takes alone, who waits, who is let in. */
#include "lib/base/clock.h"
#include "tests/unit/sim/lab.h"

#define ONE_NAME                                                                                                       \
	"names:\n  ask: [web.default.svc.cluster.local.]\ncache: {ttl: 3600s}\ncluster:\n  backends: 2\n  backend_delay: 500us\n" \
	"  ttl: 3600s\n  records:\n    - web.default.svc.cluster.local. 3600 A 10.96.10.1\n"                               \
	"    - web.default.svc.cluster.local. 3600 AAAA 2001:db8::1\n"

static void constant(struct leg *l, uint64_t us)
{
	leg_set(l, (struct scen_delay){us * NS_PER_US, us * NS_PER_US});
}

/* A pod's loads and what they cost: a node with so many processors, where only that costs anything. */
static struct lab *shared(const char *loads, bool cache, uint64_t processors)
{
	char yaml[2048];

	snprintf(yaml, sizeof(yaml), HEAD "duration: 100s\nwarmup: 1s\npods: {per_node: 1, search: []}\nloads:\n%s" ONE_NAME, loads);
	struct lab *l = lab_new(yaml, cache);
	memset(&l->costs, 0, sizeof(l->costs));
	l->costs.processors = processors;
	l->costs.cache_queue = l->costs.backend_queue = 1 << 20;
	l->costs.rto_ns = l->costs.syn_rto_ns = l->costs.conn_idle_ns = l->costs.conn_age_ns = 1000 * NS_PER_S;
	return l;
}

static double share_at_most(const struct hist *h, uint64_t ns)
{
	uint64_t n = 0, low, high;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist_bounds(i, &low, &high);
		n += high <= ns ? h->count[i] : 0;
	}
	return (double)n / (double)h->n;
}

/* Both questions, what the cache does for each, both answers: one piece after another. */
Test(processor, a_lookup_alone_takes_all_its_pieces)
{
	struct lab *l = shared("  - {name: a, transport: new-port, rate: 2/s}\n", true, 1);

	constant(&l->costs.start, 10);
	constant(&l->costs.pod_cache, 50);
	constant(&l->costs.cache_pod, 40);
	l->costs.hit_cpu_ns = 30 * NS_PER_US;
	l->costs.socket_ns = 20 * NS_PER_US;
	lab_run(l);
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[0], 0.5) / 1e3, 10 + 20 + 2 * (50 + 40 + 30), 5);
	cr_expect_float_eq((double)hist_quantile(&l->r.late, 0.5) / 1e3, 10, 0.2);
	lab_free(l);
}

/* Half of what a connection takes is for its end. Both questions travel in one segment; and the cache, which has run less, takes
 * the connection's end in before the lookup goes on: what it does more for messages over TCP. */
Test(processor, a_connection_alone_takes_all_its_pieces)
{
	struct lab *l = shared("  - {name: a, transport: tcp, rate: 2/s}\n", true, 1);

	constant(&l->costs.start, 10);
	constant(&l->costs.pod_cache, 50);
	constant(&l->costs.cache_pod, 40);
	constant(&l->costs.tcp_setup, 80);
	l->costs.hit_cpu_ns = 30 * NS_PER_US;
	l->costs.tcp_cpu_ns = 20 * NS_PER_US;
	lab_run(l);
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[0], 0.5) / 1e3, 10 + 80 + (50 + 40) + 50 + 2 * (30 + 40) + 2 * 20, 7, "%g us",
			   (double)hist_quantile(&l->r.latency[0], 0.5) / 1e3);
	cr_expect_float_eq((double)l->r.cache_cpu_ns / (double)(l->r.total + l->r.warmup), 100e3, 1500);
	lab_free(l);
}

/* Who has run less than the cache goes on before it takes the end in. */
Test(processor, who_has_run_less_does_not_wait_for_the_end_of_a_connection)
{
	struct lab *l = shared("  - {name: a, transport: tcp, rate: 50/s}\n", true, 1);

	constant(&l->costs.start, 10);
	l->costs.hit_cpu_ns = 30 * NS_PER_US;
	l->costs.tcp_cpu_ns = 300 * NS_PER_US;
	lab_run(l);
	/* to accept it and to read both questions, of what 300 us a message are more, and to answer them */
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[0], 0.5) / 1e3, 10 + 150 + 2 * (60 + 30), 10, "%g us",
			   (double)hist_quantile(&l->r.latency[0], 0.5) / 1e3);
	lab_free(l);
}

/* A backend's delay is a timer: both wait for it together. */
Test(processor, a_delay_is_nobodys_work)
{
	struct lab *l = shared("  - {name: a, transport: same-socket, rate: 2/s}\n", false, 1);

	constant(&l->costs.pod_backend, 60);
	constant(&l->costs.backend_pod, 60);
	lab_run(l);
	/* the second's delay ends while the first's answer is on its way */
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[0], 0.5) / 1e3, 4 * 60 + 500, 65, "%g us",
			   (double)hist_quantile(&l->r.latency[0], 0.5) / 1e3);
	lab_free(l);
}

/* Who comes at random finds the processor busy as often as it is (PASTA). Here all work is the pod's, so none is let in first. */
Test(processor, as_many_wait_as_it_is_busy)
{
	for (uint64_t n = 1; n <= 2; n++) {
		struct lab *l = shared("  - {name: a, transport: new-port, rate: 400/s, family: a}\n", true, n);

		constant(&l->costs.start, 1);
		constant(&l->costs.pod_cache, 600);
		constant(&l->costs.cache_pod, 600);
		lab_run(l);
		/* a thread is on one processor at a time, however many there are */
		cr_expect_float_eq(share_at_most(&l->r.late, 1100), 1 - 0.48, 0.02, "%g at once", share_at_most(&l->r.late, 1100));
		lab_free(l);
	}
}

/* The cache works for 1 ms a question, the pod for 20 us: the pod has run least, and what it begins goes first. On
 * a processor of its own there is nobody to go before. */
Test(processor, who_has_run_least_goes_first)
{
	struct lab *one = shared("  - {name: a, transport: new-port, rate: 600/s, family: a}\n", true, 1);

	one->costs.hit_cpu_ns = NS_PER_MS;
	constant(&one->costs.start, 10);
	constant(&one->costs.pod_cache, 10);
	lab_run(one);
	cr_expect_gt(share_at_most(&one->r.late, 30000), 0.95, "%g at once", share_at_most(&one->r.late, 30000));
	/* M/D/1 all the same, a little more for what goes before */
	double rho = 0.6, want_us = 20 + 1000 + 1000 * rho / (2 * (1 - rho));
	cr_expect_float_eq(hist_mean(&one->r.latency[0]) / 1e3, want_us, 0.06 * want_us, "%g us, %g", hist_mean(&one->r.latency[0]) / 1e3, want_us);
	lab_free(one);
}

/* Two pods that are as busy: a second processor takes the waiting for the other away. */
Test(processor, two_wait_less_than_one)
{
	static const char loads[] = "  - {name: a, transport: new-port, rate: 300/s, family: a}\n";
	char yaml[2048];
	double mean[3] = {0};

	for (uint64_t n = 1; n <= 2; n++) {
		snprintf(yaml, sizeof(yaml), HEAD "duration: 100s\nwarmup: 1s\npods: {per_node: 2, search: []}\nloads:\n%s" ONE_NAME, loads);
		struct lab *l = lab_new(yaml, false);
		constant(&l->costs.pod_backend, 600);
		constant(&l->costs.backend_pod, 300);
		l->costs.processors = n;
		lab_run(l);
		mean[n] = hist_mean(&l->r.latency[0]) / 1e3;
		lab_free(l);
	}
	cr_expect_gt(mean[1], mean[2] + 300, "%g and %g us", mean[1], mean[2]);
}

/* What else the machine does is there at every tick: nobody waits for more of it than one piece, and it is in what the processor did. */
Test(processor, what_else_the_machine_does_is_a_share_of_its_time)
{
	double late[2], busy[2];
	uint64_t alone[2];

	for (unsigned i = 0; i < 2; i++) {
		struct lab *l = shared("  - {name: a, transport: new-port, rate: 1000/s, family: a}\n", true, 1);
		constant(&l->costs.start, 10);
		constant(&l->costs.pod_cache, 100);
		constant(&l->costs.cache_pod, 100);
		l->costs.aside = i * 0.1;
		lab_run(l);
		late[i] = hist_mean(&l->r.late);
		alone[i] = l->r.latency[0].min;
		busy[i] = (double)l->r.busy_ns / 101e9;
		lab_free(l);
	}
	cr_expect_float_eq(busy[0], 0.21, 0.005, "%g", busy[0]);
	cr_expect_float_eq(busy[1] - busy[0], 0.1, 0.005, "%g", busy[1]);
	cr_expect_gt(late[1], 1.3 * late[0], "%g and %g ns", late[0], late[1]);
	cr_expect_eq(alone[1], alone[0]);
}

/* It comes at once, whoever runs and however much it has been, and is not taken for that one's time. */
Test(processor, what_else_the_machine_does_comes_at_once)
{
	struct lab *l = shared("  - {name: a, transport: new-port, rate: 20/s, family: a}\n", true, 1);

	constant(&l->costs.pod_cache, 3000);
	l->costs.aside = 0.3; /* 1.2 ms of every four */
	lab_run(l);
	double stopped = 1 - share_at_most(&l->r.latency[0], 3300000);
	cr_expect_gt(stopped, 0.7, "%g were stopped", stopped);
	cr_expect_float_eq((double)l->r.pods_cpu_ns / (double)(l->r.total + l->r.warmup), 3e6, 1e3);
	lab_free(l);
}

/* Who has nothing left to do goes to sleep, and pays for it: the cache, which has run less, after each question. */
Test(processor, to_sleep_costs_whoever_does)
{
	struct lab *l = shared("  - {name: a, transport: same-socket, rate: 20/s}\n", true, 1);

	constant(&l->costs.pod_cache, 50);
	constant(&l->costs.cache_pod, 50);
	l->costs.hit_cpu_ns = 30 * NS_PER_US;
	l->costs.sleep_ns = 10 * NS_PER_US;
	lab_run(l);
	double n = (double)(l->r.total + l->r.warmup);
	cr_expect_float_eq((double)l->r.cache_sleeps / n, 2, 0.01, "%g", (double)l->r.cache_sleeps / n);
	cr_expect_float_eq((double)l->r.pods_sleeps / n, 1, 0.01, "%g", (double)l->r.pods_sleeps / n);
	cr_expect_float_eq((double)l->r.cache_cpu_ns / n / 1e3, 2 * (30 + 10), 0.5);
	cr_expect_float_eq((double)l->r.pods_cpu_ns / n / 1e3, 4 * 50 + 10, 0.5);
	/* the pod's own comes when the lookup is over */
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[0], 0.5) / 1e3, 4 * 50 + 2 * (30 + 10), 5);
	lab_free(l);
}

/* Where another pod has run less and comes in between, the cache has not answered yet. */
Test(processor, an_answer_leaves_when_the_cache_is_through)
{
	static const char world[] = HEAD "duration: 100s\nwarmup: 1s\npods: {per_node: 8, search: []}\nloads:\n"
					 "  - {name: a, transport: new-port, rate: 20/s, family: a}\n" ONE_NAME;
	struct lab *l = lab_new(world, true);

	memset(&l->costs, 0, sizeof(l->costs));
	l->costs.processors = 1;
	l->costs.cache_queue = 1 << 20;
	l->costs.hit_cpu_ns = NS_PER_MS;
	constant(&l->costs.start, 300);
	lab_run(l);
	/* of 160 a second 0.16 begin while the cache is at one */
	double between = 1 - share_at_most(&l->r.latency[0], 1350000);
	cr_expect_gt(between, 0.31, "%g", between);
	lab_free(l);
}

/* That a connection is open a pod's program learns as of an answer: answers that were there before are read before it asks. */
Test(processor, an_open_connection_waits_its_turn)
{
	struct lab *l = shared("  - {name: a, transport: tcp, rate: 100/s}\n  - {name: b, transport: new-port, rate: 300/s, family: a}\n", true, 1);

	constant(&l->costs.tcp_setup, 2000); /* half of it is for the end */
	constant(&l->costs.pod_cache, 10);
	lab_run(l);
	cr_expect_lt(hist_mean(&l->r.latency[1]) / 1e3, 220, "%g us", hist_mean(&l->r.latency[1]) / 1e3);
	lab_free(l);
}

/* Two answers wait at one socket and one at another: the other comes second. */
Test(processor, a_program_goes_round_its_sockets)
{
	struct lab *l = shared("  - {name: a, transport: same-socket, rate: 150/s}\n  - {name: b, transport: new-port, rate: 150/s, family: a}\n", true, 1);

	constant(&l->costs.cache_pod, 1000);
	lab_run(l);
	double pair = hist_mean(&l->r.latency[0]) / 1e3, one = hist_mean(&l->r.latency[1]) / 1e3;
	cr_expect_gt(pair, one + 1100, "%g and %g us", pair, one);
	lab_free(l);
}

/* The cache has run least: it answers the first question before the pod sends the second. So a lookup that is due while the pod
 * sends finds both answered before it begins, which takes more than both questions alone. */
Test(processor, who_is_woken_has_run_less_and_goes_first)
{
	struct lab *l = shared("  - {name: a, transport: same-socket, rate: 200/s}\n", true, 1);

	constant(&l->costs.start, 1);
	constant(&l->costs.pod_cache, 100);
	constant(&l->costs.cache_pod, 100);
	l->costs.hit_cpu_ns = 80 * NS_PER_US;
	lab_run(l);
	double over = 1 - share_at_most(&l->r.late, 225000);
	cr_expect_gt(over, 0.02, "%g wait for more than both questions", over);
	lab_free(l);
}

/* The cache works as much as each of two pods. It slept when they began, so that it is before them for some seconds: what
 * a pod asks is answered while it has its turn, and who comes meanwhile waits longer than they do who come later. */
Test(processor, who_was_there_before_has_slept)
{
	double late[2];

	for (unsigned i = 0; i < 2; i++) {
		char yaml[2048];
		snprintf(yaml, sizeof(yaml), HEAD "duration: %us\nwarmup: %us\npods: {per_node: 2, search: []}\nloads:\n"
			 "  - {name: a, transport: same-socket, rate: 300/s}\n" ONE_NAME, i ? 100 : 2, i ? 10 : 0);
		struct lab *l = lab_new(yaml, true);
		memset(&l->costs, 0, sizeof(l->costs));
		l->costs.processors = 1;
		l->costs.cache_queue = 1 << 20;
		l->costs.hit_cpu_ns = 55 * NS_PER_US;
		constant(&l->costs.start, 1);
		constant(&l->costs.pod_cache, 50);
		constant(&l->costs.cache_pod, 50);
		lab_run(l);
		late[i] = hist_mean(&l->r.late);
		lab_free(l);
	}
	cr_expect_gt(late[0], 1.25 * late[1], "%g and %g ns", late[0], late[1]);
}

/* One pod: a lookup that is due begins before the answers to another are read, and the other waits for it. */
Test(processor, what_is_due_begins_before_answers_are_read)
{
	struct lab *l = shared("  - {name: a, transport: same-socket, rate: 400/s}\n", true, 1);

	constant(&l->costs.start, 1);
	constant(&l->costs.pod_cache, 100);
	constant(&l->costs.cache_pod, 300);
	lab_run(l);
	/* a piece, or the questions of another that was due before */
	cr_expect_gt(share_at_most(&l->r.late, 520000), 0.999, "%g", share_at_most(&l->r.late, 520000));
	lab_free(l);
}

/* Nothing is lost on the way: every stub, both transports, all caches, a run cut off in the middle. */
Test(processor, whatever_is_asked_is_answered)
{
	static const char *const stubs[] = {"glibc", "musl", "go"};
	static const char *const transports[] = {"new-port", "same-socket", "tcp"};
	char yaml[2048];

	for (unsigned i = 0; i < 27; i++) {
		snprintf(yaml, sizeof(yaml), HEAD "duration: 5s\nwarmup: 1s\npods: {per_node: 3, stub: %s, search: []}\n"
			 "loads:\n  - {name: a, transport: %s, rate: 50/s}\n" ONE_NAME, stubs[i % 3], transports[i / 3 % 3]);
		struct lab *l = lab_new(yaml, false);
		l->c.cache = (enum sim_cache)(i / 9);
		l->costs.processors = 1;
		const struct sim_result *r = lab_run(l);
		cr_expect_gt(r->total, 500);
		cr_expect_eq(r->ok, r->total, "%u: %lu of %lu", i, (unsigned long)r->ok, (unsigned long)r->total);
		lab_free(l);
	}
}

/* Six messages of a pair, each made, answered or read by somebody to whom each octet of the name costs the same. */
Test(processor, each_octet_of_a_name_costs_whoever_handles_it)
{
	struct lab *l = shared("  - {name: a, transport: same-socket, rate: 2/s}\n", true, 1);

	l->costs.octet_ns = NS_PER_US;
	lab_run(l);
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[0], 0.5) / 1e3, 6 * sizeof("web.default.svc.cluster.local."), 4);
	cr_expect_float_eq((double)l->r.cache_cpu_ns / (double)(l->r.total + l->r.warmup) / 1e3, 2 * sizeof("web.default.svc.cluster.local."), 1);
	lab_free(l);
}

/* What is found further along the search list is denied, from the second time on, because of a name above it. */
Test(processor, a_denial_made_of_one_above_costs_more_than_a_hit)
{
	static const char world[] = HEAD
		"duration: 60s\nwarmup: 5s\npods: {per_node: 1, search: []}\nloads:\n"
		"  - {name: a, transport: same-socket, rate: 20/s, ask: www.example.com.default.svc.cluster.local.}\n"
		"  - {name: b, transport: same-socket, rate: 2/s}\n"
		"names:\n  ask: [www.example.com.]\ncache: {ttl: 3600s, negative_ttl: 1s}\ncluster:\n  ttl: 3600s\n  negative_ttl: 3600s\n"
		"  records:\n    - web.default.svc.cluster.local. 3600 A 10.96.10.1\n    - www.example.com. 3600 A 192.0.2.1\n    - www.example.com. 3600 AAAA 2001:db8::1\n";
	struct lab *l = lab_new(world, true);

	memset(&l->costs, 0, sizeof(l->costs));
	l->costs.processors = 1;
	l->costs.cache_queue = l->costs.backend_queue = 1 << 20;
	l->costs.rto_ns = l->costs.syn_rto_ns = l->costs.conn_idle_ns = l->costs.conn_age_ns = 1000 * NS_PER_S;
	l->costs.hit_cpu_ns = 30 * NS_PER_US;
	l->costs.cut_cpu_ns = 200 * NS_PER_US;
	lab_run(l);
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[0], 0.5) / 1e3, 2 * (30 + 200), 8, "%g us", (double)hist_quantile(&l->r.latency[0], 0.5) / 1e3);
	cr_expect_float_eq((double)hist_quantile(&l->r.latency[1], 0.5) / 1e3, 2 * 30, 2);
	lab_free(l);
}

/* Whose work is whose: a pod's share of both ways, and the rest the servers'. */
Test(processor, a_way_to_a_backend_is_shared_as_the_costs_say)
{
	struct lab *l = shared("  - {name: a, transport: same-socket, rate: 2/s}\n", false, 1);

	constant(&l->costs.pod_backend, 100);
	constant(&l->costs.backend_pod, 100);
	l->costs.pod_share = 0.7;
	lab_run(l);
	double n = (double)(l->r.total + l->r.warmup);
	cr_expect_float_eq((double)l->r.pods_cpu_ns / n / 1e3, 4 * 70, 1, "%g us", (double)l->r.pods_cpu_ns / n / 1e3);
	cr_expect_float_eq((double)l->r.servers_cpu_ns / n / 1e3, 4 * 30, 1, "%g us", (double)l->r.servers_cpu_ns / n / 1e3);
	cr_expect_eq(l->r.busy_ns, l->r.pods_cpu_ns + l->r.servers_cpu_ns);
	lab_free(l);
}
