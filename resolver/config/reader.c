/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks of corefile_env that ask its former ones. */
#include "resolver/config/reader.h"

#include <arpa/inet.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stale_note(struct config_reader *r, const char *what)
{
	if (!r->stale.text[0])
		diag_set(&r->stale, 0, "%s: what it was before stays in use", what);
}

static int reader_read(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	struct config_reader *r = ctx;
	struct diag why = { "" };
	int rc = r->world.read_file(r->world.ctx, path, secret, ret_text, ret_len, &why);
	if (rc < 0) {
		const struct config_text *e = config_texts_find(r->last, path);
		config_texts_put(&r->missing, path, "", 0, secret);
		if (!e || config_text_give(e, ret_text, ret_len) < 0) {
			*d = why;
			return rc;
		}
		stale_note(r, why.text);
	}
	/* A secret's readers read it themselves; that it was there is what counts. */
	if (config_texts_put(&r->seen, path, secret ? "" : *ret_text, secret ? 0 : *ret_len, secret) == 0)
		return 0;
	free(*ret_text);
	return diag_set(d, ERR_NOMEM, "%s: out of memory", path);
}

/* The last good content in place of what was read, or none. */
static int reader_refuse(void *ctx, const char *path, const char *why, char **ret_text, size_t *ret_len)
{
	static const struct config_text none = { .text = "" };
	struct config_reader *r = ctx;
	const struct config_text *e = config_texts_find(r->last, path);
	if (config_text_give(e ? e : &none, ret_text, ret_len) < 0)
		return ERR_NOMEM;
	if (e)
		stale_note(r, why);
	else if (!r->stale.text[0])
		diag_set(&r->stale, 0, "%s: the file is left out until it is good", why);
	if (config_texts_put(&r->seen, path, *ret_text, *ret_len, false) == 0)
		return 0;
	free(*ret_text);
	return ERR_NOMEM;
}

static bool reader_readable(void *ctx, const char *path)
{
	struct config_reader *r = ctx;
	return r->world.readable(r->world.ctx, path) || config_texts_find(r->last, path);
}

static int reader_glob(void *ctx, const char *pattern, char **ret)
{
	struct config_reader *r = ctx;
	char key[4200];
	int rc = r->world.glob_files(r->world.ctx, pattern, ret);
	if (rc != 0)
		config_texts_put(&r->missing, pattern, "", 0, false);
	snprintf(key, sizeof(key), "glob %s", pattern);
	if (rc == 0 && config_texts_put(&r->seen, key, *ret, strlen(*ret), false) < 0) {
		free(*ret);
		return GLOB_NOSPACE;
	}
	return rc;
}

static size_t reader_host(void *ctx, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
			  struct in6_addr *ret, size_t max)
{
	struct config_reader *r = ctx;
	char key[300], text[16 * INET6_ADDRSTRLEN] = "", ip[INET6_ADDRSTRLEN];
	size_t got = r->world.host_addrs(r->world.ctx, host, server, port, n, ret, max);
	snprintf(key, sizeof(key), "host %s", host);
	if (got == 0) {
		const struct config_text *e = config_texts_find(r->last, key);
		got = e ? config_text_addrs(e, ret, max) : 0;
		if (got)
			stale_note(r, host);
	}
	for (size_t i = 0; i < got && i < 16; i++) {
		strcat(text, inet_ntop(AF_INET6, &ret[i], ip, sizeof(ip)));
		strcat(text, "\n");
	}
	if (got)
		config_texts_put(&r->seen, key, text, strlen(text), false);
	return got;
}

void config_reader_install(struct config_reader *r, struct corefile_env *e, const struct config_texts *last)
{
	*r = (struct config_reader){ .world = *e, .last = last };
	e->ctx = r;
	e->read_file = reader_read;
	e->refuse = reader_refuse;
	e->readable = reader_readable;
	e->glob_files = reader_glob;
	e->host_addrs = reader_host;
}
