/* SPDX-License-Identifier: Apache-2.0 */
/* Queries by (client, server), and what each address has done; judged when all was seen. */
#include "pcap-replay/traffic/paths.h"

#include <stdlib.h>
#include <string.h>

#include "pcap-replay/traffic/tally.h"

const char *const path_text[N_PATHS] = {
	"a cache's link-local address", "a Service's address, translated", "a Service's address, not translated", "DNS pods themselves", "elsewhere",
};
const char *const path_key[N_PATHS] = {"link_local", "service", "service_untranslated", "backend", "elsewhere"};

enum { PAIR_ASKED };
enum { ADDR_ANSWERED, ADDR_TRANSLATED, ADDR_BACKEND };

struct pair {
	struct in6_addr client, server;
};

struct paths {
	struct tally *pairs, *addrs;
};

struct paths *paths_new(struct budget *b, size_t share)
{
	struct paths *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pairs = tally_new(b, share * 3 / 4);
	p->addrs = tally_new(b, share / 4);
	if (p->pairs && p->addrs)
		return p;
	paths_free(p);
	return NULL;
}

void paths_free(struct paths *p)
{
	if (!p)
		return;
	tally_free(p->pairs);
	tally_free(p->addrs);
	free(p);
}

bool paths_is_local(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_V4MAPPED(ip) ? ip->s6_addr[12] == 169 && ip->s6_addr[13] == 254 : IN6_IS_ADDR_LINKLOCAL(ip);
}

void paths_txn(struct paths *p, const struct txn *t)
{
	struct pair key = {t->view.client.ip, t->view.server.ip};
	const struct txn_view *far = txn_translated(t);
	tally_at(p->pairs, &key, sizeof(key))[PAIR_ASKED] += t->n_sent;
	if (t->answered_ns)
		tally_at(p->addrs, &key.server, sizeof(key.server))[ADDR_ANSWERED]++;
	if (far && !IN6_ARE_ADDR_EQUAL(&far->server.ip, &key.server)) {
		tally_at(p->addrs, &key.server, sizeof(key.server))[ADDR_TRANSLATED]++;
		tally_at(p->addrs, &far->server.ip, sizeof(far->server.ip))[ADDR_BACKEND]++;
	}
}

static enum path_kind kind_of(const struct paths *p, const struct addrmap *m, const struct in6_addr *server)
{
	const struct tally_row *did = tally_find(p->addrs, server, sizeof(*server));
	enum addrmap_kind named = ADDRMAP_OTHER;
	if (paths_is_local(server))
		return PATH_LOCAL;
	if (did && did->n[ADDR_TRANSLATED])
		return PATH_SERVICE;
	addrmap_name(m, server, &named);
	if (named == ADDRMAP_SERVICE)
		return PATH_VIRTUAL;
	return named == ADDRMAP_POD || (did && did->n[ADDR_BACKEND]) ? PATH_BACKEND : PATH_ELSEWHERE;
}

void paths_shares(const struct paths *p, const struct addrmap *m, struct path_shares *ret)
{
	size_t cursor = 0;
	*ret = (struct path_shares){0};
	for (const struct tally_row *r; (r = tally_next(p->pairs, &cursor));) {
		struct pair key;
		memcpy(&key, r->key, sizeof(key));
		const struct tally_row *client = tally_find(p->addrs, &key.client, sizeof(key.client));
		if (client && client->n[ADDR_ANSWERED])
			ret->forwarded += r->n[PAIR_ASKED];
		else
			ret->queries[kind_of(p, m, &key.server)] += r->n[PAIR_ASKED];
	}
}
