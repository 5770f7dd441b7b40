/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One server that is asked once an interval, on an absolute schedule: a lookup's time counts from when
 * it was due, so a stall is seen by every lookup that it delayed.
 */
#ifndef NODENS_KIND_E2E_TARGET_H
#define NODENS_KIND_E2E_TARGET_H

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/base/hist.h"
#include "lib/dns/name.h"
#include "lib/record/sli.h"

#define TARGET_SLOTS 512 /* lookups under way: at most SLI_TIMEOUT / interval */

enum target_result { TARGET_ANSWERED, TARGET_TIMEOUT, TARGET_ERROR, TARGET_RESULTS };

struct target_slot {
	int fd; /* -1: free */
	uint16_t id;
	uint64_t due_ns;
};
struct target {
	const char *word; /* "resolv_conf", "kube_dns" */
	char server[64];  /* as text, for the label */
	struct sockaddr_storage to;
	unsigned to_len;
	const struct name *name;
	uint64_t next_ns; /* when the next is due */
	uint64_t result[TARGET_RESULTS], late;
	struct sli sli;
	struct hist took; /* lost ones as SLI_TIMEOUT_NS */
	struct target_slot slot[TARGET_SLOTS];
};

void target_init(struct target *t, const char *word, const struct name *name, uint64_t first_ns);
/* Sends what is due, gives up what has waited too long. */
void target_turn(struct target *t, uint64_t interval_ns, uint64_t now_ns);
/* Fills places for the slots in use, returns how many; `target_read` takes them back. */
unsigned target_poll(const struct target *t, struct pollfd *p);
void target_read(struct target *t, const struct pollfd *p, unsigned n, uint64_t now_ns);
/* When target_turn has something to do next. */
uint64_t target_deadline(const struct target *t);
unsigned target_under_way(const struct target *t);

#endif
