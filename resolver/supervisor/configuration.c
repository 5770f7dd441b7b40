/* SPDX-License-Identifier: Apache-2.0 */
/* A reload from what was read to what is switched to; the way is in resolver/config/config.h. */
#include "resolver/supervisor/configuration.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/config/beside.h"

#define WATCH_PATHS_MAX 128
#define SWITCH_NS      NS_PER_S /* for each, on the long run: what is asked has that time to be answered */
#define SWITCHES_OWED  3        /* so many more at once */
#define SAY_LATER_NS   (60 * NS_PER_S)
#define POLL_NS      (10 * NS_PER_S) /* where inotify is missing: the original's interval */
#define POLL_RARE_NS (60 * NS_PER_S) /* it does not tell of mounts, nor of what other hosts write */
#define SETTLE_NS    (50 * NS_PER_MS)
#define LEAVE_MIN_NS (100 * NS_PER_MS) /* datagrams already on their way still find us */
#define LEAVE_MAX_NS (2 * NS_PER_S)    /* most questions have their answer by then; the rest is told SERVFAIL */
#define LEAVE_LOOK_NS (20 * NS_PER_MS)
#define LEAVE_PART_NS (500 * NS_PER_MS) /* a connection that is in use asks again within it, and ends with the answer */
#define REFUSED_NS   (30 * NS_PER_S) /* then what workers or sockets refused is tried again */

static void trouble_count(struct configuration *c)
{
	if (c->p->node)
		node_error_count(c->p->node, NODE_ERR_CONFIGMAP);
}

static void poll_within(struct configuration *c, uint64_t ns)
{
	uint64_t at = c->p->loop.now_ns + ns;
	if (at < c->poll.at_ns)
		loop_timer_set(&c->p->loop, &c->poll, at);
}

static void files_watch(struct configuration *c)
{
	const char *path[WATCH_PATHS_MAX];
	size_t n = config_files(&c->source, &c->serves, &c->refusals, path, WATCH_PATHS_MAX);
	if (watch_set(&c->watch, path, n)) /* what was read before may be old */
		loop_timer_set(&c->p->loop, &c->later, c->p->loop.now_ns + SETTLE_NS);
	c->partial = c->watch.fd.fd < 0 || c->watch.partial || n + 1 == WATCH_PATHS_MAX;
	if (c->partial)
		poll_within(c, POLL_NS);
	if (c->partial && !c->said_partial)
		log_warn("configuration: not all of its files can be watched (fs.inotify.max_user_watches, max_user_instances): "
			 "they are looked at every 10 s instead");
	c->said_partial = c->partial;
}

static void refusal_say(struct configuration *c, enum config_part part, const struct config_refused *why)
{
	const char *words = why->part[part].text, *dir = config_kubedns_dir(c->p->flags);
	bool running = c->serves.plan != NULL;
	switch (part) {
	case CONFIG_KUBEDNS:
		log_error("Invalid config: %s: %s (%s)", dir ? dir : "kube-dns", words,
			  running ? "the last good one stays" : "served without it");
		trouble_count(c);
		break;
	case CONFIG_COREFILE:
		log_error("Corefile changed but reload failed: %s", words);
		c->p->metrics.reload_failed++;
		if (why->unread)
			trouble_count(c);
		break;
	default:
		log_error("Corefile: %s", words);
		break;
	}
}

/* What stays refused is said and counted once, however often it is read. */
static void refusals_take(struct configuration *c, struct config_refused *why, bool told)
{
	for (int i = 0; i < CONFIG_PARTS; i++) {
		const char *words = why->part[i].text;
		c->p->metrics.config_refused[i] = *words != 0;
		if (*words && (told || strcmp(words, c->refusals.part[i].text) != 0))
			refusal_say(c, (enum config_part)i, why);
	}
	if (why->part[CONFIG_COREFILE].text[0])
		c->p->metrics.reload_last_success = false;
	config_refused_release(&c->refusals);
	c->refusals = *why;
}

/* That it cannot be written is no news at each reload. */
static void rendered_write(struct configuration *c, const struct config *fresh, bool told)
{
	struct diag d = { "" };
	bool failed = config_rendered_write(&c->source, fresh, &d) < 0;
	if (failed && (told || strcmp(d.text, c->unwritten.text) != 0)) {
		log_error("%s", d.text);
		trouble_count(c);
	}
	c->unwritten = d;
}

static void warnings_say(const struct corefile_plan *p)
{
	for (size_t i = 0; i < p->n_warnings; i++)
		log_warn("%s", p->warning[i]);
}

/* CoreDNS tells the file's own time. */
static uint64_t hosts_time(const struct corefile_plan *p)
{
	uint64_t newest_s = 0;
	struct stat st;
	for (size_t i = 0; i < p->n_files; i++)
		if (p->file[i].kind == COREFILE_FILE_HOSTS && stat(p->file[i].path, &st) == 0 &&
		    (uint64_t)st.st_mtime > newest_s)
			newest_s = (uint64_t)st.st_mtime;
	return newest_s;
}

static void reload_result(struct configuration *c, bool good)
{
	c->p->metrics.reload_last_success = good;
	if (good) {
		c->p->metrics.reload_last_success_s = clock_real_ns() / NS_PER_S;
		snprintf(c->p->metrics.reload_hash, sizeof(c->p->metrics.reload_hash), "%s",
			 c->serves.plan->digest);
	} else {
		c->p->metrics.reload_failed++;
	}
}

/* The pending configuration is what all workers serve. */
static void pending_commit(struct configuration *c)
{
	bool first = !c->serves.plan;
	config_release(&c->serves);
	c->serves = c->pending;
	c->pending = (struct config){ 0 };
	c->p->plan = c->serves.plan;
	sockets_trim(c->sockets, c->serves.plan);
	reload_result(c, true);
	c->p->metrics.reload_last_success = !c->refusals.part[CONFIG_COREFILE].text[0];
	c->p->metrics.hosts_reload_s = hosts_time(c->serves.plan);
	c->refused[0] = 0;
	files_watch(c);
	loopcheck_run(c->loopcheck, c->serves.plan);
	c->hook->switched(c->ctx, first);
	if (first)
		return;
	log_info("Running configuration SHA256 = %s", c->serves.plan->digest);
	log_info("Reloading complete");
}

static void pending_refuse(struct configuration *c, const char *why)
{
	struct diag d;
	config_release(&c->pending);
	if (!c->quiet)
		reload_result(c, false);
	if (!c->serves.plan) { /* nothing to go back to */
		log_line(LOG_LVL_FATAL, "%s", why);
		c->hook->unservable(c->ctx);
		return;
	}
	if (!c->quiet)
		log_error("Corefile changed but reload failed: %s", why);
	sockets_trim(c->sockets, c->serves.plan);
	workers_configure(c->workers, &c->serves, &d);
	c->hook->stayed(c->ctx);
}

void configuration_answered(struct configuration *c, const char *why)
{
	if (!c->pending.plan || c->leave.armed) /* a replaced worker has caught up */
		return;
	if (why)
		pending_refuse(c, why);
	else if (workers_ready(c->workers))
		pending_commit(c);
	else
		return;
	if (c->p->phase <= PHASE_SERVING)
		configuration_resume(c);
}

/* True: this very content was refused before, and nothing needs saying again. Why may have gone: a port
 * that was another's, memory that was short. */
static bool refused_before(struct configuration *c, const struct config *fresh)
{
	if (fresh->plan && strcmp(c->refused, fresh->plan->digest) == 0)
		return true;
	snprintf(c->refused, sizeof(c->refused), "%s", fresh->plan ? fresh->plan->digest : "");
	return false;
}

static int switch_begin(struct configuration *c, const struct config *next, struct diag *d)
{
	int rc = sockets_open(c->sockets, next->plan, c->workers->n, d);
	return rc < 0 ? rc : workers_configure(c->workers, next, d);
}

static int fresh_apply(struct configuration *c, struct config *fresh, bool told, struct diag *d)
{
	rendered_write(c, fresh, told);
	int rc = sockets_open_ahead(c->sockets, fresh->plan, c->workers->n, d);
	if (rc < 0)
		return rc;
	if (c->serves.plan && c->hook->leaving(c->ctx, fresh->plan)) {
		workers_part_but(c->workers, fresh->plan);
		c->leave_since_ns = clock_mono_ns(); /* what was done for it may have taken a while */
		loop_timer_set(&c->p->loop, &c->leave, c->leave_since_ns + LEAVE_MIN_NS);
	} else {
		rc = switch_begin(c, fresh, d);
	}
	if (rc == 0)
		c->pending = *fresh;
	else if (c->serves.plan)
		c->hook->stayed(c->ctx);
	return rc;
}

/* Somebody is owed an answer where nobody asks any more, or may be about to ask at a connection. */
static bool leave_waits(const struct configuration *c, uint64_t now)
{
	uint64_t for_ns = now - c->leave_since_ns;
	return (workers_waiters(c->workers) && for_ns < LEAVE_MAX_NS) ||
	       (workers_connections(c->workers) && for_ns < LEAVE_PART_NS);
}

static void leave_due(struct loop_timer *t)
{
	struct configuration *c = container_of(t, struct configuration, leave);
	uint64_t now = c->p->loop.now_ns;
	struct diag d;
	if (c->p->phase >= PHASE_DRAINING)
		return;
	if (leave_waits(c, now))
		loop_timer_set(&c->p->loop, t, now + LEAVE_LOOK_NS);
	else if (switch_begin(c, &c->pending, &d) < 0)
		configuration_answered(c, d.text);
}

/* Nothing to switch: it is what runs, perhaps again after something worse. */
static void unchanged(struct configuration *c, bool told)
{
	bool again = !c->p->metrics.reload_last_success && !c->refusals.part[CONFIG_COREFILE].text[0];
	if (again)
		reload_result(c, true);
	c->refused[0] = 0;
	if (told || again)
		log_info("Reloading: the configuration has not changed");
	files_watch(c); /* links may lead elsewhere now */
}

/* Too many of late: once for all that come until then. */
static bool put_off(struct configuration *c, bool told)
{
	uint64_t now = c->p->loop.now_ns;
	if (c->paid_until_ns <= now + SWITCHES_OWED * SWITCH_NS)
		return false;
	c->told |= told;
	c->p->metrics.reloads_put_off++;
	loop_timer_set(&c->p->loop, &c->later, c->paid_until_ns - SWITCHES_OWED * SWITCH_NS);
	if (now >= c->say_later_ns) {
		c->say_later_ns = now + SAY_LATER_NS;
		log_warn("configuration: changes come faster than one a second: they are taken together");
	}
	return true;
}

static void switch_pay(struct configuration *c)
{
	uint64_t now = c->p->loop.now_ns;
	c->paid_until_ns = (c->paid_until_ns > now ? c->paid_until_ns : now) + SWITCH_NS;
}

/* 1: under way; 0: nothing to do; an error: it was not to be had, and said. */
static int reload_try(struct configuration *c, const struct config_newest *newest, bool told, bool keep_corefile)
{
	struct config fresh = { 0 };
	struct config_refused why = { 0 };
	struct diag d = { "" };
	int rc = config_choose(&c->source, newest, &c->serves, keep_corefile, &fresh, &why, &d);
	if (hostnames_go(c->hostnames)) {
		config_release(&fresh);
		config_refused_release(&why);
		c->told |= told;
		return 0;
	}
	if (keep_corefile)
		why.part[CONFIG_COREFILE] = c->refusals.part[CONFIG_COREFILE];
	refusals_take(c, &why, told);
	if (rc < 0) {
		log_error("Corefile changed but reload failed: %s", d.text);
		return rc;
	}
	if (strcmp(fresh.plan->digest, c->serves.plan->digest) == 0) {
		rendered_write(c, &fresh, told);
		config_release(&fresh);
		if (!keep_corefile)
			unchanged(c, told);
		return 0;
	}
	bool before = refused_before(c, &fresh);
	if (before && !told && c->p->loop.now_ns < c->refused_until_ns) {
		config_release(&fresh);
		return keep_corefile ? 0 : ERR_EXISTS;
	}
	c->quiet = before && !told;
	c->refused_until_ns = c->p->loop.now_ns + REFUSED_NS;
	if (!c->quiet) {
		log_info("Reloading");
		warnings_say(fresh.plan);
	}
	rc = fresh_apply(c, &fresh, told, &d);
	if (rc == 0)
		switch_pay(c);
	if (rc == 0)
		return 1;
	config_release(&fresh);
	sockets_trim(c->sockets, c->serves.plan);
	if (c->quiet)
		return rc;
	log_error("Corefile changed but reload failed: %s", d.text);
	reload_result(c, false);
	return rc;
}

/* One at a time; and who takes over names what it reads, and must find it so when its turn comes. */
static bool not_now(const struct configuration *c)
{
	bool takes_over = c->p->not_ours && c->p->phase == PHASE_STARTING;
	return c->pending.plan || !c->serves.plan || hostnames_busy(c->hostnames) || handover_busy(c->p->handover) || takes_over;
}

void configuration_reload(struct configuration *c, bool told)
{
	struct config_newest newest;
	if (c->p->phase > PHASE_SERVING) { /* addresses that we would listen at may be a successor's by now */
		if (told)
			log_info("Reloading: not any more, this instance ends");
		return;
	}
	if (not_now(c)) {
		c->again = true;
		c->told |= told;
		return;
	}
	if (put_off(c, told))
		return;
	/* A Corefile that asks for an address that cannot be had: what else is new is taken all the same. */
	config_newest_read(&c->source, c->serves.rendered, &newest);
	if (reload_try(c, &newest, told, false) < 0)
		reload_try(c, &newest, false, true);
	config_newest_release(&newest);
	hostnames_forget(c->hostnames);
	if (!c->pending.plan)
		files_watch(c); /* what is missing may come */
}

/* With what was asked for meanwhile. */
static void reload_owed(struct configuration *c)
{
	bool told = c->told;
	c->told = false;
	configuration_reload(c, told);
}

void configuration_resume(struct configuration *c)
{
	if (!c->again)
		return;
	c->again = false;
	reload_owed(c);
}

bool configuration_pending(const struct configuration *c)
{
	return c->pending.plan != NULL;
}

static void files_changed(void *ctx)
{
	struct configuration *c = ctx;
	if (c->p->phase <= PHASE_SERVING)
		configuration_reload(c, false);
}

/* Read once more: what names stand for is known now, or that they stand for nothing. */
static void names_known(void *ctx)
{
	struct configuration *c = ctx;
	c->again = true;
	if (c->p->phase <= PHASE_SERVING)
		configuration_resume(c);
}

static void loops_changed(void *ctx)
{
	files_changed(ctx);
}

static void later_due(struct loop_timer *t)
{
	struct configuration *c = container_of(t, struct configuration, later);
	if (c->p->phase <= PHASE_SERVING)
		reload_owed(c);
}

static void poll_due(struct loop_timer *t)
{
	struct configuration *c = container_of(t, struct configuration, poll);
	if (c->watch.fd.fd < 0)
		watch_init(&c->watch, &c->p->loop, files_changed, c, NULL);
	loop_timer_set(&c->p->loop, t, c->p->loop.now_ns + (c->partial ? POLL_NS : POLL_RARE_NS));
	files_changed(c);
}

void configuration_init(struct configuration *c, struct process *p, struct sockets *sockets, struct workers *workers,
			const struct configuration_hooks *hook, void *ctx)
{
	*c = (struct configuration){ .p = p, .sockets = sockets, .workers = workers, .hook = hook, .ctx = ctx };
	c->watch.fd.fd = -1;
	c->leave.due = leave_due;
	config_source_init(&c->source, p->flags);
}

/* This once names are waited for: there is nothing to be renewed yet. */
static int first_choose(struct configuration *c, const struct config_newest *newest, struct config *ret, struct config_refused *why,
			struct diag *d)
{
	int rc = config_choose(&c->source, newest, NULL, false, ret, why, d);
	while (hostnames_go(c->hostnames)) {
		config_release(ret);
		config_refused_release(why);
		hostnames_wait(c->hostnames);
		rc = config_choose(&c->source, newest, NULL, false, ret, why, d);
	}
	hostnames_forget(c->hostnames);
	return rc;
}

int configuration_start(struct configuration *c, uint16_t private_port, struct diag *d)
{
	struct config first = { 0 };
	struct config_newest newest;
	struct config_refused why = { 0 };
	c->source.private_port = private_port;
	c->source.loops = &c->p->shm->loops;
	c->loopcheck = loopcheck_new(&c->p->loop, &c->p->shm->loops, loops_changed, c);
	if (!c->loopcheck)
		return diag_set(d, ERR_NOMEM, "no memory for the loop check");
	c->hostnames = hostnames_new(&c->p->loop, names_known, c);
	if (!c->hostnames)
		return diag_set(d, ERR_NOMEM, "no memory for looking up names");
	c->source.host_addrs = hostnames_addrs;
	c->source.host_ctx = c->hostnames;
	config_newest_read(&c->source, false, &newest);
	int rc = first_choose(c, &newest, &first, &why, d);
	config_newest_release(&newest);
	if (rc < 0) {
		config_refused_release(&why);
		return rc;
	}
	refusals_take(c, &why, false);
	warnings_say(first.plan);
	c->poll.due = poll_due;
	c->later.due = later_due;
	loop_timer_set(&c->p->loop, &c->poll, c->p->loop.now_ns + POLL_RARE_NS);
	watch_init(&c->watch, &c->p->loop, files_changed, c, NULL); /* or with one of the next looks */
	rc = fresh_apply(c, &first, false, d);
	if (rc < 0)
		config_release(&first);
	return rc;
}

void configuration_release(struct configuration *c)
{
	loopcheck_free(c->loopcheck);
	c->loopcheck = NULL;
	hostnames_free(c->hostnames);
	c->hostnames = NULL;
	watch_release(&c->watch);
	loop_timer_set(&c->p->loop, &c->poll, T_NEVER);
	loop_timer_set(&c->p->loop, &c->later, T_NEVER);
	loop_timer_set(&c->p->loop, &c->leave, T_NEVER);
	config_release(&c->serves);
	config_release(&c->pending);
	config_refused_release(&c->refusals);
	config_source_release(&c->source);
}
