/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns64 [PREFIX] { prefix PREFIX; translate_all; allow_ipv4 }: AAAA records out
 * of A records for clients without IPv4 (RFC 6147), addresses by RFC 6052.
 */
#include <string.h>

#include "resolver/core/core.h"
#include "resolver/plugins/message.h"
#include "resolver/plugins/plugins.h"

enum { TTL_WITHOUT_SOA_S = 600 }; /* RFC 6147 section 5.1.7 */

struct dns64 {
	struct plugin_step step;
	struct in6_addr prefix;
	unsigned bits;
	bool translate_all, allow_ipv4;
};

/* A record of the type among the answers: 1, 0, or -1 when they cannot be read. */
static int has_type(const uint8_t *msg, size_t len, uint16_t type)
{
	struct dns_msg m;
	struct wire w;

	if (dns_msg_parse(&m, msg, len) != 0)
		return -1;
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	return wire_has_type(&w, m.h.n_an, type);
}

static uint16_t dns64_reask(const struct plugin_step *s, const struct plugin_query *q,
			    const uint8_t *msg, size_t len)
{
	const struct dns64 *d = (const struct dns64 *)s;

	if (q->qtype != DNS_AAAA || q->qclass != DNS_IN || !q->client || len < DNS_HEADER_LEN)
		return 0;
	if (!d->allow_ipv4 && IN6_IS_ADDR_V4MAPPED(&q->client->addr))
		return 0;
	/* NXDOMAIN as well, against RFC 6147 section 5.1.2: servers that deny AAAA of
	 * names that have A say it, and where there is no IPv4 A is all there is. */
	return d->translate_all || has_type(msg, len, DNS_AAAA) == 0 ? DNS_A : 0;
}

/* RFC 6052 section 2.2: octet 8 (bits 64..71) is zero and skipped. */
static void address_embed(const struct dns64 *d, const uint8_t v4[4], uint8_t v6[16])
{
	size_t at = d->bits / 8;

	memset(v6, 0, 16);
	memcpy(v6, d->prefix.s6_addr, at);
	for (int i = 0; i < 4; i++) {
		if (at == 8)
			at++;
		v6[at++] = v4[i];
	}
}

static uint32_t soa_ttl(const uint8_t *msg, size_t len)
{
	struct dns_msg m;
	struct dns_rr rr;
	struct wire w;

	if (dns_msg_parse(&m, msg, len) != 0)
		return TTL_WITHOUT_SOA_S;
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	for (unsigned i = 0; i < (unsigned)m.h.n_an + m.h.n_ns; i++) {
		wire_rr(&w, &rr);
		if (rr.type == DNS_SOA && i >= m.h.n_an)
			return rr.ttl;
	}
	return TTL_WITHOUT_SOA_S;
}

static void record_translate(const struct dns64 *d, struct wire *w, uint32_t max_ttl_s,
			     struct wire_out *o)
{
	struct wire head = *w;
	struct name owner;
	struct dns_rr rr;
	uint8_t v6[16];

	wire_rr(w, &rr);
	wire_name(&head, &owner);
	if (w->err || head.err)
		return;
	bool a = rr.type == DNS_A && rr.rdlen == 4;
	size_t mark = wire_rr_begin(o, owner.b, a ? DNS_AAAA : rr.type, rr.rclass,
				    a && rr.ttl > max_ttl_s ? max_ttl_s : rr.ttl);

	if (a) {
		address_embed(d, w->base + rr.rdata_off, v6);
		wire_put_bytes(o, v6, sizeof(v6));
	} else {
		rdata_copy(o, w, &rr, 0, NULL);
	}
	wire_rr_end(o, mark);
}

static size_t dns64_merge(const struct plugin_step *s, const struct plugin_query *q,
			  const uint8_t *first, size_t first_len, const uint8_t *second,
			  size_t second_len, uint8_t *out, size_t cap)
{
	const struct dns64 *d = (const struct dns64 *)s;
	uint32_t max_ttl = soa_ttl(first, first_len);
	struct dns_question asked; /* as the client spells it */
	struct dns_msg m;
	struct wire_out o;
	struct wire w;

	(void)q;
	wire_init(&w, first, first_len);
	wire_skip(&w, DNS_HEADER_LEN);
	wire_question(&w, &asked);
	if (w.err || dns_msg_parse(&m, second, second_len) != 0 ||
	    m.rcode != DNS_NOERROR || has_type(second, second_len, DNS_A) != 1)
		return 0;
	/* Made here, not signed there; the id is the client's already. */
	struct dns_header h = {
		.id = get_be16(first),
		.flags = (uint16_t)((get_be16(first + 2) & ~(DNS_AD | 15)) | (m.h.flags & DNS_TC)),
		.n_qd = 1,
		.n_an = m.h.n_an};

	wire_out_init(&o, out, cap);
	wire_put_header(&o, &h);
	wire_put_question(&o, asked.name, DNS_AAAA, DNS_IN);
	wire_init(&w, second, second_len);
	w.off = m.answer_off;
	for (unsigned i = 0; i < m.h.n_an && !w.err; i++)
		record_translate(d, &w, max_ttl, &o);
	return w.err || o.err ? 0 : o.len;
}

static const struct plugin_ops ops = {.name = "dns64",
				      .reask = dns64_reask,
				      .merge_event = STATS_DNS64,
				      .merge = dns64_merge};

static int prefix_set(struct cf_setup *s, const struct cf_token *t, struct dns64 *d)
{
	struct in6_addr net;
	unsigned bits;

	if (!strchr(t->text, '/') || !cf_parse_cidr(t->text, &net, &bits) || strchr(t->text, '.'))
		return cf_error(s, t, "'%s' is not an IPv6 prefix: expected one like 64:ff9b::/96",
				t->text);
	if (bits < 32 || bits > 96 || bits % 8)
		return cf_error(s, t, "prefix length %u: expected 32, 40, 48, 56, 64 or 96", bits);
	d->prefix = net;
	d->bits = bits;
	return 0;
}

static int dns64_prefix(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return prefix_set(s, &n->tok[1], to);
}

static int dns64_all(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	((struct dns64 *)to)->translate_all = true;
	return 0;
}

static int dns64_ipv4(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	((struct dns64 *)to)->allow_ipv4 = true;
	return 0;
}

static const struct cf_option options[] = {
	{"prefix", 1, 1, "PREFIX", dns64_prefix},
	{"translate_all", 0, 0, "", dns64_all},
	{"allow_ipv4", 0, 0, "", dns64_ipv4},
	{0},
};

int setup_dns64(struct cf_setup *s, const struct cf_node *n)
{
	struct dns64 *d;
	int err = cf_args(s, n, 0, 1, "[PREFIX]");

	if (err)
		return err;
	d = cf_step_new(s, &ops, sizeof(*d));
	if (!d)
		return ERR_NOMEM;
	d->prefix = (struct in6_addr){.s6_addr = {0, 0x64, 0xff, 0x9b}};
	d->bits = 96;
	if (n->n > 1)
		err = prefix_set(s, &n->tok[1], d);
	int more = cf_options(s, n, options, d);

	return err ? err : more;
}
