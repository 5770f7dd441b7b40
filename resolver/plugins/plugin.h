/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between the core and what the Corefile can name. A plugin is one
 * file and one row of the table in plugins.h: its Corefile directive becomes a
 * compiled step, and the core calls the step's hooks at fixed points of a
 * query's life. Hooks are pure: bytes in, decisions out; no I/O, no clock, no
 * allocation per query.
 *
 *   arrive -> [cache] -miss-> ask -> upstream -> answered -> [cache] -> reask, merge -> respond
 *
 * CoreDNS's order of plugins around its cache decides which hook a plugin uses:
 * acl, any use `arrive`; rewrite, template, hosts, whoami use `ask`; rewrites of
 * answers, ttl rewrites and minimal use `answered`; loadbalance uses `respond`;
 * dns64 uses `reask` and `merge`.
 *
 * Steps stand in execution order: arrive, ask run first to last; answered,
 * respond last to first. In answered, reask, merge and respond the query is the
 * question as asked, not as an ask hook changed it: those hooks work out again
 * what they did, so that they need no memory and serve refreshes too.
 */
#ifndef NODENS_PLUGIN_H
#define NODENS_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"

struct core_client;

enum { PLUGIN_EVENTS_MAX = 4, PLUGIN_OPTIONS_MAX = 512 };

/* One question on its way through the chain. `ask` hooks may change name,
 * qtype and qclass: what is then looked for is the changed question, and the
 * reply is put back under the question as asked. */
struct plugin_query {
	uint64_t now_ns;
	const struct core_client *client; /* NULL for refreshes the core makes itself */
	struct name name;		  /* lower case */
	uint16_t qtype, qclass;
	uint16_t flags;		     /* header flags of the query */
	const struct dns_edns *edns; /* the client's OPT; present may be false */
	const struct name *zone;     /* origin of the server block that matched */
	const uint8_t *msg;	     /* the query as it came; NULL for refreshes */
	size_t msg_len;
	uint16_t server_port; /* where it was asked; only in `options` */
	uint64_t scratch[4]; /* unused by the built-in plugins; zeroed by the core */
	/* Set by a hook that replies: an extended error (RFC 8914) for the core to
	 * put into the client's OPT, if it sent one. The text may be NULL. */
	bool has_ede;
	uint16_t ede_code;
	const char *ede_text;
	/* Set by `ask` with a reply, or by `answered`: the answer's record of this number
	 * (1: the first) is a CNAME whose target the core is to look up like a client's
	 * question, also in another zone; the CNAMEs up to it stay, what came behind
	 * them goes, the target's answer takes its place, and the whole is cached.
	 * A step that may do this says so in plugin_step.follows. 0: nothing. */
	uint16_t follow_rr;
	/* Added by a hook: something to count (resolver/core/stats.h). */
	unsigned n_events;
	struct plugin_event {
		uint8_t what; /* enum stats_event_what */
		const struct name *zone;
		const char *section, *text; /* of a record that failed; else NULL */
	} event[PLUGIN_EVENTS_MAX];
};

enum plugin_verdict {
	PLUGIN_NEXT, /* not mine, or changed and carry on */
	/* `out` holds the whole reply, question included and without an OPT; header id
	 * and flags beyond AA and RCODE are the core's. Never cached: it is cheap to
	 * make again, may depend on the client, and an NXDOMAIN made by a plugin says
	 * nothing about the name's other types. */
	PLUGIN_REPLY,
	PLUGIN_RCODE, /* answer with this rcode and no records: *ret_len is the rcode; never cached
		       */
	PLUGIN_DROP,  /* no answer at all */
};

struct plugin_step;
struct plugin_ops {
	const char *name; /* as in the Corefile */
	enum plugin_verdict (*arrive)(const struct plugin_step *s, struct plugin_query *q,
				      struct wire_out *out, size_t *ret_len);
	enum plugin_verdict (*ask)(const struct plugin_step *s, struct plugin_query *q,
				   struct wire_out *out, size_t *ret_len);
	/* EDNS options for a question to an upstream, to be appended (code, length,
	 * data). `q` is the question as asked by the first client that waits for it;
	 * client is NULL and edns empty when nobody does. */
	void (*options)(const struct plugin_step *s, const struct plugin_query *q,
			struct wire_out *out);
	/* Edit a reply in place before it leaves: `len` may shrink or grow up to
	 * cap; returns the new length. Called for hits and misses alike. */
	size_t (*respond)(const struct plugin_step *s, const struct plugin_query *q, uint8_t *msg,
			  size_t len, size_t cap);
	/* The same for a reply by an upstream (already under the question as asked,
	 * and owners that are the name an ask hook put there are so too) or by an
	 * `ask` hook (as that made it), once, before it goes into the cache: hits then cost
	 * nothing. Must not depend on the client; client may be NULL. */
	size_t (*answered)(const struct plugin_step *s, struct plugin_query *q, uint8_t *msg,
			   size_t len, size_t cap);
	/* The final reply to q is known, from the cache or not, before respond:
	 * non-zero is a second type whose answer is needed too (dns64: A). The core
	 * looks up or asks (q->name, that type, same class) and calls merge; if that
	 * question fails, the first reply goes out as it is. At most one step of a
	 * zone has these two. */
	uint16_t (*reask)(const struct plugin_step *s, const struct plugin_query *q,
			  const uint8_t *msg, size_t len);
	/* Both replies in, one out; 0: send the first unchanged. */
	uint8_t merge_event; /* what a merge counts as: enum stats_event_what */
	size_t (*merge)(const struct plugin_step *s, const struct plugin_query *q,
			const uint8_t *first, size_t first_len, const uint8_t *second,
			size_t second_len, uint8_t *out, size_t cap);
};
struct plugin_step { /* first member of each plugin's own compiled form */
	const struct plugin_ops *ops;
	bool follows; /* may set follow_rr */
};

#endif
