/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sweep_file.h. What a key means and takes is the scenario's business: it says so when the
 * first point is loaded.
 */
#include "sim/answer/sweep_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/yaml_doc.h"

static int take_text(struct yaml_at n, const char *what, char *ret, size_t size, struct diag *d)
{
	const char *text = yaml_text(n);

	if (!text || !*text)
		return yaml_err(n, d, ERR_SYNTAX, "%s: expected text, found %s", what, yaml_kind_str(yaml_kind(n)));
	if (strlen(text) >= size)
		return yaml_err(n, d, ERR_LIMIT, "%s is longer than %zu octets", what, size - 1);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int check_once(struct yaml_at map, struct diag *d)
{
	struct yaml_at key, other, value;

	for (size_t i = 0; yaml_pair(map, i, &key, &value); i++)
		for (size_t k = 0; k < i && yaml_pair(map, k, &other, &value); k++)
			if (yaml_text(key) && yaml_text(other) && strcmp(yaml_text(key), yaml_text(other)) == 0)
				return yaml_err(key, d, ERR_EXISTS, "key '%.40s' is given twice", yaml_text(key));
	return 0;
}

static int take_values(struct sweep_key *k, struct yaml_at n, struct diag *d)
{
	struct yaml_at at;
	int rc = 0;

	if (yaml_kind(n) != YAML_LIST || yaml_len(n) == 0 || yaml_len(n) > SWEEP_VALUES_MAX)
		return yaml_err(n, d, ERR_SYNTAX, "values: expected a list of 1 to %d", SWEEP_VALUES_MAX);
	for (size_t i = 0; !rc && yaml_item(n, i, &at); i++)
		rc = take_text(at, "a value", k->value[k->n_values++], SWEEP_TEXT_MAX, d);
	return rc;
}

static int take_key(const struct sweep_file *s, struct sweep_key *k, struct yaml_at n, struct diag *d)
{
	struct yaml_at key, value;
	int rc = check_once(n, d);

	for (size_t i = 0; !rc && yaml_pair(n, i, &key, &value); i++) {
		const char *word = yaml_text(key) ? yaml_text(key) : "";
		if (strcmp(word, "key") == 0)
			rc = take_text(value, "key", k->key, sizeof(k->key), d);
		else if (strcmp(word, "values") == 0)
			rc = take_values(k, value, d);
		else
			rc = yaml_err(key, d, ERR_UNKNOWN, "unknown key '%.40s'; accepted: key, values", word);
	}
	for (const struct sweep_key *other = s->key; !rc && other < k; other++)
		if (strcmp(other->key, k->key) == 0)
			rc = yaml_err(n, d, ERR_EXISTS, "vary: '%.40s' is there twice", k->key);
	if (!rc && (!k->key[0] || !k->n_values))
		rc = yaml_err(n, d, ERR_MISSING, "expected {key: KEY, values: [...]}");
	return rc;
}

static int take_vary(struct sweep_file *s, struct yaml_at n, struct diag *d)
{
	struct yaml_at at;
	int rc = 0;

	if (yaml_kind(n) != YAML_LIST || yaml_len(n) > SWEEP_KEYS_MAX)
		return yaml_err(n, d, ERR_SYNTAX, "vary: expected a list of at most %d keys", SWEEP_KEYS_MAX);
	for (size_t i = 0; !rc && yaml_item(n, i, &at); i++) {
		rc = take_key(s, &s->key[s->n_keys], at, d);
		s->n_points *= s->key[s->n_keys].n_values;
		s->n_keys++;
		if (!rc && s->n_points > SWEEP_POINTS_MAX)
			rc = yaml_err(at, d, ERR_LIMIT, "more than %d points", SWEEP_POINTS_MAX);
	}
	return rc;
}

static int take_replications(struct sweep_file *s, struct yaml_at n, struct diag *d)
{
	char text[16], *end;
	int rc = take_text(n, "replications", text, sizeof(text), d);

	if (rc)
		return rc;
	s->replications = strtoull(text, &end, 10);
	if (*end || s->replications < 1 || s->replications > 10000)
		return yaml_err(n, d, ERR_RANGE, "replications is '%s': 1 to 10000 is accepted", text);
	return 0;
}

/* Beside the sweep's own file. */
static int take_scenario(struct sweep_file *s, const char *path, struct yaml_at n, struct diag *d)
{
	char text[1024];
	const char *slash = strrchr(path, '/');
	int rc = take_text(n, "scenario", text, sizeof(text), d);

	if (!rc)
		snprintf(s->scenario, sizeof(s->scenario), "%.*s%s", text[0] == '/' || !slash ? 0 : (int)(slash + 1 - path),
			 path, text);
	return rc;
}

static int take_top(struct sweep_file *s, const char *path, struct yaml_at root, struct diag *d)
{
	struct yaml_at key, value;
	bool version = false;
	int rc = check_once(root, d);

	for (size_t i = 0; !rc && yaml_pair(root, i, &key, &value); i++) {
		const char *word = yaml_text(key) ? yaml_text(key) : "";
		if (strcmp(word, "sweep") == 0) {
			version = yaml_text(value) && strcmp(yaml_text(value), "1") == 0;
			rc = version ? 0 : yaml_err(value, d, ERR_RANGE, "sweep: version 1 is accepted");
		} else if (strcmp(word, "scenario") == 0) {
			rc = take_scenario(s, path, value, d);
		} else if (strcmp(word, "replications") == 0) {
			rc = take_replications(s, value, d);
		} else if (strcmp(word, "vary") == 0) {
			rc = take_vary(s, value, d);
		} else {
			rc = yaml_err(key, d, ERR_UNKNOWN, "unknown key '%.40s'; accepted: sweep, scenario, replications, vary",
				      word);
		}
	}
	if (!rc && (!version || !s->scenario[0]))
		rc = yaml_err(root, d, ERR_MISSING, "a sweep begins with 'sweep: 1' and names a 'scenario'");
	return rc;
}

int sweep_file_load(struct sweep_file *ret, const char *path, struct diag *d)
{
	struct yaml_doc *y;
	char *text;
	size_t len;

	memset(ret, 0, sizeof(*ret));
	ret->n_points = 1;
	int rc = file_read(path, YAML_SIZE_MAX, &text, &len, d);
	if (rc)
		return rc;
	hash_sha256_hex(text, len, ret->digest);
	rc = yaml_doc_parse(&y, path, text, len, d);
	free(text);
	if (rc)
		return rc;
	rc = take_top(ret, path, yaml_root(y), d);
	yaml_doc_free(y);
	return rc;
}

void sweep_point(const struct sweep_file *s, unsigned point, char ret_set[SWEEP_KEYS_MAX][2 * SWEEP_TEXT_MAX])
{
	for (unsigned i = s->n_keys; i-- > 0;) {
		const struct sweep_key *k = &s->key[i];
		snprintf(ret_set[i], 2 * SWEEP_TEXT_MAX, "%s=%s", k->key, k->value[point % k->n_values]);
		point /= k->n_values;
	}
}
