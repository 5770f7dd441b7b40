/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML files as a tree of nodes that know their line and column, so that
 * whoever reads a value can say where it stands. Door to libyaml. One document
 * a file; aliases are resolved; a document that grows past the limits (size,
 * nodes) is refused.
 */
#ifndef NODENS_YAML_DOC_H
#define NODENS_YAML_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

#define YAML_SIZE_MAX (4u << 20)
#define YAML_DEPTH_MAX 200u /* brackets open at once */

enum yaml_kind { YAML_NONE, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_doc;
struct yaml_at { /* a node: a small value, copied freely; valid as long as its document */
	const struct yaml_doc *doc;
	int id; /* 0: no node */
};

/* `name` is what diagnostics call the file. The text is not kept. */
int yaml_doc_parse(struct yaml_doc **ret, const char *name, const char *text, size_t len,
		   struct diag *d);
void yaml_doc_free(struct yaml_doc *y);

/* The document's top node; kind YAML_NONE when the file is empty. */
struct yaml_at yaml_root(const struct yaml_doc *y);
enum yaml_kind yaml_kind(struct yaml_at n);
const char *yaml_kind_str(enum yaml_kind k); /* "a list" */
/* Text of a scalar, NUL-terminated, else NULL. Text with NUL octets inside is
 * refused when the document is parsed. */
const char *yaml_text(struct yaml_at n);
/* i-th item of a list; i-th key and value of a map. False past the end. */
bool yaml_item(struct yaml_at n, size_t i, struct yaml_at *ret);
bool yaml_pair(struct yaml_at n, size_t i, struct yaml_at *ret_key, struct yaml_at *ret_value);
size_t yaml_len(struct yaml_at n); /* items or pairs; 0 for the rest */
unsigned yaml_line(struct yaml_at n); /* from 1; 0 when there is no node */
unsigned yaml_col(struct yaml_at n);
/* diag_at with the node's place. */
int yaml_err(struct yaml_at n, struct diag *d, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
