/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a scenario: refused with words, or sound enough to be run. */
#include <assert.h>
#include <stdint.h>

#include "lib/world/scenario.h"
#include "lib/world/workload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario *s;
	struct diag d = {""};
	struct lookup l;
	if (scenario_parse(&s, "fuzz.yaml", (const char *)data, size, &d)) {
		assert(d.text[0]);
		return 0;
	}
	assert(s->n_asks && s->n_loads && s->n_pods && s->n_nodes && s->proxy_modes);
	struct workload *w = workload_new(s, 0);
	for (int i = 0; w && i < 100 && workload_next(w, &l); i++)
		assert(l.ask < s->n_asks && l.load < s->n_loads);
	workload_free(w);
	scenario_free(s);
	return 0;
}
