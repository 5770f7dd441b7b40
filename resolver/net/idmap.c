/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing, deletion by shifting back; ids are random, hence no hash. */
#include "resolver/net/idmap.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/checked.h"
#include "lib/base/err.h"
#include "lib/base/rng.h"

void idmap_release(struct idmap *m)
{
	free(m->row);
	*m = (struct idmap){ 0 };
}

/* Where the id is, or the free row where it would go. */
static unsigned row_of(const struct idmap *m, uint16_t id)
{
	unsigned i = id & (m->cap - 1);
	while (m->row[i].used && m->row[i].id != id)
		i = (i + 1) & (m->cap - 1);
	return i;
}

static int grow(struct idmap *m)
{
	struct idmap bigger = { .n = m->n, .cap = m->cap ? m->cap * 2 : 32 };
	bigger.row = calloc(bigger.cap, sizeof(bigger.row[0]));
	if (!bigger.row)
		return ERR_NOMEM;
	for (unsigned i = 0; i < m->cap; i++)
		if (m->row[i].used)
			bigger.row[row_of(&bigger, m->row[i].id)] = m->row[i];
	free(m->row);
	*m = bigger;
	return 0;
}

int idmap_add(struct idmap *m, void *owner, uint16_t *ret_id)
{
	uint16_t id;
	unsigned i;
	if (m->n >= IDMAP_MAX)
		return ERR_LIMIT;
	if ((m->n + 1) * 2 >= m->cap && grow(m) < 0)
		return ERR_NOMEM;
	do { /* at most IDMAP_MAX of 65536 are taken: this ends soon */
		id = rng_os_u16();
		i = row_of(m, id);
	} while (m->row[i].used);
	m->row[i] = (struct idmap_row){ .owner = owner, .id = id, .used = true };
	m->n++;
	*ret_id = id;
	return 0;
}

bool idmap_find(const struct idmap *m, uint16_t id, void **ret_owner)
{
	unsigned i = m->n ? row_of(m, id) : 0;
	if (m->n == 0 || !m->row[i].used)
		return false;
	*ret_owner = m->row[i].owner;
	return true;
}

bool idmap_take(struct idmap *m, uint16_t id, void **ret_owner)
{
	unsigned mask = m->cap - 1, hole, i;
	if (m->n == 0)
		return false;
	hole = row_of(m, id);
	if (!m->row[hole].used)
		return false;
	*ret_owner = m->row[hole].owner;
	for (i = (hole + 1) & mask; m->row[i].used; i = (i + 1) & mask) {
		unsigned home = m->row[i].id & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* would end up before its home */
		m->row[hole] = m->row[i];
		hole = i;
	}
	SPOIL(&m->row[hole], sizeof(m->row[hole]));
	m->row[hole].used = false;
	m->n--;
	return true;
}

void idmap_orphan(struct idmap *m, uint16_t id)
{
	unsigned i = row_of(m, id);
	assert(m->n && m->row[i].used);
	m->row[i].owner = NULL;
}

void *idmap_next(const struct idmap *m, unsigned *at)
{
	while (*at < m->cap) {
		const struct idmap_row *r = &m->row[(*at)++];
		if (r->used && r->owner)
			return r->owner;
	}
	return NULL;
}
