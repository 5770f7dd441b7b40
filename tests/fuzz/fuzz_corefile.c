/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text must be refused or compiled, in bounded time, without touching the
 * machine: imports and files are only what the text can name below /nonexistent
 * by way of its own name. A plan that compiles must compile again to the same
 * digest, and its steps must stand any query.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/plugins/plugin.h"

static const char *no_var(void *ctx, const char *name)
{
	(void)ctx;
	return name[0] == 'A' ? "example.org" : NULL;
}

static size_t no_if(void *ctx, const char *ifname, struct in6_addr *ret, uint32_t *scope,
		    size_t max)
{
	(void)ctx;
	(void)ifname;
	(void)ret;
	(void)scope;
	(void)max;
	return 0;
}

static bool no_file(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return false;
}

static void steps_run(const struct core_zone *z, const uint8_t *data, size_t size)
{
	struct core_client client = {.addr = {.s6_addr = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}}};
	struct dns_edns edns = {0};
	static uint8_t out[65535], msg[65535];

	for (size_t i = 0; i < z->n_steps; i++) {
		const struct plugin_step *s = z->step[i];
		struct plugin_query q = {.client = &client,
					 .qtype = DNS_A,
					 .qclass = DNS_IN,
					 .edns = &edns,
					 .zone = &z->origin};
		struct wire_out o;
		size_t len = 0;

		q.name = z->origin;
		wire_out_init(&o, out, sizeof(out));
		if (s->ops->arrive)
			s->ops->arrive(s, &q, &o, &len);
		wire_out_init(&o, out, sizeof(out));
		if (s->ops->ask)
			s->ops->ask(s, &q, &o, &len);
		q.name = z->origin;
		q.qtype = DNS_AAAA;
		memcpy(msg, data, size);
		if (s->ops->answered)
			s->ops->answered(s, &q, msg, size, sizeof(msg));
		memcpy(msg, data, size);
		if (s->ops->respond)
			s->ops->respond(s, &q, msg, size, sizeof(msg));
		if (s->ops->reask)
			s->ops->reask(s, &q, data, size);
		if (s->ops->merge)
			s->ops->merge(s, &q, data, size, data, size, out, sizeof(out));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct corefile_env e = {.dns_port = 53,
				 .hostname = "h",
				 .lint = size & 1,
				 .get_var = no_var,
				 .if_addrs = no_if,
				 .readable = no_file};
	struct corefile_plan *p = NULL, *again = NULL;
	struct corefile *c;
	struct diag d;

	if (size > 8192 || memmem(data, size, "/dev", 4) || memmem(data, size, "/proc", 5))
		return 0;
	if (corefile_parse_text(&c, "/nonexistent/Corefile", (const char *)data, size, &e, &d) != 0)
		return 0;
	if (corefile_compile(&p, c, &e, &d) == 0) {
		if (corefile_compile(&again, c, &e, &d) != 0 ||
		    strcmp(p->digest, again->digest) != 0)
			abort();
		for (size_t i = 0; i < p->conf.n_zones; i++)
			steps_run(&p->conf.zone[i], data, size);
	}
	corefile_plan_free(p);
	corefile_plan_free(again);
	corefile_free(c);
	return 0;
}
