/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenario's authoritative data: what the cluster DNS knows. One answer
 * routine serves the lab's backends, the simulator's upstream and the check of
 * every answer a load program receives, so the three cannot disagree. Records
 * come in presentation form through lib/dns/msg (ldns).
 */
#ifndef NODENS_ZONE_H
#define NODENS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "lib/world/scenario.h"

struct zone;
/* Everything below the scenario's domain and its reverse zones is answered
 * with NXDOMAIN (and SOA) when absent; names outside are "external": those
 * listed are answered, the rest is NXDOMAIN from the root's SOA. */
int zone_new(struct zone **ret, const struct scenario *s, struct diag *d);
void zone_free(struct zone *z);

enum zone_verdict { ZONE_ANSWER, ZONE_NODATA, ZONE_NXDOMAIN };
enum zone_verdict zone_lookup(const struct zone *z, const uint8_t *name, uint16_t qtype);

/* Answers a query message as backend `server_id` would: NSID option when asked
 * for, TC when the answer exceeds the client's UDP size. Returns the reply's
 * length, 0 when the query deserves none. */
size_t zone_reply(const struct zone *z, const char *server_id, const uint8_t *query, size_t len,
		  bool tcp, uint8_t *out, size_t cap);

/* Does `reply` say what the zone says (rcode, set of answer records in any
 * order, TTLs at most the zone's)? NULL when it does, else what differs
 * (static text). Truncated replies are accepted when marked so. */
const char *zone_check(const struct zone *z, const uint8_t *reply, size_t len);
/* The same of one that dns_msg_parse has taken apart. */
const char *zone_check_parsed(const struct zone *z, const struct dns_msg *m, const uint8_t *reply, size_t len);

#endif
