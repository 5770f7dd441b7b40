/* SPDX-License-Identifier: Apache-2.0 */
/* Corefiles from strings, plans from Corefiles, and queries for their steps. */
#ifndef NODENS_TEST_COREFILE_UTIL_H
#define NODENS_TEST_COREFILE_UTIL_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "lib/msg.h"
#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/plugins/plugin.h"

static inline const char *fake_var(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "IP") == 0)
		return "192.0.2.7";
	return strcmp(name, "TWO") == 0 ? "a b" : NULL;
}

static inline struct in6_addr addr_of(const char *text)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (inet_pton(AF_INET, text, a.s6_addr + 12) != 1)
		cr_assert_eq(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static inline size_t fake_if_addrs(void *ctx, const char *ifname, struct in6_addr *ret,
				   uint32_t *scope, size_t max)
{
	(void)ctx;
	if (strcmp(ifname, "eth0") != 0 || max < 2)
		return 0;
	ret[0] = addr_of("192.0.2.1");
	ret[1] = addr_of("fe80::1");
	scope[0] = 0;
	scope[1] = 3;
	return 2;
}

static inline bool fake_readable(void *ctx, const char *path)
{
	(void)ctx;
	return path[0] == '/' && strncmp(path, "/run/systemd", 12) != 0;
}

static inline size_t fake_host_addrs(void *ctx, const char *host, const struct in6_addr *server,
				     const uint16_t *port, size_t n, struct in6_addr *ret,
				     size_t max)
{
	(void)ctx;
	(void)server;
	(void)port;
	if (strcmp(host, "dns.example.net") != 0 || max == 0)
		return 0;
	ret[0] = addr_of(n ? "198.51.100.2" : "198.51.100.1");
	return 1;
}

static inline struct corefile_env test_env(void)
{
	return (struct corefile_env){.dns_port = 53,
				     .hostname = "node-1",
				     .get_var = fake_var,
				     .if_addrs = fake_if_addrs,
				     .readable = fake_readable,
				     .host_addrs = fake_host_addrs};
}

/* The plan, or NULL and the words. */
static inline struct corefile_plan *plan_try(const char *text, struct diag *d)
{
	struct corefile_env e = test_env();
	struct corefile_plan *p = NULL;
	struct corefile *c;

	d->text[0] = 0;
	if (corefile_parse_text(&c, "f", text, strlen(text), &e, d) != 0)
		return NULL;
	if (corefile_compile(&p, c, &e, d) != 0)
		p = NULL;
	corefile_free(c);
	return p;
}

static inline struct corefile_plan *plan_of(const char *text)
{
	struct diag d;
	struct corefile_plan *p = plan_try(text, &d);

	cr_assert(p, "%s", d.text);
	return p;
}

/* The text must be refused with words that hold `words`. */
static inline void assert_refused(const char *text, const char *words)
{
	struct diag d;
	struct corefile_plan *p = plan_try(text, &d);

	cr_assert_null(p, "accepted: %s", text);
	cr_assert(strstr(d.text, words), "'%s' is not in: %s", words, d.text);
}

static inline void assert_warned(const struct corefile_plan *p, const char *words)
{
	for (size_t i = 0; i < p->n_warnings; i++)
		if (strstr(p->warning[i], words))
			return;
	cr_assert_fail("no warning with '%s' (first of %zu: %s)", words, p->n_warnings,
		       p->n_warnings ? p->warning[0] : "");
}

/* The one step of a block that holds only `directive` and a forward. */
static inline const struct plugin_step *step_of(struct corefile_plan **ret, const char *directive)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "example.org example.net 10.in-addr.arpa {\n%s\nforward . 192.0.2.53\n}\n",
		 directive);
	*ret = plan_of(text);
	cr_assert_eq((*ret)->conf.zone[0].n_steps, 1);
	return (*ret)->conf.zone[0].step[0];
}

struct asked { /* a query and what a hook made of it */
	struct plugin_query q;
	struct core_client client;
	struct name zone;
	struct dns_edns edns;
	uint8_t msg[512], out[4096];
	struct wire_out o;
	size_t len;
};

static inline void ask_init(struct asked *a, const char *name, uint16_t qtype, const char *client)
{
	memset(a, 0, sizeof(*a));
	a->client.addr = addr_of(client);
	a->client.port = 40000;
	cr_assert_eq(name_from_text(&a->q.name, name), 0);
	cr_assert_eq(name_from_text(&a->zone, "example.org"), 0);
	a->q.qtype = qtype;
	a->q.qclass = DNS_IN;
	a->q.client = &a->client;
	a->q.zone = &a->zone;
	a->q.edns = &a->edns;
	a->q.flags = DNS_RD;
	a->q.msg = a->msg;
	a->q.msg_len = dns_query_build(a->msg, sizeof(a->msg), 4711, a->q.name.b, qtype, DNS_RD, 0,
				       false, false);
	wire_out_init(&a->o, a->out, sizeof(a->out));
}

/* The answer section as sorted text of what a hook replied; in static storage. */
static inline const char *section_of(const uint8_t *msg, size_t len, int section)
{
	static char text[4][2048];
	static int turn;
	char *t = text[turn++ & 3], *s = msg_section_text(msg, len, section, 0);

	cr_assert(s, "not a message");
	snprintf(t, sizeof(text[0]), "%s", s);
	free(s);
	for (char *c = t; *c; c++)
		if (*c == '\t')
			*c = ' ';
	return t;
}

/* A reply to (name, type) with these records in its answer section. */
static inline size_t reply_make(uint8_t *buf, size_t cap, const char *name, uint16_t qtype,
				uint16_t rcode, const char *const *rr)
{
	struct dns_header h = {
		.id = 4711, .flags = (uint16_t)(DNS_QR | DNS_RD | DNS_RA | rcode), .n_qd = 1};
	struct name n, owner;
	struct wire_out o;

	cr_assert_eq(name_from_text(&n, name), 0);
	wire_out_init(&o, buf, cap);
	wire_put_header(&o, &h);
	wire_put_question(&o, n.b, qtype, DNS_IN);
	for (uint16_t i = 0; rr && rr[i]; i++) {
		uint8_t rdata[512];
		uint16_t type;
		uint32_t ttl;
		size_t len;
		struct diag d;

		cr_assert_eq(msg_rr_from_text(rr[i], 300, &owner, &type, &ttl, rdata, sizeof(rdata),
					      &len, &d),
			     0, "%s", d.text);
		size_t mark = wire_rr_begin(&o, owner.b, type, DNS_IN, ttl);

		wire_put_bytes(&o, rdata, len);
		wire_rr_end(&o, mark);
		set_be16(buf + 6, (uint16_t)(i + 1));
	}
	cr_assert_eq(o.err, 0);
	return o.len;
}

#endif
