/* SPDX-License-Identifier: Apache-2.0 */
/* Server cookies made and known again; a jar of what upstreams gave. */
#include "resolver/core/cookie.h"

#include <string.h>

#include "lib/dns/wire.h"

void cookie_server_make(const struct hash_key *key, const struct in6_addr *client,
			const uint8_t client_cookie[COOKIE_CLIENT_LEN], uint32_t now_s,
			uint8_t ret[COOKIE_SERVER_LEN])
{
	uint8_t in[COOKIE_CLIENT_LEN + 8 + sizeof(*client)];
	uint64_t h;

	/* RFC 9018 section 4: version 1, three reserved octets, time, hash. */
	memcpy(in, client_cookie, COOKIE_CLIENT_LEN);
	memcpy(in + 8, (const uint8_t[]){1, 0, 0, 0}, 4);
	set_be32(in + 12, now_s);
	memcpy(in + 16, client, sizeof(*client));
	h = hash_sip13(key, in, sizeof(in));
	memcpy(ret, in + 8, 8);
	memcpy(ret + 8, &h, 8);
}

void cookie_jar_init(struct cookie_jar *j, const struct hash_key *key, const struct in6_addr *addr,
		     uint16_t port)
{
	uint8_t in[sizeof(*addr) + 2];
	uint64_t h;

	memcpy(in, addr, sizeof(*addr));
	set_be16(in + sizeof(*addr), port);
	h = hash_sip13(key, in, sizeof(in));
	memcpy(j->client, &h, sizeof(j->client));
	j->server_len = 0;
}

bool cookie_jar_take(struct cookie_jar *j, const uint8_t *opt, size_t len)
{
	if (!opt)
		return j->server_len == 0; /* RFC 7873 section 5.3: it knew cookies before */
	if (len < COOKIE_CLIENT_LEN || memcmp(opt, j->client, COOKIE_CLIENT_LEN) != 0)
		return false;
	len -= COOKIE_CLIENT_LEN;
	if (len < 8 || len > COOKIE_SERVER_LEN_MAX)
		return len == 0; /* an echo by a server that does not do cookies */
	memcpy(j->server, opt + COOKIE_CLIENT_LEN, len);
	j->server_len = (uint8_t)len;
	return true;
}
