/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP GET, plain or over TLS. The request is HTTP/1.0, whose answer ends with the connection:
 * metrics pages and the Kubernetes API serve it, and nothing has to be unchunked. One deadline for
 * all of it, one limit for what the other side may send. Not lib/base/http_get.h: the doctor is
 * also one static program, and of what libcurl leans on Debian has no archives.
 */
#ifndef NODENS_KIND_E2E_FETCH_H
#define NODENS_KIND_E2E_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kind-e2e/doctor/fetch_tls.h"
#include "lib/base/err.h"

#define FETCH_URL_MAX 1024
#define FETCH_TOKEN_MAX (16u << 10)

struct fetch {
	const char *url; /* http:// or https://, a host name, an address or [address], a path */
	const struct fetch_who *who;
	size_t max;	   /* octets of the answer */
	uint64_t limit_ns; /* for all of it */
};

/* The body as text (caller frees). 0 with status 200; any other is ERR_MISSING (404),
 * ERR_UNSUPPORTED (401, 403) or ERR_PEER, with the status in the diag. */
int fetch_text(const struct fetch *g, char **ret_text, struct diag *d);

#endif
