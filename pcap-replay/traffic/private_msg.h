/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole message that can be shown to others: names and addresses in it as private.h turns
 * them, text as letters, what is not known to be harmless as other octets. It stays as long
 * as it was, and every record where it was, so that sizes, compression and types are the
 * original's.
 */
#ifndef NODENS_PRIVATE_MSG_H
#define NODENS_PRIVATE_MSG_H

#include "pcap-replay/traffic/private.h"

/* 0; or ERR_SYNTAX, ERR_LIMIT, ERR_SHORT: it cannot be read to its end, and must not be
 * shown (it may be turned in part). Octets behind the last record become zeros. */
int private_message(const struct hash_key *k, uint8_t *msg, size_t len, const struct name *keep, size_t n_keep);

#endif
