/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When stub resolvers ask again. A question that comes back after any other time
 * is a new one: programs ask for the same name all day.
 */
#ifndef NODENS_RETRY_H
#define NODENS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct retry_rule {
	uint64_t gap_ns;
	const char *who;
};
extern const struct retry_rule retry_rules[]; /* ends with gap 0 */

/* The rule that this gap fits, or NULL: its timer's time, 10 ms less (what lies between
 * setting it and sending) to 300 ms more (the process has to be woken). */
const struct retry_rule *retry_rule_of(uint64_t gap_ns);

#endif
