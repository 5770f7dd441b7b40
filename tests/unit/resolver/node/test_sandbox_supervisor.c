/* SPDX-License-Identifier: Apache-2.0 */
/* A supervisor that somebody has taken over, and one that has hardly the memory for its filter. */
#include "resolver/node/sandbox.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/fixtures/sandbox_attempts.h"

static const struct attempt beyond[] = {
	ATTEMPT(traces), ATTEMPT(seizes), ATTEMPT(reads_memory), ATTEMPT(writes_memory), ATTEMPT(takes_a_descriptor), ATTEMPT(loads_bpf),
	ATTEMPT(opens_perf), ATTEMPT(uses_keys), ATTEMPT(adds_a_key), ATTEMPT(sets_up_a_ring), ATTEMPT(handles_faults),
	ATTEMPT(leaves_its_namespace), ATTEMPT(enters_a_namespace), ATTEMPT(mounts), ATTEMPT(changes_its_root), ATTEMPT(reads_the_log),
};
/* Not for who runs programs. */
static const struct attempt listed[] = {
	ATTEMPT(openat2_writes), ATTEMPT(links), ATTEMPT(makes_a_fifo), ATTEMPT(changes_an_owner), ATTEMPT(opens_packets), ATTEMPT(opens_raw),
	ATTEMPT(opens_audit), ATTEMPT(opens_crypto), ATTEMPT(opens_vsock), ATTEMPT(becomes_somebody), ATTEMPT(makes_code_by_key),
	ATTEMPT(signals_by_tkill), ATTEMPT(queues_a_signal), ATTEMPT(lowers_its_priority), ATTEMPT(moves_it_to_a_processor),
	ATTEMPT(executes_by_descriptor), ATTEMPT(clones),
};
/* Nor where nothing is left to run. */
static const struct attempt programs[] = {ATTEMPT(executes), ATTEMPT(maps_code), ATTEMPT(makes_code)};

static void supervisor_tries(enum sandbox_programs how, const struct attempt *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(supervisor_attempted(how, a[i].make), 0, "%d: %s", how, a[i].name);
}

/* Forks, writes, and has a worker shut itself in. */
static int supervises(void)
{
	int fd = open(v.other, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), status;
	pid_t pid = fork();
	struct diag d;

	if (!pid)
		_exit(privileges_worker(&d) || empties_a_file() >= 0 || prctl(PR_SET_NAME, "x", 0, 0, 0));
	if (fd < 0 || write(fd, "x", 1) != 1 || pid < 0 || waitpid(pid, &status, 0) != pid || status || rename(v.other, v.other) ||
	    unlink(v.other) || memfd_create("x", MFD_CLOEXEC) < 0 || socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) < 0)
		return -1;
	return socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

Test(sandbox_supervisor, a_supervisor_that_is_taken_over)
{
	if (SANITIZED)
		cr_skip_test("sanitized builds have no sandbox");
	victim_begin();
	for (int how = SANDBOX_NO_PROGRAM; how <= SANDBOX_ANY_PROGRAM; how++) {
		supervisor_tries((enum sandbox_programs)how, beyond, sizeof beyond / sizeof *beyond);
		cr_expect_eq(supervisor_attempted((enum sandbox_programs)how, supervises), 1, "%d: it can do its work", how);
	}
	supervisor_tries(SANDBOX_NO_PROGRAM, listed, sizeof listed / sizeof *listed);
	supervisor_tries(SANDBOX_LAST_PROGRAM, listed, sizeof listed / sizeof *listed);
	supervisor_tries(SANDBOX_NO_PROGRAM, programs, sizeof programs / sizeof *programs);
	victim_end();
}

/* All memory there is but for so many small pieces. */
static void memory_leave(size_t pieces)
{
	static void *piece[1 << 16];
	struct rlimit r = {1 << 20, 1 << 20}; /* less than it is: no more */
	size_t n = 0;

	if (setrlimit(RLIMIT_AS, &r))
		_exit(3);
	for (size_t size = 1 << 16; size >= 64; size /= 2)
		while (n < sizeof(piece) / sizeof(*piece) && (piece[n] = malloc(size)))
			n++;
	for (; pieces && n; pieces--)
		free(piece[--n]);
}

/* However early or late memory ends: shut in, or told that it is not enough. */
static int shut_in_with(size_t pieces)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20); /* for one that loops */
		memory_leave(pieces);
		int rc = sandbox_supervisor(SANDBOX_NO_PROGRAM, NULL);

		_exit(rc == 0 ? 0 : rc == ERR_NOMEM ? 1 : 2);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

Test(sandbox_supervisor, with_little_memory, .timeout = 120)
{
	if (SANITIZED)
		cr_skip_test("sanitizers want more memory than that");
	for (size_t pieces = 0; pieces < 60; pieces += 3) {
		int was = shut_in_with(pieces);

		cr_expect(was <= 1, "%d with %zu pieces", was, pieces);
	}
}
