/* SPDX-License-Identifier: Apache-2.0 */
/* The counting side; top_write.c is the reading side. */
#include "resolver/observe/top.h"

#include "lib/dns/wire.h"

void top_init(struct top *t)
{
	rng_os_bytes(&t->key, sizeof(t->key));
	rng_seed(&t->rng, rng_os_u64());
	t->weight = 1;
	t->enabled = true;
}

void top_resume(struct top *t)
{
	for (int i = 0; i < TOP_LISTS; i++)
		topk_repair(&t->list[i]);
}

static void add_client(struct top *t, enum top_list list, const struct core_client *c,
		       uint64_t weight)
{
	uint8_t *keys = t->client[list == TOP_NX_CLIENTS][0];
	uint64_t hash = hash_sip13(&t->key, &c->addr, sizeof(c->addr));

	topk_add(&t->list[list], keys, sizeof(c->addr), hash, &c->addr, sizeof(c->addr), weight);
}

static void add_name(struct top *t, enum top_list list, const uint8_t *name, size_t len,
		     uint64_t weight)
{
	uint8_t *keys = t->name[list == TOP_NX_NAMES][0];
	uint64_t hash = hash_sip13(&t->key, name, len);

	topk_add(&t->list[list], keys, NAME_MAX_WIRE, hash, name, len, weight);
}

static void halve(struct top *t, unsigned times)
{
	for (int i = 0; i < TOP_LISTS; i++) {
		bool names = i == TOP_NAMES || i == TOP_NX_NAMES;
		bool nx = i >= TOP_NX_CLIENTS;

		topk_halve(&t->list[i], names ? t->name[nx][0] : t->client[nx][0],
			   names ? NAME_MAX_WIRE : sizeof(struct in6_addr), times);
	}
}

static void window_roll(struct top *t, uint64_t now_ns)
{
	unsigned times = 0;

	if (!t->roll_ns)
		t->roll_ns = now_ns + TOP_WINDOW_NS;
	for (; now_ns >= t->roll_ns && times < 64; times++) {
		t->span_ns = (t->span_ns + TOP_WINDOW_NS) / 2;
		t->roll_ns += TOP_WINDOW_NS;
	}
	if (now_ns >= t->roll_ns) /* asleep for an hour: nothing is left */
		t->roll_ns = now_ns + TOP_WINDOW_NS;
	if (times)
		halve(t, times);
}

/* How far to the next query that counts, and what it stands for. */
static void sample_next(struct top *t, uint64_t now_ns)
{
	if (now_ns - t->second_ns >= NS_PER_S) {
		t->second_ns = now_ns;
		t->n_exact = 0;
	}
	if (t->n_exact < TOP_EXACT_PER_S) {
		t->n_exact++;
		t->skip = 0;
		t->weight = 1;
	} else {
		t->skip =
			(uint32_t)rng_below(&t->rng, 2 * TOP_STRIDE - 1); /* mean TOP_STRIDE - 1 */
		t->weight = TOP_STRIDE;
	}
}

void top_count(struct top *t, const struct core_client *c, const struct core_done *done)
{
	const uint8_t *qname = done->query + DNS_HEADER_LEN;
	uint8_t name[NAME_MAX_WIRE];
	uint32_t weight = t->weight;

	window_roll(t, done->end_ns);
	sample_next(t, done->end_ns);
	if (done->zone == UINT16_MAX || done->query_len < DNS_HEADER_LEN ||
	    !name_check(qname, done->query_len - DNS_HEADER_LEN))
		return; /* errors, and our own self-test */
	size_t len = name_lower(name, qname);

	add_client(t, TOP_CLIENTS, c, weight);
	add_name(t, TOP_NAMES, name, len, weight);
	if (done->reply_len < DNS_HEADER_LEN ||
	    DNS_RCODE(get_be16(done->reply + 2)) != DNS_NXDOMAIN)
		return;
	add_client(t, TOP_NX_CLIENTS, c, weight);
	add_name(t, TOP_NX_NAMES, name, len, weight);
}
