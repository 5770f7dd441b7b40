/* SPDX-License-Identifier: Apache-2.0 */
/* jansson behind the few questions of json.h. */
#include "lib/base/json.h"

#include <jansson.h>
#include <stdint.h>

/* jdoc: a name of its own, because the library owns json_;
 * never defined: the handle is jansson's own value. */
static const json_t *in(const struct jdoc *v)
{
	return (const json_t *)(const void *)v;
}

static const struct jdoc *out(const json_t *v)
{
	return (const struct jdoc *)(const void *)v;
}

static int parse(struct jdoc **ret, const char *text, size_t len, size_t flags, struct diag *d)
{
	json_error_t e;
	json_t *v = json_loadb(text, len, flags | JSON_DECODE_ANY, &e);

	if (!v)
		return diag_set(d, ERR_SYNTAX, "line %d, column %d: %s", e.line, e.column, e.text);
	*ret = (struct jdoc *)(void *)v;
	return 0;
}

int jdoc_parse(struct jdoc **ret, const char *text, size_t len, struct diag *d)
{
	return parse(ret, text, len, JSON_REJECT_DUPLICATES, d);
}

int jdoc_parse_last(struct jdoc **ret, const char *text, size_t len, struct diag *d)
{
	return parse(ret, text, len, 0, d);
}

void jdoc_free(struct jdoc *root)
{
	if (root)
		json_decref((json_t *)(void *)root);
}

enum jdoc_type jdoc_type(const struct jdoc *v)
{
	if (!v)
		return JDOC_OTHER;
	switch (json_typeof(in(v))) {
	case JSON_STRING: return JDOC_TEXT;
	case JSON_ARRAY: return JDOC_LIST;
	case JSON_OBJECT: return JDOC_MAP;
	case JSON_INTEGER:
	case JSON_REAL: return JDOC_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE: return JDOC_BOOL;
	case JSON_NULL: return JDOC_NULL;
	default: return JDOC_OTHER;
	}
}

const char *jdoc_text(const struct jdoc *v)
{
	return v ? json_string_value(in(v)) : NULL;
}

bool jdoc_number(const struct jdoc *v, double *ret)
{
	if (jdoc_type(v) != JDOC_NUMBER)
		return false;
	*ret = json_number_value(in(v));
	return true;
}

bool jdoc_true(const struct jdoc *v)
{
	return v && json_is_true(in(v));
}

size_t jdoc_count(const struct jdoc *v)
{
	return !v ? 0 : json_is_array(in(v)) ? json_array_size(in(v)) : json_object_size(in(v));
}

const struct jdoc *jdoc_item(const struct jdoc *list, size_t i)
{
	return list ? out(json_array_get(in(list), i)) : NULL;
}

const struct jdoc *jdoc_get(const struct jdoc *map, const char *key)
{
	return map ? out(json_object_get(in(map), key)) : NULL;
}

bool jdoc_member(const struct jdoc *map, size_t i, const char **ret_key, const struct jdoc **ret_value)
{
	/* jansson iterates only non-const objects, but does not change them. */
	json_t *m = (json_t *)(uintptr_t)(const void *)map;
	void *it = jdoc_type(map) == JDOC_MAP ? json_object_iter(m) : NULL;

	while (it && i--)
		it = json_object_iter_next(m, it);
	if (!it)
		return false;
	*ret_key = json_object_iter_key(it);
	*ret_value = out(json_object_iter_value(it));
	return true;
}
