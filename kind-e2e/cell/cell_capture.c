/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went over each pod's veth, caught and later counted by pcap-replay, a
 * program that shares nothing with the load program but the packets.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"
#include "lib/base/clock.h"
#include "lib/record/result.h"

#define CAPTURE_READY_NS (10 * NS_PER_S)
#define CAPTURE_STOP_NS (20 * NS_PER_S)

struct capture_start {
	const struct cell *c;
	unsigned pod;
};

static void give_up(struct cell *c, const char *why)
{
	c->captured = false;
	if (!c->capture_why[0])
		snprintf(c->capture_why, sizeof c->capture_why, "%s", why);
}

static int capture_body(void *arg)
{
	const struct capture_start *st = arg;
	const struct cell *c = st->c;
	char prog[4200], file[4200], log[4200], link[16];
	const char *argv[] = {prog, "capture", "--write", file, link, NULL};

	topo_pod_link(link, st->pod);
	snprintf(prog, sizeof prog, "%s/pcap-replay", c->lab->bin);
	snprintf(file, sizeof file, "%s/pod%u.pcap", c->dir, st->pod + 1);
	snprintf(log, sizeof log, "%s/.capture%u.log", c->dir, st->pod + 1);
	unlink(log);
	unlink(file);
	proc_exec_logged(argv, log);
	return 125;
}

static bool catching(struct cell *c, unsigned pod)
{
	uint64_t until = clock_mono_ns() + CAPTURE_READY_NS;
	char log[4200], *text;
	bool yes = false;

	snprintf(log, sizeof log, "%s/.capture%u.log", c->dir, pod + 1);
	while (!yes && clock_mono_ns() < until) {
		if (proc_gone(c->capture[pod], NULL)) {
			c->capture[pod] = 0;
			return false;
		}
		text = proc_slurp(log);
		yes = text && strstr(text, "capturing on ");
		if (!yes)
			poll(NULL, 0, 5);
		free(text);
	}
	return yes;
}

void capture_start(struct cell *c)
{
	char prog[4200];
	struct diag d = {""};

	snprintf(prog, sizeof prog, "%s/pcap-replay", c->lab->bin);
	if (access(prog, X_OK)) {
		give_up(c, "pcap-replay is not there");
		return;
	}
	if (netns_enter(NETNS_NODE, &d)) {
		give_up(c, d.text);
		return;
	}
	c->captured = true;
	for (unsigned i = 0; i < c->topo.n_pods; i++) {
		struct capture_start st = {c, i};

		c->capture[i] = proc_fork("e2e-capture", capture_body, &st, &d);
		if (c->capture[i] < 0 || !catching(c, i))
			give_up(c, "pcap-replay capture did not start; see .capture*.log");
	}
	netns_leave();
}

static void count_file(struct cell *c, unsigned pod)
{
	char prog[4200], file[4200], dir[4200];
	const char *argv[] = {prog, "summary", "--out", dir, file, NULL};
	double queries = 0, answers = 0, twice = 0;
	struct record *r = NULL;
	struct diag d = {""};

	snprintf(prog, sizeof prog, "%s/pcap-replay", c->lab->bin);
	snprintf(file, sizeof file, "%s/pod%u.pcap", c->dir, pod + 1);
	snprintf(dir, sizeof dir, "%s/capture-pod%u", c->dir, pod + 1);
	if (proc_run(argv, NULL, NULL, &d) || record_load(&r, dir, &d)) {
		give_up(c, d.text);
		return;
	}
	/* a port that asks a name again with an id of a second ago looks like one that waits in vain: its
	 * answer is then the second of one question */
	if (!record_num(r, "queries.sent", &queries) || !record_num(r, "answers.total", &answers) ||
	    !record_num(r, "answers.twice", &twice))
		give_up(c, "pcap-replay summary did not count queries and answers");
	c->captured_queries += (uint64_t)queries;
	c->captured_answers += (uint64_t)(answers + twice);
	record_free(r);
}

void capture_stop(struct cell *c)
{
	char log[4200];
	int status;

	for (unsigned i = 0; i < c->topo.n_pods; i++) {
		if (c->capture[i] <= 0)
			continue;
		if (!proc_stop(c->capture[i], SIGINT, CAPTURE_STOP_NS, &status) || status)
			give_up(c, "pcap-replay capture did not end well");
		c->capture[i] = 0;
		if (c->captured)
			count_file(c, i);
		snprintf(log, sizeof log, "%s/.capture%u.log", c->dir, i + 1);
		if (c->captured)
			unlink(log);
	}
}
