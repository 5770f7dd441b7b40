/* SPDX-License-Identifier: Apache-2.0 */
/* Names: text both ways, limits, comparison without case, order, and agreement with naive code. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/dns/name.h"
#include "lib/base/rng.h"

static struct name named(const char *text)
{
	struct name n;

	cr_assert_eq(name_from_text(&n, text), 0, "%s", text);
	return n;
}

Test(name, text_to_wire)
{
	struct name n = named("www.Example.com");

	cr_assert_eq(n.len, 17);
	cr_assert_eq(memcmp(n.b, "\3www\7Example\3com", 17), 0);
	cr_assert_eq(named("www.Example.com.").len, 17);
	cr_assert_eq(named(".").len, 1);
}

Test(name, escapes_both_ways)
{
	static const char *const text[] = {"a\\.b.c.", "\\\\.", "\\000\\032\\255.x.", ".",
					   "_dns._udp.x.", "\\(\\).\\\"\\;\\@\\$.x.", "*.a'b.x."};
	char buf[NAME_MAX_TEXT];

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct name n = named(text[i]);

		cr_assert_eq(name_to_text(n.b, buf, sizeof(buf)), strlen(text[i]));
		cr_assert_str_eq(buf, text[i]);
	}
	cr_assert(name_eq(named("\\119\\w\\w.x").b, named("www.x").b));
}

Test(name, bad_text_is_refused_and_output_untouched)
{
	static const char *const text[] = {"",	  "..",	   ".a",     "a..b",
					   "a\\", "a\\25", "a\\256", "a\\1x3"};
	struct name n = named("keep");

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		cr_expect_eq(name_from_text(&n, text[i]), ERR_SYNTAX, "%s", text[i]);
	cr_assert(name_eq(n.b, named("keep").b));
}

Test(name, limits_of_label_and_name)
{
	char label[80], text[300] = "";
	struct name n;

	memset(label, 'a', 64);
	label[64] = 0;
	cr_assert_eq(name_from_text(&n, label), ERR_LIMIT);
	label[63] = 0;
	cr_assert_eq(name_from_text(&n, label), 0);
	/* 3 * 64 + 62 + root: 255, and one more is too much. */
	for (int i = 0; i < 3; i++)
		strcat(strcat(text, label), ".");
	label[61] = 0;
	cr_assert_eq(name_from_text(&n, strcat(text, label)), 0);
	cr_assert_eq(n.len, 255);
	cr_assert_eq(name_from_text(&n, strcat(text, "a")), ERR_LIMIT);
}

Test(name, longest_text_fits_and_short_buffers_hold)
{
	struct name n = {0};
	char buf[NAME_MAX_TEXT], small[8];

	for (int i = 0; i < 127; i++) {
		n.b[2 * i] = 1;
		n.b[2 * i + 1] = 0xff;
	}
	n.len = 255;
	cr_assert_eq(name_to_text(n.b, buf, sizeof(buf)), 127u * 5);
	memset(n.b, 0xff, sizeof(n.b));
	n.b[0] = n.b[64] = n.b[128] = 63;
	n.b[192] = 61;
	n.b[254] = 0;
	cr_assert_eq(name_to_text(n.b, buf, sizeof(buf)), 250u * 4 + 4);
	cr_assert_lt(name_to_text(n.b, small, sizeof(small)), sizeof(small));
	cr_assert_eq(strlen(small), 4);
}

Test(name, check_accepts_only_whole_names)
{
	cr_assert_eq(name_check((const uint8_t *)"\3www\0", 5), 5);
	cr_assert_eq(name_check((const uint8_t *)"\3www\0junk", 9), 5);
	cr_assert_eq(name_check((const uint8_t *)"\3www", 4), 0);
	cr_assert_eq(name_check((const uint8_t *)"\3ww", 3), 0);
	cr_assert_eq(name_check((const uint8_t *)"\xc0\x0c", 2), 0);
	cr_assert_eq(name_check((const uint8_t *)"\x40", 1), 0);
	cr_assert_eq(name_check((const uint8_t *)"", 0), 0);
	uint8_t big[400];
	memset(big, 1, sizeof(big));
	cr_assert_eq(name_check(big, sizeof(big)), 0);
}

Test(name, relations)
{
	struct name n = named("a.B.example.COM"), zone = named("Example.com");
	struct name near = named("xexample.com"), root = named(".");

	cr_assert_eq(name_labels(n.b), 4);
	cr_assert_eq(name_labels(root.b), 0);
	cr_assert(name_within(n.b, zone.b));
	cr_assert(name_within(zone.b, zone.b));
	cr_assert(name_within(n.b, root.b));
	cr_assert_not(name_within(zone.b, n.b));
	cr_assert_not(name_within(near.b, zone.b));
	cr_assert(name_eq(name_tail(n.b, 2), zone.b));
	cr_assert(name_eq(name_tail(n.b, 9), n.b));
	cr_assert(name_eq(name_tail(n.b, 0), root.b));
	cr_assert(name_eq(name_parent(name_parent(n.b)), zone.b));
	cr_assert(name_eq(name_parent(root.b), root.b));
}

Test(name, label_borders_are_part_of_equality)
{
	/* Same octets to the eye, other labels: "a.b" and "a\.b". */
	cr_assert_not(name_eq(named("a.bc").b, named("a\\.bc").b));
	cr_assert_not(name_within(named("x\\.example.com").b, named("example.com").b));
}

Test(name, join)
{
	struct name n = named("a.b");
	char label[64];

	cr_assert_eq(name_join(&n, n.b, named("c.d").b), 0);
	cr_assert(name_eq(n.b, named("a.b.c.d").b));
	memset(label, 'x', 63);
	label[63] = 0;
	struct name big = named(label);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(name_join(&big, big.b, big.b), i ? ERR_LIMIT : 0, "%d", i);
	cr_assert_eq(big.len, 129);
}

/* Order of RFC 4034 section 6.1's own example. */
Test(name, canonical_order)
{
	static const char *const sorted[] = {
		"example.",	    "a.example.",      "yljkjljk.a.example.",
		"Z.a.example.",	    "zABC.a.EXAMPLE.", "z.example.",
		"\\001.z.example.", "*.z.example.",    "\\200.z.example."};

	for (size_t i = 0; i < 9; i++)
		for (size_t j = 0; j < 9; j++) {
			int c = name_cmp(named(sorted[i]).b, named(sorted[j]).b);

			cr_assert_eq((c > 0) - (c < 0), (i > j) - (i < j), "%s %s", sorted[i],
				     sorted[j]);
		}
}

/* Every octet value at every position of a word, against tolower in C locale. */
Test(name, folding_touches_ascii_letters_only)
{
	for (unsigned c = 0; c < 256; c++) {
		struct name n = {.len = 21}, low;

		n.b[0] = 19;
		memset(n.b + 1, (int)c, 19);
		n.b[20] = 0;
		cr_assert_eq(name_lower(low.b, n.b), 21);
		for (int i = 1; i < 20; i++)
			cr_assert_eq(low.b[i], c >= 'A' && c <= 'Z' ? c + 32 : c, "octet %u", c);
		cr_assert_eq(low.b[0], 19);
		cr_assert(name_eq(low.b, n.b));
		for (unsigned k = 0; k < 256; k += 3) {
			struct name other = n;

			other.b[11] = (uint8_t)k;
			bool same =
				(k < 128 && c < 128) ? tolower((int)k) == tolower((int)c) : k == c;
			cr_assert_eq(name_eq(n.b, other.b), same, "%u %u", c, k);
		}
	}
}

static struct name drawn(struct rng *r)
{
	struct name n = {0};
	size_t len = 0;

	while (len < 200 && rng_below(r, 6)) {
		unsigned label = 1 + (unsigned)rng_below(r, 20);

		n.b[len++] = (uint8_t)label;
		while (label--)
			n.b[len++] = (uint8_t)rng_u64(r);
	}
	n.b[len++] = 0;
	n.len = (uint8_t)len;
	return n;
}

Test(name, random_names_survive_text_and_lowering)
{
	char buf[NAME_MAX_TEXT];
	struct rng r;

	rng_seed(&r, 5);
	for (int i = 0; i < 3000; i++) {
		struct name n = drawn(&r), back, low;

		cr_assert_eq(name_check(n.b, n.len), n.len);
		cr_assert_eq(name_len(n.b), n.len);
		name_to_text(n.b, buf, sizeof(buf));
		cr_assert_eq(strpbrk(buf, " \t\n"), NULL);
		cr_assert_eq(name_from_text(&back, buf), 0, "%s", buf);
		cr_assert_eq(back.len, n.len);
		cr_assert_eq(memcmp(back.b, n.b, n.len), 0);
		name_lower(low.b, n.b);
		cr_assert_eq(name_cmp(low.b, n.b), 0);
		name_copy(&back, n.b);
		name_lower(back.b, back.b);
		cr_assert_eq(memcmp(back.b, low.b, n.len), 0);
	}
}
