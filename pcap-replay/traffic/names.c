/* SPDX-License-Identifier: Apache-2.0 */
/* An open hash of offsets into one growing text. */
#include "pcap-replay/traffic/names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/dns/name.h"
#include "lib/base/rng.h"

struct names {
	struct hash_key key;
	uint32_t *slot;    /* index + 1; 0 free; power of two, at most half full */
	size_t n_slots, n, cap;
	uint8_t **name;
};

struct names *names_new(void)
{
	struct names *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	rng_os_bytes(&n->key, sizeof(n->key));
	n->n_slots = 1024;
	n->slot = calloc(n->n_slots, sizeof(*n->slot));
	if (!n->slot) {
		names_free(n);
		return NULL;
	}
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++)
		free(n->name[i]);
	free(n->name);
	free(n->slot);
	free(n);
}

static size_t home(const struct names *n, const uint8_t *name, size_t len)
{
	return hash_sip13(&n->key, name, len) & (n->n_slots - 1);
}

static int grow(struct names *n)
{
	if (n->n == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 512;
		uint8_t **p = realloc(n->name, cap * sizeof(*p));
		if (!p)
			return -1;
		n->name = p;
		n->cap = cap;
	}
	if ((n->n + 1) * 2 <= n->n_slots)
		return 0;
	uint32_t *bigger = calloc(n->n_slots * 2, sizeof(*bigger));
	if (!bigger)
		return -1;
	free(n->slot);
	n->slot = bigger;
	n->n_slots *= 2;
	for (size_t i = 0; i < n->n; i++) {
		size_t at = home(n, n->name[i], name_len(n->name[i]));
		while (n->slot[at])
			at = (at + 1) & (n->n_slots - 1);
		n->slot[at] = (uint32_t)i + 1;
	}
	return 0;
}

uint32_t names_intern(struct names *n, const uint8_t *name)
{
	uint8_t low[NAME_MAX_WIRE];
	size_t len = name_lower(low, name);
	size_t at = home(n, low, len);
	for (; n->slot[at]; at = (at + 1) & (n->n_slots - 1)) {
		const uint8_t *have = n->name[n->slot[at] - 1];
		if (name_len(have) == len && !memcmp(have, low, len))
			return n->slot[at] - 1;
	}
	if (n->n >= NAMES_MAX || grow(n))
		return NAMES_NONE;
	uint8_t *copy = malloc(len);
	if (!copy)
		return NAMES_NONE;
	memcpy(copy, low, len);
	n->name[n->n++] = copy;
	for (at = home(n, low, len); n->slot[at]; at = (at + 1) & (n->n_slots - 1))
		;
	n->slot[at] = (uint32_t)n->n;
	return (uint32_t)n->n - 1;
}

const uint8_t *names_at(const struct names *n, uint32_t index)
{
	return n->name[index];
}

size_t names_count(const struct names *n)
{
	return n->n;
}
