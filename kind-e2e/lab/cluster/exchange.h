/* SPDX-License-Identifier: Apache-2.0 */
/* One question, one reply, over a socket of its own; and lists of questions from files. */
#ifndef NODENS_KIND_E2E_EXCHANGE_H
#define NODENS_KIND_E2E_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/base/err.h"
#include "lib/dns/name.h"

struct exchange_question {
	struct name name;
	uint16_t type;
	char text[320]; /* "NAME TYPE", as the file has it */
};
struct exchange_list {
	struct exchange_question *q;
	size_t n;
};

struct exchange_how {
	bool tcp;
	uint16_t udp_size;   /* EDNS, 0: without */
	uint64_t timeout_ns; /* of each of three tries */
};

/* Lines "NAME TYPE"; empty ones and what follows "#" do not count. "-" is standard input. */
int exchange_list_read(struct exchange_list *ret, const char *path, struct diag *d);
void exchange_list_free(struct exchange_list *l);

/* "10.96.0.10" or "fd00::a", port 53; ERR_SYNTAX when it is no address. */
int exchange_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
		     struct diag *d);

/* The reply's octets into `buf` of DNS_MSG_MAX. ERR_TIMEOUT when none came that answers it. */
int exchange(const char *server, const struct exchange_question *q, const struct exchange_how *how,
	     uint8_t *buf, size_t *ret_len, struct diag *d);

#endif
