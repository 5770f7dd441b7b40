/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Lists are short and read once: no index. */
#include "resolver/config/config_texts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

/* --- the list --- */

const struct config_text *config_texts_find(const struct config_texts *t, const char *key)
{
	for (size_t i = 0; t && i < t->n; i++)
		if (strcmp(t->entry[i].key, key) == 0)
			return &t->entry[i];
	return NULL;
}

static struct config_text *slot_make(struct config_texts *t)
{
	struct config_text *more = realloc(t->entry, (t->n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	t->entry = more;
	return &more[t->n];
}

static void entry_free(struct config_text *e)
{
	free((char *)(uintptr_t)e->key);
	free((char *)(uintptr_t)e->text);
}

int config_texts_put(struct config_texts *t, const char *key, const char *text, size_t len, bool secret)
{
	char *k = strdup(key), *copy = malloc(len + 1);
	struct config_text *e = (struct config_text *)(uintptr_t)config_texts_find(t, key);
	bool fresh = !e;
	if (fresh)
		e = slot_make(t);
	if (!k || !copy || !e) {
		free(k);
		free(copy);
		return ERR_NOMEM;
	}
	memcpy(copy, text, len);
	copy[len] = 0;
	if (fresh)
		t->n++;
	else
		entry_free(e);
	*e = (struct config_text){ .key = k, .text = copy, .len = len, .secret = secret };
	return 0;
}

void config_texts_release(struct config_texts *t)
{
	for (size_t i = 0; i < t->n && !t->borrowed; i++)
		entry_free(&t->entry[i]);
	free(t->entry);
	*t = (struct config_texts){ 0 };
}

/* --- to and from octets: secret, lengths, key with its NUL, text with its NUL --- */

struct packed {
	uint32_t secret, key_len, text_len;
};

int config_texts_pack(const struct config_texts *t, char **ret, size_t *ret_len)
{
	FILE *f = text_open(ret, ret_len);
	if (!f)
		return ERR_NOMEM;
	for (size_t i = 0; i < t->n; i++) {
		const struct config_text *e = &t->entry[i];
		struct packed h = { e->secret, (uint32_t)strlen(e->key) + 1, (uint32_t)e->len + 1 };
		fwrite(&h, sizeof(h), 1, f);
		fwrite(e->key, 1, h.key_len, f);
		fwrite(e->text, 1, h.text_len, f);
	}
	return fclose(f) == 0 ? 0 : ERR_NOMEM;
}

static int entry_unpack(struct config_texts *t, const char **at, size_t *left)
{
	struct packed h;
	if (*left < sizeof(h))
		return ERR_SHORT;
	memcpy(&h, *at, sizeof(h));
	const char *key = *at + sizeof(h), *text = key + h.key_len;
	if (!h.key_len || !h.text_len || (uint64_t)sizeof(h) + h.key_len + h.text_len > *left)
		return ERR_SHORT;
	if (key[h.key_len - 1] || text[h.text_len - 1])
		return ERR_SYNTAX;
	struct config_text *e = slot_make(t);
	if (!e)
		return ERR_NOMEM;
	*e = (struct config_text){ .key = key, .text = text, .len = h.text_len - 1, .secret = h.secret };
	t->n++;
	*at = text + h.text_len;
	*left -= sizeof(h) + h.key_len + h.text_len;
	return 0;
}

int config_texts_unpack(struct config_texts *ret, const char *bytes, size_t len)
{
	struct config_texts t = { .borrowed = true };
	int rc = 0;
	while (rc == 0 && len)
		rc = entry_unpack(&t, &bytes, &len);
	if (rc < 0)
		config_texts_release(&t);
	else
		*ret = t;
	return rc;
}

/* --- hooks that answer from a list --- */

int config_text_give(const struct config_text *e, char **ret_text, size_t *ret_len)
{
	char *copy = malloc(e->len + 1);
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, e->text, e->len + 1);
	*ret_text = copy;
	*ret_len = e->len;
	return 0;
}

static int texts_read(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	const struct config_text *e = config_texts_find(ctx, path);
	(void)secret;
	if (!e)
		return diag_set(d, ERR_MISSING, "%s: it could not be read when the Corefile was", path);
	return config_text_give(e, ret_text, ret_len) == 0 ? 0 : diag_set(d, ERR_NOMEM, "%s: out of memory", path);
}

static bool texts_readable(void *ctx, const char *path)
{
	return config_texts_find(ctx, path) != NULL;
}

static int texts_glob(void *ctx, const char *pattern, char **ret)
{
	char key[4200];
	size_t len;
	snprintf(key, sizeof(key), "glob %s", pattern);
	const struct config_text *e = config_texts_find(ctx, key);
	if (!e)
		return GLOB_NOMATCH;
	return config_text_give(e, ret, &len) == 0 ? 0 : GLOB_NOSPACE;
}

size_t config_text_addrs(const struct config_text *e, struct in6_addr *ret, size_t max)
{
	const char *text = e->text;
	char word[INET6_ADDRSTRLEN + 1];
	size_t n = 0;
	for (; *text && n < max; text += strcspn(text, "\n"), text += *text == '\n') {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, "\n"), text);
		n += inet_pton(AF_INET6, word, &ret[n]) == 1;
	}
	return n;
}

static size_t texts_host(void *ctx, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
			 struct in6_addr *ret, size_t max)
{
	char key[300];
	(void)server;
	(void)port;
	(void)n;
	snprintf(key, sizeof(key), "host %s", host);
	const struct config_text *e = config_texts_find(ctx, key);
	return e ? config_text_addrs(e, ret, max) : 0;
}

void config_texts_install(struct config_texts *t, struct corefile_env *e)
{
	e->ctx = t;
	e->read_file = texts_read;
	e->readable = texts_readable;
	e->glob_files = texts_glob;
	e->host_addrs = texts_host;
}
