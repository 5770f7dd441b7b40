/* SPDX-License-Identifier: Apache-2.0 */
/* Which records of an upstream's answer are left out: those that no scenario can spell. */
#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/err.h"
#include "resolver/core/answer.h"
#include "resolver/core/scrub.h"

static uint8_t msg[DNS_MSG_MAX];
static struct wire_out out;
static struct dns_header head;
static struct answer_buf buf;
static struct name asked;

static void begin(void)
{
	cr_assert_eq(name_from_text(&asked, "www.example."), 0);
	head = (struct dns_header){.flags = DNS_QR | DNS_RA, .n_qd = 1};
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_header(&out, &head);
	wire_put_question(&out, asked.b, DNS_A, DNS_IN);
}

static void put(const uint8_t *owner, uint16_t type, uint16_t rclass, const void *rdata, size_t len)
{
	size_t mark = wire_rr_begin(&out, owner, type, rclass, 60);

	wire_put_bytes(&out, rdata, len);
	wire_rr_end(&out, mark);
}

/* How many answer records are left of those that were put; or the error. */
static int taken(uint16_t qclass, unsigned *ret_dropped)
{
	struct answer_question q = {asked.b, DNS_A, DNS_IN};
	int n;

	set_be16(msg + 6, head.n_an);
	set_be16(msg + 10, head.n_ar);
	n = answer_take(&buf, msg, out.len, &q, NULL, qclass, ret_dropped);
	return n < 0 ? n : get_be16(buf.msg + 6);
}

Test(scrub, classes_that_were_not_asked_for)
{
	static const uint16_t classes[] = {DNS_IN, DNS_CH, DNS_HS, DNS_CLASS_NONE, DNS_CLASS_ANY, 0x8001};
	unsigned dropped;

	begin();
	for (size_t i = 0; i < 6; i++, head.n_an++)
		put(asked.b, DNS_A, classes[i], "\300\0\2\1", 4);
	cr_expect_eq(taken(DNS_IN, &dropped), 1);
	cr_expect_eq(dropped, 5);
	cr_expect_eq(taken(DNS_CLASS_ANY, &dropped), 6, "a question of class ANY may have all of them");
	cr_expect_eq(dropped, 0);
	cr_expect_eq(taken(DNS_CH, &dropped), 1);
}

Test(scrub, data_that_cannot_be_of_its_type)
{
	static const uint16_t named[] = {DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR, DNS_MX, DNS_SRV, DNS_DNAME};
	unsigned dropped;

	begin();
	put(asked.b, DNS_A, DNS_IN, "\300\0\2\1", 4);
	put(asked.b, DNS_A, DNS_IN, "", 0);
	put(asked.b, DNS_A, DNS_IN, "\300\0\2", 3);
	put(asked.b, DNS_A, DNS_IN, "\300\0\2\1\1", 5);
	put(asked.b, DNS_AAAA, DNS_IN, "", 0);
	put(asked.b, DNS_TXT, DNS_IN, "", 0);
	head.n_an = 6;
	for (size_t i = 0; i < 7; i++, head.n_an++)
		put(asked.b, named[i], DNS_IN, "", 0);
	put(asked.b, DNS_A, DNS_IN, "", 0);
	head.n_ar = 1;
	cr_expect_eq(taken(DNS_IN, &dropped), 2, "the address, and a text without strings");
	cr_expect_eq(dropped, 4 + 7 + 1);
	cr_expect_eq(get_be16(buf.msg + 10), 0);
	begin();
	put(asked.b, DNS_A, DNS_IN, "", 0);
	head.n_an = 1;
	cr_expect_eq(taken(DNS_IN, &dropped), ERR_PEER, "nothing else is no answer");
}

Test(scrub, what_leads_nowhere)
{
	struct name deep, other;
	unsigned dropped;

	begin();
	cr_assert_eq(name_from_text(&deep, "example."), 0);
	cr_assert_eq(name_from_text(&other, "simple."), 0);
	put(deep.b, DNS_RRSIG, DNS_IN, "signature", 9);
	put(other.b, DNS_RRSIG, DNS_IN, "signature", 9);
	put(deep.b, DNS_A, DNS_IN, "\300\0\2\1", 4);
	put(deep.b, DNS_DNAME, DNS_IN, "\5ample", 7);
	put(other.b, DNS_DNAME, DNS_IN, "\1x", 3);
	head.n_an = 5;
	cr_expect_eq(taken(DNS_IN, &dropped), 2, "a DNAME above the name and its signature");
	cr_expect_eq(dropped, 3);
	/* with nothing to the question all stay, but for what is damaged */
	begin();
	put(deep.b, DNS_A, DNS_IN, "\300\0\2\1", 4);
	put(deep.b, DNS_A, DNS_IN, "\300\0\2", 3);
	put(other.b, DNS_CNAME, DNS_IN, "\1x", 3);
	head.n_an = 3;
	cr_expect_eq(taken(DNS_IN, &dropped), 2);
	cr_expect_eq(dropped, 1);
	/* a substitution that is too long makes nothing */
	begin();
	asked.len = 0;
	for (int i = 0; i < 4; i++) {
		asked.b[asked.len] = 60;
		memset(asked.b + asked.len + 1, 'a' + i, 60);
		asked.len = (uint8_t)(asked.len + 61);
	}
	memcpy(asked.b + asked.len, "\1x", 3);
	asked.len = (uint8_t)(asked.len + 3);
	wire_out_init(&out, msg, sizeof(msg));
	wire_put_header(&out, &head);
	wire_put_question(&out, asked.b, DNS_A, DNS_IN);
	cr_assert_eq(name_from_text(&deep, "x."), 0);
	put(deep.b, DNS_DNAME, DNS_IN, "\12longerthan\3any", 16);
	put(deep.b, DNS_A, DNS_IN, "\300\0\2\1", 4);
	head.n_an = 2;
	cr_expect_eq(taken(DNS_IN, &dropped), 1);
}

/* Copies of an alias lead where it leads: no chain is longer for them, nor for one that goes round. */
Test(scrub, what_is_said_again)
{
	struct name to;
	unsigned dropped;

	begin();
	cr_assert_eq(name_from_text(&to, "to.example."), 0);
	for (; head.n_an < SCRUB_CHAIN_MAX + 4; head.n_an++)
		put(asked.b, DNS_CNAME, DNS_IN, to.b, to.len);
	put(to.b, DNS_CNAME, DNS_IN, asked.b, asked.len);
	put(to.b, DNS_A, DNS_IN, "\300\0\2\1", 4);
	head.n_an += 2;
	cr_expect_eq(taken(DNS_IN, &dropped), SCRUB_CHAIN_MAX + 6);
	cr_expect_eq(dropped, 0);
}

/* So many aliases that stand before what leads to them are kept in mind, and no more. */
Test(scrub, how_many_aliases_wait)
{
	struct name strange, to, end;
	unsigned dropped;

	cr_assert_eq(name_from_text(&strange, "strange."), 0);
	cr_assert_eq(name_from_text(&to, "to.example."), 0);
	cr_assert_eq(name_from_text(&end, "end.example."), 0);
	for (unsigned n = SCRUB_WAITS_MAX - 1; n <= SCRUB_WAITS_MAX; n++) {
		begin();
		for (unsigned i = 0; i < n; i++)
			put(strange.b, DNS_CNAME, DNS_IN, end.b, end.len);
		put(to.b, DNS_CNAME, DNS_IN, end.b, end.len);
		put(asked.b, DNS_CNAME, DNS_IN, to.b, to.len);
		put(end.b, DNS_A, DNS_IN, "\300\0\2\1", 4);
		head.n_an = (uint16_t)(n + 3);
		cr_expect_eq(taken(DNS_IN, &dropped), n < SCRUB_WAITS_MAX ? 3 : 2, "%u", n);
		cr_expect_eq(dropped, n + (n == SCRUB_WAITS_MAX), "%u", n);
	}
}
