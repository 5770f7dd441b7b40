/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards upstreams (DNS over TLS, RFC 7858, and HTTPS): the only file that knows
 * OpenSSL is tls.c. A context belongs to one upstream and keeps its session
 * tickets, so that a new connection costs one round trip less.
 */
#ifndef NODENS_TLS_H
#define NODENS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

struct tls_ctx;
struct tls_session;

struct tls_conf {
	const char *server_name; /* verified and sent as SNI; NULL: the address, not verified by name */
	const char *ca_file;     /* NULL: the system's */
	const char *cert_file, *key_file; /* client certificate, or NULL */
	const char *alpn; /* the one protocol to speak (RFC 7301), static; NULL: none is named */
};

int tls_ctx_new(struct tls_ctx **ret, const struct tls_conf *conf, struct diag *d);
void tls_ctx_free(struct tls_ctx *c);
/* Files of CA certificates in memory: those of all contexts, each once. For tests. */
unsigned tls_trusts(void);

struct tls_session *tls_session_new(struct tls_ctx *c, int fd);
/* Sends close_notify if it can without waiting. */
void tls_session_free(struct tls_session *s);
/* 1 done, 0 in progress (*ret_want_write says what for), ERR_PEER with a diag. */
int tls_handshake(struct tls_session *s, bool *ret_want_write, struct diag *d);
bool tls_resumed(const struct tls_session *s);
/* As read(2) and write(2): octets, 0 for the end of the stream, -1 with errno
 * (EAGAIN: wait for the socket; for writing too if *ret_want_write). */
ssize_t tls_read(struct tls_session *s, void *buf, size_t len, bool *ret_want_write);
ssize_t tls_write(struct tls_session *s, const void *buf, size_t len);

#endif
