/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With r new entries a second that live T, P between sweeps, and k the share of an entry's
 * two buckets that is walked each second, a dead entry lasts until the sweep or a walk:
 *
 *   live = r T
 *   dead, u seconds after a sweep = r (1 - exp(-k u)) / k
 *                                        and fewer where connect()'s ports come round meanwhile
 *   lost while full = exp(-16 E / H)     E evictable entries in H buckets, 8 looked at,
 *                                        each entry in two
 *
 * P follows from the remaining lifetimes that a sweep meets, averaged as the kernel does.
 */
#include "conntrack-model/closed.h"

#include <math.h>

#include "conntrack-model/ctable_int.h"
#include "conntrack-model/dialer.h"
#include "lib/base/clock.h"

#define FIRST_SWEEP_S 60 /* of an idle worker: at the latest */
#define STREAM_S 3 /* from a stream's first packet to its last */

struct class { /* entries of one kind */
	double rate_per_s, life_s; /* rate 0: `standing` ones that stay */
	double standing, left_s;
	bool assured;
	uint8_t netns;
	double round_s; /* connect()'s ports come round after so long; 0: they do not */
};

/* connect() goes on by 1 to 8 of the even ports, 4.5 on the mean (dialer.h): it is round after so many connections,
 * and takes a given port in one round of 4.5. */
#define STRIDE	     4.5
#define PORTS_A_ROUND (EPHEMERAL_N / 2 / STRIDE)

static int round_of(struct class *k, struct diag *d)
{
	k->round_s = PORTS_A_ROUND / k->rate_per_s;
	return k->round_s > k->life_s ? 0 : diag_set(d, ERR_UNKNOWN, "no formula for ports that are used again within an entry's life");
}

static int class_of(struct class *ret, const struct ct_synth *s, const struct ct_conf *c, struct diag *d)
{
	*ret = (struct class){.rate_per_s = s->rate_per_s, .netns = s->netns};
	switch (s->kind) {
	case SYNTH_UDP_NEW:
		ret->life_s = c->udp_s;
		return 0;
	case SYNTH_UDP_STREAM:
		ret->life_s = STREAM_S + c->udp_stream_s;
		ret->assured = true;
		return 0;
	case SYNTH_TCP:
		ret->life_s = c->tcp_s[CT_TIME_WAIT];
		ret->assured = true;
		return round_of(ret, d);
	case SYNTH_TCP_RST:
		ret->life_s = c->tcp_s[CT_CLOSE];
		ret->assured = true;
		return round_of(ret, d);
	case SYNTH_UDP_FIXED:
		*ret = (struct class){.standing = 16, .left_s = c->udp_stream_s, .assured = true, .netns = s->netns};
		return 0;
	case SYNTH_TCP_ONE:
		*ret = (struct class){.standing = 1, .left_s = c->tcp_s[CT_ESTABLISHED], .assured = true,
				      .netns = s->netns};
		return 0;
	default:
		return diag_set(d, ERR_UNKNOWN, "no formula for ports that are used again");
	}
}

/* The gc's average over what a sweep meets: remaining lifetimes are even over each
 * class's life. The kernel's integers are kept, for they are what stops the average. */
static double sweep_period_s(const struct class *k, size_t n, const struct ct_conf *c)
{
	int64_t hz = c->hz, avg = 60 * hz, count = 100;
	double total = 0, made[CT_NETNS_MAX + 2] = {0};

	if (!ct_rules_of(c->kernel)->gc_averages)
		return 120;
	for (size_t i = 0; i < n; i++)
		total += 2 * (k[i].rate_per_s * k[i].life_s + k[i].standing);
	for (uint64_t j = 0; j < (uint64_t)total; j++) { /* each class in its share, spread evenly */
		size_t most = 0;
		double want = -1;
		for (size_t i = 0; i < n; i++) {
			double share = 2 * (k[i].rate_per_s * k[i].life_s + k[i].standing) / total;
			if (share * (double)(j + 1) - made[i] > want) {
				want = share * (double)(j + 1) - made[i];
				most = i;
			}
		}
		made[most]++;
		double golden = (double)j * 0.6180339887498949, at = golden - floor(golden);
		double left_s = k[most].standing > 0 ? k[most].left_s : at * k[most].life_s;
		int64_t left = (int64_t)(left_s * (double)hz);
		left = left < hz ? hz : left > 300 * hz ? 300 * hz : left;
		avg += (left - avg) / ++count;
	}
	avg = avg < hz ? hz : avg > 60 * hz ? 60 * hz : avg;
	/* The wheel rounds up by half its granularity on the mean, as the walk's does. */
	uint64_t base = 1u << 20, sum = 0;
	for (unsigned i = 0; i < 512; i++)
		sum += ct_timer_expiry(base + i, (uint64_t)avg) - (base + i);
	return (double)sum / 512 / (double)hz;
}

/* Of those that died `age_s` ago, who is still there: walks of the buckets free them at rate k, and a connection from
 * the same port does. */
static double there(const struct class *c, double k, double age_s)
{
	double rounds = c->round_s > 0 ? floor((age_s + c->life_s) / c->round_s) : 0;

	return exp(-k * age_s) * pow(1 - 1 / STRIDE, rounds);
}

/* Summed over ages up to the period: at its end (the most), and on the mean over it. */
#define STEPS 1000
static void dead(const struct class *c, double k, double period_s, double *ret_mean, double *ret_max)
{
	double step_s = period_s / STEPS, most = 0, mean = 0;

	for (unsigned i = 0; i < STEPS; i++) {
		double age_s = (i + 0.5) * step_s, n = c->rate_per_s * there(c, k, age_s) * step_s;
		most += n;
		mean += n * (1 - age_s / period_s);
	}
	*ret_mean = mean;
	*ret_max = most;
}

int closed_form(struct closed_form *ret, const struct ct_conf *c, const struct ct_synth *loads, size_t n,
		const struct ct_other *other, unsigned netns, struct diag *d)
{
	struct class k[CT_NETNS_MAX + 1];
	double walks = c->other_walks_per_s, assured = 0;
	size_t n_classes = 0;

	*ret = (struct closed_form){0};
	if (n > CT_NETNS_MAX)
		return diag_set(d, ERR_UNKNOWN, "no formula for more than %d loads", CT_NETNS_MAX);
	for (size_t i = 0; i < n; i++, n_classes++) {
		int rc = class_of(&k[i], &loads[i], c, d);
		if (rc < 0)
			return rc;
		walks += 2 * k[i].rate_per_s; /* the look-up that misses, and that of the reply's tuple */
	}
	if (other && other->n) {
		if (other->rate_per_s > 0 || other->evictable)
			return diag_set(d, ERR_UNKNOWN, "no formula for long-lived flows whose packets collect, or that can be evicted");
		k[n_classes++] = (struct class){.standing = (double)other->n,
						.left_s = c->tcp_s[CT_ESTABLISHED],
						.assured = true,
						.netns = other->netns};
	}
	double period_s = sweep_period_s(k, n_classes, c), per_s = 2 * walks / c->buckets; /* an entry is in two buckets */
	ret->period_s = period_s;
	for (size_t i = 0; i < n_classes; i++) {
		double live = k[i].rate_per_s * k[i].life_s + k[i].standing, dead_mean, dead_max;
		if (k[i].netns != netns)
			continue;
		dead(&k[i], per_s, period_s, &dead_mean, &dead_max);
		ret->live += live;
		ret->mean += live + dead_mean;
		ret->max += live + dead_max;
		assured += k[i].assured ? live : 0;
		ret->steady_s = fmax(ret->steady_s, fmax(k[i].life_s, FIRST_SWEEP_S) + period_s);
	}
	if (c->max && ret->max > (double)c->max)
		ret->lost = exp(-16 * fmax(0, (double)c->max - assured) / c->buckets);
	return 0;
}
