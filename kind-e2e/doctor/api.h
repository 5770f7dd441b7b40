/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes API, read: which server and who asks (options, a pod's service account, or a
 * kubeconfig, in this order), and one GET a thing there is to know. Nothing is ever written.
 * Without a server, or without the right to a thing, its text is a reason.
 */
#ifndef NODENS_KIND_E2E_API_H
#define NODENS_KIND_E2E_API_H

#include "kind-e2e/doctor/texts.h"
#include "kind-e2e/doctor/fetch.h"

struct api_conf { /* all may be NULL */
	const char *url, *token_file, *ca_file;
	const char *kubeconfig, *context;
};
struct api {
	char url[512]; /* "": there is none, see why */
	char *token, *ca, *cert, *key;
	bool no_verify;
	char why[200];
};

/* ERR_* only for what was asked for and is wrong: a file that is not there, a kubeconfig that is
 * none. No server at all is 0 with an empty url. */
int api_open(struct api *a, const struct api_conf *c, struct diag *d);
void api_release(struct api *a);
void api_gather(const struct api *a, struct texts *s);

/* kubeconfig.c: ERR_UNSUPPORTED when it wants a program run for the token. */
int kubeconfig_read(struct api *a, const char *path, const char *context, struct diag *d);

#endif
