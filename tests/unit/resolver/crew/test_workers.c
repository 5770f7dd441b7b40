/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crew as the supervisor has it, with workers that the test plays: what each is told, with
 * which descriptors, and what their answers, silence and deaths come to.
 */
#include "resolver/crew/workers.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/observe/shm.h"
#include "resolver/worker/ctl.h"
#include "tests/fixtures/at_end.h"

enum { N = 3 };
static struct loop loop;
static struct workers w;
static struct sockets sockets;
static struct shm *shm;
static int theirs[N]; /* the workers' ends */
static pid_t pid[N];
static unsigned n_changed, n_answered;
static char why_changed[600];
static unsigned before;

static void changed(void *ctx, const char *why)
{
	cr_expect_eq(ctx, &loop);
	n_changed++;
	snprintf(why_changed, sizeof(why_changed), "%s", why ? why : "");
}

static void answered(void *ctx)
{
	cr_expect_eq(ctx, &loop);
	n_answered++;
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A process that does nothing stands for the worker, to be killed. */
static void worker_put(unsigned i)
{
	struct diag d;
	int fd[2], began[2];
	char none;

	cr_assert_eq(ctl_pair(fd, &d), 0);
	cr_assert_eq(loop_add(&loop, &w.slot[i].ctl, fd[0], EPOLLIN), 0);
	theirs[i] = fd[1];
	cr_assert_eq(pipe2(began, O_CLOEXEC), 0);
	pid[i] = fork();
	if (pid[i] == 0) {
		close_range(3, ~0u, 0);
		for (;;)
			pause();
	}
	close(began[1]);
	cr_assert_eq(read(began[0], &none, 1), 0, "it has none of ours");
	close(began[0]);
	w.slot[i].pid = pid[i];
	w.slot[i].started_ns = clock_mono_ns();
}

static void setup(void)
{
	log_setup("test", LOG_STYLE_BOOT, LOG_LVL_FATAL);
	before = descriptors();
	cr_assert_eq(loop_init(&loop, NULL), 0);
	shm = calloc(1, sizeof(*shm) + N * sizeof(shm->worker[0]));
	cr_assert_eq(workers_init(&w, &loop, shm, &sockets, N, 5300), 0);
	w.changed = changed;
	w.answered = answered;
	w.ctx = &loop;
	for (unsigned i = 0; i < N; i++)
		worker_put(i);
}

static void teardown(void)
{
	workers_kill(&w);
	workers_release(&w);
	for (unsigned i = 0; i < N; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	for (unsigned i = 0; i < sockets.n; i++)
		for (unsigned k = 0; k < sockets.set[i].n; k++) {
			close(sockets.set[i].udp[k]);
			close(sockets.set[i].tcp[k]);
		}
	for (unsigned i = 0; i < sockets.n; i++)
		for (unsigned k = 0; k < sockets.set[i].n_more; k++)
			close(sockets.set[i].more[k]);
	loop_release(&loop);
	free(shm);
	AT_END(descriptors() == before);
}

TestSuite(workers, .init = setup, .fini = teardown, .timeout = 60);

static struct ctl_msg m;
static int fds[CTL_FDS_MAX];
static unsigned n_fds;

/* What worker i was told, with descriptors that the caller closes; 0: nothing. */
static unsigned told(unsigned i)
{
	int rc = ctl_recv(theirs[i], &m, fds, &n_fds);

	return rc > 0 ? m.type : 0;
}

static void all_told(enum ctl_type type)
{
	for (unsigned i = 0; i < N; i++) {
		cr_expect_eq(told(i), (unsigned)type, "%u", i);
		cr_expect_eq(told(i), 0, "once");
	}
}

static void says(unsigned i, enum ctl_type type, uint32_t value)
{
	struct ctl_msg s = {.type = type, .value = value, .text = "because"};

	cr_assert_eq(ctl_send(theirs[i], &s, NULL, 0), 0);
	cr_assert_eq(loop_step(&loop, loop.now_ns + 20 * NS_PER_MS), 0);
}

static ino_t inode(int fd)
{
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

static int any_file(void)
{
	return memfd_create("any", MFD_CLOEXEC);
}

/* Two sets; the first with two queues more for each worker. */
static void sockets_put(void)
{
	sockets.n = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct socket_set *t = &sockets.set[i];

		*t = (struct socket_set){.n = N, .port = (uint16_t)(53 + i), .addr.s6_addr[15] = (uint8_t)(i + 1)};
		for (unsigned k = 0; k < N; k++) {
			t->udp[k] = any_file();
			t->tcp[k] = any_file();
		}
		for (; i == 0 && t->n_more < 2 * N; t->n_more++)
			t->more[t->n_more] = any_file();
	}
}

static void configured(const char *text)
{
	struct config c = {.text = (char *)(uintptr_t)text, .len = strlen(text), .name = (char *)(uintptr_t)"/etc/Corefile"};
	struct diag d;

	cr_assert_eq(config_texts_put(&c.files, "/etc/hosts", "127.0.0.1 me\n", 13, false), 0);
	cr_assert_eq(workers_configure(&w, &c, &d), 0, "%s", d.text);
	config_texts_release(&c.files);
}

Test(workers, are_told_what_to_serve)
{
	sockets_put();
	cr_expect_not(workers_ready(&w));
	for (uint32_t generation = 1; generation <= 2; generation++) {
		const char *text = generation == 1 ? ".:53 {\n}\n" : "other.:54 {\n}\n";

		configured(text);
		for (unsigned i = 0; i < N; i++) {
			struct config_texts files;
			char b[1000];

			cr_assert_eq(told(i), CTL_CONFIGURE);
			cr_expect_eq(m.value, generation);
			cr_expect_str_eq(m.file, "/etc/Corefile");
			cr_assert_eq(m.n_listeners, 2);
			cr_assert_eq(n_fds, 1 + 2 * 2 + 2);
			for (unsigned k = 0; k < 2; k++) {
				cr_expect_eq(m.listener[k].port, 53 + k);
				cr_expect_eq(m.listener[k].addr.s6_addr[15], k + 1);
				cr_expect_eq(m.listener[k].n_more, k == 0 ? 2 : 0);
				cr_expect_eq(inode(fds[1 + 2 * k]), inode(sockets.set[k].udp[i]));
				cr_expect_eq(inode(fds[2 + 2 * k]), inode(sockets.set[k].tcp[i]));
			}
			for (unsigned k = 0; k < 2; k++)
				cr_expect_eq(inode(fds[5 + k]), inode(sockets.set[0].more[i + k * N]));
			cr_expect_eq(m.text_len, strlen(text));
			ssize_t len = pread(fds[0], b, sizeof(b), 0);

			cr_assert_gt(len, (ssize_t)m.text_len);
			cr_expect_arr_eq(b, text, m.text_len);
			cr_assert_eq(config_texts_unpack(&files, b + m.text_len, (size_t)len - m.text_len), 0);
			cr_expect_str_eq(config_texts_find(&files, "/etc/hosts")->text, "127.0.0.1 me\n");
			config_texts_release(&files);
			fdpass_close(fds, n_fds);
			cr_expect_not(workers_ready(&w));
			says(i, CTL_READY, generation - 1); /* about what is replaced */
			cr_expect_not(workers_ready(&w));
			says(i, CTL_READY, generation);
		}
		cr_expect(workers_ready(&w));
		cr_expect_eq(n_changed, N * generation);
		cr_expect_str_eq(why_changed, "");
	}
	says(1, CTL_FAILED, 1);
	cr_expect_str_eq(why_changed, "");
	says(1, CTL_FAILED, 2);
	cr_expect_str_eq(why_changed, "because");
	cr_expect_eq(n_changed, 2 * N + 1);
}

/* Those that are held stay so through a configuration. */
Test(workers, held)
{
	sockets_put();
	workers_hold(&w, 2);
	cr_expect_eq(n_answered, 0);
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_HOLD);
		cr_assert_eq(m.n_listeners, 1, "but the second set");
		cr_expect_eq(m.listener[0].port, 54);
		cr_expect_eq(m.listener[0].addr.s6_addr[15], 2);
		cr_expect_eq(n_fds, 0);
	}
	configured(".:53 {\n}\n");
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_HOLD, "first, so that it never reads");
		cr_expect_eq(m.n_listeners, 1);
		cr_assert_eq(told(i), CTL_CONFIGURE);
		fdpass_close(fds, n_fds);
	}
	says(0, CTL_HELD, 0);
	says(0, CTL_HELD, 0); /* twice is once */
	says(2, CTL_SERVING, 0);
	says(2, CTL_HELD, 0);
	cr_expect_eq(n_answered, 0);
	says(1, CTL_HELD, 0);
	cr_expect_eq(n_answered, 1);
	says(1, CTL_HELD, 0);
	cr_expect_eq(n_answered, 1);
	workers_serve(&w);
	all_told(CTL_SERVE);
	configured("x:53 {\n}\n");
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_CONFIGURE, "held no more");
		fdpass_close(fds, n_fds);
	}
	for (unsigned i = 0; i < N; i++)
		says(i, CTL_SERVING, 0);
	cr_expect_eq(n_answered, 2);
	/* none of the sets: nothing is read */
	workers_hold(&w, 0);
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_HOLD);
		cr_expect_eq(m.n_listeners, 0);
	}
}

/* Before a take-over: what the instance before reads is held, and nobody else reads what we opened. */
Test(workers, held_before_a_take_over)
{
	sockets_put();
	sockets.set[0].adopted = true;
	w.held = w.held_adopted = true;
	configured(".:53 {\n}\n");
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_HOLD);
		cr_assert_eq(m.n_listeners, 1, "but the second set");
		cr_expect_eq(m.listener[0].port, 54);
		cr_assert_eq(told(i), CTL_CONFIGURE);
		fdpass_close(fds, n_fds);
	}
	workers_serve(&w);
	for (unsigned i = 0; i < N; i++)
		cr_assert_eq(told(i), CTL_SERVE);
	workers_hold(&w, 1); /* and when another takes over from us it is as that says */
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_HOLD);
		cr_assert_eq(m.n_listeners, 1);
		cr_expect_eq(m.listener[0].port, 53);
	}
}

/* Connections at what the next plan does not name. */
Test(workers, parting_where_a_listener_goes)
{
	struct core_listener l[2];
	struct corefile_plan next = {.conf = {.n_listeners = 1, .listener = l}};

	memset(l, 0, sizeof(l));
	sockets_put();
	for (unsigned i = 0; i < 2; i++) {
		l[i].addr = sockets.set[i].addr;
		l[i].port = sockets.set[i].port;
	}
	workers_part_but(&w, &next);
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_PART);
		cr_assert_eq(m.n_listeners, 1, "the second set");
		cr_expect_eq(m.listener[0].port, 54);
		cr_expect_eq(m.listener[0].addr.s6_addr[15], 2);
	}
	next.conf.n_listeners = 2;
	workers_part_but(&w, &next);
	for (unsigned i = 0; i < N; i++)
		cr_expect_eq(told(i), 0, "none goes: else it would be all");
}

/* Who is not there, or cannot be told, is not waited for; who dies has answered. */
Test(workers, the_dead_are_not_waited_for)
{
	close(theirs[0]);
	theirs[0] = -1;
	w.slot[1].pid = 0;
	workers_hold(&w, 0);
	cr_expect_eq(told(1), 0);
	cr_expect_eq(told(2), CTL_HOLD);
	cr_expect_eq(n_answered, 0);
	workers_answer(&w.slot[2], 0, 0);
	cr_expect_eq(n_answered, 1);
	workers_serve(&w);
	cr_expect_eq(told(2), CTL_SERVE);
	cr_expect_eq(told(1), 0);
	cr_expect_eq(n_answered, 1);
	says(2, CTL_SERVING, 0);
	cr_expect_eq(n_answered, 2);
	w.slot[2].pid = 0;
	workers_hold(&w, 0);
	cr_expect_eq(n_answered, 3, "nobody is there");
	workers_serve(&w);
	cr_expect_eq(n_answered, 4);
	struct diag d;

	cr_expect_eq(workers_export(&w, &d), 0);
	cr_expect_eq(n_answered, 5);
	workers_import(&w, NULL, 0);
	cr_expect_eq(n_answered, 6);
	w.slot[1].pid = pid[1];
	w.slot[2].pid = pid[2];
}

Test(workers, caches_out_and_in)
{
	struct diag d;
	unsigned open = descriptors();
	ino_t file[N];

	cr_assert_eq(workers_export(&w, &d), 0);
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_EXPORT);
		cr_assert_eq(n_fds, 1);
		file[i] = inode(fds[0]);
		cr_expect_eq(file[i], inode(w.slot[i].cache_fd));
		cr_expect(i == 0 || file[i] != file[i - 1], "each its own");
		cr_expect_eq(fcntl(w.slot[i].cache_fd, F_GET_SEALS), 0, "it is to be written");
		fdpass_close(fds, n_fds);
	}
	says(0, CTL_EXPORTED, 5);
	cr_expect_eq(fcntl(w.slot[0].cache_fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	cr_expect_eq(fcntl(w.slot[1].cache_fd, F_GET_SEALS), 0);
	says(1, CTL_EXPORTED, 7);
	cr_expect_eq(n_answered, 0);
	says(2, CTL_EXPORTED, 0);
	cr_expect_eq(n_answered, 1);
	cr_expect_eq(w.n_entries, 12);
	cr_assert_eq(workers_export(&w, &d), 0);
	cr_expect_eq(descriptors(), open + N, "in place of those before");
	cr_expect_eq(w.n_entries, 0);
	cr_expect_neq(inode(w.slot[0].cache_fd), file[0]);
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_EXPORT);
		fdpass_close(fds, n_fds);
		says(i, CTL_EXPORTED, 1);
	}
	cr_expect_eq(w.n_entries, N);
	int two[2] = {w.slot[0].cache_fd, w.slot[1].cache_fd};

	workers_import(&w, two, 2);
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(told(i), CTL_IMPORT);
		cr_assert_eq(n_fds, 1);
		cr_expect_eq(inode(fds[0]), inode(two[i % 2]));
		fdpass_close(fds, n_fds);
	}
	cr_expect_eq(w.n_entries, 0);
	cr_expect_eq(n_answered, 2);
	for (unsigned i = 0; i < N; i++)
		says(i, CTL_IMPORTED, 2);
	cr_expect_eq(n_answered, 3);
	cr_expect_eq(w.n_entries, 2 * N);
	workers_export_close(&w);
	cr_expect_eq(descriptors(), open);
	for (unsigned i = 0; i < N; i++)
		cr_expect_eq(w.slot[i].cache_fd, -1);
	workers_import(&w, NULL, 0);
	cr_expect_eq(n_answered, 4, "there are none to read");
	for (unsigned i = 0; i < N; i++)
		cr_expect_eq(told(i), 0);
}

static int status_of(unsigned i)
{
	int status = 0;

	cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

/* One question at a time; the oldest without an answer counts. */
Test(workers, pings)
{
	cr_expect(workers_prompt(&w, 0));
	loop.now_ns = 100 * NS_PER_S;
	workers_ping(&w, NS_PER_S);
	all_told(CTL_PING);
	loop.now_ns += NS_PER_S;
	workers_ping(&w, NS_PER_S);
	for (unsigned i = 0; i < N; i++)
		cr_expect_eq(told(i), 0, "the one before is open");
	cr_expect(workers_prompt(&w, NS_PER_S));
	cr_expect_not(workers_prompt(&w, NS_PER_S - 1));
	for (unsigned i = 0; i < N; i += 2) {
		struct ctl_msg pong = {.type = CTL_PONG};

		cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
		w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
	}
	cr_expect_not(workers_prompt(&w, NS_PER_S - 1), "the second says nothing");
	loop.now_ns += 1;
	workers_ping(&w, NS_PER_S);
	cr_expect_eq(told(0), CTL_PING);
	cr_expect_eq(told(2), CTL_PING);
	cr_expect_eq(status_of(1), SIGKILL, "a hung worker is worth less than a new one");
	cr_expect_eq(kill(pid[0], 0), 0);
	cr_expect_eq(kill(pid[2], 0), 0);
	cr_expect(workers_prompt(&w, 0), "asked just now");
	w.slot[1].pid = 0;
	loop.now_ns += 10 * NS_PER_S;
	workers_ping(&w, 60 * NS_PER_S);
	cr_expect_eq(told(1), 0, "it is not there");
	cr_expect_eq(w.slot[1].ping_ns, 0);
	w.slot[1].pid = pid[1];
}

/* Who has much to read moves late. Its successor has twice the time, and so on. */
Test(workers, being_configured)
{
	struct ctl_msg ready = {.type = CTL_READY, .value = 3}, pong = {.type = CTL_PONG};

	loop.now_ns = 100 * NS_PER_S;
	w.generation = 3;
	w.slot[1].ready = w.slot[2].ready = 3;
	workers_look(&w);
	cr_assert(w.look.armed);
	cr_expect_leq(w.look.at_ns, loop.now_ns + NS_PER_S, "in whatever phase its owner is");
	for (unsigned round = 0; round < 7; round++) {
		uint64_t patience = WORKERS_HANG_NS << (round < 5 ? round : 5);

		loop_timer_set(&loop, &w.look, T_NEVER);
		w.look.due(&w.look);
		cr_assert(w.look.armed, "until all are");
		cr_expect_eq(told(0), CTL_PING);
		for (unsigned i = 1; i < N; i++) {
			cr_expect_eq(told(i), CTL_PING);
			cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
			w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
		}
		loop.now_ns += patience;
		workers_ping(&w, WORKERS_HANG_NS);
		cr_expect_eq(w.slot[0].ping_ns, loop.now_ns - patience, "%u: not yet", round);
		for (unsigned i = 1; i < N; i++) {
			cr_expect_eq(told(i), CTL_PING);
			cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
			w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
		}
		loop.now_ns++;
		workers_ping(&w, WORKERS_HANG_NS);
		cr_expect_eq(status_of(0), SIGKILL, "%u", round);
		for (unsigned i = 1; i < N; i++) {
			cr_expect_eq(told(i), CTL_PING);
			cr_assert_eq(ctl_send(theirs[i], &pong, NULL, 0), 0);
			w.slot[i].ctl.ready(&w.slot[i].ctl, EPOLLIN);
		}
		loop_del(&loop, &w.slot[0].ctl);
		close(w.slot[0].ctl.fd);
		close(theirs[0]);
		worker_put(0);
	}
	cr_assert_eq(ctl_send(theirs[0], &ready, NULL, 0), 0);
	w.slot[0].ctl.ready(&w.slot[0].ctl, EPOLLIN);
	cr_expect_eq(w.slot[0].hangs, 0, "it can");
	loop_timer_set(&loop, &w.look, T_NEVER);
	w.look.due(&w.look);
	cr_expect_not(w.look.armed, "nobody is any more");
	workers_ping(&w, WORKERS_HANG_NS);
	loop.now_ns += WORKERS_HANG_NS + 1;
	workers_ping(&w, WORKERS_HANG_NS);
	cr_expect_eq(status_of(0), SIGKILL);
	cr_expect_eq(w.slot[0].hangs, 0, "it had nothing to read");
}

Test(workers, ends)
{
	cr_expect_eq(workers_alive(&w), N);
	for (unsigned i = 0; i < N; i++)
		shm->worker[i].driver.tcp_open = 1u << i;
	cr_expect_eq(workers_connections(&w), 7);
	w.slot[1].pid = 0;
	cr_expect_eq(workers_connections(&w), 5);
	cr_expect_eq(workers_alive(&w), N - 1);
	workers_part(&w, 17);
	cr_expect_eq(told(0), CTL_PART);
	cr_expect_eq(told(1), 0);
	cr_expect_eq(told(2), CTL_PART);
	cr_expect_not(w.stopping);
	w.slot[1].pid = pid[1];
	for (unsigned i = 0; i < N; i++)
		loop_timer_set(&loop, &w.slot[i].restart, loop.now_ns + NS_PER_S);
	workers_finish(&w, 17);
	cr_expect(w.stopping);
	for (unsigned i = 0; i < N; i++) {
		cr_expect_eq(told(i), CTL_FINISH);
		cr_expect_eq(m.value, 17);
		cr_expect_not(w.slot[i].restart.armed);
		loop_timer_set(&loop, &w.slot[i].restart, loop.now_ns + NS_PER_S);
	}
	w.stopping = false;
	workers_drain(&w, 18);
	cr_expect(w.stopping);
	for (unsigned i = 0; i < N; i++) {
		cr_expect_eq(told(i), CTL_DRAIN);
		cr_expect_eq(m.value, 18);
		cr_expect_not(w.slot[i].restart.armed);
	}
	/* one that cannot be told */
	close(theirs[0]);
	theirs[0] = -1;
	workers_drain(&w, 18);
	cr_expect_eq(status_of(0), SIGKILL);
	w.slot[0].pid = 0;
	close(theirs[1]);
	theirs[1] = -1;
	workers_finish(&w, 18);
	cr_expect_eq(status_of(1), SIGKILL);
	loop_del(&loop, &w.slot[0].ctl);
	close(w.slot[0].ctl.fd);
	cr_expect_eq(kill(pid[2], 0), 0);
	workers_kill(&w);
	cr_expect_eq(status_of(2), SIGKILL);
}

/* Descriptors that a worker sends are nobody's; one that is gone is listened to no more. */
Test(workers, odd_ones)
{
	struct ctl_msg pong = {.type = CTL_PONG};
	unsigned open = descriptors();
	int fd = theirs[0];

	w.slot[0].ping_ns = 1;
	cr_assert_eq(ctl_send(theirs[0], &pong, &fd, 1), 0);
	cr_assert_eq(loop_step(&loop, loop.now_ns + 20 * NS_PER_MS), 0);
	cr_expect_eq(w.slot[0].ping_ns, 0);
	cr_expect_eq(descriptors(), open);
	close(theirs[1]);
	theirs[1] = -1;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(loop_step(&loop, loop.now_ns + NS_PER_MS), 0);
	cr_expect_eq(w.slot[1].pid, pid[1], "SIGCHLD tells the rest");
}

/* What a worker had open is nobody's when it is dead; its counters stay. While all end, nobody comes in its place. */
Test(workers, one_that_died)
{
	struct shm_worker *s = &shm->worker[1];

	s->core.entries_success = s->core.entries_denial = s->core.bytes_used = s->core.inflight = s->core.waiters = s->core.clients = 5;
	s->core.block_entries[3][1] = 5;
	s->core.joined = 5;
	s->driver.tcp_open = s->driver.tcp_held_bytes = s->driver.up_udp_open = s->driver.up_tcp_open = s->driver.dnstap_connected = 5;
	s->driver.udp_received = 5;
	w.stopping = true;
	workers_hold(&w, 0);
	kill(pid[1], SIGKILL);
	while (workers_alive(&w) == N)
		workers_reap(&w);
	cr_expect_eq(w.slot[1].pid, 0);
	cr_expect_eq(shm->worker_restarts, 0);
	cr_expect_eq(w.slot[1].awaits, 0);
	cr_expect_eq(s->core.entries_success + s->core.entries_denial + s->core.bytes_used + s->core.inflight + s->core.waiters + s->core.clients, 0);
	cr_expect_eq(s->core.block_entries[3][1], 0);
	cr_expect_eq(s->driver.tcp_open + s->driver.tcp_held_bytes + s->driver.up_udp_open + s->driver.up_tcp_open + s->driver.dnstap_connected, 0);
	cr_expect_eq(s->core.joined + s->driver.udp_received, 10);
	says(0, CTL_HELD, 0);
	cr_expect_eq(n_answered, 0);
	says(2, CTL_HELD, 0);
	cr_expect_eq(n_answered, 1);
}
