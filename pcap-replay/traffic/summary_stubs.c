/* SPDX-License-Identifier: Apache-2.0 */
/* Clients by the stub resolver they have: counted for the table, told one by one for the list. */
#include "pcap-replay/traffic/summary_int.h"

#include <string.h>

/* Answers somebody, or asks what others wait for: it asks on somebody's behalf. */
static bool is_server(const struct summary *s, const struct in6_addr *ip)
{
	const struct tally_row *r = tally_find(s->servers, ip, sizeof(*ip));
	return (r && r->n[BY_ANSWERED]) || paths_forwards(s->paths, ip);
}

bool summary_stub_of(const struct summary *s, const struct in6_addr *ip, struct stub_verdict *ret)
{
	const struct stub_client *c = stubs_find(s->stubs, ip);
	if (!c || !c->questions)
		return false;
	stub_judge(c, ret);
	if (is_server(s, ip)) {
		ret->one = false;
		snprintf(ret->who, sizeof(ret->who), "a server, asks for others");
	}
	return true;
}

static void add(struct stub_row *row, size_t *n, const char *who, uint64_t questions)
{
	size_t i = 0;
	while (i < *n && strcmp(row[i].who, who))
		i++;
	if (i == STUB_ROWS)
		i--; /* more kinds than rows: the last has the rest */
	if (i == *n) {
		row[(*n)++] = (struct stub_row){0};
		snprintf(row[i].who, sizeof(row[i].who), "%s", who);
	}
	row[i].clients++;
	row[i].questions += questions;
}

size_t summary_stubs(const struct summary *s, struct stub_row ret[STUB_ROWS])
{
	size_t cursor = 0, n = 0;
	struct stub_verdict v;
	for (const struct stub_client *c; (c = stubs_next(s->stubs, &cursor));)
		if (summary_stub_of(s, &c->ip, &v))
			add(ret, &n, v.who, c->questions);
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && ret[k].questions > ret[k - 1].questions; k--) {
			struct stub_row x = ret[k];
			ret[k] = ret[k - 1];
			ret[k - 1] = x;
		}
	return n;
}

uint64_t summary_stubs_named(const struct summary *s)
{
	size_t cursor = 0;
	uint64_t n = 0;
	struct stub_verdict v;
	for (const struct stub_client *c; (c = stubs_next(s->stubs, &cursor));)
		n += summary_stub_of(s, &c->ip, &v) && v.one;
	return n;
}
