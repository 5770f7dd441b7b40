/* SPDX-License-Identifier: Apache-2.0 */
/* The waiting times of stubs as their sources and manuals have them. */
#include "pcap-replay/traffic/retry.h"

#include <stddef.h>

#include "lib/base/clock.h"

const struct retry_rule retry_rules[] = {
	{1 * NS_PER_S, "options timeout:1"},
	{2 * NS_PER_S, "c-ares, or options timeout:2"},
	{2500 * NS_PER_MS, "musl"},
	{3 * NS_PER_S, "options timeout:3"},
	{5 * NS_PER_S, "glibc, Go, Java, systemd-resolved"},
	{10 * NS_PER_S, "glibc's second round, dig"},
	{20 * NS_PER_S, "glibc's third round"},
	{0, NULL},
};

const struct retry_rule *retry_rule_of(uint64_t gap_ns)
{
	for (const struct retry_rule *r = retry_rules; r->gap_ns; r++) {
		uint64_t slack_ns = r->gap_ns * 3 / 100 > 60 * NS_PER_MS ? r->gap_ns * 3 / 100 : 60 * NS_PER_MS;
		/* timers of whole milliseconds may run out a little early */
		if (gap_ns + 2 * NS_PER_MS >= r->gap_ns && gap_ns <= r->gap_ns + slack_ns)
			return r;
	}
	return NULL;
}
