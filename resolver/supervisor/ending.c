/* SPDX-License-Identifier: Apache-2.0 */
/* Phases only go forward; whoever is late is killed. */
#include "resolver/supervisor/ending.h"

#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/supervisor/supervisor.h"

#define DRAIN_MS       5000 /* as long as the original waits for its servers */
#define DRAIN_SLACK_NS (500 * NS_PER_MS)
#define EXIT_LATE      3
#define STAY_LOOK_NS   NS_PER_S
#define PART_IDLE_MS   500 /* a connection that is in use asks again within it */
#define PART_NS        ((PART_IDLE_MS + 50) * NS_PER_MS) /* and ends within that */
#define PART_LOOK_NS   NS_PER_MS
#define MOVE_LOOK_NS   (500 * NS_PER_MS)
#define KILLED_NS      NS_PER_S /* a process that is killed is gone long before */

/* From now on, not from when the loop last looked at the clock: what the rules need may have taken seconds. */
static void timer_in(struct supervisor *s, uint64_t ns)
{
	loop_timer_set(&s->process.loop, &s->ending.timer, clock_mono_ns() + ns);
}

static void done(struct supervisor *s)
{
	s->process.phase = PHASE_DONE;
	s->process.loop.stop = true;
}

void ending_done(struct supervisor *s, int code)
{
	s->ending.exit_code = code;
	done(s);
}

/* This process, or the keeper in front of it, is number 1 of its container. */
static bool first_process(const struct supervisor *s)
{
	return getpid() == 1 || (rules_kept(&s->rules) && getppid() == 1);
}

/* Nobody of ours answers any more. Whoever restarts a container that ends would
 * have it take everything back at once, so after a hand-over a container's first
 * process stays until it is told to stop, or is needed again. */
static void all_finished(struct supervisor *s)
{
	if (!s->process.not_ours || s->ending.told || !first_process(s) || !handover_followed(s->process.handover)) {
		done(s);
		return;
	}
	if (!s->ending.stays)
		log_info("another instance serves: waiting to be told to stop");
	s->ending.stays = true;
	timer_in(s, STAY_LOOK_NS);
}

void ending_worker_gone(struct supervisor *s)
{
	if (s->process.phase == PHASE_DRAINING && workers_alive(&s->workers) == 0)
		all_finished(s);
}

/* What the host has of us goes, where it is ours; what looks after it ends. */
static void host_leave(struct supervisor *s)
{
	if (s->pidfile_written && !s->process.not_ours)
		unlink(s->process.flags->pidfile);
	s->pidfile_written = false;
	upkeep_stop(&s->upkeep);
	health_stop(&s->health);
	rules_off(&s->rules);
}

/* One that hangs would keep its connections, and its part in sockets that others bind, for as long as those
 * that work may finish: nobody tests us any more. */
static void look_due(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, ending.look);
	if (workers_ping(&s->workers, WORKERS_HANG_NS) && !s->process.not_ours)
		s->ending.exit_code = EXIT_LATE;
	if (workers_alive(&s->workers))
		loop_timer_set(&s->process.loop, t, s->process.loop.now_ns + MOVE_LOOK_NS);
}

static void drain(struct supervisor *s)
{
	log_info("Tearing down");
	host_leave(s);
	s->process.phase = PHASE_DRAINING;
	workers_drain(&s->workers, DRAIN_MS);
	if (workers_alive(&s->workers) == 0)
		done(s);
	else
		timer_in(s, DRAIN_MS * NS_PER_MS + DRAIN_SLACK_NS);
	look_due(&s->ending.look);
}

/* Their connections are reset as they go, for which the kernel needs the addresses: those stay until then. */
static void kill_all(struct supervisor *s, int code)
{
	s->ending.exit_code = code;
	s->ending.killed = true;
	s->process.phase = PHASE_DRAINING;
	workers_kill(&s->workers);
	if (workers_alive(&s->workers) == 0)
		done(s);
	else
		timer_in(s, KILLED_NS);
}

/* Connections end first, and end with an answer: a question that comes while we are closing is lost to
 * its client. What is then still open, or was just opened, outlives the rules (rules_off sees to that). */
static void part(struct supervisor *s)
{
	uint64_t now = s->process.loop.now_ns;
	if (!s->ending.part_until_ns) {
		s->ending.part_until_ns = now + PART_NS;
		workers_part(&s->workers, PART_IDLE_MS);
	}
	if (workers_connections(&s->workers) == 0 || now >= s->ending.part_until_ns)
		drain(s);
	else
		timer_in(s, PART_LOOK_NS);
}

void ending_handed_over(struct supervisor *s, uint32_t allowed_ms)
{
	s->process.not_ours = true;
	host_leave(s);
	endpoints_shut(&s->endpoints);
	s->process.phase = PHASE_DRAINING;
	workers_finish(&s->workers, allowed_ms);
	/* Not read by us any more: whoever binds the address anew would share it with them. */
	sockets_close(&s->sockets);
	if (workers_alive(&s->workers) == 0)
		all_finished(s);
	else
		timer_in(s, allowed_ms * NS_PER_MS + DRAIN_SLACK_NS);
	look_due(&s->ending.look);
}

void ending_quit(struct supervisor *s, int code)
{
	if (s->ending.killed) { /* told again */
		ending_done(s, code);
		return;
	}
	s->ending.told = true;
	host_leave(s);
	kill_all(s, code);
}

static uint64_t lameduck_ns(const struct corefile_plan *p)
{
	uint64_t ns = 0;
	for (size_t i = 0; p && i < p->n_blocks; i++)
		if (p->block[i].lameduck_ns > ns)
			ns = p->block[i].lameduck_ns;
	return ns;
}

static void stop_later(struct supervisor *s, bool with_lameduck)
{
	s->ending.later = true;
	s->ending.lameduck = with_lameduck;
}

void ending_resume(struct supervisor *s)
{
	if (!s->ending.later)
		return;
	s->ending.later = false;
	ending_stop(s, s->ending.lameduck);
}

void ending_stop(struct supervisor *s, bool with_lameduck)
{
	struct process *p = &s->process;
	uint64_t wait = with_lameduck && p->phase == PHASE_SERVING ? lameduck_ns(p->plan) : 0;
	s->ending.told = true;
	if (s->ending.stays)
		done(s);
	if (p->phase >= PHASE_DRAINING || (p->phase == PHASE_LAMEDUCK && with_lameduck))
		return;
	if (handover_busy(p->handover)) {
		stop_later(s, with_lameduck);
		return;
	}
	if (p->not_ours && p->phase == PHASE_STARTING) { /* we never began */
		done(s);
		return;
	}
	p->phase = PHASE_LAMEDUCK;
	if (wait == 0) {
		part(s);
		return;
	}
	log_info("Going into lameduck mode for %.3gs", (double)wait / 1e9);
	timer_in(s, wait);
}

static void due(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, ending.timer);
	if (s->process.phase == PHASE_LAMEDUCK) {
		if (handover_busy(s->process.handover))
			stop_later(s, false);
		else
			part(s);
	} else if (s->process.phase == PHASE_DRAINING && s->ending.stays) {
		all_finished(s);
	} else if (s->process.phase == PHASE_DRAINING && s->ending.killed) {
		done(s);
	} else if (s->process.phase == PHASE_DRAINING) {
		log_error("workers did not finish in time");
		kill_all(s, EXIT_LATE);
	}
}

void ending_init(struct supervisor *s)
{
	s->ending.timer.due = due;
	s->ending.look.due = look_due;
}
