/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a target that wants TLS: a stream of messages with their lengths before
 * them (DNS over TLS, RFC 7858), or one POST a message on HTTP/2 (DNS over HTTPS, RFC 8484).
 * The one door to libcurl here. Questions wait until the connection stands; one that breaks
 * is made no more, and whoever has a question later opens another.
 */
#ifndef NODENS_SEND_SECURE_H
#define NODENS_SEND_SECURE_H

#include <stddef.h>
#include <stdint.h>

#include "pcap-replay/send/target.h"

struct secure_conf {
	const struct target *target;     /* via TLS or HTTPS */
	const struct target_trust *trust;
	int epoll;                       /* its descriptors are watched there, */
	void *event;                     /* and its events have this as data.ptr */
	void *ctx;
	/* A message, from within secure_event; `at_ns`: monotonic. `s` must not be freed there. */
	void (*got)(void *ctx, const uint8_t *msg, size_t len, uint64_t at_ns);
	/* Over HTTPS, likewise: this question's connection has ended before its answer. Over TLS all of them are lost
	 * with the connection. */
	void (*lost)(void *ctx, const uint8_t *msg, size_t len);
};

struct secure;
/* Begins to connect. 0, or ERR_NOMEM, ERR_SYS. */
int secure_new(struct secure **ret, const struct secure_conf *c);
void secure_free(struct secure *s);
/* 0, or ERR_LIMIT: too much waits to be sent; ERR_SYS: broken. */
int secure_send(struct secure *s, const uint8_t *msg, size_t len);
/* epoll said something: false when the connection is broken. */
bool secure_event(struct secure *s);
/* What was wrong, when something was; NULL: nothing. */
const char *secure_fault(const struct secure *s);
/* Connects once and sees whether it is to be trusted. 0, or ERR_PEER and a diag. */
int secure_try(const struct target *t, const struct target_trust *trust, uint64_t timeout_ns, struct diag *d);

#endif
