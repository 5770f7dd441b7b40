/* SPDX-License-Identifier: Apache-2.0 */
/* The waiting times of stubs as their sources and manuals have them. */
#include "pcap-replay/traffic/retry.h"

#include <stddef.h>

#include "lib/base/clock.h"

/* From the end of a timer to the packet: a process on a node with three times the load it has processors
 * for was seen to take 285 ms, however long it had slept. */
#define RETRY_SLACK_NS (300 * NS_PER_MS)
/* The timer was set before the packet went, and runs in whole milliseconds. */
#define RETRY_EARLY_NS (10 * NS_PER_MS)

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
		if (gap_ns + RETRY_EARLY_NS >= r->gap_ns && gap_ns <= r->gap_ns + RETRY_SLACK_NS)
			return r;
	}
	return NULL;
}
