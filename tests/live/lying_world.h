/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster whose DNS tells the truth about what Kubernetes has, denies the names
 * above what its hosts, template and rewrite made (CoreDNS does), and now and then
 * has not synced: then it denies what Kubernetes has below svc. Outside, www0.com to
 * www19.com and some names that look like the cluster's exist. Answers are kept
 * five seconds.
 */
#ifndef NODENS_LIVE_LYING_WORLD_H
#define NODENS_LIVE_LYING_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/msg.h"
#include "lib/rng.h"
#include "lib/wire.h"

#define LYING_TTL_S 5
#define TYPE_HTTPS  65

enum lying_says { SAYS_NXDOMAIN, SAYS_NODATA, SAYS_RECORD };

struct lying_name {
	const char *text;
	uint16_t type[3];
	uint64_t born_ns; /* 0: always there */
	bool is_made;     /* not out of Kubernetes: known before that has synced */
};

#define MINUTE (60 * NS_PER_S)
static const struct lying_name lying_names[] = {
	/* CoreDNS's hosts, file, template, rewrite */
	{"db.legacy.cluster.local", {DNS_A}, 0, true},
	{"_zone.legacy.cluster.local", {DNS_TXT}, 0, true},
	{"1web.legacy.cluster.local", {DNS_A, DNS_AAAA}, 0, true},
	{"deep.down.in.legacy.cluster.local", {DNS_A}, 0, true},
	{"www3.com.cluster.local", {DNS_A, DNS_SRV}, 0, true},
	{"www4.com.svc.cluster.local", {DNS_A}, 0, true},
	{"x_y.com.svc.cluster.local", {DNS_AAAA}, 0, true},
	{"api.blue.default.svc.cluster.local", {DNS_A, TYPE_HTTPS}, 0, true},
	{"www5.com.default.svc.cluster.local", {DNS_A}, 0, true},
	{"10-0-0-9.blue.ns1.svc.cluster.local", {DNS_A}, 0, true},
	/* Kubernetes */
	{"web.ns1.svc.cluster.local", {DNS_A}, 0, false},
	{"pod-0.web.ns1.svc.cluster.local", {DNS_A}, 0, false},
	{"_http._tcp.web.ns1.svc.cluster.local", {DNS_SRV}, 0, false},
	{"ext.ns1.svc.cluster.local", {DNS_CNAME, DNS_A, DNS_AAAA}, 0, false},
	{"api.com.svc.cluster.local", {DNS_A}, 0, false},
	{"kubernetes.default.svc.cluster.local", {DNS_A}, 0, false},
	{"dns-version.cluster.local", {DNS_TXT}, 0, false},
	/* made while it is asked for */
	{"new.legacy.cluster.local", {DNS_A}, 11 * MINUTE, true},
	{"new.blue.default.svc.cluster.local", {DNS_A, DNS_AAAA}, 17 * MINUTE, true},
	{"_new.com.cluster.local", {DNS_TXT}, 23 * MINUTE, true},
	{"new.green.svc.cluster.local", {DNS_A}, 29 * MINUTE, false},
	/* outside */
	{"db.legacy", {DNS_A}, 0, false},
	{"api.blue", {DNS_A}, 0, false},
	{"api.com", {DNS_A}, 0, false},
};
#define LYING_NAMES (sizeof(lying_names) / sizeof(lying_names[0]))

/* Above what Kubernetes has: empty, but there. */
static const char *const lying_empty[] = {
	"cluster.local", "svc.cluster.local", "ns1.svc.cluster.local", "default.svc.cluster.local",
	"com.svc.cluster.local", "_tcp.web.ns1.svc.cluster.local", "com", "local",
};
/* They are asked for themselves, too. */
static const char *const lying_absent[] = {
	"legacy.cluster.local", "com.cluster.local", "blue.default.svc.cluster.local", "com.default.svc.cluster.local",
	"blue.ns1.svc.cluster.local", "com.ns1.svc.cluster.local", "green.svc.cluster.local", "none.legacy.cluster.local",
	"legacy.default.svc.cluster.local", "legacy.svc.cluster.local", "in.legacy.cluster.local",
};

static inline bool lying_is(const uint8_t *name, const char *text)
{
	struct name n;

	return name_from_text(&n, text) == 0 && name_eq(name, n.b);
}

static inline bool lying_is_below(const uint8_t *name, const char *text)
{
	struct name n;

	return name_from_text(&n, text) == 0 && name_within(name, n.b);
}

/* The name's row, once it is born; NULL: it has none. */
static inline const struct lying_name *lying_row(const uint8_t *name, uint64_t now_ns)
{
	for (size_t i = 0; i < LYING_NAMES; i++)
		if (lying_is(name, lying_names[i].text))
			return lying_names[i].born_ns <= now_ns ? &lying_names[i] : NULL;
	return NULL;
}

/* What is so. */
static inline enum lying_says lying_truth(const uint8_t *name, uint16_t qtype, uint64_t now_ns)
{
	const struct lying_name *row = lying_row(name, now_ns);
	char text[32];

	for (unsigned i = 0; row && i < 3; i++)
		if (row->type[i] == qtype)
			return SAYS_RECORD;
	if (row)
		return SAYS_NODATA;
	for (size_t i = 0; i < sizeof(lying_empty) / sizeof(lying_empty[0]); i++)
		if (lying_is(name, lying_empty[i]))
			return SAYS_NODATA;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "www%u.com", i);
		if (lying_is(name, text))
			return qtype == DNS_A ? SAYS_RECORD : SAYS_NODATA;
	}
	return SAYS_NXDOMAIN;
}

static inline void lying_put_record(struct wire_out *o, const uint8_t *name, uint16_t qtype)
{
	size_t mark = wire_rr_begin(o, name, qtype, DNS_IN, LYING_TTL_S);

	switch (qtype) {
	case DNS_A:
		wire_put_u32(o, 0xc0000201);
		break;
	case DNS_AAAA:
		for (unsigned i = 0; i < 4; i++)
			wire_put_u32(o, 0x20010db8);
		break;
	case DNS_TXT:
		wire_put_bytes(o, "\4text", 5);
		break;
	case DNS_SRV:
		wire_put_u32(o, 0);
		wire_put_u16(o, 80);
		wire_put_name(o, name);
		break;
	case DNS_CNAME:
		wire_put_name(o, (const uint8_t *)"\4www1\3com");
		break;
	default: /* HTTPS: alias of the root's */
		wire_put_u16(o, 1);
		wire_put_name(o, (const uint8_t *)"");
	}
	wire_rr_end(o, mark);
}

/* A reply to `q`; returns its length, and what it says. */
static inline size_t lying_reply(const uint8_t *q, size_t len, uint64_t now_ns, bool is_synced,
				 uint8_t *out, size_t cap, struct name *ret_name, uint16_t *ret_qtype,
				 enum lying_says *ret)
{
	static const uint8_t root[] = "";
	const struct lying_name *row;
	struct dns_header h;
	struct wire_out o;
	struct dns_msg m;

	if (dns_msg_parse(&m, q, len) < 0)
		abort();
	ret_name->len = (uint8_t)name_lower(ret_name->b, m.q.name);
	*ret_qtype = m.q.qtype;
	*ret = lying_truth(ret_name->b, m.q.qtype, now_ns);
	row = lying_row(ret_name->b, now_ns);
	if (!is_synced && !(row && row->is_made) && lying_is_below(ret_name->b, "svc.cluster.local") &&
	    !lying_is(ret_name->b, "svc.cluster.local"))
		*ret = SAYS_NXDOMAIN;
	h = (struct dns_header){.id = m.h.id,
				.flags = (uint16_t)(DNS_QR | DNS_AA | (m.h.flags & (DNS_RD | DNS_CD))),
				.n_qd = 1,
				.n_an = *ret == SAYS_RECORD,
				.n_ns = *ret != SAYS_RECORD,
				.n_ar = m.edns.present};
	if (*ret == SAYS_NXDOMAIN)
		h.flags |= DNS_NXDOMAIN;
	wire_out_init(&o, out, cap);
	wire_put_header(&o, &h);
	wire_put_question(&o, m.q.name, m.q.qtype, m.q.qclass);
	if (h.n_an) {
		lying_put_record(&o, ret_name->b, m.q.qtype);
	} else {
		size_t mark = wire_rr_begin(&o, root, DNS_SOA, DNS_IN, LYING_TTL_S);

		wire_put_name(&o, root);
		wire_put_name(&o, root);
		for (unsigned i = 0; i < 5; i++)
			wire_put_u32(&o, LYING_TTL_S);
		wire_rr_end(&o, mark);
	}
	if (h.n_ar)
		wire_opt_end(&o, wire_opt_begin(&o, 1232, 0, 0, m.edns.do_bit));
	if (o.err)
		abort();
	return o.len;
}

/* A name that somebody asks for. */
static inline void lying_draw(struct rng *r, char *text, size_t cap)
{
	static const char *const suffix[] = {"default.svc.cluster.local", "ns1.svc.cluster.local", "svc.cluster.local", "cluster.local"};
	unsigned kind = (unsigned)rng_below(r, 100);

	if (kind < 70)
		snprintf(text, cap, "www%u.com.%s", (unsigned)rng_below(r, 20), suffix[rng_below(r, 4)]);
	else if (kind < 80)
		snprintf(text, cap, "www%u.com", (unsigned)rng_below(r, 20));
	else if (kind < 94)
		snprintf(text, cap, "%s", lying_names[rng_below(r, LYING_NAMES)].text);
	else
		snprintf(text, cap, "%s", lying_absent[rng_below(r, sizeof(lying_absent) / sizeof(lying_absent[0]))]);
}

#endif
