/* SPDX-License-Identifier: Apache-2.0 */
/* Digests over tokens: what a change of blanks or comments does not change. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "resolver/corefile/parse.h"

static size_t node_size(const struct cf_node *n)
{
	size_t size = 2;

	for (size_t i = 0; i < n->n; i++)
		size += strlen(n->tok[i].text) + 1;
	for (size_t i = 0; i < n->n_nodes; i++)
		size += node_size(&n->node[i]);
	return size;
}

static char *node_put(const struct cf_node *n, char *to)
{
	for (size_t i = 0; i < n->n; i++) {
		size_t l = strlen(n->tok[i].text) + 1;

		memcpy(to, n->tok[i].text, l);
		to += l;
	}
	*to++ = '{';
	for (size_t i = 0; i < n->n_nodes; i++)
		to = node_put(&n->node[i], to);
	*to++ = '}';
	return to;
}

static struct cf_node server_node(const struct cf_server *s)
{
	return (struct cf_node){
		.n = s->n_keys, .tok = s->key, .n_nodes = s->n_nodes, .node = s->node};
}

int cf_digest(struct corefile *c)
{
	size_t total = 1;

	for (size_t i = 0; i < c->n_servers; i++) {
		struct cf_node n = server_node(&c->server[i]);

		total += node_size(&n);
	}
	char *text = malloc(total), *end = text;

	if (!text)
		return ERR_NOMEM;
	for (size_t i = 0; i < c->n_servers; i++) {
		struct cf_node n = server_node(&c->server[i]);

		end = node_put(&n, end);
	}
	hash_sha256_hex(text, (size_t)(end - text), c->digest);
	free(text);
	return 0;
}

int cf_digest_node(const struct cf_node *n, uint64_t seed, uint64_t *ret)
{
	size_t size = node_size(n) + sizeof(seed);
	char *text = malloc(size);
	uint8_t digest[32];

	if (!text)
		return ERR_NOMEM;
	memcpy(text, &seed, sizeof(seed));
	hash_sha256(text, (size_t)(node_put(n, text + sizeof(seed)) - text), digest);
	memcpy(ret, digest, sizeof(*ret));
	free(text);
	return 0;
}
