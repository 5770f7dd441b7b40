/* SPDX-License-Identifier: Apache-2.0 */
/* Where the API is, and the rows of what it is asked. */
#include "kind-e2e/doctor/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define API_LIMIT (10 * NS_PER_S)
#define API_SIZE_MAX (24u << 20)

static const struct api_row {
	const char *name, *path;
} rows[] = {
	{"api-version", "/version"},
	{"api-services", "/api/v1/namespaces/kube-system/services?limit=200"},
	{"api-slices", "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices?limit=200"},
	{"api-pods",
	 "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns&limit=100"},
	{"api-daemonsets", "/apis/apps/v1/namespaces/kube-system/daemonsets?limit=200"},
	{"api-nodes", "/api/v1/nodes?limit=200"},
	{"api-kube-proxy", "/api/v1/namespaces/kube-system/configmaps/kube-proxy"},
	{"api-headless", "/api/v1/services?fieldSelector=spec.clusterIP%3DNone&limit=50"},
	{"api-policies", "/apis/networking.k8s.io/v1/networkpolicies?limit=500"},
	{"api-calico", "/apis/crd.projectcalico.org/v1/felixconfigurations/default"},
	{"api-cilium", "/api/v1/namespaces/kube-system/configmaps/cilium-config"},
	{"api-redirects",
	 "/apis/cilium.io/v2/namespaces/kube-system/ciliumlocalredirectpolicies?limit=50"},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* A token or a certificate: white space around it is not part of it. */
static int secret(char **ret, const char *path, struct diag *d)
{
	char *text;
	size_t len;
	int rc = file_read(path, FETCH_TOKEN_MAX * 16, &text, &len, d);

	if (rc)
		return rc;
	while (len && strchr(" \r\n\t", text[len - 1]))
		text[--len] = '\0';
	free(*ret);
	*ret = text;
	return 0;
}

static int from_account(struct api *a, const char *host, struct diag *d)
{
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	bool v6 = strchr(host, ':') != NULL;
	int rc = secret(&a->token, ACCOUNT "token", d);

	if (!rc && access(ACCOUNT "ca.crt", R_OK) == 0)
		rc = secret(&a->ca, ACCOUNT "ca.crt", d);
	snprintf(a->url, sizeof a->url, "https://%s%.200s%s:%.8s", v6 ? "[" : "", host,
		 v6 ? "]" : "", port ? port : "443");
	return rc;
}

static int find_server(struct api *a, const struct api_conf *c, struct diag *d)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *env = getenv("KUBECONFIG"),
		   *home = getenv("HOME");
	char path[1024];
	int rc;

	if (c->url) {
		if (strlen(c->url) >= sizeof a->url)
			return diag_set(d, ERR_LIMIT, "--api-url is longer than %zu octets",
					sizeof a->url - 1);
		snprintf(a->url, sizeof a->url, "%s", c->url);
		return 0;
	}
	if (c->kubeconfig)
		return kubeconfig_read(a, c->kubeconfig, c->context, d);
	if (host && access(ACCOUNT "token", R_OK) == 0)
		return from_account(a, host, d);
	snprintf(path, sizeof path, "%.1000s%s",
		 env	? env
		 : home ? home
			: "",
		 env ? "" : "/.kube/config");
	path[strcspn(path, ":")] = '\0'; /* of several the first */
	rc = access(path, R_OK) ? ERR_MISSING : kubeconfig_read(a, path, c->context, d);
	if (!rc)
		return 0;
	a->url[0] = '\0'; /* nobody asked for it, so it is no error */
	snprintf(a->why, sizeof a->why, "%.190s",
		 rc == ERR_MISSING
			 ? "no API server is known: no service account, no kubeconfig, no --api-url"
			 : d->text);
	return 0;
}

int api_open(struct api *a, const struct api_conf *c, struct diag *d)
{
	int rc;

	memset(a, 0, sizeof *a);
	rc = find_server(a, c, d);
	if (!rc && c->token_file)
		rc = secret(&a->token, c->token_file, d);
	if (!rc && c->ca_file)
		rc = secret(&a->ca, c->ca_file, d);
	if (!rc && a->token && strcspn(a->token, "\r\n") != strlen(a->token))
		rc = diag_set(d, ERR_SYNTAX, "the token has more than one line");
	if (rc)
		api_release(a);
	a->url[strlen(a->url) - (*a->url && a->url[strlen(a->url) - 1] == '/')] = '\0';
	return rc;
}

void api_release(struct api *a)
{
	free(a->token);
	free(a->ca);
	free(a->cert);
	free(a->key);
	memset(a, 0, sizeof *a);
}

void api_gather(const struct api *a, struct texts *s)
{
	struct fetch_who who = {a->token, a->ca, a->cert, a->key, a->no_verify};
	const char *dead = a->url[0] ? NULL : a->why;
	struct diag d = {""};

	for (size_t i = 0; i < N_ROWS; i++) {
		char url[FETCH_URL_MAX], *body = NULL;
		struct fetch g = {url, &who, API_SIZE_MAX, API_LIMIT};
		int rc;

		if (dead) {
			texts_lack(s, rows[i].name, dead);
			continue;
		}
		snprintf(url, sizeof url, "%s%s", a->url, rows[i].path);
		rc = fetch_text(&g, &body, &d);
		if (!rc) {
			texts_take(s, rows[i].name, body);
			continue;
		}
		/* "404": not there, which is a fact; else a reason */
		texts_lack(s, rows[i].name, rc == ERR_MISSING ? "404: there is none" : d.text);
		if (rc == ERR_SYS ||
		    rc == ERR_TIMEOUT) /* the server, not this thing: all the rest too */
			dead = d.text;
	}
}
