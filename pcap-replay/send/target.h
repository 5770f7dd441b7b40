/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom questions are sent to, and whether they may be. Without being told otherwise
 * nothing leaves the machine: loopback, and addresses of interfaces in our own network
 * namespace.
 */
#ifndef NODENS_SEND_TARGET_H
#define NODENS_SEND_TARGET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "lib/base/err.h"
#include "lib/base/opt.h"

struct target {
	struct sockaddr_storage sa;
	socklen_t len;
	char text[64];
	bool is_ours; /* loopback or an address of this namespace */
};

/* "10.0.0.1", "10.0.0.1:5353", "fd00::1", "[fd00::1]:5353"; port 53 unless told. */
int target_parse(struct target *ret, const char *text, struct diag *d);
/* 0, or ERR_RANGE: neither ours nor named by `may`, as it is written there. */
int target_check(const struct target *t, const char *text, const struct opt_list *may, struct diag *d);

#endif
