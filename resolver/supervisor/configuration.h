/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of a running daemon. A change goes: read and compile here ->
 * open new sockets -> no more questions come to those that go -> workers switch ->
 * old sockets close. Until the workers have switched, everything old stays; if one
 * refuses, it stays altogether.
 */
#ifndef NODENS_SUPERVISOR_CONFIGURATION_H
#define NODENS_SUPERVISOR_CONFIGURATION_H

#include "resolver/config/config.h"
#include "resolver/config/watch.h"
#include "resolver/crew/sockets.h"
#include "resolver/crew/workers.h"
#include "resolver/supervisor/hostnames.h"
#include "resolver/supervisor/loopcheck.h"
#include "resolver/supervisor/process.h"

struct configuration_hooks {
	/* Workers are about to serve `next`. True: to a socket that goes questions have come until now, and
	 * they are to be answered first. */
	bool (*leaving)(void *ctx, const struct corefile_plan *next);
	void (*stayed)(void *ctx); /* they are not */
	void (*switched)(void *ctx, bool first); /* process.plan is what all workers serve */
	void (*unservable)(void *ctx);           /* the first was refused: there is nothing to go back to */
};

struct configuration {
	struct process *p;
	struct sockets *sockets;
	struct workers *workers;
	const struct configuration_hooks *hook;
	void *ctx;
	struct config_source source;
	struct config serves;           /* the workers do; process.plan is its plan */
	struct config pending;          /* what they were told to serve, or will be when `leave` has come */
	struct loop_timer leave;
	uint64_t leave_since_ns;
	bool again;                     /* a reload was put off */
	struct loop_timer later;        /* one that came too soon after others */
	bool told;                      /* what was put off is to be answered in words */
	uint64_t paid_until_ns, say_later_ns; /* a switch costs a second, and three may be owed */
	char refused[65];               /* digest of what workers or sockets last refused: said once */
	uint64_t refused_until_ns;      /* and tried again from then on */
	bool quiet;                     /* which is what is under way */
	struct config_refused refusals; /* parts of the newest that are not served */
	struct diag unwritten;          /* why the rendered file was not written; "": it was */
	struct loopcheck *loopcheck;
	struct hostnames *hostnames;        /* names in what is read; while they are looked up no other reading begins */
	struct watch watch;
	struct loop_timer poll;         /* looks at the files whatever inotify says */
	bool partial, said_partial;     /* inotify does not see all of them */
};

void configuration_init(struct configuration *c, struct process *p, struct sockets *sockets, struct workers *workers,
			const struct configuration_hooks *hook, void *ctx);
/* First configuration: 0, and it is on its way to the workers; or an error with words.
 * private_port: where the self-test can ask them, 0: nowhere. */
int configuration_start(struct configuration *c, uint16_t private_port, struct diag *d);
/* Read again; switches when something changed and is good. `told`: say so even
 * when nothing changed. While a change is under way, or a hand-over: put off; and to the
 * next second when there were more than a few switches lately, for each begins all open
 * questions anew. */
void configuration_reload(struct configuration *c, bool told);
/* What was put off can be done. */
void configuration_resume(struct configuration *c);
/* A worker took what is pending, or refused it (why). */
void configuration_answered(struct configuration *c, const char *why);
bool configuration_pending(const struct configuration *c);
void configuration_release(struct configuration *c);

#endif
