/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the load program: lookups in progress (load.c) and their sockets
 * (load_sock.c). A lookup owns the sockets in its slots; a "same-socket" load
 * has one socket for all its lookups, which then stands in every slot 0.
 *
 * circle: load load_sock: a message or an end on a socket moves its lookup on, and
 * what the lookup does next opens, writes to and closes sockets, often the same one.
 */
#ifndef NODENS_KIND_E2E_LOAD_INT_H
#define NODENS_KIND_E2E_LOAD_INT_H

#include <stdbool.h>

#include "kind-e2e/load/evloop.h"
#include "kind-e2e/load/load.h"
#include "lib/record/qstream.h"
#include "lib/base/rng.h"
#include "lib/world/stub.h"
#include "lib/dns/wire.h"
#include "lib/world/workload.h"

struct load;

struct sock {
	struct ev ev;
	struct load *l;
	struct active *owner; /* NULL: shared by all lookups of stream `stream` */
	unsigned stream, slot;
	bool tcp, connected;
	uint16_t port; /* ours */
	size_t n_out, n_in;
	uint8_t out[4 * (2 + STUB_QUERY_MAX)]; /* TCP: before the connection stands */
	uint8_t in[2 + DNS_MSG_MAX];
};

struct active { /* one lookup in progress */
	struct active *next;
	struct lookup what;
	uint64_t begun_ns, deadline_ns;
	struct sock *slot[STUB_SLOTS_MAX];
	struct stub *stub; /* behind this struct */
};

struct stream { /* one of the scenario's loads, in this pod */
	struct stub_conf conf;
	struct stub_thread thread;
	struct rng rng;
	bool same_socket;
	struct sock *shared_sock;
};

struct load {
	const struct load_conf *c;
	struct load_shared *out;
	struct evloop loop;
	struct workload *work;
	struct lookup next;
	bool have_next;
	struct active *actives;
	struct stream stream[SCEN_LOADS_MAX];
	struct qs_writer *qs;
	uint64_t ports_seen[2][65536 / 64];
};

/* load.c: something happened on the lookup; asks its stub what to do now. */
void active_pull(struct active *a, struct load *l);
/* A message for the owner of `s`; true when a lookup was waiting for it. */
void load_message(struct sock *s, const uint8_t *msg, size_t len);

/* load_sock.c */
int sock_open(struct load *l, struct active *a, unsigned slot, bool tcp);
int sock_send(struct sock *s, const uint8_t *msg, size_t len);
void sock_close(struct sock *s);
void load_log(struct sock *s, char kind, const uint8_t *msg, size_t len);

#endif
