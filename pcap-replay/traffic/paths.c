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

enum { PAIR_ASKED, PAIR_NEW, PAIR_NESTED };
enum { ADDR_ANSWERED, ADDR_TRANSLATED, ADDR_BACKEND, ADDR_NEW, ADDR_NESTED };

#define WAITING    2048 /* questions under way that are remembered, a power of two */
#define WAIT_NS    (10 * 1000000000ull)

struct pair {
	struct in6_addr client, server;
	char proto; /* a cache asks by TCP what host-network pods ask by UDP */
};

struct waiting { /* somebody waits for this name and type; addresses as what is left of a hash */
	uint64_t t_ns;
	uint32_t hash, client, server; /* hash 0: nobody */
	uint16_t id, port;
};

struct paths {
	struct tally *pairs, *addrs;
	struct waiting waiting[WAITING]; /* the newest of each place */
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

static struct pair pair_of(const struct txn *t)
{
	struct pair key;
	memset(&key, 0, sizeof(key)); /* compared as octets */
	key.client = t->view.client.ip;
	key.server = t->view.server.ip;
	key.proto = t->proto;
	return key;
}

static struct waiting *place_of(struct paths *p, const struct txn *t, uint32_t *ret_hash)
{
	uint64_t h = t->name_hash + t->qtype * 0x9e3779b97f4a7c15u;
	*ret_hash = (uint32_t)h | 1;
	return &p->waiting[h >> 40 & (WAITING - 1)];
}

static uint32_t short_of(const struct in6_addr *ip)
{
	uint64_t a, b;
	memcpy(&a, ip->s6_addr, 8);
	memcpy(&b, ip->s6_addr + 8, 8);
	return (uint32_t)((a * 31 ^ b) * 0x9e3779b97f4a7c15u >> 32);
}

void paths_question(struct paths *p, const struct txn *t)
{
	struct pair key = pair_of(t);
	uint32_t hash, client = short_of(&key.client), server = short_of(&key.server);
	if (!t->readable)
		return;
	struct waiting *w = place_of(p, t, &hash);
	bool nested = w->hash == hash && t->t_ns < w->t_ns + WAIT_NS && w->client != client && w->server != server;
	uint64_t *pair = tally_at(p->pairs, &key, sizeof(key)), *addr = tally_at(p->addrs, &key.client, sizeof(key.client));
	pair[PAIR_NEW]++;
	pair[PAIR_NESTED] += nested;
	addr[ADDR_NEW]++;
	addr[ADDR_NESTED] += nested;
	if (!nested)
		*w = (struct waiting){t->t_ns, hash, client, server, t->id, t->view.client.port};
}

void paths_answer(struct paths *p, const struct txn *t)
{
	uint32_t hash;
	struct waiting *w = t->readable ? place_of(p, t, &hash) : NULL;
	if (w && w->hash == hash && w->id == t->id && w->port == t->view.client.port && w->client == short_of(&t->view.client.ip))
		w->hash = 0;
}

bool paths_forwards(const struct paths *p, const struct in6_addr *ip)
{
	const struct tally_row *r = tally_find(p->addrs, ip, sizeof(*ip));
	return r && r->n[ADDR_NESTED] * 2 > r->n[ADDR_NEW];
}

/* What a pair asked on somebody's behalf. Clients that ask the same at one time by chance are few
 * of a pair's questions, and questions of a cache's own (before something lapses) are few of its. */
static uint64_t nested_of(const struct tally_row *r)
{
	uint64_t nested = r->n[PAIR_NESTED], new = r->n[PAIR_NEW], asked = r->n[PAIR_ASKED];
	return nested * 10 >= new * 8 ? asked : nested * 10 < new ? 0 : nested < asked ? nested : asked;
}

void paths_txn(struct paths *p, const struct txn *t)
{
	struct pair key = pair_of(t);
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
		/* who asks its own address is a program on the node of the cache */
		bool is_server = client && client->n[ADDR_ANSWERED] && !IN6_ARE_ADDR_EQUAL(&key.client, &key.server);
		uint64_t forwarded = is_server ? r->n[PAIR_ASKED] : nested_of(r);
		ret->forwarded += forwarded;
		ret->queries[kind_of(p, m, &key.server)] += r->n[PAIR_ASKED] - forwarded;
	}
}
