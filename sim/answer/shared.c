/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "sim/answer/shared.h"

#include <math.h>

#include "sim/answer/numbers.h"

#define UNDISTURBED 0.25   /* of the lookups at least waited for nobody */
#define GAIN 0.7	   /* who waits for longer pieces waits longer, too */
#define SLEEP_GAIN 0.25
#define NEARLY 0.05
#define PIECES 4	   /* a pair's questions and answers, one after another */

static double alone(const struct hist *h)
{
	return numbers_quantile(h, UNDISTURBED);
}

/* A connection's pieces come in more than one order, whoever waits: half take the longer one. */
static double usual(const struct hist *h)
{
	return numbers_quantile(h, 0.5);
}

static double fresh_more(const struct took *t)
{
	return alone(&t->fresh) - alone(&t->same);
}

static double longer_more(const struct took *t)
{
	return alone(&t->longer) - alone(&t->same);
}

static double cut_more(const struct took *t)
{
	return alone(&t->cut) - alone(&t->same);
}

static void ns_add(uint64_t *ns, double by)
{
	double now = (double)*ns + by;

	*ns = now > 0 ? (uint64_t)now : 0;
}

static void leg_add(struct leg *l, double by)
{
	uint64_t ns = l->d.median_ns;

	ns_add(&ns, by);
	leg_set(l, (struct scen_delay){ns, ns});
}

void shared_guess(struct sim_costs *k, uint64_t processors)
{
	struct leg *const legs[] = {&k->pod_cache,    &k->cache_pod, &k->pod_backend, &k->backend_pod, &k->node_backend, &k->backend_node,
				    &k->node_world,   &k->world_node, &k->tcp_setup,   &k->tcp_backend, &k->start,	&k->client};

	for (size_t i = 0; i < sizeof(legs) / sizeof(legs[0]); i++)
		leg_set(legs[i], (struct scen_delay){0, 0});
	k->socket_ns = k->new_flow_ns = k->octet_ns = k->cut_cpu_ns = k->sleep_ns = 0;
	k->pod_share = 0.5;
	k->aside = 0;
	k->processors = processors;
}

/* A way there and its way back are alike, as far as a latency tells. */
static void ways_mend(struct leg *there, struct leg *back, const struct hist *lab, const struct hist *sim)
{
	leg_add(there, GAIN * (alone(lab) - alone(sim)) / PIECES);
	*back = *there;
}

/* Times that the lab slept more. Who goes first, and so how often who sleeps, may be another one there for long: what is awake
 * costs the same. */
static double more(double lab, double sim)
{
	return lab < 0 ? 0 : lab - sim;
}

static double cache_more(const struct sim_costs *k, const struct spent *want, const struct spent *got)
{
	return (want->cache - got->cache - (double)k->sleep_ns * more(want->cache_slept, got->cache_slept)) / want->asked;
}

static double pods_more(const struct sim_costs *k, const struct spent *want, const struct spent *got)
{
	return want->pods - got->pods - (double)k->sleep_ns * more(want->pods_slept, got->pods_slept);
}

/* What a pod has done beside its lookups is its sleep's; where a latency is still to be made, there is nothing beside. The cache
 * sleeps after each question, as long as it has run less than who asks. */
static void sleep_mend(struct sim_costs *k, const struct seen *lab, const struct seen *sim)
{
	const struct spent *want = &lab->on_spent, *got = &sim->on_spent;
	double was_ns = (double)k->sleep_ns;

	if (fabs(alone(&sim->on.same) / alone(&lab->on.same) - 1) > NEARLY)
		return;
	ns_add(&k->sleep_ns, SLEEP_GAIN * pods_more(k, want, got));
	ns_add(&k->hit_cpu_ns, was_ns - (double)k->sleep_ns);
}

/* Whose work it is, by the processor time of cache and servers; a pod's is what is left of a latency. */
static void cache_mend(struct sim_costs *k, const struct seen *lab, const struct seen *sim)
{
	const struct spent *want = &lab->on_spent, *got = &sim->on_spent;
	double hit = GAIN * cache_more(k, want, got), tcp = k->hit_cpu_ns ? (double)k->tcp_cpu_ns / (double)k->hit_cpu_ns : 0;

	ns_add(&k->hit_cpu_ns, hit);
	if (lab->tcp_on_spent.asked > 0) {
		ns_add(&k->tcp_cpu_ns, GAIN * cache_more(k, &lab->tcp_on_spent, &sim->tcp_on_spent));
		sleep_mend(k, lab, sim);
	} else {
		ns_add(&k->tcp_cpu_ns, hit * tcp);
	}
	if (want->missed > 0) /* there and back */
		leg_add(&k->node_backend, GAIN * (want->servers - got->servers) / want->missed / 2);
	k->backend_node = k->node_world = k->world_node = k->node_backend;
	double miss = GAIN * (alone(&lab->on.miss) - alone(&sim->on.miss)) / PIECES;
	ns_add(&k->miss_cpu_ns, miss);
	ns_add(&k->answer_cpu_ns, miss);
}

/* A pair without the cache overlaps with its own answers, and its latency does not tell a pod's work from a server's: both
 * have their processor time, there and back. */
static void backends_mend(struct sim_costs *k, const struct seen *lab, const struct seen *sim)
{
	const struct spent *want = &lab->off_spent, *got = &sim->off_spent;
	double servers = (want->servers - got->servers) / want->asked / 2, pods = (want->pods - got->pods) / want->asked / 2;

	if (k->pod_backend.d.median_ns)
		k->pod_share += GAIN * (pods * (1 - k->pod_share) - servers * k->pod_share) / (double)k->pod_backend.d.median_ns;
	leg_add(&k->pod_backend, GAIN * (pods + servers));
	k->backend_pod = k->pod_backend;
	k->pod_share = fmin(fmax(k->pod_share, 0), 1);
}

/* By whose time it takes where there is nothing but connections; else by what a lookup takes. */
static void tcp_mend(struct sim_costs *k, const struct seen *lab, const struct seen *sim)
{
	const struct spent *on = &lab->tcp_on_spent, *off = &lab->tcp_off_spent;

	if (on->asked <= 0 || off->asked <= 0) {
		leg_add(&k->tcp_setup, GAIN * (usual(&lab->on.tcp) - usual(&sim->on.tcp)));
		leg_add(&k->tcp_backend, GAIN * (usual(&lab->off.tcp) - usual(&sim->off.tcp)));
		return;
	}
	double more_on = pods_more(k, on, &sim->tcp_on_spent), more_off = pods_more(k, off, &sim->tcp_off_spent);
	leg_add(&k->tcp_setup, GAIN * more_on);
	leg_add(&k->tcp_backend, GAIN * (more_off + off->servers - sim->tcp_off_spent.servers - more_on));
}

void shared_mend(struct sim_costs *k, const struct seen *lab, const struct seen *sim, double octets)
{
	double socket = fresh_more(&lab->on) - fresh_more(&sim->on), flow = fresh_more(&lab->off) - fresh_more(&sim->off) - socket;
	double aside = k->aside + (lab->busy < 0 ? 0 : (lab->busy - sim->busy) * (double)k->processors);

	k->aside = fmin(fmax(aside, 0), 1); /* what the lab's processors did that no lookup explains */
	leg_add(&k->start, GAIN * (alone(&lab->late) - alone(&sim->late)));
	tcp_mend(k, lab, sim);
	ways_mend(&k->pod_cache, &k->cache_pod, &lab->on.same, &sim->on.same);
	cache_mend(k, lab, sim);
	backends_mend(k, lab, sim);
	ns_add(&k->socket_ns, GAIN * socket);
	ns_add(&k->new_flow_ns, GAIN * flow);
	if (lab->on.longer.n && octets > 0)
		ns_add(&k->octet_ns, GAIN * (longer_more(&lab->on) - longer_more(&sim->on)) / HANDLED / octets);
	if (lab->on.cut.n)
		ns_add(&k->cut_cpu_ns, GAIN * (cut_more(&lab->on) - cut_more(&sim->on)) / 2);
}
