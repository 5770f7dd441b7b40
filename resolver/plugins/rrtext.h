/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record in presentation form straight into a message, without memory: what
 * a template makes per query. The types a template plausibly makes, and any
 * other in the form of RFC 3597 (\# length hex).
 */
#ifndef NODENS_RRTEXT_H
#define NODENS_RRTEXT_H

#include "lib/dns/wire.h"

enum { RRTEXT_MAX = 2048 };

/* "owner [ttl] [class] type rdata"; TTL 3600 and class IN when left out. False
 * when it is none; `o` is then unusable. */
bool rrtext_put(struct wire_out *o, const char *text);
/* Its type, 0 when the text is not that far valid or the type not known here. */
uint16_t rrtext_type(const char *text);

#endif
