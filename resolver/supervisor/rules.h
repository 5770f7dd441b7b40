/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules, seen from the supervisor. nftables' are one netlink message away.
 * iptables' are asked of the keeper (resolver/node/keeper.h), so that a program waiting
 * for a lock keeps nothing else waiting; gates are renewed from here all the same.
 */
#ifndef NODENS_SUPERVISOR_RULES_H
#define NODENS_SUPERVISOR_RULES_H

#include "resolver/supervisor/process.h"
#include "resolver/supervisor/rules_astray.h"
#include "resolver/supervisor/rules_idle.h"
#include "resolver/supervisor/rules_tracked.h"

struct rules_hooks {
	void (*retry)(void *ctx, uint64_t in_ns); /* they could not be had: rules_ensure again, if that is sooner */
	void (*counted)(void *ctx);               /* rules_count has come to its end, or takes too long */
	void (*lost)(void *ctx);                  /* the keeper is gone */
	/* Questions are about to take the other way, but to where `but` listens (NULL: nowhere): no new connections. */
	void (*leaving)(void *ctx, const struct corefile_plan *but);
	void (*left)(void *ctx); /* they take it: who comes now comes for what stays */
};

struct rules {
	struct process *p;
	const struct rules_hooks *hook;
	void *ctx;
	struct loop_fd keeper;  /* fd -1: none */
	bool on;                /* in place, or lapsed */
	bool lapsed, ensuring, repairing;
	bool heir;              /* not yet, and those of the instance before lead to us */
	struct rules_idle idle; /* addresses that they are not for */
	bool swept;             /* nothing of an instance before is left, as far as was looked */
	bool withdrawn;         /* off, and what replies need stands */
	bool has_raw;           /* CAP_NET_RAW was kept, for programs that rules may need */
	uint64_t renewed_ns;    /* last */
	uint64_t idle_before;   /* and what they were not for then */
	struct rules_tracked tracked; /* what connection tracking has from times without them */
	struct loop_timer tracked_timer; /* there is more of it */
	uint32_t generation;    /* of iptables' rules: when they were last asked for, and then seen standing */
	uint32_t asked_generation;
	uint64_t asked_ns;      /* and when they were last asked for */
	bool said_no_failopen;
	uint64_t said_left_ns;  /* until then nothing is said of what other dialects left */
	struct rules_astray astray;
	struct {
		bool known;     /* `last` was read once */
		bool asked, late; /* the keeper has been; and takes long */
		struct node_counters last;
		uint64_t at_ns;
		struct loop_timer timer;
	} count;
};

/* keeper_fd: of resolver/node/keeper.h, ours from now on; -1: there is none. */
int rules_start(struct rules *r, struct process *p, int keeper_fd, const struct rules_hooks *hook, void *ctx,
		struct diag *d);
/* Gives up what rules will not need; again when they need less. */
int rules_privileges(struct rules *r, struct diag *d);
/* As they should be, or asked for. Never while the self-test fails. */
void rules_ensure(struct rules *r);
void rules_refresh(struct rules *r); /* the self-test has passed */
void rules_doubt(struct rules *r);   /* it has failed once: they may lapse by themselves before the next */
void rules_lapse(struct rules *r);   /* it has failed, and not once */
/* It passed, and what was sent to Services' addresses (of ours, a bit each) was answered, or was not (words). */
void rules_led(struct rules *r, uint64_t asked, uint64_t astray, const char *words);
/* Other listeners than before: rules are for addresses with one only (rules_idle.h). */
void rules_listeners(struct rules *r);
/* There are about to be: to an address that `next` does not listen at no more questions come from now on, and
 * connections go on. True: until now some came. */
bool rules_leave(struct rules *r, const struct corefile_plan *next);
/* We read what rules of an instance before lead to: they are renewed until ours are in place. */
void rules_inherit(struct rules *r);
/* Questions go elsewhere from now on, unless rules are to stay (-skipteardown, another instance's). */
void rules_off(struct rules *r);
/* Then, when no reply is owed any more. */
void rules_remove(struct rules *r);
bool rules_kept(const struct rules *r);    /* by a process in front of us */
bool rules_swept(const struct rules *r);   /* else rules_ensure looks again for what an instance before left */
bool rules_stand(const struct rules *r);   /* they were installed, and not removed */
bool rules_expire(const struct rules *r);  /* and lapse without rules_refresh */
bool rules_renewed(const struct rules *r); /* so, or inherited: rules_refresh is due three times in the fail-open time */
/* For some address at least. `seen`: counters just read, or NULL. */
bool rules_hold_now(const struct rules *r, const struct node_counters *seen);
/* nodens_rules_active: and there is none from which they had to go. */
bool rules_active(const struct rules *r, const struct node_counters *seen);
/* False: not yet, `counted` follows. Never waits. */
bool rules_count(struct rules *r);
/* As of the last rules_count; false: there are none. */
bool rules_counters(struct rules *r, struct node_counters *ret);
void rules_release(struct rules *r);

#endif
