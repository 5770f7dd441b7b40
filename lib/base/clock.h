/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door to the clocks. Everything below main loops takes `now` as an
 * argument, so that the same code runs under virtual time.
 */
#ifndef NODENS_CLOCK_H
#define NODENS_CLOCK_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)
#define T_NEVER   UINT64_MAX /* "no deadline" */

uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC */
uint64_t clock_real_ns(void); /* CLOCK_REALTIME, since the epoch */
/* Sleep until an absolute CLOCK_MONOTONIC time; EINTR returns early. */
void clock_sleep_until(uint64_t t_mono_ns);

#endif
