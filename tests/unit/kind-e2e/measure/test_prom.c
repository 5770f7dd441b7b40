/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the metrics of a cache: sums by name and label, whatever stands in quotes. */
#include <criterion/criterion.h>

#include "kind-e2e/measure/prom.h"

static const char text[] =
	"# HELP coredns_cache_hits_total The count of cache hits.\n"
	"# TYPE coredns_cache_hits_total counter\n"
	"coredns_cache_hits_total{server=\"dns://10.96.0.10:53\",type=\"success\",zones=\".\"} 15\n"
	"coredns_cache_hits_total{server=\"dns://10.96.0.10:53\",type=\"denial\",zones=\".\"} "
	"2.5e1\n"
	"coredns_cache_hits_total_other{type=\"success\"} 1000\n"
	"coredns_odd{name=\"a } b \\\" type=\"} 7\n"
	"plain 3\n";

Test(prom, sums_all_samples_of_a_name_and_of_no_longer_name)
{
	cr_expect_eq(prom_sum(text, "coredns_cache_hits_total", NULL), 40);
	cr_expect_eq(prom_sum(text, "plain", NULL), 3);
	cr_expect_eq(prom_sum(text, "absent", NULL), 0);
	cr_expect_eq(prom_sum("", "plain", NULL), 0);
}

Test(prom, a_label_chooses_samples)
{
	cr_expect_eq(prom_sum(text, "coredns_cache_hits_total", "type=\"denial\""), 25);
	cr_expect_eq(prom_sum(text, "coredns_cache_hits_total", "type=\"none\""), 0);
	cr_expect_eq(prom_sum(text, "plain", "type="), 0);
}

Test(prom, braces_and_quotes_within_values_end_nothing)
{
	cr_expect_eq(prom_sum(text, "coredns_odd", NULL), 7);
}
