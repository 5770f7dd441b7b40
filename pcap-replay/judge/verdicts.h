/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of answers counted by criterion, with the first examples of each. */
#ifndef NODENS_JUDGE_VERDICTS_H
#define NODENS_JUDGE_VERDICTS_H

#include <stdio.h>

#include "lib/base/jout.h"
#include "pcap-replay/judge/compare.h"

#define VERDICT_EXAMPLES 3

struct verdict_example {
	size_t query; /* index in the plan */
	char text[320];
};
struct verdicts {
	uint64_t pairs, n[N_CMP];
	uint64_t unanswered; /* by neither side */
	uint64_t unstable;   /* defects that did not come back on a second try; not in n */
	struct verdict_examples {
		struct verdict_example of[VERDICT_EXAMPLES];
		unsigned n;
	} example[N_CMP], unstable_example;
};
enum criterion verdicts_add(struct verdicts *v, size_t query, struct octets asked, struct octets a, struct octets b);
/* A defect counted before, of this question and criterion, was none when tried again. */
void verdicts_unstable(struct verdicts *v, size_t query, struct octets asked, enum criterion was);
uint64_t verdicts_of(const struct verdicts *v, enum verdict_class c);
void verdicts_json(const struct verdicts *v, struct jout *j); /* members of an object that is open */
void verdicts_print(const struct verdicts *v, const char *a, const char *b, FILE *out);

#endif
