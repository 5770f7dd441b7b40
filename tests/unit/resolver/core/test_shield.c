/* SPDX-License-Identifier: Apache-2.0 */
/* Which ancestors of a name are cuts. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/dns/name.h"
#include "resolver/core/shield.h"

Test(shield, cuts_of_names)
{
	static const struct {
		const char *name, *cut[3];
	} cases[] = {
		{"www.example.com.ns1.svc.cluster.local.", {"ns1.svc.cluster.local.", "com.ns1.svc.cluster.local."}},
		{"www.example.com.svc.cluster.local.", {"com.svc.cluster.local.", "example.com.svc.cluster.local."}},
		{"www.example.com.cluster.local.", {"com.cluster.local."}},
		{"svc1.ns1.svc.cluster.local.", {"ns1.svc.cluster.local."}},
		{"_http._tcp.svc1.ns1.svc.cluster.local.", {"ns1.svc.cluster.local.", "svc1.ns1.svc.cluster.local."}},
		{"ns1.svc.cluster.local.", {NULL}},
		{"svc.cluster.local.", {NULL}},
		{"com.cluster.local.", {NULL}},
		{"cluster.local.", {NULL}},
		{"10-0-0-1.ns1.pod.cluster.local.", {NULL}},
		{"www.example.com.", {NULL}},
		{"a.b.c.xcluster.local.", {NULL}},
	};
	struct name origin, name, cut;

	cr_assert_eq(name_from_text(&origin, "cluster.local."), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shield_cut at[SHIELD_CUTS_MAX];
		unsigned n, want = 0;

		cr_assert_eq(name_from_text(&name, cases[i].name), 0);
		n = shield_cuts(name.b, origin.b, at);
		while (cases[i].cut[want])
			want++;
		cr_assert_eq(n, want, "%s has %u cuts, not %u", cases[i].name, n, want);
		for (unsigned j = 0; j < n; j++) {
			cr_assert_eq(name_from_text(&cut, cases[i].cut[j]), 0);
			cr_assert(name_eq(name.b + at[j].at, cut.b), "cut %u of %s", j, cases[i].name);
		}
	}
}
