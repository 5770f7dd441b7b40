/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "conntrack-model/dialer.h"

uint16_t dialer_port(struct dialer *counter, struct dialer *own, struct rng *r, uint64_t t_ns)
{
	uint32_t i, at = 0;

	if (!counter->begun)
		counter->offset = (uint32_t)rng_below(r, EPHEMERAL_N / 2);
	counter->begun = true;
	for (i = 0; i < EPHEMERAL_N / 2; i++) {
		at = (counter->offset + i) % (EPHEMERAL_N / 2);
		if (own->free_ns[at] <= t_ns)
			break;
	}
	uint32_t step = (uint32_t)rng_below(r, 8);
	counter->offset = (at + (step > i ? step - i : 0) + 1) % (EPHEMERAL_N / 2);
	return (uint16_t)(EPHEMERAL_LOW + 2 * at);
}

void dialer_closed(struct dialer *own, uint16_t port, uint64_t t_ns, bool time_wait)
{
	own->free_ns[(port - EPHEMERAL_LOW) / 2] = time_wait ? t_ns + DIALER_TIME_WAIT_NS : t_ns;
}
