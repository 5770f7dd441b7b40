/* SPDX-License-Identifier: Apache-2.0 */
/* The side that takes over. */
#ifndef NODENS_HANDOVER_NEW_H
#define NODENS_HANDOVER_NEW_H

#include "resolver/handover/handover_session.h"

/* As handover_take, _configured and _serving in handover.h. */
int handover_new_take(struct handover *h, struct diag *d);
void handover_new_configured(struct handover *h);
void handover_new_serving(struct handover *h);
/* All workers have answered; the limit has passed. */
void handover_new_answered(struct handover *h);
void handover_new_late(struct handover *h);

#endif
