/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minimal: answers without authority and additional records. Denials,
 * referrals and errors stay whole: their authority section is their content.
 */
#include <string.h>

#include "resolver/plugins/plugins.h"

static size_t minimal_answered(const struct plugin_step *s, struct plugin_query *q,
			       uint8_t *msg, size_t len, size_t cap)
{
	struct dns_question question;
	struct dns_header h;
	struct dns_rr rr, opt = {0};
	struct wire w;
	size_t end;

	(void)s;
	(void)q;
	(void)cap;
	wire_init(&w, msg, len);
	wire_header(&w, &h);
	if (w.err || h.n_qd != 1 || h.n_an == 0 || DNS_RCODE(h.flags) != DNS_NOERROR ||
	    h.n_ns + h.n_ar == 0)
		return len;
	wire_question(&w, &question);
	/* A CNAME alone is a denial, which its SOA belongs to (RFC 2308 section 2.2). */
	if (w.err || !wire_has_type(&w, h.n_an, question.qtype))
		return len;
	for (unsigned i = 0; i < h.n_an; i++)
		wire_rr(&w, &rr);
	end = w.off;
	for (unsigned i = 0; i < (unsigned)h.n_ns + h.n_ar; i++) {
		wire_rr(&w, &rr);
		if (rr.type == DNS_OPT && !opt.end)
			opt = rr;
	}
	if (w.err)
		return len;
	memmove(msg + end, msg + opt.off, opt.end - opt.off); /* owner is the root: no pointers in it */
	set_be16(msg + 8, 0);
	set_be16(msg + 10, opt.end != 0);
	return end + opt.end - opt.off;
}

static const struct plugin_ops ops = {.name = "minimal", .answered = minimal_answered};

int setup_minimal(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args_only(s, n, 0, 0, "");

	if (err)
		return err;
	return cf_step_new(s, &ops, sizeof(struct plugin_step)) ? 0 : ERR_NOMEM;
}
