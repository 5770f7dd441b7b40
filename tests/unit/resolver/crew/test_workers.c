/* SPDX-License-Identifier: Apache-2.0 */
/* What workers are told, with which descriptors, and what their answers come to. */
#include "tests/fixtures/crew_world.h"

TestSuite(workers, .init = setup, .fini = teardown, .timeout = 60);

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
