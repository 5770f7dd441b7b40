/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS cookies, hop by hop (RFC 7873, RFC 9018): ours for clients, and what each
 * upstream handed us.
 */
#ifndef NODENS_CORE_COOKIE_H
#define NODENS_CORE_COOKIE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/hash.h"

#define COOKIE_CLIENT_LEN     8
#define COOKIE_SERVER_LEN     16
#define COOKIE_SERVER_LEN_MAX 32

/* The server cookie for this client and its client cookie. */
void cookie_server_make(const struct hash_key *key, const struct in6_addr *client,
			const uint8_t client_cookie[COOKIE_CLIENT_LEN], uint32_t now_s,
			uint8_t ret[COOKIE_SERVER_LEN]);

/* What we know of one upstream's cookies. */
struct cookie_jar {
	uint8_t client[COOKIE_CLIENT_LEN]; /* ours, for this upstream alone */
	uint8_t server[COOKIE_SERVER_LEN_MAX];
	uint8_t server_len; /* 0: it has never sent one */
};
void cookie_jar_init(struct cookie_jar *j, const struct hash_key *key, const struct in6_addr *addr,
		     uint16_t port);
/* Judges the COOKIE option of a UDP answer (NULL: it had none) and keeps the
 * server's part. False: forged, or not from a server that knows our cookie. */
bool cookie_jar_take(struct cookie_jar *j, const uint8_t *opt, size_t len);

#endif
