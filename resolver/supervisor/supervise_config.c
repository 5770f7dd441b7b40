/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of a running daemon. A change goes: read and compile here ->
 * open new sockets -> workers switch -> old sockets close. Until the workers
 * have switched, everything old stays; if one refuses, it stays altogether.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/supervisor/supervisor.h"

#define WATCH_PATHS_MAX 128
#define POLL_NS (10 * NS_PER_S) /* where inotify is missing: the original's interval */

static void trouble_count(struct supervisor *s)
{
	if (s->node)
		node_error_count(s->node, NODE_ERR_CONFIGMAP);
}

static void files_watch(struct supervisor *s)
{
	const char *path[WATCH_PATHS_MAX];
	size_t n = config_files(&s->source, &s->config, &s->refusals, path, WATCH_PATHS_MAX);
	watch_set(&s->watch, path, n);
}

static void refusal_say(struct supervisor *s, enum config_part part, const struct config_refused *why)
{
	const char *words = why->part[part].text, *dir = config_kubedns_dir(s->flags);
	bool running = s->config.plan != NULL;
	switch (part) {
	case CONFIG_KUBEDNS:
		log_error("Invalid config: %s: %s (%s)", dir ? dir : "kube-dns", words,
			  running ? "the last good one stays" : "served without it");
		trouble_count(s);
		break;
	case CONFIG_COREFILE:
		log_error("Corefile changed but reload failed: %s", words);
		s->metrics.reload_failed++;
		if (why->unread)
			trouble_count(s);
		break;
	default:
		log_error("Corefile: %s", words);
		break;
	}
}

/* What stays refused is said and counted once, however often it is read. */
static void refusals_take(struct supervisor *s, struct config_refused *why, bool told)
{
	for (int i = 0; i < CONFIG_PARTS; i++) {
		const char *words = why->part[i].text;
		s->metrics.config_refused[i] = *words != 0;
		if (*words && (told || strcmp(words, s->refusals.part[i].text) != 0))
			refusal_say(s, (enum config_part)i, why);
	}
	if (why->part[CONFIG_COREFILE].text[0])
		s->metrics.reload_last_success = false;
	config_refused_release(&s->refusals);
	s->refusals = *why;
}

static void rendered_write(struct supervisor *s, const struct config *c)
{
	struct diag d;
	if (config_rendered_write(&s->source, c, &d) == 0)
		return;
	log_error("%s", d.text);
	trouble_count(s);
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

static void reload_result(struct supervisor *s, bool good)
{
	s->metrics.reload_last_success = good;
	if (good) {
		s->metrics.reload_last_success_s = clock_real_ns() / NS_PER_S;
		snprintf(s->metrics.reload_hash, sizeof(s->metrics.reload_hash), "%s",
			 s->config.plan->digest);
	} else {
		s->metrics.reload_failed++;
	}
}

/* The pending configuration is what all workers serve. */
static void pending_commit(struct supervisor *s)
{
	bool first = !s->config.plan;
	config_release(&s->config);
	s->config = s->pending;
	s->pending = (struct config){ 0 };
	sockets_trim(&s->sockets, s->config.plan);
	reload_result(s, true);
	s->metrics.reload_last_success = !s->refusals.part[CONFIG_COREFILE].text[0];
	s->metrics.hosts_reload_s = hosts_time(s->config.plan);
	s->refused[0] = 0;
	files_watch(s);
	endpoints_sync(s);
	loopcheck_run(s->loopcheck, s->config.plan);
	if (first && handover_waiting(s)) {
		handover_configured(s);
		return;
	}
	if (first) {
		supervise_selftest(s);
		return;
	}
	log_info("Running configuration SHA256 = %s", s->config.plan->digest);
	log_info("Reloading complete");
}

static void pending_refuse(struct supervisor *s, const char *why)
{
	struct diag d;
	config_release(&s->pending);
	reload_result(s, false);
	if (!s->config.plan) { /* nothing to go back to */
		log_line(LOG_LVL_FATAL, "%s", why);
		s->exit_code = 1;
		s->phase = PHASE_DONE;
		s->loop.stop = true;
		return;
	}
	log_error("Corefile changed but reload failed: %s", why);
	sockets_trim(&s->sockets, s->config.plan);
	workers_configure(&s->workers, &s->config, &d);
}

void supervise_worker_changed(void *ctx, struct worker_slot *w, const char *why)
{
	struct supervisor *s = ctx;
	(void)w;
	if (!s->pending.plan) /* a replaced worker has caught up */
		return;
	if (why)
		pending_refuse(s, why);
	else if (workers_ready(&s->workers))
		pending_commit(s);
	else
		return;
	if (s->reload_again && s->phase <= PHASE_SERVING) {
		s->reload_again = false;
		supervise_reload(s, false);
	}
}

/* True: this very content was refused before, and nothing needs saying again. */
static bool refused_before(struct supervisor *s, const struct config *c)
{
	if (c->plan && strcmp(s->refused, c->plan->digest) == 0)
		return true;
	snprintf(s->refused, sizeof(s->refused), "%s", c->plan ? c->plan->digest : "");
	return false;
}

static int fresh_apply(struct supervisor *s, struct config *fresh, struct diag *d)
{
	rendered_write(s, fresh);
	int rc = sockets_open(&s->sockets, fresh->plan, s->workers.n, d);
	if (rc == 0)
		rc = workers_configure(&s->workers, fresh, d);
	if (rc == 0)
		s->pending = *fresh;
	return rc;
}

/* Nothing to switch: it is what runs, perhaps again after something worse. */
static void unchanged(struct supervisor *s, bool told)
{
	bool again = !s->metrics.reload_last_success && !s->refusals.part[CONFIG_COREFILE].text[0];
	if (again)
		reload_result(s, true);
	s->refused[0] = 0;
	if (told || again)
		log_info("Reloading: the configuration has not changed");
	files_watch(s); /* links may lead elsewhere now */
}

/* 1: under way; 0: nothing to do; an error: it was not to be had, and said. */
static int reload_try(struct supervisor *s, bool told, bool keep_corefile)
{
	struct config fresh = { 0 };
	struct config_refused why = { 0 };
	struct diag d = { "" };
	int rc = config_read(&s->source, &s->config, keep_corefile, &fresh, &why, &d);
	if (keep_corefile) {
		why.part[CONFIG_COREFILE] = s->refusals.part[CONFIG_COREFILE];
	}
	refusals_take(s, &why, told);
	if (rc < 0) {
		log_error("Corefile changed but reload failed: %s", d.text);
		return rc;
	}
	if (strcmp(fresh.plan->digest, s->config.plan->digest) == 0) {
		rendered_write(s, &fresh);
		config_release(&fresh);
		if (!keep_corefile)
			unchanged(s, told);
		return 0;
	}
	if (refused_before(s, &fresh)) {
		config_release(&fresh);
		return keep_corefile ? 0 : ERR_EXISTS;
	}
	log_info("Reloading");
	warnings_say(fresh.plan);
	rc = fresh_apply(s, &fresh, &d);
	if (rc == 0)
		return 1;
	log_error("Corefile changed but reload failed: %s", d.text);
	config_release(&fresh);
	sockets_trim(&s->sockets, s->config.plan);
	reload_result(s, false);
	return rc;
}

void supervise_reload(struct supervisor *s, bool told)
{
	if (s->pending.plan || !s->config.plan || handover_busy(s)) { /* one at a time */
		s->reload_again = true;
		return;
	}
	/* A Corefile that asks for an address that cannot be had: what else is new is taken all the same. */
	if (reload_try(s, told, false) < 0)
		reload_try(s, false, true);
	if (!s->pending.plan)
		files_watch(s); /* what is missing may come */
}

static void files_changed(void *ctx)
{
	struct supervisor *s = ctx;
	if (s->phase <= PHASE_SERVING)
		supervise_reload(s, false);
}

static void loops_changed(void *ctx)
{
	files_changed(ctx);
}

static void poll_due(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, poll);
	files_changed(s);
	loop_timer_set(&s->loop, t, s->loop.now_ns + POLL_NS);
}

int supervise_config_start(struct supervisor *s, struct diag *d)
{
	struct config first = { 0 };
	struct config_refused why = { 0 };
	s->source.loops = &s->shm->loops;
	s->loopcheck = loopcheck_new(&s->loop, &s->shm->loops, loops_changed, s);
	if (!s->loopcheck)
		return diag_set(d, ERR_NOMEM, "no memory for the loop check");
	int rc = config_read(&s->source, NULL, false, &first, &why, d);
	if (rc < 0) {
		config_refused_release(&why);
		return rc;
	}
	refusals_take(s, &why, false);
	warnings_say(first.plan);
	s->poll.due = poll_due;
	if (watch_init(&s->watch, &s->loop, files_changed, s, d) < 0) {
		log_warn("%s: files are looked at every 10 s instead", d->text);
		loop_timer_set(&s->loop, &s->poll, s->loop.now_ns + POLL_NS);
	}
	rc = fresh_apply(s, &first, d);
	if (rc < 0)
		config_release(&first);
	return rc;
}

void supervise_config_release(struct supervisor *s)
{
	loopcheck_free(s->loopcheck);
	s->loopcheck = NULL;
	watch_release(&s->watch);
	loop_timer_set(&s->loop, &s->poll, T_NEVER);
	config_release(&s->config);
	config_release(&s->pending);
	config_refused_release(&s->refusals);
	config_source_release(&s->source);
}
