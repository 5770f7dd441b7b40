/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's document loader builds the tree and keeps each node's mark; this
 * file only makes it safe to walk (kinds, bounds, no NUL in text) and turns
 * its errors into ours.
 */
#include "lib/base/yaml_doc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct yaml_doc {
	yaml_document_t doc;
	char *name;
};

static const yaml_node_t *node(struct yaml_at n)
{
	if (!n.doc || n.id <= 0)
		return NULL;
	/* the accessor only reads, but is declared without const */
	return yaml_document_get_node((yaml_document_t *)&n.doc->doc, n.id);
}

static int parser_error(const yaml_parser_t *p, const char *name, struct diag *d)
{
	if (p->error == YAML_MEMORY_ERROR)
		return diag_set(d, ERR_NOMEM, "%s: no memory", name);
	if (p->error == YAML_READER_ERROR)
		return diag_set(d, ERR_SYNTAX, "%s: octet %zu: not UTF-8 text: %s", name,
				p->problem_offset, p->problem ? p->problem : "bad input");
	return diag_at(d, ERR_SYNTAX, name, (unsigned)p->problem_mark.line + 1,
		       (unsigned)p->problem_mark.column + 1, "not YAML: %s%s%s",
		       p->problem ? p->problem : "bad input", p->context ? ", " : "",
		       p->context ? p->context : "");
}

/* Text is handed out as C strings, so a NUL inside would hide what follows. */
static int check_scalars(const struct yaml_doc *y, struct diag *d)
{
	const yaml_node_t *n;
	for (n = y->doc.nodes.start; n < y->doc.nodes.top; n++) {
		if (n->type != YAML_SCALAR_NODE)
			continue;
		if (memchr(n->data.scalar.value, 0, n->data.scalar.length))
			return diag_at(d, ERR_SYNTAX, y->name, (unsigned)n->start_mark.line + 1,
				       (unsigned)n->start_mark.column + 1, "NUL octet in text");
	}
	return 0;
}

/* A second document in the file would silently not count; say so. */
static int check_end(yaml_parser_t *p, const char *name, struct diag *d)
{
	yaml_document_t next;
	if (!yaml_parser_load(p, &next))
		return parser_error(p, name, d);
	bool more = yaml_document_get_root_node(&next) != NULL;
	unsigned line = (unsigned)next.start_mark.line + 1;
	yaml_document_delete(&next);
	return more ? diag_at(d, ERR_SYNTAX, name, line, 1, "a second document; one file holds one")
		    : 0;
}

/* libyaml looks at every open bracket for each token: a hundred thousand of them take a minute, a
 * million a day. Brackets within text count as well; nobody leaves so many of those open either. */
static int check_depth(const char *name, const char *text, size_t len, struct diag *d)
{
	unsigned depth = 0, line = 1;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		line += c == '\n';
		if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && depth)
			depth--;
		if (depth > YAML_DEPTH_MAX)
			return diag_at(d, ERR_LIMIT, name, line, 1, "more than %u brackets are open", YAML_DEPTH_MAX);
	}
	return 0;
}

static int load(struct yaml_doc *y, const char *text, size_t len, struct diag *d)
{
	yaml_parser_t p;
	if (!yaml_parser_initialize(&p))
		return diag_set(d, ERR_NOMEM, "%s: no memory", y->name);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	int rc = yaml_parser_load(&p, &y->doc) ? 0 : parser_error(&p, y->name, d);
	if (!rc && yaml_document_get_root_node(&y->doc))
		rc = check_end(&p, y->name, d);
	if (!rc)
		rc = check_scalars(y, d);
	yaml_parser_delete(&p);
	return rc;
}

int yaml_doc_parse(struct yaml_doc **ret, const char *name, const char *text, size_t len,
		   struct diag *d)
{
	if (len > YAML_SIZE_MAX)
		return diag_set(d, ERR_LIMIT, "%s: longer than %u octets", name, YAML_SIZE_MAX);
	struct yaml_doc *y = calloc(1, sizeof(*y));
	if (!y || !(y->name = strdup(name))) {
		free(y);
		return diag_set(d, ERR_NOMEM, "%s: no memory", name);
	}
	int rc = check_depth(name, text, len, d);
	rc = rc ? rc : load(y, text, len, d);
	if (rc) {
		yaml_doc_free(y);
		return rc;
	}
	*ret = y;
	return 0;
}

void yaml_doc_free(struct yaml_doc *y)
{
	if (!y)
		return;
	yaml_document_delete(&y->doc);
	free(y->name);
	free(y);
}

struct yaml_at yaml_root(const struct yaml_doc *y)
{
	bool any = yaml_document_get_root_node((yaml_document_t *)&y->doc) != NULL;
	return (struct yaml_at){ y, any ? 1 : 0 };
}

enum yaml_kind yaml_kind(struct yaml_at at)
{
	const yaml_node_t *n = node(at);
	if (!n)
		return YAML_NONE;
	switch (n->type) {
	case YAML_SCALAR_NODE:
		return YAML_SCALAR;
	case YAML_SEQUENCE_NODE:
		return YAML_LIST;
	case YAML_MAPPING_NODE:
		return YAML_MAP;
	default:
		return YAML_NONE;
	}
}

const char *yaml_kind_str(enum yaml_kind k)
{
	static const char *const words[] = { "nothing", "a single value", "a list", "a mapping" };
	assert((unsigned)k < sizeof(words) / sizeof(words[0]));
	return words[k];
}

const char *yaml_text(struct yaml_at at)
{
	const yaml_node_t *n = node(at);
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

size_t yaml_len(struct yaml_at at)
{
	const yaml_node_t *n = node(at);
	if (n && n->type == YAML_SEQUENCE_NODE)
		return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	if (n && n->type == YAML_MAPPING_NODE)
		return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
	return 0;
}

bool yaml_item(struct yaml_at at, size_t i, struct yaml_at *ret)
{
	const yaml_node_t *n = node(at);
	if (!n || n->type != YAML_SEQUENCE_NODE || i >= yaml_len(at))
		return false;
	*ret = (struct yaml_at){ at.doc, n->data.sequence.items.start[i] };
	return true;
}

bool yaml_pair(struct yaml_at at, size_t i, struct yaml_at *ret_key, struct yaml_at *ret_value)
{
	const yaml_node_t *n = node(at);
	if (!n || n->type != YAML_MAPPING_NODE || i >= yaml_len(at))
		return false;
	*ret_key = (struct yaml_at){ at.doc, n->data.mapping.pairs.start[i].key };
	*ret_value = (struct yaml_at){ at.doc, n->data.mapping.pairs.start[i].value };
	return true;
}

unsigned yaml_line(struct yaml_at at)
{
	const yaml_node_t *n = node(at);
	return n ? (unsigned)n->start_mark.line + 1 : 0;
}

unsigned yaml_col(struct yaml_at at)
{
	const yaml_node_t *n = node(at);
	return n ? (unsigned)n->start_mark.column + 1 : 0;
}

int yaml_err(struct yaml_at n, struct diag *d, int code, const char *fmt, ...)
{
	char words[sizeof(d->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return diag_at(d, code, n.doc ? n.doc->name : "?", yaml_line(n), yaml_col(n), "%s", words);
}
