/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists of all workers as one: counts of a key are added; where a worker's
 * list is full and lacks the key, it may have counted it up to its smallest
 * count, which is added to the error as well.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/net/sockaddr.h"
#include "resolver/observe/top.h"

static const struct {
	const char *title, *key;
} lists[TOP_LISTS] = {
	[TOP_CLIENTS] = {"clients", "client"},
	[TOP_NAMES] = {"names", "name"},
	[TOP_NX_CLIENTS] = {"nxdomain_clients", "client"},
	[TOP_NX_NAMES] = {"nxdomain_names", "name"},
};

struct sum {
	size_t n, cap;
	struct topk_entry *e;
};

static bool is_names(enum top_list list)
{
	return list == TOP_NAMES || list == TOP_NX_NAMES;
}

static bool entry_get(const struct top *t, enum top_list list, size_t i, struct topk_entry *ret)
{
	bool nx = list >= TOP_NX_CLIENTS;

	if (is_names(list))
		return topk_get(&t->list[list], t->name[nx][0], NAME_MAX_WIRE, i, ret) &&
		       name_check(ret->key, ret->len) == ret->len;
	return topk_get(&t->list[list], t->client[nx][0], sizeof(struct in6_addr), i, ret) &&
	       ret->len == sizeof(struct in6_addr);
}

/* Windows that ended since the worker last counted anything. */
static unsigned halvings(const struct top *t, uint64_t now_ns)
{
	uint64_t n;

	if (!t->roll_ns || now_ns < t->roll_ns)
		return 0;
	n = (now_ns - t->roll_ns) / TOP_WINDOW_NS + 1;
	return n > 63 ? 63 : (unsigned)n;
}

static uint64_t span(const struct top *t, uint64_t now_ns)
{
	uint64_t ns = t->span_ns, end = t->roll_ns;

	if (!end)
		return 0;
	for (unsigned i = halvings(t, now_ns); i-- > 0; end += TOP_WINDOW_NS)
		ns = (ns + TOP_WINDOW_NS) / 2;
	return now_ns + TOP_WINDOW_NS > end ? ns + (now_ns + TOP_WINDOW_NS - end) : ns;
}

static struct topk_entry *sum_find(const struct sum *s, const struct topk_entry *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->e[i].len == e->len && memcmp(s->e[i].key, e->key, e->len) == 0)
			return &s->e[i];
	return NULL;
}

/* One worker's list into the sum; its floor was added to all and comes off for
 * keys that it has. */
static void sum_board(struct sum *s, const struct top *t, enum top_list list, uint64_t now_ns,
		      uint64_t floors_before)
{
	unsigned shift = halvings(t, now_ns);
	uint64_t least = topk_floor(&t->list[list]) >> shift;
	struct topk_entry e, *known;

	for (size_t i = 0; i < s->n; i++) {
		s->e[i].count += least;
		s->e[i].error += least;
	}
	for (size_t i = 0; i < TOPK_SLOTS; i++) {
		if (!entry_get(t, list, i, &e))
			continue;
		e.count >>= shift;
		e.error >>= shift;
		known = sum_find(s, &e);
		if (known) {
			known->count = known->count - least + e.count;
			known->error = known->error - least + e.error;
		} else if (e.count && s->n < s->cap) {
			e.count += floors_before;
			e.error += floors_before;
			s->e[s->n++] = e;
		}
	}
}

static int by_count(const void *a, const void *b)
{
	const struct topk_entry *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->key, y->key, x->len);
}

/* Text of names and addresses is graphic ASCII: only these two can hurt. */
static void string_write(const char *s, FILE *out)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

static void key_write(const struct topk_entry *e, enum top_list list, FILE *out)
{
	char text[NAME_MAX_TEXT];
	struct in6_addr a;
	struct in_addr v4;

	if (is_names(list)) {
		name_to_text(e->key, text, sizeof(text));
	} else {
		memcpy(&a, e->key, sizeof(a));
		v4 = addr_to_v4(&a);
		inet_ntop(addr_is_v4(&a) ? AF_INET : AF_INET6,
			  addr_is_v4(&a) ? (void *)&v4 : (void *)&a, text, sizeof(text));
	}
	string_write(text, out);
}

static void list_write(const struct sum *s, enum top_list list, double span_s, size_t n, FILE *out)
{
	fprintf(out, ",\n \"%s\": [", lists[list].title);
	for (size_t i = 0; i < s->n && i < n; i++) {
		const struct topk_entry *e = &s->e[i];

		fprintf(out, "%s\n  {\"%s\": ", i ? "," : "", lists[list].key);
		key_write(e, list, out);
		fprintf(out, ", \"queries\": %" PRIu64 ", \"error\": %" PRIu64 ", \"per_s\": %.3g}",
			e->count, e->error, span_s > 0 ? (double)e->count / span_s : 0);
	}
	fputs("]", out);
}

static uint64_t total(const struct top *const *board, size_t n, enum top_list list, uint64_t now_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (board[i])
			sum += board[i]->list[list].total >> halvings(board[i], now_ns);
	return sum;
}

void top_write(const struct top *const *board, size_t n_boards, uint64_t now_ns, size_t n,
	       FILE *out)
{
	struct sum s = {.cap = n_boards * TOPK_SLOTS};
	uint64_t span_ns = 0;

	s.e = calloc(s.cap ? s.cap : 1, sizeof(*s.e));
	for (size_t i = 0; i < n_boards; i++)
		if (board[i] && span(board[i], now_ns) > span_ns)
			span_ns = span(board[i], now_ns);
	fprintf(out,
		"{\"window_s\": %.0f, \"span_s\": %.3f, \"queries\": %" PRIu64
		", \"nxdomain\": %" PRIu64,
		(double)TOP_WINDOW_NS / 1e9, (double)span_ns / 1e9,
		total(board, n_boards, TOP_CLIENTS, now_ns),
		total(board, n_boards, TOP_NX_CLIENTS, now_ns));
	for (int list = 0; list < TOP_LISTS && s.e; list++) {
		uint64_t floors = 0;

		s.n = 0;
		for (size_t i = 0; i < n_boards; i++) {
			if (!board[i])
				continue;
			sum_board(&s, board[i], (enum top_list)list, now_ns, floors);
			floors += topk_floor(&board[i]->list[list]) >> halvings(board[i], now_ns);
		}
		qsort(s.e, s.n, sizeof(*s.e), by_count);
		list_write(&s, (enum top_list)list, (double)span_ns / 1e9, n, out);
	}
	fputs("}\n", out);
	free(s.e);
}
