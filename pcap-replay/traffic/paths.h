/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way clients' questions go: to a cache on the node, to a Service's address, to a DNS
 * pod itself, elsewhere. What an address is shows in the capture (a Service's is translated
 * to another one on the way, and that one is a backend's), or is told by a map of names.
 * What a cache asks it asks with the node's address, which host-network pods have too: its
 * questions are those asked while somebody else waits for an answer to the same one.
 */
#ifndef NODENS_PATHS_H
#define NODENS_PATHS_H

#include "pcap-replay/read/budget.h"
#include "pcap-replay/traffic/addrmap.h"
#include "pcap-replay/traffic/txn.h"

enum path_kind {
	PATH_LOCAL,    /* a link-local address, as node-local caches have */
	PATH_SERVICE,  /* a Service's, translated within the capture */
	PATH_VIRTUAL,  /* a Service's by the map, and no translation was seen: answered on the node, or
			* the capture is of one place only */
	PATH_BACKEND,  /* a DNS pod, asked directly */
	PATH_ELSEWHERE,
	N_PATHS,
};
extern const char *const path_text[N_PATHS];
extern const char *const path_key[N_PATHS]; /* of JSON */

struct path_shares {
	uint64_t queries[N_PATHS]; /* of clients */
	uint64_t forwarded;        /* of servers: what answers somebody asks on somebody's behalf */
};

struct paths;
struct paths *paths_new(struct budget *b, size_t share);
void paths_free(struct paths *p);
void paths_question(struct paths *p, const struct txn *t); /* a new one, in order of time */
void paths_answer(struct paths *p, const struct txn *t);   /* it was answered just now */
/* Does this address ask mostly what others asked it, or its host, for? */
bool paths_forwards(const struct paths *p, const struct in6_addr *ip);
void paths_txn(struct paths *p, const struct txn *t);
void paths_shares(const struct paths *p, const struct addrmap *m, struct path_shares *ret);
bool paths_is_local(const struct in6_addr *ip); /* 169.254/16 or fe80::/10 */

#endif
