/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading small JSON texts that somebody else wrote (ConfigMap values, answers
 * of tools). A parsed text is one heap object; everything got from it lives as
 * long as it does. Door to the JSON library, like lib/record/result.c.
 */
#ifndef NODENS_JSON_H
#define NODENS_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

struct jdoc; /* a parsed text, or a value in it */

enum jdoc_type { JDOC_OTHER, JDOC_NULL, JDOC_TEXT, JDOC_LIST, JDOC_MAP, JDOC_NUMBER, JDOC_BOOL };

/* Duplicate keys and anything behind the value are errors; the diag says line
 * and column. */
int jdoc_parse(struct jdoc **ret, const char *text, size_t len, struct diag *d);
/* As Go's encoding/json reads into a map: of equal keys the last counts. */
int jdoc_parse_last(struct jdoc **ret, const char *text, size_t len, struct diag *d);
void jdoc_free(struct jdoc *root);

enum jdoc_type jdoc_type(const struct jdoc *v); /* JDOC_OTHER for NULL */
const char *jdoc_text(const struct jdoc *v);    /* NULL when it is no text */
bool jdoc_number(const struct jdoc *v, double *ret);
bool jdoc_true(const struct jdoc *v);           /* the boolean, not some text */
size_t jdoc_count(const struct jdoc *v);        /* of a list or a map, otherwise 0 */
const struct jdoc *jdoc_item(const struct jdoc *list, size_t i);      /* or NULL */
const struct jdoc *jdoc_get(const struct jdoc *map, const char *key); /* or NULL */
/* i-th member of a map, in the text's order; false past the end. */
bool jdoc_member(const struct jdoc *map, size_t i, const char **ret_key, const struct jdoc **ret_value);

#endif
