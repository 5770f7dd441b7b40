/* SPDX-License-Identifier: Apache-2.0 */
/* What `rewrite edns0` does to a question's EDNS options. */
#ifndef NODENS_REWRITE_EDNS0_H
#define NODENS_REWRITE_EDNS0_H

#include "resolver/corefile/setup.h"

enum edns0_action { EDNS0_SET, EDNS0_APPEND, EDNS0_REPLACE, EDNS0_UNSET };
enum edns0_source { /* of an option's data */
	EDNS0_DATA,
	EDNS0_QNAME,
	EDNS0_QTYPE,
	EDNS0_CLIENT_IP,
	EDNS0_SERVER_IP,
	EDNS0_CLIENT_PORT,
	EDNS0_SERVER_PORT,
	EDNS0_PROTOCOL,
	EDNS0_CLIENT_SUBNET
};
struct rewrite_edns0 {
	enum edns0_action action;
	enum edns0_source source;
	bool is_local;
	uint16_t code;
	uint8_t len, v4_bits, v6_bits;
	const uint8_t *data;
};
enum { EDNS0_OPTIONS_MAX = 8 };
struct edns0_list { /* options of one question */
	size_t n;
	struct edns0_option {
		uint16_t code;
		uint8_t len, data[UINT8_MAX];
	} opt[EDNS0_OPTIONS_MAX];
};
/* The words after `edns0`. ERR_UNSUPPORTED: warned of, leave the rule out. */
int edns0_read(struct cf_setup *s, const struct cf_token *tok, size_t n, struct rewrite_edns0 *e);
/* Does the rule apply? If so, what it does to the list. */
bool edns0_apply(const struct rewrite_edns0 *e, const struct plugin_query *q, struct edns0_list *l);
void edns0_put(const struct edns0_list *l, struct wire_out *o);

#endif
