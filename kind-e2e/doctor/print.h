/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, for a person and for a program. The same facts give the same octets. */
#ifndef NODENS_KIND_E2E_DOCTOR_PRINT_H
#define NODENS_KIND_E2E_DOCTOR_PRINT_H

#include <stdio.h>

#include "kind-e2e/doctor/judge.h"

#define DIAGNOSIS_MAX 96

struct diagnosis { /* all probes, in their order */
	const struct probe *probe[DIAGNOSIS_MAX];
	struct verdict verdict[DIAGNOSIS_MAX];
	unsigned n, count[N_STATUS];
};

void diagnose(struct diagnosis *ret, const struct patient *p);
/* `all`: also what is right; else that is a number in the last line. */
void print_words(FILE *out, const struct diagnosis *d, const struct patient *p, bool all);
/* One object; schema nodens-doctor/1 (docs/formats.md). 0 or ERR_NOMEM. */
int print_json(FILE *out, const struct diagnosis *d, const struct patient *p);
void print_probes(FILE *out); /* the table of probes, as docs/doctor.md has it */

#endif
