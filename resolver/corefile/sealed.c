/* SPDX-License-Identifier: Apache-2.0 */
/* Every question about the machine has the same answer: nothing. */
#include "resolver/corefile/sealed.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/dns/wire.h"

static const char *no_var(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static size_t no_addrs(void *ctx, const char *ifname, struct in6_addr *ret, uint32_t *ret_scope, size_t max)
{
	(void)ctx;
	(void)ifname;
	(void)ret;
	(void)ret_scope;
	(void)max;
	return 0;
}

static bool not_readable(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return false;
}

static int no_file(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	(void)ctx;
	(void)secret;
	(void)ret_text;
	(void)ret_len;
	return diag_set(d, ERR_SYS, "%s: there are no files here", path);
}

static int no_match(void *ctx, const char *pattern, char **ret)
{
	(void)ctx;
	(void)pattern;
	(void)ret;
	return GLOB_NOMATCH;
}

static size_t no_host(void *ctx, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
		      struct in6_addr *ret, size_t max)
{
	(void)ctx;
	(void)host;
	(void)server;
	(void)port;
	(void)n;
	(void)ret;
	(void)max;
	return 0;
}

static const struct corefile_env sealed = {
	.dns_port = DNS_PORT,
	.hostname = "node",
	.get_var = no_var,
	.if_addrs = no_addrs,
	.readable = not_readable,
	.read_file = no_file,
	.glob_files = no_match,
	.host_addrs = no_host,
};

int corefile_compile_sealed(struct corefile_plan **ret, const char *what, const char *text, struct diag *d)
{
	struct corefile *tree = NULL;
	int rc = corefile_parse_text(&tree, what, text, strlen(text), &sealed, d);

	if (rc == 0)
		rc = corefile_compile(ret, tree, &sealed, d);
	corefile_free(tree);
	return rc;
}

char *corefile_stock_text(const struct corefile_stock *s)
{
	static const char *const reverse[] = {"in-addr.arpa", "ip6.arpa"};
	char *text = NULL;
	size_t len;
	FILE *f = text_open(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "%s:53 {\n errors\n nsid node-cache\n cache {\n  success %u %u\n  denial %u %u\n }\n", s->domain,
		s->success, s->ttl_s, s->denial, s->negative_ttl_s);
	if (s->search_path)
		fprintf(f, " search_path {\n  cluster\n  shield %s\n }\n", s->search_path);
	fprintf(f, " bind %s\n forward . %s {\n  force_tcp\n }\n}\n", s->bind, s->upstream);
	for (size_t i = 0; i < 2; i++)
		fprintf(f, "%s:53 {\n errors\n nsid node-cache\n cache %u\n bind %s\n forward . %s {\n  force_tcp\n }\n}\n",
			reverse[i], s->ttl_s, s->bind, s->upstream);
	fprintf(f, ".:53 {\n errors\n nsid node-cache\n cache %u\n bind %s\n forward . %s\n}\n", s->ttl_s, s->bind,
		s->resolver);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
