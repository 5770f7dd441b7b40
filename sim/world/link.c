/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is lost on the way and why. A node's link loses each packet for itself, or in
 * spells (Gilbert and Elliott): good and bad times of exponential length, a share lost
 * while it is bad, and nothing else; in the long run the scenario's share either way.
 */
#include <math.h>

#include "sim/world/net.h"

/* Between two looks the link may have changed any number of times: a Markov chain of
 * two states forgets as exp(-t (1/good + 1/bad)). */
static bool link_is_bad(const struct world *w, struct node *n)
{
	const struct scenario *s = w->s;
	double share = s->loss / s->burst_loss, bad_ns = (double)s->burst_ns;
	double good_ns = bad_ns * (1 - share) / share;
	double dt_ns = (double)(w->now_ns - n->link_seen_ns);
	double keeps = n->link_seen_ns ? exp(-dt_ns * (1 / bad_ns + 1 / good_ns)) : 0;

	n->link_bad = rng_unit(&n->rng) < share + ((n->link_bad ? 1 : 0) - share) * keeps;
	n->link_seen_ns = w->now_ns;
	return n->link_bad;
}

bool net_lost(struct world *w, struct node *n)
{
	const struct scenario *s = w->s;

	if (s->loss <= 0)
		return false;
	if (s->burst_ns ? !link_is_bad(w, n) || rng_unit(&n->rng) >= s->burst_loss
			: rng_unit(&n->rng) >= s->loss)
		return false;
	w->r->lost_packets++;
	return true;
}

/* A bucket of packets that fills at the limit's rate and holds a tenth of a second. */
bool net_outside_full(struct world *w, struct node *n)
{
	double rate = w->s->outside_limit_per_s, most = rate / 10 > 1 ? rate / 10 : 1;

	if (rate <= 0)
		return false;
	n->outside_tokens += (double)(w->now_ns - n->outside_seen_ns) * rate / 1e9;
	if (n->outside_tokens > most || !n->outside_seen_ns)
		n->outside_tokens = most;
	n->outside_seen_ns = w->now_ns;
	if (n->outside_tokens < 1)
		return true;
	n->outside_tokens -= 1;
	return false;
}

void net_drop(struct world *w, struct pkt *p, enum sim_cause why)
{
	w->r->dropped[why]++;
	if (p->from_node) {
		w->node[p->node].cause = why;
	} else {
		struct lookup_run *l = w->run[p->lookup];
		if (l->active && l->gen == p->gen)
			l->cause = why;
	}
	pkt_free(w, p);
}

enum sim_cause net_cause(enum ct_verdict v)
{
	return v == CT_DROP_CLASH ? CAUSE_RACE : CAUSE_TABLE;
}
