/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a Corefile names: hosts, resolv.conf, weights. Whatever is in them, the
 * configuration is compiled or refused with words, and its steps stand the names that
 * the file holds, and their reverse.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/plugins/plugin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *no_var(void *ctx, const char *name)
{
	(void)ctx, (void)name;
	return NULL;
}

static size_t no_if(void *ctx, const char *ifname, struct in6_addr *ret, uint32_t *scope,
		    size_t max)
{
	(void)ctx, (void)ifname, (void)ret, (void)scope, (void)max;
	return 0;
}

static size_t no_host(void *ctx, const char *host, const struct in6_addr *server,
		      const uint16_t *port, size_t n, struct in6_addr *ret, size_t max)
{
	(void)ctx, (void)host, (void)server, (void)port, (void)n, (void)ret, (void)max;
	return 0;
}

static bool all_readable(void *ctx, const char *path)
{
	(void)ctx, (void)path;
	return true;
}

static struct corefile_plan *compile(const char *text)
{
	struct corefile_env e = {.dns_port = 53,
				 .hostname = "h",
				 .get_var = no_var,
				 .if_addrs = no_if,
				 .readable = all_readable,
				 .host_addrs = no_host};
	struct corefile_plan *p = NULL;
	struct corefile *c;
	struct diag d = {""};

	if (corefile_parse_text(&c, "f", text, strlen(text), &e, &d) < 0)
		abort();
	if (corefile_compile(&p, c, &e, &d) < 0) {
		assert(d.text[0]);
		p = NULL;
	}
	corefile_free(c);
	return p;
}

static void name_ask(const struct core_zone *z, const char *text, uint16_t qtype)
{
	static uint8_t out[DNS_MSG_MAX];
	struct core_client client = {.addr = {.s6_addr = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}}};
	struct dns_edns edns = {0};
	struct plugin_query q = {.client = &client,
				 .qtype = qtype,
				 .qclass = DNS_IN,
				 .edns = &edns,
				 .zone = &z->origin};
	struct dns_msg m;
	size_t len = 0;

	if (name_from_text(&q.name, text) < 0)
		return;
	name_lower(q.name.b, q.name.b);
	for (size_t i = 0; i < z->n_steps; i++) {
		const struct plugin_step *s = z->step[i];
		struct wire_out o;

		wire_out_init(&o, out, sizeof(out));
		if (s->ops->ask && s->ops->ask(s, &q, &o, &len) == PLUGIN_REPLY)
			assert(dns_msg_parse(&m, out, o.len) == 0 && m.end == o.len);
	}
}

static void words_ask(const struct core_zone *z, const uint8_t *data, size_t size)
{
	char word[256];

	for (size_t i = 0, n = 0, asked = 0; i <= size && asked < 16; i++) {
		bool in_word = i < size && !memchr(" \t\r\n", data[i], 4);

		if (in_word && n < sizeof(word) - 1) {
			word[n++] = (char)data[i];
		} else if (n) {
			word[n] = 0;
			n = 0;
			asked++;
			name_ask(z, word, DNS_A);
			name_ask(z, word, DNS_AAAA);
			name_ask(z, word, DNS_PTR);
		}
	}
	name_ask(z, "1.2.0.192.in-addr.arpa.", DNS_PTR);
	name_ask(z, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
		 DNS_PTR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const before[] = {"hosts", "forward .", "loadbalance weighted"};
	static const char *const after[] = {"{\n fallthrough\n }\n forward . 192.0.2.53", "",
					    "\n forward . 192.0.2.53"};
	char text[256];
	int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0 || size < 1 || write(fd, data + 1, size - 1) != (ssize_t)size - 1) {
		close(fd);
		return 0;
	}
	snprintf(text, sizeof(text), ". {\n %s /proc/self/fd/%d %s\n}\n", before[data[0] % 3], fd,
		 after[data[0] % 3]);
	struct corefile_plan *p = compile(text);

	if (p) {
		assert(p->conf.zone[0].n_forward == 1 &&
		       p->conf.n_upstreams <= CORE_FORWARD_TO_MAX);
		words_ask(&p->conf.zone[0], data + 1, size - 1);
	}
	corefile_plan_free(p);
	close(fd);
	return 0;
}
