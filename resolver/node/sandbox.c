/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of system calls, as seccomp filters and Landlock rules. */
#include "resolver/node/sandbox.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>


#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- everybody: with any arguments --- */

static const int plain[] = {
	/* sockets */
	SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(listen), SCMP_SYS(accept4), SCMP_SYS(shutdown),
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* waiting */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
	/* descriptors and files that are open or opened (see below) */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close),
	SCMP_SYS(dup), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* who and when am I */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(membarrier),
	SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
	/* signals and the end */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* --- who forks, and writes files --- */

static const int supervising[] = {
	/* children (becoming a worker's user: see below); clone3 is answered ENOSYS, so that the C library takes clone */
	SCMP_SYS(fork), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal), SCMP_SYS(signalfd4), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(close_range), SCMP_SYS(set_tid_address),
	/* what a worker does to shut itself in */
	SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(seccomp), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(setrlimit),
	SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self),
	/* files and what tells of their changes */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat), SCMP_SYS(fchmod), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(umask), SCMP_SYS(pwrite64),
	SCMP_SYS(fcntl), SCMP_SYS(memfd_create), SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(socketpair), SCMP_SYS(setsockopt), SCMP_SYS(pipe2), SCMP_SYS(fstatfs), SCMP_SYS(statfs),
};

/* What a program needs besides to be started, and iptables to work. */
static const int starting[] = {
	SCMP_SYS(execve), SCMP_SYS(vfork), SCMP_SYS(arch_prctl), SCMP_SYS(flock), SCMP_SYS(pipe), SCMP_SYS(getpgrp), SCMP_SYS(getpgid),
	SCMP_SYS(setpgid), SCMP_SYS(fadvise64), SCMP_SYS(copy_file_range), SCMP_SYS(sendfile), SCMP_SYS(splice), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(getgroups), SCMP_SYS(getresuid), SCMP_SYS(getresgid), SCMP_SYS(alarm), SCMP_SYS(setitimer),
	SCMP_SYS(ioctl), SCMP_SYS(mprotect), SCMP_SYS(mmap), SCMP_SYS(chdir),
};

/* --- nobody --- */

static const int forbidden[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp), SCMP_SYS(perf_event_open), SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(add_key), SCMP_SYS(keyctl), SCMP_SYS(request_key),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(move_mount), SCMP_SYS(open_tree),
	SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(setns),
	SCMP_SYS(unshare), SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(mknod), SCMP_SYS(mknodat),
	SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname), SCMP_SYS(syslog), SCMP_SYS(personality), SCMP_SYS(vhangup), SCMP_SYS(fanotify_init), SCMP_SYS(lookup_dcookie),
	SCMP_SYS(nfsservctl), SCMP_SYS(uselib), SCMP_SYS(mbind), SCMP_SYS(migrate_pages), SCMP_SYS(move_pages), SCMP_SYS(vmsplice),
};

/* --- by argument --- */

/* The first refusal is kept; what this architecture does not have is passed over. */
struct filter {
	scmp_filter_ctx ctx;
	int rc;
};

static void allow_all(struct filter *f, const int *call, size_t n)
{
	for (size_t i = 0; !f->rc && i < n; i++) {
		if (call[i] >= 0)
			f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, call[i], 0);
	}
}

static void allow1(struct filter *f, int call, struct scmp_arg_cmp a)
{
	if (!f->rc && call >= 0)
		f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, call, 1, a);
}

static void allow2(struct filter *f, int call, struct scmp_arg_cmp a, struct scmp_arg_cmp b)
{
	if (!f->rc && call >= 0)
		f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, call, 2, a, b);
}

static void allow_values(struct filter *f, int call, unsigned arg, const unsigned long *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		allow1(f, call, SCMP_CMP64(arg, SCMP_CMP_EQ, value[i]));
}

/* All flags that may be given to a file opened to read: none makes, empties or
 * writes one (O_TRUNC empties although the access is to read). */
#define READING (O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_DIRECTORY | O_LARGEFILE | 0100000 /* the kernel's O_LARGEFILE */)

static void allow_reading(struct filter *f)
{
	const uint64_t others = (uint32_t)~READING;

	allow1(f, SCMP_SYS(openat), SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, others, 0));
	allow1(f, SCMP_SYS(open), SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, others, 0));
}

static void allow_sockets(struct filter *f, bool netfilter)
{
	static const int family[] = {AF_INET, AF_INET6}, type[] = {SOCK_DGRAM, SOCK_STREAM};
	const uint64_t kind = 0xf;

	for (size_t i = 0; i < COUNT(family); i++)
		for (size_t k = 0; k < COUNT(type); k++)
			allow2(f, SCMP_SYS(socket), SCMP_CMP64(0, SCMP_CMP_EQ, (unsigned)family[i]),
			       SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, kind, (unsigned)type[k]));
	/* netlink: addresses of interfaces */
	allow2(f, SCMP_SYS(socket), SCMP_CMP64(0, SCMP_CMP_EQ, AF_NETLINK), SCMP_CMP64(2, SCMP_CMP_EQ, NETLINK_ROUTE));
	if (netfilter)
		allow2(f, SCMP_SYS(socket), SCMP_CMP64(0, SCMP_CMP_EQ, AF_NETLINK), SCMP_CMP64(2, SCMP_CMP_EQ, NETLINK_NETFILTER));
	/* A dnstap collector's; the hand-over's is of another type, and no worker's. */
	allow2(f, SCMP_SYS(socket), SCMP_CMP64(0, SCMP_CMP_EQ, AF_UNIX), SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, kind, SOCK_STREAM));
}

/* F_SETOWN and F_SETSIG have the kernel send a signal for us; so has O_ASYNC, without
 * which the others do nothing. */
static void allow_fcntl(struct filter *f)
{
	static const unsigned long command[] = {F_GETFD, F_SETFD, F_GETFL, F_DUPFD, F_DUPFD_CLOEXEC};

	allow_values(f, SCMP_SYS(fcntl), 1, command, COUNT(command));
	allow2(f, SCMP_SYS(fcntl), SCMP_CMP64(1, SCMP_CMP_EQ, F_SETFL), SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, O_ASYNC, 0));
}

static void allow_ioctl(struct filter *f)
{
	static const unsigned long request[] = {TCGETS, FIONREAD, FIONBIO, SIOCGIFINDEX, SIOCGIFNAME, SIOCOUTQ};

	allow_values(f, SCMP_SYS(ioctl), 1, request, COUNT(request));
}

static void allow_setsockopt(struct filter *f)
{
	static const unsigned long level[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, SOL_NETLINK};

	allow_values(f, SCMP_SYS(setsockopt), 1, level, COUNT(level));
}

/* Of itself only: the supervisor may be of the same user. */
static void allow_itself(struct filter *f)
{
	allow1(f, SCMP_SYS(tgkill), SCMP_CMP64(0, SCMP_CMP_EQ, (unsigned)getpid()));
	allow1(f, SCMP_SYS(prlimit64), SCMP_CMP64(0, SCMP_CMP_EQ, 0));
}

static void allow_memory(struct filter *f)
{
	allow1(f, SCMP_SYS(mmap), SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	allow1(f, SCMP_SYS(mprotect), SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static void worker_rules(struct filter *f)
{
	static const unsigned long prctls[] = {PR_SET_NAME, PR_SET_PDEATHSIG, PR_SET_VMA};

	allow_all(f, plain, COUNT(plain));
	allow_reading(f);
	allow_sockets(f, false);
	allow_fcntl(f);
	allow_ioctl(f);
	allow_setsockopt(f);
	allow_itself(f);
	allow_memory(f);
	allow_values(f, SCMP_SYS(prctl), 0, prctls, COUNT(prctls));
}

/* Namespaces are flags of clone, too. */
#define NEW_NAMESPACES 0x7e020000ull /* CLONE_NEW*: cgroup, uts, ipc, user, pid, net; mount */

/* A worker's change of user, and no other. */
static void allow_user(struct filter *f)
{
	const struct scmp_arg_cmp real = SCMP_CMP64(0, SCMP_CMP_EQ, SANDBOX_NOBODY), now = SCMP_CMP64(1, SCMP_CMP_EQ, SANDBOX_NOBODY),
				  saved = SCMP_CMP64(2, SCMP_CMP_EQ, 0);

	for (int gid = 0; gid < 2 && !f->rc; gid++)
		f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, gid ? SCMP_SYS(setresgid) : SCMP_SYS(setresuid), 3, real, now, saved);
	allow1(f, SCMP_SYS(setgroups), SCMP_CMP64(0, SCMP_CMP_EQ, 0));
	allow1(f, SCMP_SYS(setfsuid), SCMP_CMP64(0, SCMP_CMP_EQ, 0));
	allow1(f, SCMP_SYS(setfsgid), SCMP_CMP64(0, SCMP_CMP_EQ, 0));
}

static void supervisor_rules(struct filter *f, bool programs)
{
	static const unsigned long prctls[] = {PR_SET_NAME, PR_SET_PDEATHSIG, PR_SET_VMA, PR_CAPBSET_DROP, PR_CAPBSET_READ,
					       PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_DUMPABLE,
					       PR_GET_DUMPABLE, PR_SET_SECCOMP, PR_GET_SECCOMP};

	allow_all(f, plain, COUNT(plain));
	allow_all(f, supervising, COUNT(supervising));
	allow_sockets(f, true);
	allow_user(f);
	allow2(f, SCMP_SYS(socket), SCMP_CMP64(0, SCMP_CMP_EQ, AF_UNIX), SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, 0xf, SOCK_SEQPACKET));
	allow1(f, SCMP_SYS(clone), SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0));
	allow_values(f, SCMP_SYS(prctl), 0, prctls, COUNT(prctls));
	allow1(f, SCMP_SYS(prlimit64), SCMP_CMP64(0, SCMP_CMP_EQ, 0));
	if (programs) {
		allow_all(f, starting, COUNT(starting));
	} else {
		allow_ioctl(f);
		allow_memory(f);
	}
	if (!f->rc)
		f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static void forbid(struct filter *f)
{
	for (size_t i = 0; !f->rc && i < COUNT(forbidden); i++) {
		if (forbidden[i] >= 0)
			f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
	}
	for (int bit = 0; !f->rc && bit < 64; bit++) {
		if (NEW_NAMESPACES >> bit & 1)
			f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
						 SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, 1ull << bit, 1ull << bit));
	}
	if (!f->rc)
		f->rc = seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* --- loading --- */

/* Where memory ends within a filter libseccomp (2.5) frees twice, loops, or leaves a rule out and says
 * nothing. As much as the largest filter takes is asked for first, all at once. */
#define FILTER_BYTES ((size_t)2 << 20)

static bool filter_begin(struct filter *f, uint32_t otherwise)
{
	void *volatile room = malloc(FILTER_BYTES);

	free(room);
	*f = (struct filter){.ctx = room ? seccomp_init(otherwise) : NULL};
	return f->ctx;
}

static int filter_load(struct filter *f, struct diag *d)
{
	if (!f->rc)
		f->rc = seccomp_load(f->ctx);
	seccomp_release(f->ctx);
	if (!f->rc)
		return 0;
	errno = -f->rc;
	return diag_errno(d, "seccomp");
}

bool sandbox_none(void)
{
	return SANITIZED;
}

int sandbox_worker(struct diag *d)
{
	struct filter f;

	if (SANITIZED)
		return 0;
	landlock_readonly();
	if (!filter_begin(&f, SCMP_ACT_ERRNO(EPERM)))
		return diag_set(d, ERR_NOMEM, "seccomp: out of memory");
	worker_rules(&f);
	return filter_load(&f, d);
}

int sandbox_supervisor(enum sandbox_programs programs, struct diag *d)
{
	struct filter f;

	if (SANITIZED)
		return 0;
	if (!filter_begin(&f, programs == SANDBOX_ANY_PROGRAM ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM)))
		return diag_set(d, ERR_NOMEM, "seccomp: out of memory");
	if (programs == SANDBOX_ANY_PROGRAM)
		forbid(&f);
	else
		supervisor_rules(&f, programs == SANDBOX_LAST_PROGRAM);
	return filter_load(&f, d);
}
