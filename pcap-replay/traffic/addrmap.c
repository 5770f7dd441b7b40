/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl's tables have a heading above each kind, and columns that begin where the
 * heading's words do; a cell may hold single blanks ("1 (2d ago)").
 */
#include "pcap-replay/traffic/addrmap_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct in6_addr ip;
	uint32_t order;
	enum addrmap_kind kind;
	char *name;
};

struct addrmap {
	struct entry *e;
	size_t n, cap;
};

/* Where a table's columns begin; SIZE_MAX: it has none of that name. */
struct columns {
	bool known;
	size_t namespace, name, address;
	enum addrmap_kind kind; /* of rows whose name does not say */
};

struct addrmap *addrmap_new(void)
{
	return calloc(1, sizeof(struct addrmap));
}

void addrmap_free(struct addrmap *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->e[i].name);
	free(m->e);
	free(m);
}

size_t addrmap_count(const struct addrmap *m)
{
	return m ? m->n : 0;
}

static bool is_cell(const struct cell *c, const char *word)
{
	return c->len == strlen(word) && !memcmp(c->at, word, c->len);
}

/* The cell that begins at `column`, up to two blanks. */
static struct cell cell_at(const char *line, size_t len, size_t column)
{
	struct cell c = {line + len, 0};
	if (column >= len)
		return c;
	c.at = line + column;
	while (column + c.len < len && !(c.at[c.len] == ' ' && (column + c.len + 1 == len || c.at[c.len + 1] == ' ')))
		c.len++;
	return c;
}

static bool heading(struct columns *c, const char *line, size_t len)
{
	struct columns found = {true, SIZE_MAX, SIZE_MAX, SIZE_MAX, ADDRMAP_OTHER};
	for (size_t i = 0; i < len;) {
		struct cell w = cell_at(line, len, i);
		if (is_cell(&w, "NAMESPACE"))
			found.namespace = i;
		else if (is_cell(&w, "NAME"))
			found.name = i;
		else if (is_cell(&w, "IP"))
			found.address = i, found.kind = ADDRMAP_POD;
		else if (is_cell(&w, "CLUSTER-IP"))
			found.address = i, found.kind = ADDRMAP_SERVICE;
		else if (is_cell(&w, "INTERNAL-IP"))
			found.address = i, found.kind = ADDRMAP_NODE;
		i += w.len;
		while (i < len && line[i] == ' ')
			i++;
	}
	if (found.name == SIZE_MAX || (found.name != 0 && found.namespace != 0))
		return false;
	*c = found;
	return true;
}

bool addrmap_ip(struct in6_addr *ret, const struct cell *c)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;
	if (c->len == 0 || c->len >= sizeof(text))
		return false;
	memcpy(text, c->at, c->len);
	text[c->len] = '\0';
	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(ret->s6_addr + 12, &v4, 4);
		return true;
	}
	return inet_pton(AF_INET6, text, ret) == 1;
}

int addrmap_add(struct addrmap *m, const struct in6_addr *ip, enum addrmap_kind kind, const struct cell *namespace,
		const struct cell *name)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;
		struct entry *bigger = realloc(m->e, cap * sizeof(*bigger));
		if (!bigger)
			return ERR_NOMEM;
		m->e = bigger;
		m->cap = cap;
	}
	char *text = malloc(namespace->len + name->len + 2);
	if (!text)
		return ERR_NOMEM;
	memcpy(text, namespace->at, namespace->len);
	size_t n = namespace->len;
	if (n)
		text[n++] = '/';
	memcpy(text + n, name->at, name->len);
	text[n + name->len] = '\0';
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	m->e[m->n] = (struct entry){*ip, (uint32_t)m->n, kind, text};
	m->n++;
	return 0;
}

/* "pod/x", "service/x", "node/x": kubectl says the kind when it was asked for several. */
static enum addrmap_kind kind_of(struct cell *name, enum addrmap_kind otherwise)
{
	static const struct {
		const char *prefix;
		enum addrmap_kind kind;
	} kinds[] = {{"pod/", ADDRMAP_POD}, {"service/", ADDRMAP_SERVICE}, {"node/", ADDRMAP_NODE}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);
		if (name->len > n && !memcmp(name->at, kinds[i].prefix, n)) {
			name->at += n;
			name->len -= n;
			return kinds[i].kind;
		}
	}
	return otherwise;
}

static int row(struct addrmap *m, const struct columns *c, const char *line, size_t len)
{
	struct cell address = cell_at(line, len, c->address), name = cell_at(line, len, c->name);
	struct cell namespace = c->namespace == SIZE_MAX ? (struct cell){line, 0} : cell_at(line, len, c->namespace);
	struct in6_addr ip;
	if (c->address == SIZE_MAX)
		return 0; /* a table of things that have none */
	if (!name.len || !address.len)
		return ERR_SYNTAX;
	if (is_cell(&address, "<none>") || is_cell(&address, "None") || is_cell(&address, "<unset>"))
		return 0;
	if (!addrmap_ip(&ip, &address))
		return ERR_SYNTAX;
	enum addrmap_kind kind = kind_of(&name, c->kind);
	return addrmap_add(m, &ip, kind, &namespace, &name);
}

static int pair(struct addrmap *m, const char *line, size_t len)
{
	struct cell address = {line, strcspn(line, " \t\n")};
	struct in6_addr ip;
	size_t at = address.len;
	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	struct cell name = {line + at, 0}, none = {line, 0};
	while (at + name.len < len && line[at + name.len] != ' ' && line[at + name.len] != '\t')
		name.len++;
	if (!name.len || !addrmap_ip(&ip, &address))
		return ERR_SYNTAX;
	return addrmap_add(m, &ip, ADDRMAP_OTHER, &none, &name);
}

static int by_ip(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = memcmp(&x->ip, &y->ip, sizeof(x->ip));
	if (c)
		return c;
	if ((x->kind == ADDRMAP_NODE) != (y->kind == ADDRMAP_NODE))
		return x->kind == ADDRMAP_NODE ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void addrmap_ready(struct addrmap *m)
{
	if (m->n)
		qsort(m->e, m->n, sizeof(*m->e), by_ip);
}

int addrmap_parse(struct addrmap **ret, const char *what, const char *text, size_t len, struct diag *d)
{
	struct addrmap *m = addrmap_new();
	struct columns c = {0};
	unsigned number = 0;
	int rc = m ? 0 : ERR_NOMEM;
	for (const char *p = text, *end = text + len; rc == 0 && p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);
		const char *line = p;
		p += n + 1;
		number++;
		while (n && (line[n - 1] == ' ' || line[n - 1] == '\r'))
			n--;
		if (n == 0 || line[0] == '#') {
			c.known = c.known && n; /* an empty line ends a table */
			continue;
		}
		if (heading(&c, line, n))
			continue;
		rc = c.known ? row(m, &c, line, n) : pair(m, line, n);
		if (rc == ERR_SYNTAX)
			diag_set(d, rc, "%s:%u: expected a row of a `kubectl get ... -o wide` table, or \"ADDRESS NAME\"", what, number);
	}
	if (rc == ERR_NOMEM)
		diag_set(d, rc, "out of memory");
	if (rc) {
		addrmap_free(m);
		return rc;
	}
	addrmap_ready(m);
	*ret = m;
	return 0;
}

const char *addrmap_name(const struct addrmap *m, const struct in6_addr *ip, enum addrmap_kind *ret_kind)
{
	size_t low = 0, high = m ? m->n : 0;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (memcmp(&m->e[mid].ip, ip, sizeof(*ip)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (!m || low == m->n || memcmp(&m->e[low].ip, ip, sizeof(*ip)))
		return NULL;
	if (ret_kind)
		*ret_kind = m->e[low].kind;
	return m->e[low].name;
}
