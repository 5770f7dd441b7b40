/* SPDX-License-Identifier: Apache-2.0 */
/* Each question to both servers by every way of asking, and what may not differ between the replies. */
#include "kind-e2e/lab/cluster/agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/lab/cluster/exchange.h"
#include "lib/base/log.h"
#include "lib/dns/msg.h"
#include "lib/dns/wire.h"

/* Not AA and RA: whether the answer comes from the zone itself and whether recursion is to be
 * had are each server's word about itself. */
#define FLAGS (DNS_QR | DNS_TC | DNS_RD | DNS_AD | DNS_CD)
#define EDNS_SIZE 1232

static void zero_serials(uint8_t *buf, size_t len)
{
	struct dns_msg m;
	struct wire w;

	if (dns_reply_parse(&m, buf, len))
		return;
	wire_init(&w, buf, len);
	w.off = m.answer_off;
	for (unsigned n = m.h.n_an + m.h.n_ns + m.h.n_ar; n && !w.err; n--) {
		struct dns_rr rr;
		struct wire r;

		wire_rr(&w, &rr);
		if (w.err || rr.type != DNS_SOA)
			continue;
		r = w;
		r.off = rr.rdata_off;
		wire_name_skip(&r);
		wire_name_skip(&r);
		if (!r.err && r.off + 4 <= rr.end)
			set_be32(buf + r.off, 0);
	}
}

/* One line of it. */
static char *flat(char *text)
{
	for (char *p = text; p && (p = strpbrk(p, "\t\n")); p++)
		*p = *p == '\n' && p[1] ? ';' : ' ';
	return text;
}

static int compare_section(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
			   int section, struct diag *why)
{
	static const char *const name[] = {"answer", "authority", "additional"};
	char *want = flat(msg_section_text(a, a_len, section, 1));
	char *got = flat(msg_section_text(b, b_len, section, 1));
	int rc = 0;

	if (!want || !got || strcmp(want, got))
		rc = diag_set(why, ERR_PEER, "%s section '%.180s' instead of '%.180s'",
			      name[section], got ? got : "(broken)", want ? want : "(broken)");
	free(want);
	free(got);
	return rc;
}

static int compare_heads(const struct dns_msg *a, const struct dns_msg *b, struct diag *why)
{
	char want[16], got[16];

	if (a->rcode != b->rcode)
		return diag_set(why, ERR_PEER, "%s instead of %s", dns_rcode_str(b->rcode, got),
				dns_rcode_str(a->rcode, want));
	if ((a->h.flags ^ b->h.flags) & FLAGS)
		return diag_set(why, ERR_PEER, "flags %04x instead of %04x", b->h.flags & FLAGS,
				a->h.flags & FLAGS);
	if (a->edns.present != b->edns.present)
		return diag_set(why, ERR_PEER, "%s OPT record", b->edns.present ? "an" : "no");
	return 0;
}

int agree_compare(uint8_t *reference, size_t reference_len, uint8_t *reply, size_t reply_len,
		  uint64_t ttl_max_s, struct diag *why)
{
	struct dns_msg a, b;
	int rc;

	if (dns_reply_parse(&a, reference, reference_len) || dns_reply_parse(&b, reply, reply_len))
		return diag_set(why, ERR_PEER, "a reply that cannot be read");
	rc = compare_heads(&a, &b, why);
	if (rc || (a.h.flags & DNS_TC))
		return rc;
	zero_serials(reference, reference_len);
	zero_serials(reply, reply_len);
	for (int section = 0; section < 3 && !rc; section++)
		rc = compare_section(reference, reference_len, reply, reply_len, section, why);
	if (!rc && b.h.n_an + b.h.n_ns && b.min_ttl_s > ttl_max_s)
		rc = diag_set(why, ERR_PEER, "TTL %u, above %llu", b.min_ttl_s,
			      (unsigned long long)ttl_max_s);
	return rc;
}

struct tally {
	unsigned asked, differ, unanswered;
};

static const struct transport {
	const char *name;
	bool tcp;
	uint16_t udp_size;
} transports[] = {
	{"udp", false, EDNS_SIZE}, {"udp without EDNS", false, 0}, {"tcp", true, EDNS_SIZE}};

static void one(const struct agree_options *o, const char *server, const char *line,
		const struct exchange_question *q, const struct transport *t, struct tally *sum)
{
	static uint8_t want[DNS_MSG_MAX], got[DNS_MSG_MAX];
	struct exchange_how how = {t->tcp, t->udp_size, o->timeout_ns};
	size_t want_len, got_len;
	struct diag d = {""};

	sum->asked++;
	if (exchange(o->reference, q, &how, want, &want_len, &d) ||
	    exchange(server, q, &how, got, &got_len, &d)) {
		sum->unanswered++;
		printf("no reply: %s, %s: %s\n", line, t->name, d.text);
	} else if (agree_compare(want, want_len, got, got_len, o->ttl_max_s, &d)) {
		sum->differ++;
		printf("differs: %s at %s, %s: %s\n", line, server, t->name, d.text);
	}
}

int agree_main(const struct agree_options *o)
{
	struct exchange_list list = {0};
	struct tally sum = {0, 0, 0};
	struct diag d = {""};

	if (exchange_list_read(&list, o->names, &d)) {
		log_error("%s", d.text);
		return 3;
	}
	/* twice: what was fetched at the first time is kept at the second */
	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < list.n; i++)
			for (size_t s = 0; s < o->servers.n; s++)
				for (size_t t = 0; t < sizeof transports / sizeof transports[0];
				     t++)
					one(o, o->servers.item[s], list.q[i].text, &list.q[i],
					    &transports[t], &sum);
	printf("asked %u agree %u differ %u unanswered %u\n", sum.asked,
	       sum.asked - sum.differ - sum.unanswered, sum.differ, sum.unanswered);
	exchange_list_free(&list);
	return sum.differ || sum.unanswered ? 1 : 0;
}
