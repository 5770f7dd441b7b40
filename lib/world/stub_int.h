/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between stub.c (questions, slots, the queue of actions) and the three state
 * machines. A machine only ever queues actions and sets deadlines; each search
 * name is one run of it, and it decides itself what the run's end means, since
 * the libraries differ most in that.
 */
#ifndef NODENS_STUB_INT_H
#define NODENS_STUB_INT_H

#include "lib/base/clock.h"
#include "lib/world/stub.h"
#include "lib/dns/wire.h"

#define STUB_ACTIONS_MAX 32
#define STUB_BARE (-1) /* the name as it is, no search domain */
#define STUB_NO_SLOT UINT_MAX

enum stub_q_state { Q_PENDING, Q_RECORDS, Q_NODATA, Q_NXDOMAIN, Q_FAILED };

struct stub_q { /* one question: A or AAAA of the current name */
	uint16_t type, id;
	bool sent; /* since the name began, or since TC */
	enum stub_q_state state;
	size_t len;
	uint8_t msg[STUB_QUERY_MAX];
};

struct stub_reply { /* what the machines need of a message that matched */
	unsigned q, rcode, slot;
	bool tc, lame;		 /* lame: no data, not authoritative, no recursion */
	enum stub_q_state state; /* what it says if accepted */
};

struct stub_glibc {
	unsigned try, shift, first, server; /* server == (first + shift) % n_servers */
	unsigned slot[STUB_SERVERS_MAX];
	bool got[2], good[2]; /* answered in this round; and with something usable */
	bool got_somewhere, servfail, vc;
	bool tried_bare;
	enum stub_q_state bare_result;
	uint64_t deadline_ns;
};

struct stub_musl {
	unsigned slot, tcp_slot[2];
	unsigned rounds, servfail_budget, next_server;
	uint64_t next_ns, end_ns;
};

struct stub_go {
	struct {
		unsigned slot, tries, first;
		bool tcp;
		uint64_t deadline_ns; /* T_NEVER: idle */
	} q[2];
	bool failed; /* Go's lastErr is a time-out or server failure */
	bool have_error;
};

struct stub_lib {
	void (*begin)(struct stub *s, uint64_t now_ns); /* chooses the first name */
	void (*receive)(struct stub *s, uint64_t now_ns, const struct stub_reply *r);
	void (*broken)(struct stub *s, uint64_t now_ns, unsigned slot);
	void (*expire)(struct stub *s, uint64_t now_ns);
	uint64_t (*deadline)(const struct stub *s);
};
extern const struct stub_lib stub_lib_glibc, stub_lib_musl, stub_lib_go;

struct stub {
	const struct stub_conf *c;
	struct stub_thread *t;
	struct rng *rng;
	const struct stub_lib *lib;
	bool absolute;	   /* the name ended with a dot */
	unsigned dots;	   /* as ndots counts them */
	int name_at;	   /* index into search, or STUB_BARE */
	unsigned n_q;
	unsigned slots; /* bit set: open; never all, so that opening always finds one */
	unsigned last_slot;
	bool done;
	struct stub_outcome out;
	union {
		struct stub_glibc glibc;
		struct stub_musl musl;
		struct stub_go go;
	} u;
	unsigned n_actions, first_action;
	/* what follows is not cleared for a new lookup: each is filled before it is looked at */
	struct {
		uint8_t act, slot, server, q;
		bool tcp, unconnected;
	} action[STUB_ACTIONS_MAX];
	struct name base;  /* as the application wrote it */
	struct name qname; /* base with or without a search domain */
	struct stub_q q[2];
};

/* Makes search[at] (or STUB_BARE) the current name and its questions pending,
 * with new ids. False when the joined name is too long: skip it. */
bool stub_name_set(struct stub *s, int at);
void stub_q_renew(struct stub *s, unsigned q); /* a new id */
unsigned stub_slot_open(struct stub *s, unsigned server, bool tcp, bool unconnected);
void stub_slot_close(struct stub *s, unsigned *slot); /* and forget it */
void stub_slots_close(struct stub *s);
void stub_q_send(struct stub *s, unsigned slot, unsigned server, unsigned q, bool retry);
/* Ends the lookup: closes what is open, and fills the outcome from the questions. */
void stub_finish(struct stub *s, enum stub_result result);
bool stub_any(const struct stub *s, enum stub_q_state state);

#endif
