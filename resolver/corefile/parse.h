/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the stages of reading: tokens from one text, the stream that imports
 * are spliced into, and the tree built from it. Only corefile/ uses this.
 */
#ifndef NODENS_CF_PARSE_H
#define NODENS_CF_PARSE_H

#include "resolver/corefile/arena.h"
#include "resolver/corefile/corefile.h"
#include "resolver/corefile/report.h"

enum {
	CF_TEXT_MAX = 4 << 20,	/* octets of one file */
	CF_TOKENS_MAX = 100000, /* after all imports */
	CF_IMPORTS_MAX = 10000, /* import statements carried out */
	CF_DEPTH_MAX = 8,	/* braces within braces */
	CF_ARENA_MAX = 64 << 20,
};

struct cf_tokens {
	size_t n, cap;
	struct cf_token *tok; /* malloc'd */
};
struct cf_snippet {
	const char *name;
	struct cf_token at;
	struct cf_tokens body;
};
struct cf_parse {
	const struct corefile_env *env;
	struct arena *arena;
	struct cf_report *report;
	struct cf_tokens in; /* a stack, next token on top: an import pushes */
	size_t n_pushed;     /* in all, at most CF_TOKENS_MAX */
	size_t n_imports;
	unsigned said_filled; /* bit per template token mentioned */
	struct cf_token slip_of, slip; /* a block whose '}' stands further left than it; text NULL: none */
	struct cf_token last; /* taken last: where the end of file is missing something */
	size_t n_snippets;
	struct cf_snippet *snippet;
	size_t n_files;
	const char **file;
};

/* Tokens of a text; faults go to the report. ERR_NOMEM, ERR_LIMIT or 0. */
int cf_lex(struct cf_parse *p, const char *file, const char *text, size_t len,
	   struct cf_tokens *ret);
int cf_tokens_add(struct cf_tokens *t, const struct cf_token *tok);
/* Make these the next ones to come. */
int cf_push(struct cf_parse *p, const struct cf_tokens *t, bool starts_line);
/* The token that comes after `ahead` others, imports not yet carried out; NULL
 * at the end. */
const struct cf_token *cf_peek(const struct cf_parse *p, size_t ahead);
bool cf_take(struct cf_parse *p, struct cf_token *ret);
/* Carry out the import statement that comes next: its tokens take its place.
 * After a fault it is gone. */
int cf_import(struct cf_parse *p);
bool cf_is(const struct cf_token *t, const char *symbol); /* and not quoted */
/* A whole file; text is malloc'd and NUL-terminated. "stdin" is the standard input. */
int cf_read_file(const char *path, char **ret_text, size_t *ret_len, struct diag *d);
/* Through the hooks of the environment; without a hook, from the disk. */
int cf_env_read(const struct corefile_env *e, const char *path, bool secret, char **ret_text,
		size_t *ret_len, struct diag *d);
int cf_env_glob(const struct corefile_env *e, const char *pattern, char **ret);
/* SHA-256 over a tree's tokens. */
int cf_digest(struct corefile *c);
/* The same over one node, 64 bits of it, chained through `seed`. */
int cf_digest_node(const struct cf_node *n, uint64_t seed, uint64_t *ret);
/* Servers into the arena. Faults are reported, and reading goes on. */
int cf_parse_servers(struct cf_parse *p, struct corefile *c);

#endif
