/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of a running daemon. A change goes: read and compile here ->
 * open new sockets -> workers switch -> old sockets close. Until the workers
 * have switched, everything old stays; if one refuses, it stays altogether.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "resolver/supervisor.h"

#define WATCH_PATHS_MAX 128
#define POLL_NS (10 * NS_PER_S) /* where inotify is missing: the original's interval */

static void trouble(void *ctx, const char *text)
{
	struct supervisor *s = ctx;
	log_error("%s", text);
	if (s->node)
		node_error_count(s->node, NODE_ERR_CONFIGMAP);
}

static void files_watch(struct supervisor *s)
{
	const char *path[WATCH_PATHS_MAX];
	size_t n = config_files(&s->source, &s->config, path, WATCH_PATHS_MAX);
	watch_set(&s->watch, path, n);
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
	workers_configure(&s->workers, s->config.name, s->config.text, s->config.len, &d);
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
	int rc = sockets_open(&s->sockets, fresh->plan, s->workers.n, d);
	if (rc == 0)
		rc = workers_configure(&s->workers, fresh->name, fresh->text, fresh->len, d);
	if (rc == 0)
		s->pending = *fresh;
	return rc;
}

void supervise_reload(struct supervisor *s, bool told)
{
	struct config fresh = { 0 };
	struct diag d = { "" };
	if (s->pending.plan || !s->config.plan || handover_busy(s)) { /* one at a time */
		s->reload_again = true;
		return;
	}
	int rc = config_read(&s->source, &fresh, &d);
	if (rc == 0 && strcmp(fresh.plan->digest, s->config.plan->digest) == 0) {
		if (told)
			log_info("Reloading: the configuration has not changed");
		config_release(&fresh);
		files_watch(s); /* links may lead elsewhere now */
		return;
	}
	if (rc == 0 && refused_before(s, &fresh)) {
		config_release(&fresh);
		return;
	}
	if (rc == 0) {
		log_info("Reloading");
		warnings_say(fresh.plan);
		rc = fresh_apply(s, &fresh, &d);
	}
	if (rc < 0) {
		log_error("Corefile changed but reload failed: %s", d.text);
		config_release(&fresh);
		sockets_trim(&s->sockets, s->config.plan);
		reload_result(s, false);
	}
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
	s->source.trouble = trouble;
	s->source.ctx = s;
	s->source.loops = &s->shm->loops;
	s->loopcheck = loopcheck_new(&s->loop, &s->shm->loops, loops_changed, s);
	if (!s->loopcheck)
		return diag_set(d, ERR_NOMEM, "no memory for the loop check");
	int rc = config_read(&s->source, &first, d);
	if (rc < 0)
		return rc;
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
	config_source_release(&s->source);
}
