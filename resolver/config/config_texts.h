/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files (and host names) that a Corefile names, as they were found when it
 * was taken. They have two uses: what cannot be read any more is what it was
 * last, so that a file that is gone does not stop a change elsewhere; and the
 * workers, also those that replace another much later, see what the supervisor
 * saw and nothing else.
 */
#ifndef NODENS_CONFIG_TEXTS_H
#define NODENS_CONFIG_TEXTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "resolver/corefile/corefile.h"

struct config_text {
	const char *key; /* a path; "glob PATTERN", "host NAME": what these gave, a line each */
	const char *text;
	size_t len;
	bool secret; /* a file of TLS: `text` is empty, its readers read it themselves */
};
struct config_texts { /* zeroed: empty */
	size_t n;
	struct config_text *entry;
	bool borrowed; /* keys and texts are somebody else's */
};

const struct config_text *config_texts_find(const struct config_texts *t, const char *key);
/* In place of an older one. */
int config_texts_put(struct config_texts *t, const char *key, const char *text, size_t len, bool secret);
void config_texts_release(struct config_texts *t);

/* For a memory file: *ret is malloc'd. */
int config_texts_pack(const struct config_texts *t, char **ret, size_t *ret_len);
/* Entries point into `bytes`. ERR_SHORT, ERR_SYNTAX: not what config_texts_pack wrote. */
int config_texts_unpack(struct config_texts *ret, const char *bytes, size_t len);

/* A copy, malloc'd. */
int config_text_give(const struct config_text *e, char **ret_text, size_t *ret_len);
/* What a host name gave; how many. */
size_t config_text_addrs(const struct config_text *e, struct in6_addr *ret, size_t max);

/* e's hooks know `t` and nothing else. */
void config_texts_install(struct config_texts *t, struct corefile_env *e);

#endif
