/* SPDX-License-Identifier: Apache-2.0 */
/* Which cells and checks patterns choose, and what a wrong one is told. */
#include <criterion/criterion.h>
#include <string.h>

#include "kind-e2e/run/select.h"

static struct opt_list cells, include, exclude;
static struct selection sel = {&cells, &include, &exclude, false};
static const struct scenario s = {.proxy_modes = SCEN_IPTABLES | SCEN_NFTABLES,
				  .cache_off = true,
				  .cache_on = true,
				  .ip_families = SCEN_IP4 | SCEN_DUAL,
				  .n_backends = 2};

static void add(struct opt_list *l, const char *pattern)
{
	l->item[l->n++] = pattern;
}

static const char *chosen(void)
{
	static char text[600];
	struct cell_spec got[CELLS_MAX];
	char name[CELL_NAME_MAX];
	struct diag d = {""};
	int n = select_cells(&sel, &s, got, &d);

	strcpy(text, n < 0 ? d.text : "");
	for (int i = 0; i < n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, cell_spec_str(&got[i], name));
	}
	return text;
}

Test(select, all_of_them_after_the_self_check)
{
	cr_expect_str_eq(chosen(), "empty iptables-nocache iptables-cache nftables-nocache "
				   "nftables-cache iptables-nocache-dual iptables-cache-dual "
				   "nftables-nocache-dual nftables-cache-dual");
	cr_expect(select_check(&sel, "path.tracked"));
}

Test(select, the_original_has_cells_where_it_was_named)
{
	sel.original = true;
	add(&include, "iptables-*");
	cr_expect_str_eq(chosen(), "iptables-nocache iptables-cache iptables-original "
				   "iptables-nocache-dual iptables-cache-dual iptables-original-dual");
	include.n = 0;
	add(&cells, "nftables-original");
	cr_expect_str_eq(chosen(), "nftables-original");
	sel.original = false;
	cr_expect(strstr(chosen(), "no such cell"), "%s", chosen());
}

Test(select, patterns_of_cells_and_of_checks_do_not_meddle)
{
	add(&include, "nftables-*");
	add(&include, "path.*");
	add(&exclude, "*-dual");
	add(&exclude, "path.other-port");
	cr_expect_str_eq(chosen(), "nftables-nocache nftables-cache");
	cr_expect(select_check(&sel, "path.tracked"));
	cr_expect_not(select_check(&sel, "path.other-port"));
	cr_expect_not(select_check(&sel, "answers.udp"));
}

Test(select, a_pattern_of_checks_alone_leaves_all_cells)
{
	add(&include, "self.*");
	add(&exclude, "iptables-*");
	cr_expect_str_eq(chosen(), "empty nftables-nocache nftables-cache nftables-nocache-dual "
				   "nftables-cache-dual");
}

Test(select, what_matches_nothing_is_a_mistake_with_a_hint)
{
	add(&cells, "iptables-cash");
	cr_expect(strstr(chosen(), "did you mean iptables-cache"), "%s", chosen());
	cells.n = 0;
	add(&exclude, "path.trackt");
	cr_expect(strstr(chosen(), "did you mean path.tracked"), "%s", chosen());
	cr_expect(strstr(chosen(), "--list-checks"), "%s", chosen());
}
