/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an answer one to what was asked, or forged, stray, or from before our time?
 * What fails by so little that an honest upstream may have sent it is asked again
 * in a way that settles it.
 */
#include "resolver/core/core_int.h"

#include <string.h>

static bool matches(const struct question *q, const struct dns_msg *m)
{
	if (!(m->h.flags & DNS_QR) || DNS_OPCODE(m->h.flags) != DNS_QUERY)
		return false;
	if (m->h.n_qd == 0) /* some servers return nothing but the header with an error */
		return m->rcode != DNS_NOERROR && m->rcode != DNS_NXDOMAIN;
	return m->h.n_qd == 1 && m->q.qtype == q->asked_type && m->q.qclass == q->asked_class &&
	       name_eq(m->q.name, q->asked.b);
}

/* The name came back as it was spelled. */
static bool spelling_holds(const struct question *q, const struct ask *a, const struct dns_msg *m)
{
	struct name name = q->asked;

	name_spell(name.b, a->spelling);
	return !a->spelling || m->h.n_qd == 0 || memcmp(m->q.name, name.b, name.len) == 0;
}

/* Ignored; but some upstreams do not echo the spelling, so the same is asked once
 * in lower case, from another port. */
static void spelling_missed(struct core *c, uint32_t qi, const struct ask *a, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];

	if (q->is_plain_spelled || asks_open(q) == ASKS_MAX)
		return;
	q->is_plain_spelled = true;
	try_again(c, qi, a->upstream, CORE_UDP, now_ns);
}

/* An answer without the cookie it should have (RFC 7873 section 5.3) may be forged;
 * over TCP it is not, so its sender has unlearnt cookies. */
static bool cookie_holds(struct core *c, const struct ask *a, const struct dns_msg *m)
{
	struct cookie_jar *jar = &c->up[a->upstream].jar;
	const uint8_t *cookie;
	uint16_t len = 0;

	if (!a->had_cookie || (m->rcode != DNS_NOERROR && m->rcode != DNS_NXDOMAIN &&
			       m->rcode != RCODE_BADCOOKIE))
		return true;
	cookie = dns_edns_option(&m->edns, EDNS_COOKIE, &len);
	if (!cookie && a->proto != CORE_UDP)
		jar->server_len = 0;
	return cookie_jar_take(jar, cookie, len);
}

/* Ignored, but the same is asked once by TCP beside it, where nobody can forge:
 * the upstream may have changed, or be several behind one address. */
static void cookie_missed(struct core *c, uint32_t qi, const struct ask *a, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];

	if (q->is_doubted || asks_open(q) == ASKS_MAX ||
	    c->conf->upstream[a->upstream].transport != CORE_TO_AUTO)
		return;
	q->is_doubted = true;
	try_again(c, qi, a->upstream, CORE_TCP, now_ns);
}

bool answer_is_genuine(struct core *c, uint32_t qi, const struct ask *a, const struct dns_msg *m,
		       uint64_t now_ns)
{
	const struct question *q = &c->tab.question[qi];

	if (!matches(q, m))
		return false;
	if (!spelling_holds(q, a, m)) {
		spelling_missed(c, qi, a, now_ns);
		return false;
	}
	if (cookie_holds(c, a, m))
		return true;
	if (a->proto == CORE_UDP)
		cookie_missed(c, qi, a, now_ns);
	return false;
}
