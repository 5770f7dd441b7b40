/* SPDX-License-Identifier: Apache-2.0 */
/* What a message that does not fit is cut to: whole sets of records, counted anew, and said where it matters. */
#include "resolver/core/reply.h"

#include <criterion/criterion.h>

#include "lib/dns/wire.h"

static uint8_t msg[2048];
static size_t end[8]; /* behind the question, and behind each record */

/* Two owners' A records (two and one), an SOA in the authority, an A in the additional section. */
static size_t make(void)
{
	static const uint8_t name[] = "\3www\4test", other[] = "\1b\4test";
	static const uint8_t *const owner[] = {name, name, other, other, name};
	static const uint16_t type[] = {DNS_A, DNS_A, DNS_A, DNS_SOA, DNS_A};
	struct dns_header h = {.id = 1, .flags = DNS_QR, .n_qd = 1, .n_an = 3, .n_ns = 1, .n_ar = 1};
	struct wire_out o;

	wire_out_init(&o, msg, sizeof(msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, name, DNS_A, DNS_IN);
	end[0] = o.len;
	for (unsigned i = 0; i < 5; i++) {
		size_t mark = wire_rr_begin(&o, owner[i], type[i], DNS_IN, 60);

		wire_put_bytes(&o, (const uint8_t *)"\12\0\0\1", 4);
		wire_rr_end(&o, mark);
		end[i + 1] = o.len;
	}
	cr_assert_eq(o.err, 0);
	return o.len;
}

static bool is(size_t len, size_t want, unsigned n_an, unsigned n_ns, unsigned n_ar, bool tc)
{
	return len == want && get_be16(msg + 6) == n_an && get_be16(msg + 8) == n_ns && get_be16(msg + 10) == n_ar &&
	       !(get_be16(msg + 2) & DNS_TC) == !tc && get_be16(msg + 4) == 1;
}

Test(reply, cut_to_what_fits)
{
	size_t len = make();

	cr_expect(is(reply_truncate(msg, len, len), len, 3, 1, 1, false), "it fits");
	cr_expect(is(reply_truncate(msg, len, len + 1), len, 3, 1, 1, false));
	cr_expect(is(reply_truncate(msg, len, len - 1), end[4], 3, 1, 0, false), "what is additional goes without a word");
	make();
	cr_expect(is(reply_truncate(msg, len, end[4]), end[4], 3, 1, 0, false), "to the octet");
	make();
	cr_expect(is(reply_truncate(msg, len, end[4] - 1), end[3], 3, 0, 0, true));
	make();
	size_t got = reply_truncate(msg, len, end[3] - 1);

	cr_expect_leq(got, end[3] - 1);
	cr_expect(get_be16(msg + 2) & DNS_TC);
	cr_expect(got == end[get_be16(msg + 6)], "as many as are said");
	cr_expect_eq(get_be16(msg + 8) + get_be16(msg + 10), 0);
	make();
	got = reply_truncate(msg, len, end[0]);
	cr_expect(is(got, end[0], 0, 0, 0, true), "nothing but the question");
}
