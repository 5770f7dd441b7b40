/* SPDX-License-Identifier: Apache-2.0 */
/* What a hand-over asks of us, on either side; ctx: struct supervisor. */
#ifndef NODENS_SUPERVISOR_SUCCESSION_H
#define NODENS_SUPERVISOR_SUCCESSION_H

#include "resolver/handover/handover_host.h"

extern const struct handover_asks succession_asks;

#endif
