/* SPDX-License-Identifier: Apache-2.0 */
/* kube-proxy writes its rules again, as it does every minute and at every change. */
#include <string.h>

#include "kind-e2e/check/families.h"

#define SYNCS 5

static void resync(struct checker *k)
{
	struct way udp = {k->c->first, false};
	unsigned all = (1u << k->c->topo.n_backends) - 1;
	struct notrack rules = {0};
	struct diag d = {""};
	struct stream s;

	if (stream_start(k, &s, &udp, "single", STREAM_PATIENT))
		for (int i = 0; i < SYNCS && !k->failed; i++) {
			if (check_did(k, cell_proxy_sync(k->c, all, &d), &d))
				check_that(k, stream_until(&s, &s.v->answered, 20, 5 * NS_PER_S),
					   "no answers after sync %d", i + 1);
		}
	if (!stream_end(k, &s))
		return;
	check_volley_good(k, "while rules were written", s.v, check_server(k));
	if (k->c->spec.with_cache && check_did(k, cell_notrack(&rules, &d), &d))
		check_that(k, rules.n_rules, "no NOTRACK rule is left");
	check_found(k, "%d times, none of %llu lost", SYNCS, (unsigned long long)s.v->sent);
}

static const struct check checks[] = {
	{"proxy.resync", "kube-proxy's rules are written again and no question is lost", 0, resync,
	 NULL},
	{0},
};

const struct family family_proxy = {"proxy", "kube-proxy does its work meanwhile", checks};
