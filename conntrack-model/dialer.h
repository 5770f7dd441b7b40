/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports that connect() takes: even ones only, from where the last one of this pair of
 * addresses was, a random step of up to seven further each time, past those in TIME_WAIT
 * (__inet_hash_connect, table_perturb). The counter hangs on the addresses alone, so namespaces
 * whose pods have equal ones share it; TIME_WAIT does not.
 */
#ifndef NODENS_CT_DIALER_H
#define NODENS_CT_DIALER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"

#define EPHEMERAL_LOW 32768 /* net.ipv4.ip_local_port_range */
#define EPHEMERAL_N   28232
#define DIALER_TIME_WAIT_NS (60 * NS_PER_S) /* TCP_TIMEWAIT_LEN, at whoever closes first */

struct dialer {
	bool begun;
	uint32_t offset;
	uint64_t free_ns[EPHEMERAL_N / 2]; /* when the port's TIME_WAIT ends */
};
/* `counter` is the address's, `own` the namespace's; they may be one. */
uint16_t dialer_port(struct dialer *counter, struct dialer *own, struct rng *r, uint64_t t_ns);
/* The connection from this port is over, its TIME_WAIT begins or (a reset) does not. */
void dialer_closed(struct dialer *own, uint16_t port, uint64_t t_ns, bool time_wait);

#endif
