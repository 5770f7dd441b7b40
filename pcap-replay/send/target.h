/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom questions are sent to, and whether they may be. Without being told otherwise
 * nothing leaves the machine: loopback, and addresses of interfaces in our own network
 * namespace.
 */
#ifndef NODENS_SEND_TARGET_H
#define NODENS_SEND_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/base/err.h"
#include "lib/base/opt.h"

enum target_via { TARGET_DNS, TARGET_TLS, TARGET_HTTPS }; /* UDP and TCP as captured; all over TLS; HTTP/2 over TLS */

struct target {
	struct sockaddr_storage sa;
	socklen_t len;
	enum target_via via;
	uint16_t port;
	char host[48];   /* the address as text, without brackets */
	char name[128];  /* whom the certificate has to be for; empty: the address */
	char path[128];  /* of HTTPS */
	char text[160];
	bool is_ours; /* loopback or an address of this namespace */
};

/* Who may sit behind TLS. */
struct target_trust {
	const char *ca_file; /* NULL: whom the system trusts */
	bool anybody;        /* nothing is checked */
};

/* "10.0.0.1", "10.0.0.1:5353", "fd00::1", "[fd00::1]:5353", port 53 unless told;
 * "tls://10.0.0.1", "tls://10.0.0.1%dns.example:8853", port 853; "https://10.0.0.1/dns-query",
 * port 443, that path unless told. */
int target_parse(struct target *ret, const char *text, struct diag *d);
/* 0, or ERR_RANGE: neither ours nor named by `may`, as it is written there. */
int target_check(const struct target *t, const char *text, const struct opt_list *may, struct diag *d);

#endif
