/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second engine: what a made-up load comes to by formula, with no hash and no
 * entries. It knows rates, lifetimes and the gc's period, nothing of ports or chains, and
 * is there to agree with the walk where both can speak; where they do not, one is wrong.
 */
#ifndef NODENS_CT_CLOSED_H
#define NODENS_CT_CLOSED_H

#include <stdbool.h>

#include "conntrack-model/ctable.h"
#include "conntrack-model/events.h"

struct closed_form {
	double live;	  /* entries whose timeout has not passed, steady */
	double mean, max; /* nf_conntrack_count, dead ones included, steady, no limit */
	double period_s;  /* between sweeps */
	double steady_s;  /* from here on */
	double lost;	  /* share of new flows, while the table is full; 0: it does not fill */
};
/* 0; or ERR_UNKNOWN with words: a load for which there is no formula (one pod's ports,
 * which are used again). Loads in `netns` count; others share the gc. */
int closed_form(struct closed_form *ret, const struct ct_conf *c, const struct ct_synth *loads, size_t n,
		const struct ct_other *other, unsigned netns, struct diag *d);

#endif
