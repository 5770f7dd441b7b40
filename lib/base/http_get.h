/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP or HTTPS GET that takes neither for ever nor all memory: the door to libcurl. Redirects
 * are not followed, so a token goes nowhere but to the server that was named.
 */
#ifndef NODENS_HTTP_GET_H
#define NODENS_HTTP_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct http_get {
	const char *url;     /* http or https; nothing else is spoken */
	const char *bearer;  /* token of an Authorization header, or NULL */
	const char *ca_file; /* PEM of whom to trust, or NULL: whom the system trusts */
	bool use_proxy;      /* the environment's proxy settings count */
	bool any_status;     /* a body is taken whatever the status says */
	uint64_t timeout_ns; /* of the whole exchange */
	size_t max_bytes;    /* of the body; more is an error */
};

/* The body as text (caller frees) and the status (NULL: not wanted). Without `any_status` a status of
 * 400 and above is an error. */
int http_get(const struct http_get *what, char **ret_text, long *ret_status, struct diag *d);

#endif
