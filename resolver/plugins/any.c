/* SPDX-License-Identifier: Apache-2.0 */
/* any: a minimal answer to ANY questions (RFC 8482 section 4.2). */
#include "resolver/plugins/message.h"
#include "resolver/plugins/plugins.h"

enum { RFC_TTL_S = 8482 };

static void put_text(struct wire_out *o, const char *s, uint8_t len)
{
	wire_put_u8(o, len);
	wire_put_bytes(o, s, len);
}

static enum plugin_verdict any_arrive(const struct plugin_step *s, struct plugin_query *q,
				      struct wire_out *out, size_t *ret_len)
{
	static const char cpu[] = "ANY obsoleted", os[] = "See RFC 8482";

	(void)s;
	if (q->qtype != DNS_ANY)
		return PLUGIN_NEXT;
	reply_begin(out, q);
	size_t mark = wire_rr_begin(out, q->name.b, DNS_HINFO, DNS_IN, RFC_TTL_S);

	put_text(out, cpu, sizeof(cpu) - 1);
	put_text(out, os, sizeof(os) - 1);
	wire_rr_end(out, mark);
	return reply_end(out, DNS_NOERROR, false, (const uint16_t[3]){1, 0, 0}, ret_len);
}

static const struct plugin_ops ops = {.name = "any", .arrive = any_arrive};

int setup_any(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args_only(s, n, 0, 0, "");

	if (err)
		return err;
	return cf_step_new(s, &ops, sizeof(struct plugin_step)) ? 0 : ERR_NOMEM;
}
