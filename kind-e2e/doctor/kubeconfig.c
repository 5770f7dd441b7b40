/* SPDX-License-Identifier: Apache-2.0 */
/* A kubeconfig: the current context's server and user. Programs that it names are not run. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/api.h"
#include "lib/base/file.h"
#include "lib/base/yaml_doc.h"

static struct yaml_at get(struct yaml_at map, const char *key)
{
	struct yaml_at k, v;

	for (size_t i = 0; yaml_pair(map, i, &k, &v); i++)
		if (yaml_text(k) && !strcmp(yaml_text(k), key))
			return v;
	return (struct yaml_at){map.doc, 0};
}

static const char *text_of(struct yaml_at map, const char *key)
{
	struct yaml_at v = get(map, key);

	return yaml_kind(v) == YAML_SCALAR && *yaml_text(v) ? yaml_text(v) : NULL;
}

/* The item of the list `key` with this name; what is in it under `inner`. */
static struct yaml_at named(struct yaml_at root, const char *key, const char *name,
			    const char *inner)
{
	struct yaml_at list = get(root, key), item;

	for (size_t i = 0; name && yaml_item(list, i, &item); i++) {
		const char *n = text_of(item, "name");

		if (n && !strcmp(n, name))
			return get(item, inner);
	}
	return (struct yaml_at){root.doc, 0};
}

/* RFC 4648 with padding and line ends, into text; NULL when it is none. */
static char *base64(const char *text)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *ret = malloc(strlen(text) + 1);
	unsigned bits = 0, n = 0;
	size_t len = 0;

	for (; ret && *text; text++) {
		const char *at = strchr(set, *text);

		if (strchr("\r\n =", *text))
			continue;
		if (!at) {
			free(ret);
			return NULL;
		}
		bits = bits << 6 | (unsigned)(at - set);
		n += 6;
		if (n >= 8)
			ret[len++] = (char)(bits >> (n -= 8));
	}
	if (ret)
		ret[len] = '\0';
	return ret;
}

/* KEY-data in base64, or KEY, a file whose place counts from the kubeconfig's. */
static int pem(char **ret, struct yaml_at map, const char *key, const char *path, struct diag *d)
{
	char data[64], full[2048], *folder;
	const char *text;

	snprintf(data, sizeof data, "%s-data", key);
	text = text_of(map, data);
	if (text) {
		*ret = base64(text);
		return *ret ? 0 : yaml_err(get(map, data), d, ERR_SYNTAX, "%s is no base64", data);
	}
	text = text_of(map, key);
	if (!text)
		return 0;
	folder = strdup(path);
	snprintf(full, sizeof full, "%.900s%s%.900s",
		 *text == '/' || !folder ? "" : dirname(folder), *text == '/' ? "" : "/", text);
	free(folder);
	return file_read(full, 1u << 20, ret, NULL, d);
}

static int read_user(struct api *a, struct yaml_at user, const char *path, struct diag *d)
{
	static const char *const programs[] = {"exec", "auth-provider"};
	const char *token = text_of(user, "token"), *file = text_of(user, "tokenFile");
	int rc;

	for (size_t i = 0; i < 2; i++)
		if (yaml_kind(get(user, programs[i])) != YAML_NONE)
			return yaml_err(get(user, programs[i]), d, ERR_UNSUPPORTED,
					"the user's %s is a program to run for a token, which is "
					"not done here; "
					"run 'kubectl proxy' and give --api-url "
					"http://127.0.0.1:8001, or give "
					"--api-url and --token-file",
					programs[i]);
	rc = pem(&a->cert, user, "client-certificate", path, d);
	rc = rc ? rc : pem(&a->key, user, "client-key", path, d);
	if (!rc && token)
		a->token = strdup(token);
	else if (!rc && file)
		rc = file_read(file, FETCH_TOKEN_MAX, &a->token, NULL, d);
	if (a->token)
		a->token[strcspn(a->token, "\r\n")] = '\0';
	return rc;
}

static int read_doc(struct api *a, struct yaml_at root, const char *path, const char *context,
		    struct diag *d)
{
	struct yaml_at ctx, cluster, user;
	const char *server, *lax;
	int rc;

	context = context ? context : text_of(root, "current-context");
	if (!context)
		return diag_set(d, ERR_MISSING, "%.300s: no current-context; give --context", path);
	ctx = named(root, "contexts", context, "context");
	if (yaml_kind(ctx) != YAML_MAP)
		return diag_set(d, ERR_UNKNOWN, "%.200s: there is no context '%.100s'", path,
				context);
	cluster = named(root, "clusters", text_of(ctx, "cluster"), "cluster");
	user = named(root, "users", text_of(ctx, "user"), "user");
	server = text_of(cluster, "server");
	if (!server || strlen(server) >= sizeof a->url)
		return diag_set(d, ERR_MISSING, "%.200s: the context '%.100s' leads to no server",
				path, context);
	snprintf(a->url, sizeof a->url, "%s", server);
	lax = text_of(cluster, "insecure-skip-tls-verify");
	a->no_verify = lax && !strcmp(lax, "true");
	rc = pem(&a->ca, cluster, "certificate-authority", path, d);
	return rc ? rc : read_user(a, user, path, d);
}

int kubeconfig_read(struct api *a, const char *path, const char *context, struct diag *d)
{
	struct yaml_doc *doc;
	char *text;
	size_t len;
	int rc = file_read(path, YAML_SIZE_MAX, &text, &len, d);

	if (rc)
		return rc;
	rc = yaml_doc_parse(&doc, path, text, len, d);
	free(text);
	if (rc)
		return rc;
	rc = read_doc(a, yaml_root(doc), path, context, d);
	yaml_doc_free(doc);
	return rc;
}
