/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an answer one to what was asked, or forged, stray, or from before our time?
 * What fails by so little that an honest upstream may have sent it is asked again
 * in a way that settles it.
 *
 * A reply to something else (name, type, class; id and source are the driver's) is
 * ignored, and waiting goes on: it must never be a failure, for then whoever can
 * send one could end the question. One that has all that and is of no use (cut short,
 * wrong counts) ends the exchange, since nobody sends it who could not send a whole one.
 */
#include "resolver/core/core_int.h"

#include <string.h>

static bool is_reply(const struct dns_msg *m)
{
	return m->h.flags & DNS_QR && DNS_OPCODE(m->h.flags) == DNS_QUERY;
}

/* Of several questions the first counts; a message that was cut before it has none. */
static bool matches(const struct question *q, const struct dns_msg *m)
{
	return !m->q.name || (m->q.qtype == q->asked_type && m->q.qclass == q->asked_class &&
			      name_eq(m->q.name, q->asked.b));
}

static bool is_whole(const struct dns_msg *m, int err)
{
	if (err)
		return false;
	if (m->h.n_qd == 0) /* some servers return nothing but the header with an error */
		return m->rcode != DNS_NOERROR && m->rcode != DNS_NXDOMAIN;
	return m->h.n_qd == 1;
}

/* Octets behind the last record are passed over. But where no record answers, they
 * may be those that the counts do not know of: another way may show them. */
static bool hides_records(const struct question *q, const struct ask *a, const struct dns_msg *m,
			  const uint8_t *bytes, size_t len)
{
	return m->end < len && a->proto == CORE_UDP && !question_is_damaged(q) &&
	       (m->rcode == DNS_NOERROR || m->rcode == DNS_NXDOMAIN) &&
	       !reply_has_type(m, bytes, len, q->asked_type);
}

/* The name came back as it was spelled. */
static bool spelling_holds(const struct question *q, const struct ask *a, const struct dns_msg *m)
{
	struct name name = q->asked;

	name_spell(name.b, a->spelling);
	return !a->spelling || !m->q.name || memcmp(m->q.name, name.b, name.len) == 0;
}

/* Ignored; but some upstreams do not echo the spelling, so the same is asked once
 * in lower case, from another port. */
static void spelling_missed(struct core *c, uint32_t qi, const struct ask *a, uint64_t now_ns)
{
	struct question *q = &c->tab.question[qi];
	uint16_t bit = target_bit(question_forward(c, q), a->upstream);

	if (!bit || q->respelled & bit || asks_open(q) == ASKS_MAX)
		return;
	q->respelled |= bit;
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

enum genuine answer_judge(struct core *c, uint32_t qi, const struct ask *a,
			  const struct dns_msg *m, int err, const uint8_t *bytes, size_t len,
			  uint64_t now_ns)
{
	const struct question *q = &c->tab.question[qi];

	if (!is_reply(m) || !matches(q, m))
		return GENUINE_NO;
	if (!spelling_holds(q, a, m)) {
		spelling_missed(c, qi, a, now_ns);
		return GENUINE_NO;
	}
	if (!is_whole(m, err) || hides_records(q, a, m, bytes, len))
		return GENUINE_DAMAGED;
	if (cookie_holds(c, a, m))
		return GENUINE_YES;
	if (a->proto == CORE_UDP)
		cookie_missed(c, qi, a, now_ns);
	return GENUINE_NO;
}
