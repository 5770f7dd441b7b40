/* SPDX-License-Identifier: Apache-2.0 */
/* whoami: the client's address and port, in the additional section. */
#include "resolver/core/core.h"
#include "resolver/plugins/message.h"
#include "resolver/plugins/plugins.h"

static enum plugin_verdict whoami_ask(const struct plugin_step *s, struct plugin_query *q,
				      struct wire_out *out, size_t *ret_len)
{
	const struct core_client *c = q->client;
	struct name head, owner;

	(void)s;
	if (!c)
		return PLUGIN_NEXT;
	reply_begin(out, q);
	reply_address(out, q->name.b, &c->addr, 0);
	if (name_from_text(&head, c->proto == CORE_UDP ? "_udp" : "_tcp") != 0 ||
	    name_join(&owner, head.b, q->name.b) != 0)
		return reply_end(out, DNS_NOERROR, true, (const uint16_t[3]){0, 0, 1}, ret_len);
	size_t mark = wire_rr_begin(out, owner.b, DNS_SRV, q->qclass, 0);

	wire_put_u32(out, 0); /* priority, weight */
	wire_put_u16(out, c->port);
	wire_put_u8(out, 0); /* target: the root */
	wire_rr_end(out, mark);
	return reply_end(out, DNS_NOERROR, true, (const uint16_t[3]){0, 0, 2}, ret_len);
}

static const struct plugin_ops ops = {.name = "whoami", .ask = whoami_ask};

int setup_whoami(struct cf_setup *s, const struct cf_node *n)
{
	int err = cf_args_only(s, n, 0, 0, "");

	if (err)
		return err;
	return cf_step_new(s, &ops, sizeof(struct plugin_step)) ? 0 : ERR_NOMEM;
}
