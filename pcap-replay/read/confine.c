/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities by capset, and a filter of system calls as a short program for the kernel. */
#include "pcap-replay/read/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

#define X32_BIT 0x40000000u /* of a system call's number; no other ABI has numbers that high */

/* What no parser has use for. */
static const int refused[] = {
	SYS_execve, SYS_execveat, SYS_clone, SYS_clone3, SYS_unshare, SYS_setns,
#ifdef SYS_fork
	SYS_fork, SYS_vfork,
#endif
	SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_sendto, SYS_sendmsg, SYS_sendmmsg,
	SYS_kill, SYS_tkill, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_pidfd_open,
	SYS_pidfd_send_signal, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_by_handle_at, SYS_bpf, SYS_perf_event_open,
	SYS_userfaultfd, SYS_io_uring_setup, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_init_module, SYS_finit_module,
	SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_settimeofday, SYS_clock_settime, SYS_sethostname,
	SYS_personality, SYS_setuid, SYS_setgid, SYS_setresuid, SYS_setresgid, SYS_capset, SYS_fchmodat, SYS_fchownat,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int filter_load(struct diag *d)
{
	struct sock_filter f[7 + COUNT(refused)];
	const uint8_t n = COUNT(refused);
	size_t at = 0;
	f[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, n + 3); /* another ABI: refused */
	f[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	f[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, n + 1, 0); /* and so is x32, which has this one's ARCH */
	for (uint8_t i = 0; i < n; i++)
		f[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)refused[i], (uint8_t)(n - i), 0);
	f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	struct sock_fprog prog = {.len = (unsigned short)at, .filter = f};
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? diag_errno(d, "seccomp") : 0;
}

static int capabilities_keep(uint32_t keep, struct diag *d)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}, {0}};
	if (syscall(SYS_capget, &head, data))
		return diag_errno(d, "capget");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= i ? 0 : keep;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data))
		return diag_errno(d, "capset");
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? diag_errno(d, "no_new_privs") : 0;
}

int confine_parser(bool writes_folder, struct diag *d)
{
	uint32_t keep = 1u << CAP_DAC_READ_SEARCH | (writes_folder ? 1u << CAP_DAC_OVERRIDE : 0);
	int rc = capabilities_keep(keep, d);
	return rc || SANITIZED || !ARCH ? rc : filter_load(d);
}

int confine_capture(struct diag *d)
{
	return capabilities_keep(0, d);
}
