/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over a connected socket that does not block: libssl's door in this program. */
#ifndef NODENS_KIND_E2E_FETCH_TLS_H
#define NODENS_KIND_E2E_FETCH_TLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

struct fetch_who {	   /* who asks, and whom is believed; NULL: nothing of the sort. All PEM. */
	const char *token; /* of "Authorization: Bearer" */
	const char *ca;	   /* certificates; NULL: the machine's own */
	const char *cert, *key; /* of the client */
	bool no_verify;
};

struct tls;
/* Shakes hands: TLS 1.2 at least, and the certificate must name `host` and come from one of who's
 * (`who` may be NULL). The socket stays the caller's. */
int tls_open(struct tls **ret, const char *host, const struct fetch_who *who, int fd,
	     uint64_t until_ns, struct diag *d);
void tls_free(struct tls *t);
/* Like read and write. -1 with EAGAIN, and then what to wait for in `ret_events`. */
ssize_t tls_move(struct tls *t, void *buf, size_t n, bool out, short *ret_events);

/* Until the socket is ready; false with errno when the time is over. */
bool tls_wait(int fd, short events, uint64_t until_ns);

#endif
