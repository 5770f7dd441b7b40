/* SPDX-License-Identifier: Apache-2.0 */
/* What something has cost, whoever else has the processor meanwhile. */
#ifndef NODENS_WORKED_H
#define NODENS_WORKED_H

#include <stdint.h>

uint64_t clock_worked_ns(void); /* processor time of this thread */

#endif
