/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that keeps the privileges: interface, rules, listening sockets,
 * configuration, HTTP. It parses nothing that comes from the network but HTTP
 * requests; workers do the rest.
 *
 * The order that loses no query:
 *   read configuration -> interface -> sockets -> workers serve -> self-test
 *   passed -> pidfile, rules, /ready 200
 * and back:
 *   /ready 503 -> lameduck -> pidfile, rules -> workers finish -> interface
 */
#ifndef NODENS_SUPERVISOR_H
#define NODENS_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "resolver/config/config.h"
#include "resolver/handover/handover.h"
#include "resolver/observe/http.h"
#include "resolver/net/loop.h"
#include "resolver/observe/metrics.h"
#include "resolver/node/node.h"
#include "resolver/supervisor/loopcheck.h"
#include "resolver/supervisor/selftest.h"
#include "resolver/supervisor/sockets.h"
#include "resolver/config/watch.h"
#include "resolver/supervisor/workers.h"

enum supervisor_phase {
	PHASE_STARTING, /* until the first self-test has passed */
	PHASE_SERVING,
	PHASE_LAMEDUCK, /* told to stop; still serving */
	PHASE_DRAINING, /* rules are gone; workers finish */
	PHASE_DONE,
};

struct supervisor {
	const struct node_flags *flags;
	struct loop loop;
	struct loop_fd signals;
	enum supervisor_phase phase;
	int exit_code;
	struct node *node;
	struct shm *shm;
	/* configuration */
	struct config_source source;
	struct config config;     /* what the workers serve */
	struct config pending;    /* what they were told to serve */
	bool reload_again;
	char refused[65];         /* digest of the configuration that workers or sockets last refused: said once */
	struct config_refused refusals; /* parts of the newest that are not served */
	struct loopcheck *loopcheck;
	struct watch watch;
	struct loop_timer poll;   /* looks at the files where inotify cannot */
	/* data plane */
	struct sockets sockets;
	struct workers workers;
	/* proof of life */
	struct selftest *selftest;
	struct loop_timer selftest_timer, sync_timer, phase_timer;
	bool selftest_good, rules_on, pidfile_written;
	unsigned selftest_failures; /* in a row */
	uint64_t selftest_due_ns;   /* when the one that runs should have begun */
	/* interface and rules */
	struct loop_fd iface;       /* of resolver/node/iface_watch.h */
	struct loop_timer iface_settle;
	struct loop_fd keeper;      /* fd -1: none */
	bool ensuring, lapsed, repairing, said_no_failopen;
	bool has_raw;               /* CAP_NET_RAW was kept, for programs that rules may need */
	uint64_t said_left_ns;      /* until then nothing is said of what other dialects left */
	uint64_t renewed_ns;        /* the rules, last */
	unsigned n_astray;          /* self-tests in a row that the cluster's address did not lead to us */
	uint64_t astray_until_ns, astray_pause_ns; /* rules stay away; for how long the next time */
	bool counted;               /* `counters` were read once */
	struct node_counters counters;
	uint64_t counted_ns;        /* when; */
	bool counting, count_late;  /* the keeper has been asked; and takes long */
	struct loop_timer count_timer;
	/* what others see */
	struct http_server *http;
	struct diag http_said; /* the last complaint about an address, and when */
	uint64_t http_said_ns;
	struct http_counts http_told; /* what the last line about busy ports included, and when */
	uint64_t http_told_ns;
	struct http_page *page; /* of /metrics, the last one, and when it was made */
	uint64_t page_ns;
	struct metrics_driver metrics;
	uint64_t start_real_s;
	/* from one instance to the next */
	struct handover *handover;
	bool not_ours; /* rules, interface and pidfile are another instance's: they stay */
	bool told;     /* to stop */
	bool stays;    /* handed over and finished, but not told to stop */
};

/* Runs until told to stop; returns the exit status. keeper_fd: see resolver/node/keeper.h. */
int supervisor_run(const struct node_flags *f, int keeper_fd);

/* --- supervise_config.c --- */
/* First configuration: 0, or an error with words; nothing runs yet. */
int supervise_config_start(struct supervisor *s, struct diag *d);
/* Read again; switches when something changed and is good. `told`: say so even
 * when nothing changed. */
void supervise_reload(struct supervisor *s, bool told);
/* A worker took the pending configuration, or refused it. */
void supervise_worker_changed(void *ctx, struct worker_slot *w, const char *why);
void supervise_config_release(struct supervisor *s);

/* --- supervise_health.c --- */
int supervise_health_start(struct supervisor *s, struct diag *d);
void supervise_selftest(struct supervisor *s);
/* Interface and rules as they should be, now and every sync interval. */
void supervise_sync(struct supervisor *s);
void supervise_sync_soon(struct supervisor *s);
/* Renew the rules once more, and test nothing until supervise_selftest. */
void supervise_rules_hold(struct supervisor *s);
void supervise_health_release(struct supervisor *s);

/* --- supervise_rules.c --- */
/* keeper_fd: of resolver/node/keeper.h; -1: there is none. */
int supervise_rules_start(struct supervisor *s, int keeper_fd, struct diag *d);
/* Gives up what rules will not need; again when they need less. */
int supervise_rules_privileges(struct supervisor *s, struct diag *d);
void supervise_rules_ensure(struct supervisor *s);
void supervise_rules_refresh(struct supervisor *s); /* the self-test has passed */
void supervise_rules_lapse(struct supervisor *s);   /* it has failed, and not once */
void supervise_rules_off(struct supervisor *s);
/* False: not yet, http_resume follows. Never waits. */
bool supervise_rules_count(struct supervisor *s);
/* As of the last supervise_rules_count; false: there are none. */
bool supervise_rules_counters(struct supervisor *s, struct node_counters *ret);
/* nodens_rules_active. `seen`: counters just read, or NULL. */
bool supervise_rules_hold_now(const struct supervisor *s, const struct node_counters *seen);
void supervise_rules_release(struct supervisor *s);

/* --- endpoints.c --- */
int endpoints_start(struct supervisor *s, struct diag *d);
/* Opens and closes HTTP listeners as the configuration wants. What cannot be
 * bound is said, tried again later, and does not stop DNS. */
void endpoints_sync(struct supervisor *s);
/* From time to time: says once a minute at most that the ports are busy. */
void endpoints_look(struct supervisor *s);
void endpoints_release(struct supervisor *s);

/* --- supervisor.c, for the others --- */
void supervisor_serving(struct supervisor *s); /* the first self-test has passed */
void supervisor_stop(struct supervisor *s, bool with_lameduck);
/* Another instance serves: finish what is open, leave everything as it is. */
void supervisor_handed_over(struct supervisor *s, uint32_t allowed_ms);
void supervisor_done(struct supervisor *s);
void supervisor_pidfile_write(struct supervisor *s);

#endif
