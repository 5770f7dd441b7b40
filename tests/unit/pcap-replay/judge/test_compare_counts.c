/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs are counted and shown under what they differ by, and what did not come back apart from that. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "pcap-replay/judge/verdicts.h"

struct message {
	uint8_t b[128];
	size_t n;
};

static struct message message(const char *text, uint16_t flags)
{
	struct message m;
	struct name name;
	cr_assert_eq(name_from_text(&name, text), 0);
	m.n = dns_query_build(m.b, sizeof(m.b), 7, name.b, DNS_A, flags, 0, false, false);
	return m;
}

static struct octets octets(const struct message *m)
{
	return (struct octets){m->b, m->n};
}

/* a0..a4.example: another rcode each */
static void five(struct verdicts *v)
{
	for (unsigned i = 0; i < 5; i++) {
		char name[32];
		snprintf(name, sizeof(name), "a%u.example", i);
		struct message q = message(name, DNS_RD), a = message(name, DNS_QR), b = message(name, DNS_QR | DNS_NXDOMAIN);
		cr_assert_eq(verdicts_add(v, i, octets(&q), octets(&a), octets(&b)), CMP_RCODE);
	}
}

static char *printed(const struct verdicts *v)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	cr_assert(f);
	verdicts_print(v, "A", "B", f);
	fclose(f);
	return text;
}

Test(compare_counts, what_did_not_come_back_is_shown_apart)
{
	struct verdicts v = {0};
	struct message q = message("a1.example", DNS_RD);
	five(&v);
	verdicts_unstable(&v, 1, octets(&q), CMP_RCODE);
	cr_expect_eq(v.n[CMP_RCODE], 4);
	cr_expect_eq(v.unstable, 1);
	char *text = printed(&v), *apart = strstr(text, "\n  unstable\n");
	cr_assert(apart, "%s", text);
	char *shown = strstr(text, "a1.example. A");
	cr_expect(shown > apart, "not among the defects: %s", text);
	cr_expect(strstr(text, "a0.example. A: NOERROR") && strstr(text, "a2.example. A: NOERROR"), "%s", text);
	free(text);
}

Test(compare_counts, as_json_the_examples_too)
{
	struct verdicts v = {0};
	struct message q = message("a1.example", DNS_RD);
	struct jout j;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	five(&v);
	verdicts_unstable(&v, 1, octets(&q), CMP_RCODE);
	jout_begin(&j, f, "test/1");
	verdicts_json(&v, &j);
	jout_end(&j);
	fclose(f);
	cr_expect(strstr(text, "\"pairs\"") && strstr(text, "a0.example. A: NOERROR, 0 records | NXDOMAIN"), "%s", text);
	char *apart = strstr(text, "\"unstable\":[");
	cr_expect(apart || strstr(text, "\"unstable\": ["), "%s", text);
	free(text);
}
