/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker that somebody has taken over would try, from within its sandbox: each
 * attempt really made, against a file and a process that stand for the supervisor's.
 * Then the supervisor's own.
 */
#include "resolver/node/privileges.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resolver/node/sandbox.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

/* What the attempts are made against. */
static struct victim {
	pid_t pid;
	int pair[2]; /* a socket pair that the worker has an end of */
	char file[64], other[64], abstract[32];
	int own; /* a descriptor that is open for reading */
} v;

static int open_(int flags)
{
	return open(v.file, flags, 0600);
}

/* Each returns what the system call did: below 0 is a refusal. */
static int empties_a_file(void) { return open_(O_RDONLY | O_TRUNC); }
static int makes_a_file(void) { return open(v.other, O_RDONLY | O_CREAT, 0777); }
static int makes_a_nameless_file(void) { return open("/tmp", O_RDWR | O_TMPFILE, 0600); }
static int makes_a_nameless_file_to_read(void) { return open("/tmp", __O_TMPFILE | O_DIRECTORY, 0600); }
static int writes_a_file(void) { return open_(O_WRONLY); }
static int appends_to_a_file(void) { return open_(O_RDWR | O_APPEND); }
static int opens_a_path(void) { return open_(O_PATH); }
static int opens_to_change_attributes(void) { return open_(3); }
static int creat_makes_a_file(void) { return (int)syscall(SYS_creat, v.other, 0600); }
static int openat2_writes(void)
{
	uint64_t how[3] = {O_WRONLY};

	return (int)syscall(SYS_openat2, AT_FDCWD, v.file, how, sizeof how);
}
static int openat2_reads(void)
{
	uint64_t how[3] = {O_RDONLY};

	return (int)syscall(SYS_openat2, AT_FDCWD, v.file, how, sizeof how);
}
static int truncates(void) { return truncate(v.file, 0); }
static int ftruncates(void) { return ftruncate(v.own, 0); }
static int unlinks(void) { return unlink(v.file); }
static int renames(void) { return rename(v.file, v.other); }
static int links(void) { return link(v.file, v.other); }
static int symlinks(void) { return symlink("/", v.other); }
static int makes_a_directory(void) { return mkdir(v.other, 0700); }
static int makes_a_fifo(void) { return mknod(v.other, S_IFIFO | 0600, 0); }
static int changes_a_mode(void) { return chmod(v.file, 0777); }
static int changes_a_mode_by_descriptor(void) { return fchmod(v.own, 0777); }
static int changes_an_owner(void) { return chown(v.file, 1, 1); }
static int writes_by_sendfile(void) { return (int)sendfile(v.own, v.own, NULL, 1); }

static int signals(void) { return kill(v.pid, SIGTERM); }
static int signals_a_thread(void) { return (int)syscall(SYS_tgkill, v.pid, v.pid, SIGTERM); }
static int signals_by_tkill(void) { return (int)syscall(SYS_tkill, v.pid, SIGTERM); }
static int queues_a_signal(void)
{
	siginfo_t si = {.si_signo = SIGTERM, .si_code = SI_QUEUE};

	return (int)syscall(SYS_rt_sigqueueinfo, v.pid, SIGTERM, &si);
}
static int opens_a_process(void) { return (int)syscall(SYS_pidfd_open, v.pid, 0); }
static int owns_a_socket_for_it(void) { return fcntl(v.pair[0], F_SETOWN, v.pid); }
static int owns_a_socket_for_it_anew(void)
{
	struct f_owner_ex o = {.type = F_OWNER_PID, .pid = v.pid};

	return fcntl(v.pair[0], F_SETOWN_EX, &o);
}
static int chooses_its_signal(void) { return fcntl(v.pair[0], F_SETSIG, SIGKILL); }
static int asks_for_signals(void) { return fcntl(v.pair[0], F_SETFL, O_NONBLOCK | O_ASYNC); }
static int owns_by_ioctl(void)
{
	int pid = v.pid;

	return ioctl(v.pair[0], FIOSETOWN, &pid);
}
static int asks_by_ioctl(void)
{
	int on = 1;

	return ioctl(v.pair[0], FIOASYNC, &on);
}
static int watches_a_directory(void) { return fcntl(v.own, F_NOTIFY, DN_CREATE | DN_MULTISHOT); }
static int takes_a_lease(void) { return fcntl(v.own, F_SETLEASE, F_RDLCK); }
static int types_into_a_terminal(void) { return ioctl(0, TIOCSTI, "x"); }

static int traces(void) { return (int)syscall(SYS_ptrace, PTRACE_ATTACH, v.pid, 0, 0); }
static int seizes(void) { return (int)syscall(SYS_ptrace, PTRACE_SEIZE, v.pid, 0, 0); }
static int reads_memory(void)
{
	char b[8];
	struct iovec to = {b, sizeof b}, from = {(void *)(uintptr_t)&v, sizeof b};

	return (int)process_vm_readv(v.pid, &to, 1, &from, 1, 0);
}
static int writes_memory(void)
{
	struct iovec to = {&v, 8}, from = {&v, 8};

	return (int)process_vm_writev(v.pid, &from, 1, &to, 1, 0);
}
static int takes_a_descriptor(void) { return (int)syscall(SYS_pidfd_getfd, 0, 0, 0); }
static int proc_file(const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)v.pid, name);
	return open(path, O_RDONLY);
}
static int reads_memory_file(void) { return proc_file("mem"); }
static int reads_environment(void) { return proc_file("environ"); }
static int opens_its_descriptors(void) { return proc_file("fd/0"); }
static int reads_limits_of_it(void)
{
	struct rlimit r;

	return prlimit(v.pid, RLIMIT_NOFILE, NULL, &r);
}
static int sets_its_limits(void)
{
	struct rlimit r = {0, 0};

	return prlimit(v.pid, RLIMIT_NOFILE, &r, NULL);
}
static int lowers_its_priority(void) { return setpriority(PRIO_PROCESS, (id_t)v.pid, 19); }
static int moves_it_to_a_processor(void)
{
	unsigned long one = 1;

	return (int)syscall(SYS_sched_setaffinity, v.pid, sizeof one, &one);
}

static int executes(void)
{
	char *none[] = {NULL};

	return execve("/bin/true", none, none);
}
static int executes_by_descriptor(void) { return (int)syscall(SYS_execveat, v.own, "", NULL, NULL, AT_EMPTY_PATH); }
static int forks(void)
{
	int pid = (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	return pid;
}
static int clones(void)
{
	uint64_t args[8] = {0, 0, 0, 0, SIGCHLD};
	int pid = (int)syscall(SYS_clone3, args, sizeof args);

	if (!pid)
		_exit(0);
	return pid;
}
static int maps_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static int makes_code(void)
{
	void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(m, 4096, PROT_READ | PROT_EXEC);
}
static int makes_code_by_key(void)
{
	void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (int)syscall(SYS_pkey_mprotect, m, 4096, PROT_READ | PROT_EXEC, -1);
}

static int opens_packets(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static int opens_raw(void) { return socket(AF_INET, SOCK_RAW, 1); }
static int opens_raw6(void) { return socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 58); }
static int opens_netfilter(void) { return socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); }
static int opens_audit(void) { return socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }
static int opens_crypto(void) { return socket(AF_ALG, SOCK_SEQPACKET, 0); }
static int opens_vsock(void) { return socket(AF_VSOCK, SOCK_STREAM, 0); }
static int poses_as_an_instance(void) { return socket(AF_UNIX, SOCK_SEQPACKET, 0); }
static int makes_pairs(void)
{
	int p[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, p);
}
static int loads_tls(void) { return setsockopt(v.pair[0], 282 /* SOL_TLS */, 1, "x", 1); }

static int loads_bpf(void) { return (int)syscall(SYS_bpf, 0, NULL, 0); }
static int opens_perf(void) { return (int)syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0); }
static int uses_keys(void) { return (int)syscall(SYS_keyctl, 0, -3, 0); }
static int adds_a_key(void) { return (int)syscall(SYS_add_key, "user", "x", "y", 1, -3); }
static int sets_up_a_ring(void) { return (int)syscall(SYS_io_uring_setup, 1, NULL); }
static int handles_faults(void) { return (int)syscall(SYS_userfaultfd, 0); }
static int leaves_its_namespace(void) { return (int)syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */); }
static int enters_a_namespace(void) { return (int)syscall(SYS_setns, v.own, 0); }
static int mounts(void) { return (int)syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL); }
static int changes_its_root(void) { return chroot("/tmp"); }
static int becomes_somebody(void) { return setuid(1); }
static int becomes_root_again(void) { return setresuid(0, 0, 0); }
static int takes_files_by_another_user(void)
{
	return (int)syscall(SYS_setfsuid, 1) == 1 ? 0 : -1; /* it tells no refusal but by what was before */
}
static int takes_capabilities(void)
{
	struct { uint32_t version; int pid; } h = {0x20080522, 0};
	uint32_t data[6] = {0};

	return (int)syscall(SYS_capset, &h, data);
}
static int reads_the_log(void) { return (int)syscall(SYS_syslog, 3, NULL, 0); }
static int makes_memory_files(void) { return memfd_create("x", 0); }

#define ATTEMPT(f) {f, #f}
static const struct attempt {
	int (*make)(void);
	const char *name;
} attempts[] = {
	ATTEMPT(empties_a_file), ATTEMPT(makes_a_file), ATTEMPT(makes_a_nameless_file), ATTEMPT(makes_a_nameless_file_to_read),
	ATTEMPT(writes_a_file), ATTEMPT(appends_to_a_file), ATTEMPT(opens_a_path), ATTEMPT(opens_to_change_attributes),
	ATTEMPT(creat_makes_a_file), ATTEMPT(openat2_writes), ATTEMPT(openat2_reads), ATTEMPT(truncates), ATTEMPT(ftruncates),
	ATTEMPT(unlinks), ATTEMPT(renames), ATTEMPT(links), ATTEMPT(symlinks), ATTEMPT(makes_a_directory), ATTEMPT(makes_a_fifo),
	ATTEMPT(changes_a_mode), ATTEMPT(changes_a_mode_by_descriptor), ATTEMPT(changes_an_owner), ATTEMPT(writes_by_sendfile),
	ATTEMPT(signals), ATTEMPT(signals_a_thread), ATTEMPT(signals_by_tkill), ATTEMPT(queues_a_signal), ATTEMPT(opens_a_process),
	ATTEMPT(owns_a_socket_for_it), ATTEMPT(owns_a_socket_for_it_anew), ATTEMPT(chooses_its_signal), ATTEMPT(asks_for_signals),
	ATTEMPT(owns_by_ioctl), ATTEMPT(asks_by_ioctl), ATTEMPT(watches_a_directory), ATTEMPT(takes_a_lease), ATTEMPT(types_into_a_terminal),
	ATTEMPT(traces), ATTEMPT(seizes), ATTEMPT(reads_memory), ATTEMPT(writes_memory), ATTEMPT(takes_a_descriptor),
	ATTEMPT(reads_memory_file), ATTEMPT(reads_environment), ATTEMPT(opens_its_descriptors), ATTEMPT(reads_limits_of_it),
	ATTEMPT(sets_its_limits), ATTEMPT(lowers_its_priority), ATTEMPT(moves_it_to_a_processor),
	ATTEMPT(executes), ATTEMPT(executes_by_descriptor), ATTEMPT(forks), ATTEMPT(clones), ATTEMPT(maps_code), ATTEMPT(makes_code),
	ATTEMPT(makes_code_by_key), ATTEMPT(opens_packets), ATTEMPT(opens_raw), ATTEMPT(opens_raw6), ATTEMPT(opens_netfilter),
	ATTEMPT(opens_audit), ATTEMPT(opens_crypto), ATTEMPT(opens_vsock), ATTEMPT(poses_as_an_instance), ATTEMPT(makes_pairs),
	ATTEMPT(loads_tls), ATTEMPT(loads_bpf), ATTEMPT(opens_perf), ATTEMPT(uses_keys), ATTEMPT(adds_a_key), ATTEMPT(sets_up_a_ring),
	ATTEMPT(handles_faults), ATTEMPT(leaves_its_namespace), ATTEMPT(enters_a_namespace), ATTEMPT(mounts), ATTEMPT(changes_its_root),
	ATTEMPT(becomes_somebody), ATTEMPT(becomes_root_again), ATTEMPT(takes_files_by_another_user), ATTEMPT(takes_capabilities), ATTEMPT(reads_the_log), ATTEMPT(makes_memory_files),
};
#define N_ATTEMPTS (sizeof attempts / sizeof *attempts)

/* --- the victim --- */

static int abstract_listen(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path + 1, v.abstract, strlen(v.abstract));
	cr_assert_eq(bind(fd, (void *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(v.abstract))), 0);
	cr_assert_eq(listen(fd, 4), 0);
	return fd;
}

static int abstract_connect(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path + 1, v.abstract, strlen(v.abstract));
	return fd < 0 ? -1 : connect(fd, (void *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(v.abstract)));
}

/* A supervisor that shuts itself in, with a file of its own. */
static void victim_begin(void)
{
	int ready[2], fd;
	struct diag d;
	char c = 0;

	snprintf(v.file, sizeof v.file, "/tmp/sandbox-test.%d", (int)getpid());
	snprintf(v.other, sizeof v.other, "/tmp/sandbox-test.%d.other", (int)getpid());
	snprintf(v.abstract, sizeof v.abstract, "sandbox-test.%d", (int)getpid());
	fd = open(v.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && write(fd, "content\n", 8) == 8);
	close(fd);
	v.own = open(v.file, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, v.pair), 0);
	cr_assert_eq(pipe(ready), 0);
	v.pid = fork();
	if (!v.pid) {
		signal(SIGTERM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		c = privileges_supervisor(false, &d) ? 'x' : '.';
		if (write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	cr_assert_eq(read(ready[0], &c, 1), 1);
	cr_assert_eq(c, '.');
	close(ready[0]);
	close(ready[1]);
}

static void victim_end(void)
{
	struct stat st;
	int status;

	cr_expect_eq(waitpid(v.pid, &status, WNOHANG), 0, "the supervisor is dead");
	kill(v.pid, SIGKILL);
	waitpid(v.pid, &status, 0);
	cr_expect(!stat(v.file, &st) && st.st_size == 8 && (st.st_mode & 0777) == 0600, "its file is not what it was");
	cr_expect(access(v.other, F_OK) < 0, "%s was made", v.other);
	unlink(v.file);
	unlink(v.other);
}

/* 0: refused; 1: done; 2: never tried. The attempt comes as the worker is, after
 * which there is no way back. */
static int attempted(int (*make)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct diag d;

		privileges_user();
		if (privileges_worker(&d))
			_exit(2);
		errno = 0;
		_exit(make() >= 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

Test(sandbox, a_worker_that_is_taken_over)
{
	if (SANITIZED)
		cr_skip_test("sanitized builds have no sandbox");
	victim_begin();
	for (size_t i = 0; i < N_ATTEMPTS; i++)
		cr_expect_eq(attempted(attempts[i].make), 0, "%s", attempts[i].name);
	cr_expect_eq(write(v.pair[1], "x", 1), 1); /* what would set off a signal that was asked for */
	victim_end();
}

/* --- what it must be able to do --- */

static int works(void)
{
	struct rlimit limit;
	char b[16];
	int fd = open(v.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), dir = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), one = 1;

	if (fd < 0 || read(fd, b, sizeof b) != 8 || dir < 0 || syscall(SYS_getdents64, dir, b, sizeof b) < -1)
		return -1;
	if (fcntl(v.pair[0], F_SETFL, O_NONBLOCK) || fcntl(fd, F_DUPFD_CLOEXEC, 3) < 0 || !(fcntl(v.pair[0], F_GETFL) & O_NONBLOCK))
		return -1;
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))
		return -1;
	if (socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 || socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ||
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) < 0)
		return -1;
	return raise(0) || getrlimit(RLIMIT_NOFILE, &limit) || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? -1 : 0;
}

Test(sandbox, a_worker_can_do_its_work)
{
	if (SANITIZED)
		cr_skip_test("sanitized builds have no sandbox");
	victim_begin();
	cr_expect_eq(attempted(works), 1);
	victim_end();
}

static int supervisor_attempted(enum sandbox_programs how, int (*make)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct diag d;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sandbox_supervisor(how, &d))
			_exit(2);
		_exit(make() >= 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static bool status_says(pid_t pid, const char *wanted)
{
	char path[64], line[128];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		found |= !strcmp(line, wanted);
	if (f)
		fclose(f);
	return found;
}

/* From within the supervisor's filter, as in life; which may then end it without a
 * capability to do so. */
static int is_nobody(void)
{
	struct diag d;
	int status;
	pid_t pid;
	char c = 0;

	if (privileges_supervisor(false, &d))
		return -1;
	pid = fork();
	if (!pid) {
		privileges_user();
		c = privileges_worker(&d) || works() ? 'x' : '.';
		if (write(v.pair[0], &c, 1) != 1)
			_exit(1);
		for (;;)
			poll(NULL, 0, -1);
	}
	if (read(v.pair[1], &c, 1) != 1 || c != '.' || !status_says(pid, "Uid:\t60053\t60053\t0\t0\n") ||
	    !status_says(pid, "Gid:\t60053\t60053\t0\t0\n") || !status_says(pid, "Groups:\t \n") ||
	    !status_says(pid, "CapPrm:\t0000000000000000\n"))
		return -1;
	return kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ? -1 : 0;
}

Test(sandbox, a_worker_is_nobody_where_that_can_be)
{
	if (SANITIZED || geteuid())
		cr_skip_test("a sanitized build, or not root");
	victim_begin();
	cr_expect_eq(supervisor_attempted(SANDBOX_NO_PROGRAM, is_nobody), 1);
	victim_end();
}

/* --- the second line --- */

static int makes_a_socket_file(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", v.other);
	return bind(fd, (void *)&a, sizeof a);
}

Test(sandbox, landlock_holds_what_no_argument_tells)
{
	int abi = (int)syscall(444, NULL, 0, 1), fd;

	if (SANITIZED || abi < 1)
		cr_skip_test("no Landlock here");
	victim_begin();
	cr_expect_eq(attempted(makes_a_socket_file), 0, "a socket of the file system");
	if (abi >= 6) {
		fd = abstract_listen();
		cr_expect_eq(abstract_connect(), 0, "(it is there)");
		cr_expect_eq(attempted(abstract_connect), 0, "an abstract socket of somebody else");
		close(fd);
	}
	victim_end();
}

/* --- the supervisor --- */

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

Test(sandbox, a_supervisor_that_is_taken_over)
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
