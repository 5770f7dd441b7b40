/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values are read as the original's library reads them (Go's encoding/json into
 * a map: of equal keys the last counts, null is as if the key were absent) and
 * checked as it checks them, with one addition: a stub domain without servers is
 * refused here, not by the Corefile it would break. What is wrong with one value
 * refuses the other as well, in the original as here: half of a change is one
 * that nobody wrote. Unknown keys are ignored; `federations` died with kube-dns.
 */
#include "resolver/config/kubedns.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "resolver/config/target.h"
#include "resolver/core/limits.h"

static bool is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		unsigned more = *p < 0x80 ? 0 : (*p & 0xe0) == 0xc0 && *p >= 0xc2 ? 1 : (*p & 0xf0) == 0xe0 ? 2
			      : (*p & 0xf8) == 0xf0 && *p <= 0xf4 ? 3 : 9;

		if (more == 9)
			return false;
		for (p++; more; more--, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
		}
	}
	return true;
}

/* RFC 1123 subdomain, as Kubernetes checks it. */
static bool is_domain(const char *text)
{
	size_t len = strlen(text), label = 0;

	if (!len || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool edge = !label || i + 1 == len || text[i + 1] == '.';

		if (c == '.') {
			if (!label)
				return false;
			label = 0;
			continue;
		}
		if (!(islower(c) || isdigit(c) || (c == '-' && !edge)) || ++label > 63)
			return false;
	}
	return label > 0;
}

static void stub_release(struct render_stub *s)
{
	for (size_t i = 0; i < s->n_servers; i++)
		free((char *)(uintptr_t)s->server[i]);
	free((void *)(uintptr_t)s->server);
	free((char *)(uintptr_t)s->domain);
}

void kubedns_release(struct kubedns_conf *c)
{
	for (size_t i = 0; i < c->n_stubs; i++)
		stub_release(&c->stub[i]);
	free(c->stub);
	for (size_t i = 0; i < c->n_upstreams; i++)
		free(c->upstream[i]);
	*c = (struct kubedns_conf){0};
}

/* Takes over a list of texts; on failure what was taken is in *ret, for release. */
static int stub_fill(struct render_stub *ret, const char *domain, const struct jdoc *servers, struct diag *d)
{
	size_t n = jdoc_count(servers);
	const char **list;

	if (!is_domain(domain))
		return diag_set(d, ERR_SYNTAX, "stubDomains: \"%s\" is no domain name (lower case, RFC 1123)", domain);
	if (jdoc_type(servers) != JDOC_LIST || !n)
		return diag_set(d, ERR_SYNTAX, "stubDomains: %s: a list of servers is expected", domain);
	ret->domain = strdup(domain);
	ret->server = list = calloc(n, sizeof *list);
	if (!ret->domain || !list)
		return diag_set(d, ERR_NOMEM, "stubDomains: out of memory");
	for (size_t i = 0; i < n; i++) {
		const char *server = jdoc_text(jdoc_item(servers, i));

		if (!server)
			return diag_set(d, ERR_SYNTAX, "stubDomains: %s: server %zu is no text", domain, i + 1);
		list[i] = strdup(server);
		if (!list[i])
			return diag_set(d, ERR_NOMEM, "stubDomains: out of memory");
		ret->n_servers++;
	}
	return 0;
}

static int stub_cmp(const void *a, const void *b)
{
	return strcmp(((const struct render_stub *)a)->domain, ((const struct render_stub *)b)->domain);
}

static int stubs_fill(struct kubedns_conf *c, const struct jdoc *map, struct diag *d)
{
	const struct jdoc *servers;
	const char *domain;
	int err = 0;

	if (jdoc_type(map) != JDOC_MAP)
		return diag_set(d, ERR_SYNTAX, "stubDomains: an object of domain: [servers] is expected");
	/* No Corefile has as many; told before there is one, because writing and compiling what a
	 * ConfigMap can hold takes the supervisor longer than rules wait for it. */
	if (jdoc_count(map) > CORE_ZONES_MAX)
		return diag_set(d, ERR_LIMIT, "stubDomains: %zu domains, more than %d zones in all", jdoc_count(map), CORE_ZONES_MAX);
	c->stub = calloc(jdoc_count(map) + 1, sizeof *c->stub);
	if (!c->stub)
		return diag_set(d, ERR_NOMEM, "stubDomains: out of memory");
	for (size_t i = 0; !err && jdoc_member(map, i, &domain, &servers); i++)
		err = stub_fill(&c->stub[c->n_stubs++], domain, servers, d);
	if (!err) /* a refused entry is half filled */
		qsort(c->stub, c->n_stubs, sizeof *c->stub, stub_cmp);
	return err;
}

static int upstreams_fill(struct kubedns_conf *c, const struct jdoc *list, struct diag *d)
{
	size_t n = jdoc_count(list);

	if (jdoc_type(list) != JDOC_LIST)
		return diag_set(d, ERR_SYNTAX, "upstreamNameservers: a list of addresses is expected");
	if (n > KUBEDNS_UPSTREAMS_MAX)
		return diag_set(d, ERR_LIMIT, "upstreamNameservers: %zu given, at most %d are permitted", n, KUBEDNS_UPSTREAMS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *server = jdoc_text(jdoc_item(list, i));

		/* Here only addresses: a file name would pass target_good. */
		if (!server || strchr(server, '/') || !target_good(server))
			return diag_set(d, ERR_SYNTAX, "upstreamNameservers: \"%s\" is no IP or IP:port", server ? server : "(no text)");
		c->upstream[i] = strdup(server);
		if (!c->upstream[i])
			return diag_set(d, ERR_NOMEM, "upstreamNameservers: out of memory");
		c->n_upstreams++;
	}
	return 0;
}

static int value_parse(const char *key, const char *text, struct kubedns_conf *c,
		       int (*fill)(struct kubedns_conf *, const struct jdoc *, struct diag *), struct diag *d)
{
	struct jdoc *root;
	struct diag why = {""};
	int err;

	if (!text || !text[strspn(text, " \t\r\n")])
		return 0; /* key absent or empty: nothing wanted */
	if (!is_utf8(text))
		return diag_set(d, ERR_SYNTAX, "%s: not UTF-8", key);
	err = jdoc_parse_last(&root, text, strlen(text), &why);
	if (err)
		return diag_set(d, err, "%s: %s", key, why.text);
	if (jdoc_type(root) != JDOC_NULL)
		err = fill(c, root, d);
	jdoc_free(root);
	return err;
}

int kubedns_parse(const char *stub_json, const char *upstream_json, struct kubedns_conf *ret, struct diag *d)
{
	struct kubedns_conf c = {0};
	int err = value_parse("stubDomains", stub_json, &c, stubs_fill, d);

	if (!err)
		err = value_parse("upstreamNameservers", upstream_json, &c, upstreams_fill, d);
	if (err)
		kubedns_release(&c);
	else
		*ret = c;
	return err;
}
