/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second witness of each cell: the machine's own getaddrinfo, with the
 * pod's resolv.conf put in place of /etc/resolv.conf, asked for the scenario's
 * names; what it returns must be what the zone holds for the first name of the
 * search list that exists.
 */
#ifndef NODENS_KIND_E2E_GAI_H
#define NODENS_KIND_E2E_GAI_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/world/scenario.h"
#include "lib/world/zone.h"

struct gai_shared {
	uint64_t asked, right;
	char why_wrong[160];
};

struct gai_conf {
	const struct scenario *s;
	const struct zone *zone;
	struct addr server_ip;
	struct gai_shared *shared;
	/* instead of the scenario's names and search list; NULL: those */
	const char *only;
	const char *const *search;
	size_t n_search;
};

/* Runs in a child that sits in a pod's network namespace: 0, or 125. */
int gai_main(const struct gai_conf *c);

/* In a mount namespace of its own from here on: `text` in place of
 * /etc/resolv.conf. */
int resolv_conf_replace(const char *text, struct diag *d);

#endif
