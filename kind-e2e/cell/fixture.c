/* SPDX-License-Identifier: Apache-2.0 */
/* The table of names, and its way into the scenario's records. */
#include "kind-e2e/cell/fixture.h"

#include <stdio.h>
#include <string.h>

#define N_BIG 28 /* of 200 octets: more than 4,096 and 5,000 together, less than 8,000 */
#define LEN_BIG 200

static const struct fixture {
	const char *owner, *rest; /* "%s" in it: the namespace and domain */
} fixtures[] = {
	{"single", "30 A " FIXTURE_A},
	{"single", "30 AAAA fd00:10:96::4d01"},
	{"v4-only", "30 A 10.96.77.2"},
	{"headless", "30 A 10.244.9.1"},
	{"headless", "30 A 10.244.9.2"},
	{"headless", "30 A 10.244.9.3"},
	{"headless", "30 A 10.244.9.4"},
	{"headless", "30 AAAA fd00:10:244:9::1"},
	{"headless", "30 AAAA fd00:10:244:9::2"},
	{"pod-1.headless", "30 A 10.244.9.1"},
	{"pod-2.headless", "30 A 10.244.9.2"},
	{"_dns._udp.headless", "30 SRV 0 50 53 pod-1.headless.%s"},
	{"_dns._udp.headless", "30 SRV 0 50 53 pod-2.headless.%s"},
	{"alias", "30 CNAME single.%s"},
	{"external", "30 CNAME www.e2e-lab.example."},
	{"1.77.96.10.in-addr.arpa.", "30 PTR single.%s"},
	{"1.0.d.4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa.",
	 "30 PTR single.%s"},
	{"www.e2e-lab.example.", "300 CNAME edge.e2e-lab.example."},
	{"edge.e2e-lab.example.", "60 A 192.0.2.77"},
	{"edge.e2e-lab.example.", "60 AAAA 2001:db8::77"},
};
#define N_FIXTURES (sizeof fixtures / sizeof fixtures[0])

static struct scen_record all[SCEN_RECORDS_MAX + N_FIXTURES + N_BIG];
static char text[N_FIXTURES + N_BIG][2 * NAME_MAX_TEXT + 100];

const char *fixture_name(const struct scenario *s, const char *leaf, char buf[NAME_MAX_TEXT])
{
	size_t len = strlen(leaf);

	if (len && leaf[len - 1] == '.')
		snprintf(buf, NAME_MAX_TEXT, "%s", leaf);
	else
		snprintf(buf, NAME_MAX_TEXT, "%s." FIXTURE_NAMESPACE ".%s.", leaf, s->domain);
	return buf;
}

static void put_fixture(const struct scenario *s, const struct fixture *f, char *ret)
{
	const char *at = strstr(f->rest, "%s");
	char owner[NAME_MAX_TEXT];

	fixture_name(s, f->owner, owner);
	if (at)
		snprintf(ret, sizeof text[0], "%s %.*s" FIXTURE_NAMESPACE ".%s.", owner,
			 (int)(at - f->rest), f->rest, s->domain);
	else
		snprintf(ret, sizeof text[0], "%s %s", owner, f->rest);
}

static void put_big(const struct scenario *s, unsigned i, char *ret)
{
	char owner[NAME_MAX_TEXT], fill[LEN_BIG + 1];

	memset(fill, 'a' + (int)(i % 26), LEN_BIG);
	fill[LEN_BIG] = '\0';
	snprintf(ret, sizeof text[0], "%s 30 TXT \"%02u%s\"", fixture_name(s, "big", owner), i,
		 fill);
}

int fixture_add(struct scenario *s, struct diag *d)
{
	size_t n = s->n_records;

	if (n > SCEN_RECORDS_MAX)
		return diag_set(d, ERR_LIMIT, "%s: too many records for a lab", s->path);
	memcpy(all, s->record, n * sizeof all[0]);
	for (size_t i = 0; i < N_FIXTURES + N_BIG; i++) {
		if (i < N_FIXTURES)
			put_fixture(s, &fixtures[i], text[i]);
		else
			put_big(s, (unsigned)(i - N_FIXTURES), text[i]);
		all[n++] = (struct scen_record){text[i], 0};
	}
	s->record = all;
	s->n_records = n;
	return 0;
}
