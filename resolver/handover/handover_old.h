/* SPDX-License-Identifier: Apache-2.0 */
/* The side that hands over. */
#ifndef NODENS_HANDOVER_OLD_H
#define NODENS_HANDOVER_OLD_H

#include "resolver/handover/handover_session.h"

/* For a successor, at our path; a failure is said and costs the hand-over only. */
void handover_old_listen(struct handover *h);
/* All workers have answered; the limit has passed. */
void handover_old_answered(struct handover *h);
void handover_old_late(struct handover *h);

#endif
