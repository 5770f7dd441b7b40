/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is left on the node by a cache that has ended: compared with the node before it. */
#include <stdlib.h>

#include "kind-e2e/check/families.h"

static void same_as_before(struct checker *k)
{
	struct diag d = {""};
	char words[300], *now = NULL;
	unsigned n;

	if (!check_did(k, leftovers_look(k->c, &now, &d), &d))
		return;
	n = leftovers_diff(k->c->world, now, words, sizeof words);
	check_that(k, !n, "%u lines differ: %s", n, words);
	free(now);
}

static void clean(struct checker *k)
{
	struct diag d = {""};

	if (!check_did(k, cache_stop(k->c, &d), &d))
		return;
	check_that(k, k->c->cache_status == 0, "SIGTERM: status %d", k->c->cache_status);
	same_as_before(k);
	check_found(k, "rules, sets, addresses, routes, sysctls, sockets, files: as before");
}

/* Where duplicates would show: one instance leaves everything, the next one finds it. */
static void after_kill(struct checker *k)
{
	struct diag d = {""};

	cache_kill(k->c);
	if (!check_did(k, cache_start(k->c, CACHE_FAILOPEN_FAULTS, &d), &d))
		return;
	clean(k);
	check_found(k, "the next instance's end removes what the killed one left");
}

static const struct check checks[] = {
	{"teardown.after-kill", "killed, started again, ended: nothing is left",
	 NEED_CACHE | NEED_FAULTS, after_kill, NULL},
	{"teardown.clean", "SIGTERM leaves nothing", NEED_CACHE | NEED_FAULTS, clean, NULL},
	{0},
};

const struct family family_teardown = {"teardown", "nothing is left behind", checks};
