/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DNS ids in use on one upstream connection, and whose they are: open
 * addressing, grows with the number in flight. An id whose owner has left
 * (NULL) stays taken until its answer comes, so that a late answer is never
 * mistaken for another question's.
 */
#ifndef NODENS_IDMAP_H
#define NODENS_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDMAP_MAX 2048 /* in use at once */

struct idmap_row {
	void *owner;
	uint16_t id;
	bool used;
};
struct idmap {
	struct idmap_row *row;
	unsigned n, cap; /* cap: power of two, more than twice n */
};

void idmap_release(struct idmap *m);
/* A random id not in use: 0, ERR_LIMIT at IDMAP_MAX, or ERR_NOMEM. */
int idmap_add(struct idmap *m, void *owner, uint16_t *ret_id);
/* Frees the id; false when it was not in use. */
bool idmap_take(struct idmap *m, uint16_t id, void **ret_owner);
/* Is the id in use, and whose (NULL: its owner left)? */
bool idmap_find(const struct idmap *m, uint16_t id, void **ret_owner);
/* The owner left; the id stays taken. */
void idmap_orphan(struct idmap *m, uint16_t id);
/* Owners one by one, orphans left out; NULL at the end. `at` starts at 0. */
void *idmap_next(const struct idmap *m, unsigned *at);

#endif
