/* SPDX-License-Identifier: Apache-2.0 */
/* Whose pod is it; and which advice is given. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "pcap-replay/traffic/waste.h"

static void is_of(const char *pod, const char *workload)
{
	cr_expect_eq(waste_workload(pod), strlen(workload), "%s: %.*s", pod, (int)waste_workload(pod), pod);
}

Test(waste, pods_are_their_workloads)
{
	is_of("default/web-5d9c7b6f4d-x2x5q", "default/web");
	is_of("default/web-api-5d9c7b6f4d-x2x5q", "default/web-api");
	is_of("kube-system/kube-proxy-x2x5q", "kube-system/kube-proxy");
	is_of("default/db-0", "default/db");
	is_of("default/db-11", "default/db");
	is_of("default/web", "default/web");
	is_of("default/my-proxy", "default/my-proxy");
	is_of("default/v2-20240101", "default/v2-20240101");
	is_of("x2x5q", "x2x5q");
	is_of("", "");
}

static void add(struct waste *w, unsigned client, const char *text, uint64_t n)
{
	struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)client}};
	struct name name;
	cr_assert_eq(name_from_text(&name, text), 0);
	waste_add(w, &ip, name.b, name.len, n);
}

Test(waste, most_first_and_of_equals_always_the_same)
{
	struct budget b;
	struct waste_advice a[3];
	char text[32];
	budget_init(&b, 1 << 20);
	struct waste *w = waste_new(&b, 1 << 18);
	cr_assert(w);
	for (unsigned i = 0; i < 9; i++) {
		snprintf(text, sizeof(text), "n%u.example", 8 - i);
		add(w, 1, text, 6);
	}
	add(w, 2, "one", 40);
	add(w, 3, "a.b", 5);
	add(w, 3, "a.b.c", 20);
	add(w, 4, "z", 1);
	cr_assert_eq(waste_advise(w, NULL, a, 3), 3);
	cr_expect_str_eq(a[0].who, "10.0.0.1");
	cr_expect(a[0].queries == 54 && a[0].n_names == 9 && a[0].by_names == 18 && a[0].shown == 3 && !waste_is_few(&a[0]));
	cr_expect_eq(waste_ndots(&a[0]), 1);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(a[0].name[i].b[2], '0' + i);
	cr_expect(a[1].queries == 40 && waste_is_few(&a[1]) && a[1].ndots1 == 0);
	cr_expect(a[2].queries == 25 && a[2].ndots1 == 25 && a[2].ndots2 == 20);
	cr_expect_eq(waste_ndots(&a[2]), 2);
	waste_free(w);
	cr_expect_eq(b.used, 0);
}
