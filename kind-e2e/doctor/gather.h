/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the machine, reading only: files of /proc and /etc, interfaces, and what
 * iptables-save and nft print. Nothing is judged here. What an ordinary user may not see
 * becomes a reason.
 */
#ifndef NODENS_KIND_E2E_GATHER_H
#define NODENS_KIND_E2E_GATHER_H

#include <stdbool.h>

#include "kind-e2e/doctor/texts.h"

#define GATHER_AFTER ".after" /* behind the name of a counter's text: the second look */

struct gather_conf {
	const char *resolv_conf; /* the file to judge */
	bool dump;		 /* the connection table, too: see doctor.h about its price */
};
void gather(struct texts *s, const struct gather_conf *c);
/* Counters once more, when all questions are asked. */
void gather_again(struct texts *s);

#endif
