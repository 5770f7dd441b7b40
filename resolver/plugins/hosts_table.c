/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of `hosts`; see hosts.h. */
#include <stdlib.h>
#include <string.h>

#include "resolver/plugins/hosts.h"

int hosts_add(struct cf_setup *s, struct hosts_lines *l, const struct in6_addr *addr,
	      const char *text)
{
	struct name name;
	bool within = l->n_zones == 0;

	if (name_from_text(&name, text) != 0)
		return 0;
	name_lower(name.b, name.b);
	for (size_t i = 0; i < l->n_zones && !within; i++)
		within = name_within(name.b, l->zone[i].b);
	if (!within)
		return 0;
	struct hosts_entry *e = arena_push(s->arena, &l->entry, &l->n, sizeof(*e));
	uint8_t *copy = e ? arena_copy(s->arena, name.b, name.len) : NULL;

	if (!copy)
		return cf_nomem(s);
	*e = (struct hosts_entry){.name = copy, .addr = *addr, .seq = (unsigned)l->n};
	return 0;
}

int hosts_read(struct cf_setup *s, struct hosts_lines *l, const char *text)
{
	char *copy = arena_str(s->arena, text), *lines = NULL, *words = NULL;
	int err = copy ? 0 : cf_nomem(s);

	for (char *line = copy ? strtok_r(copy, "\n", &lines) : NULL; line && err == 0;
	     line = strtok_r(NULL, "\n", &lines)) {
		struct in6_addr addr;

		line[strcspn(line, "#")] = 0;
		char *word = strtok_r(line, " \t\r\v\f", &words);

		if (!word || !cf_parse_ip(word, &addr, NULL))
			continue;
		while (err == 0 && (word = strtok_r(NULL, " \t\r\v\f", &words)))
			err = hosts_add(s, l, &addr, word);
	}
	return err;
}

static int entry_cmp_name(const void *a, const void *b)
{
	const struct hosts_entry *x = a, *y = b;
	int c = name_cmp(x->name, y->name);

	return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static int entry_cmp_addr(const void *a, const void *b)
{
	const struct hosts_entry *x = a, *y = b;
	int c = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

int hosts_sort(struct cf_setup *s, const struct hosts_lines *l, struct hosts_table *ret)
{
	ret->by_name = arena_copy(s->arena, l->entry, l->n * sizeof(*l->entry));
	ret->by_addr = arena_copy(s->arena, l->entry, l->n * sizeof(*l->entry));
	if (!ret->by_name || !ret->by_addr)
		return cf_nomem(s);
	ret->n = l->n;
	if (l->n > 1) {
		qsort(ret->by_name, l->n, sizeof(*ret->by_name), entry_cmp_name);
		qsort(ret->by_addr, l->n, sizeof(*ret->by_addr), entry_cmp_addr);
	}
	return 0;
}

static const struct hosts_entry *exact_name(const struct hosts_table *t, const uint8_t *name,
					    size_t *ret_n)
{
	size_t lo = 0, hi = t->n, n = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (name_cmp(t->by_name[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < t->n && name_eq(t->by_name[lo + n].name, name))
		n++;
	*ret_n = n;
	return n ? &t->by_name[lo] : NULL;
}

const struct hosts_entry *hosts_by_name(const struct hosts_table *t, const uint8_t *name,
					size_t *ret_n)
{
	static const uint8_t star[] = "\1*";
	const struct hosts_entry *e = exact_name(t, name, ret_n);
	struct name wild;

	if (e || name[0] == 0 || name_join(&wild, star, name_parent(name)) != 0)
		return e;
	return exact_name(t, wild.b, ret_n);
}

const struct hosts_entry *hosts_by_addr(const struct hosts_table *t, const struct in6_addr *addr,
					size_t *ret_n)
{
	size_t lo = 0, hi = t->n, n = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(&t->by_addr[mid].addr, addr, sizeof(*addr)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < t->n && memcmp(&t->by_addr[lo + n].addr, addr, sizeof(*addr)) == 0)
		n++;
	*ret_n = n;
	return n ? &t->by_addr[lo] : NULL;
}

/* Labels from the left are the address's last octets (v4) or nibbles (v6). */
bool hosts_reverse(const uint8_t *name, struct in6_addr *ret)
{
	static const uint8_t v4[] = "\7in-addr\4arpa", v6[] = "\3ip6\4arpa";
	bool is_v4 = name_within(name, v4) && name_labels(name) == 6;
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (!is_v4 && !(name_within(name, v6) && name_labels(name) == 34))
		return false;
	for (int i = 0; i < (is_v4 ? 4 : 32); i++, name += 1 + name[0]) {
		unsigned v = 0;

		if (name[0] > (is_v4 ? 3 : 1))
			return false;
		for (int k = 1; k <= name[0]; k++) {
			int c = name[k] >= 'A' && name[k] <= 'F' ? name[k] + 32 : name[k];

			if (c >= '0' && c <= '9')
				v = v * 10 + (unsigned)(c - '0');
			else if (!is_v4 && c >= 'a' && c <= 'f')
				v = (unsigned)(c - 'a') + 10;
			else
				return false;
		}
		if (v > 255)
			return false;
		if (is_v4)
			a.s6_addr[15 - i] = (uint8_t)v;
		else if (i % 2 == 0)
			a.s6_addr[15 - i / 2] = (uint8_t)v;
		else
			a.s6_addr[15 - i / 2] |= (uint8_t)(v << 4);
	}
	*ret = a;
	return true;
}
