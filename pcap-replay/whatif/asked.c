/* SPDX-License-Identifier: Apache-2.0 */
/* One array for questions, one for octets; both are paid for from the capture's budget. */
#include "pcap-replay/whatif/asked.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/dns/name.h"
#include "lib/dns/wire.h"

/* The same from run to run: what is found must be. A capture made to collide costs a longer
 * search, and cannot make two questions one but by 2^-64. */
static const struct hash_key key_of_keys = {0x6e6f64656e732d31, 0x776861742d696621};

#define SERVERS_MAX 65536
#define NEAR 64 /* so many questions of a name are looked at for one that was answered */

void asked_init(struct asked *a, struct budget *b)
{
	*a = (struct asked){.budget = b};
}

void asked_release(struct asked *a)
{
	budget_give(a->budget, a->cap * (sizeof(*a->one) + sizeof(*a->by_key)) + a->cap_octets + a->cap_branches * sizeof(*a->branch));
	free(a->one);
	free(a->octets);
	free(a->by_key);
	free(a->server);
	free(a->branch);
	*a = (struct asked){.budget = a->budget};
}

uint64_t asked_key(const uint8_t *name, size_t name_len, uint16_t qtype, uint16_t qclass)
{
	uint8_t b[NAME_MAX_WIRE + 4];

	memcpy(b, name, name_len);
	set_be16(b + name_len, qtype);
	set_be16(b + name_len + 2, qclass);
	return hash_sip13(&key_of_keys, b, name_len + 4);
}

/* Room for `n` more of `size`; each also pays for `beside` octets of an index. */
static bool grow(struct asked *a, void **p, size_t *cap, size_t used, size_t n, size_t size, size_t beside)
{
	size_t want = *cap ? *cap * 2 : 4096;

	if (used + n <= *cap)
		return true;
	while (want < used + n)
		want *= 2;
	if (!budget_take(a->budget, (want - *cap) * (size + beside)))
		return false;
	void *bigger = realloc(*p, want * size);
	if (!bigger) {
		budget_give(a->budget, (want - *cap) * (size + beside));
		return false;
	}
	*p = bigger;
	*cap = want;
	return true;
}

static void note_server(struct asked *a, const struct in6_addr *ip)
{
	for (size_t i = a->n_servers; i > 0 && a->n_servers - i < 8; i--) /* mostly the same few */
		if (IN6_ARE_ADDR_EQUAL(&a->server[i - 1], ip))
			return;
	if (a->n_servers == a->cap_servers) {
		size_t cap = a->cap_servers ? a->cap_servers * 2 : 64;
		void *bigger = cap > SERVERS_MAX ? NULL : realloc(a->server, cap * sizeof(*a->server));
		if (!bigger)
			return; /* its questions, if it has any, count as a client's */
		a->server = bigger;
		a->cap_servers = cap;
	}
	a->server[a->n_servers++] = *ip;
}

void asked_txn(struct asked *a, const struct txn *t)
{
	if (!t->readable || t->opcode != DNS_QUERY)
		return;
	bool answered = t->answered_ns > t->t_ns && t->reply;
	uint32_t reply_len = answered ? t->reply_len : 0;
	if (answered)
		note_server(a, &t->view.server.ip);
	if (!t->wire || a->n == ASKED_MAX || !grow(a, (void **)&a->one, &a->cap, a->n, 1, sizeof(*a->one), sizeof(*a->by_key)) ||
	    !grow(a, (void **)&a->octets, &a->cap_octets, a->n_octets, (size_t)t->wire_len + reply_len, 1, 0)) {
		a->untold++;
		return;
	}
	a->one[a->n++] = (struct asked_one){
		.t_ns = t->t_ns,
		.wait_ns = t->answered_ns > t->t_ns ? t->answered_ns - t->t_ns : 0,
		.took_ns = t->answered_ns > t->start_ns ? t->answered_ns - t->start_ns : 0,
		.key = asked_key(t->name, t->name_len, t->qtype, t->qclass),
		.at = a->n_octets,
		.client = t->view.client.ip,
		.len = t->wire_len,
		.reply_len = reply_len,
		.proto = t->proto,
	};
	memcpy(a->octets + a->n_octets, t->wire, t->wire_len);
	a->n_octets += t->wire_len;
	if (reply_len)
		memcpy(a->octets + a->n_octets, t->reply, reply_len);
	a->n_octets += reply_len;
}

/* --- in order --- */

static int by_ip(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct in6_addr));
}

static int by_time(const void *a, const void *b)
{
	const struct asked_one *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int by_key(const void *a, const void *b, void *ctx)
{
	const struct asked_one *one = ctx;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (one[i].key != one[j].key)
		return one[i].key < one[j].key ? -1 : 1;
	return i < j ? -1 : i > j; /* in order of time already */
}

static bool is_server(const struct asked *a, const struct in6_addr *ip)
{
	return a->n_servers && bsearch(ip, a->server, a->n_servers, sizeof(*a->server), by_ip);
}

static void drop_servers_questions(struct asked *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->n; i++)
		if (!is_server(a, &a->one[i].client))
			a->one[kept++] = a->one[i];
	a->forwarded = a->n - kept;
	a->n = kept;
}

/* All names above the one of this question. */
static bool note_branches(struct asked *a, const struct asked_one *q)
{
	struct dns_msg m;
	uint8_t name[NAME_MAX_WIRE];

	if (!q->reply_len || dns_reply_parse(&m, asked_reply(a, q), q->reply_len) || m.rcode != DNS_NOERROR)
		return true;
	name_lower(name, m.q.name);
	for (const uint8_t *up = name; *up;) {
		up = name_parent(up);
		if (!grow(a, (void **)&a->branch, &a->cap_branches, a->n_branches, 1, sizeof(*a->branch), 0))
			return false;
		a->branch[a->n_branches++] = asked_key(up, name_len(up), 0, 0);
	}
	return true;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool find_branches(struct asked *a)
{
	uint64_t done = 0;

	for (size_t i = 0; i < a->n; i++) { /* of each name once, at its first answer */
		const struct asked_one *q = &a->one[a->by_key[i]];
		if (q->key == done || !q->reply_len)
			continue;
		done = q->key;
		if (!note_branches(a, q))
			return false;
	}
	if (a->n_branches)
		qsort(a->branch, a->n_branches, sizeof(*a->branch), by_number);
	return true;
}

bool asked_is_branch(const struct asked *a, const uint8_t *name)
{
	uint64_t key = asked_key(name, name_len(name), 0, 0);

	return a->n_branches && bsearch(&key, a->branch, a->n_branches, sizeof(*a->branch), by_number);
}

bool asked_ready(struct asked *a)
{
	if (a->n_servers)
		qsort(a->server, a->n_servers, sizeof(*a->server), by_ip);
	drop_servers_questions(a);
	if (!a->n)
		return true;
	qsort(a->one, a->n, sizeof(*a->one), by_time);
	a->by_key = malloc(a->n * sizeof(*a->by_key));
	if (!a->by_key)
		return false;
	uint64_t first_ns = a->one[0].t_ns;
	for (uint32_t i = 0; i < a->n; i++) {
		a->by_key[i] = i;
		a->one[i].t_ns -= first_ns;
	}
	qsort_r(a->by_key, a->n, sizeof(*a->by_key), by_key, a->one);
	return find_branches(a);
}

const struct asked_one *asked_answer(const struct asked *a, uint64_t key, uint64_t t_ns)
{
	size_t low = 0, high = a->n;

	while (low < high) { /* the first that is later, or of a higher key */
		size_t mid = (low + high) / 2;
		const struct asked_one *q = &a->one[a->by_key[mid]];
		if (q->key < key || (q->key == key && q->t_ns <= t_ns))
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low; i > 0 && low - i < NEAR && a->one[a->by_key[i - 1]].key == key; i--)
		if (a->one[a->by_key[i - 1]].reply_len)
			return &a->one[a->by_key[i - 1]];
	for (size_t i = low; i < a->n && i - low < NEAR && a->one[a->by_key[i]].key == key; i++)
		if (a->one[a->by_key[i]].reply_len)
			return &a->one[a->by_key[i]];
	return NULL;
}
