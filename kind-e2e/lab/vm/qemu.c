/* SPDX-License-Identifier: Apache-2.0 */
/* qemu as a child: its command line, its words, its end. */
#include "kind-e2e/lab/vm/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"
#include "lib/base/clock.h"

#define PROGRAM "qemu-system-x86_64"
#define MEMORY "1536"
#define ARGS_MAX 64

static volatile sig_atomic_t asked_to_end;

static void on_end(int sig)
{
	asked_to_end = sig;
}

int qemu_probe(struct diag *d)
{
#ifdef __x86_64__
	static const char *const argv[] = {PROGRAM, "--version", NULL};
	struct diag why = {""};

	if (proc_run(argv, NULL, NULL, &why))
		return diag_set(d, ERR_UNSUPPORTED, "no " PROGRAM " (tools/deps packages-vm.txt)");
	return 0;
#else
	return diag_set(d, ERR_UNSUPPORTED, "the vm lab is for x86-64 processors");
#endif
}

/* The machine's own processor, but for a register of mitigations (the guest has none) that
 * qemu cannot always set where the machine is a guest itself. */
#define KVM_CPU "host,arch-capabilities=off"

/* The device may be there and no guest start all the same, as in some virtual machines: the
 * kernel is booted with nothing to run, which it has to find out and give up. */
bool qemu_has_kvm(const char *kernel)
{
	const char *const argv[] = {"timeout",		"20",	    PROGRAM,	   "-accel",  "kvm",	 "-cpu", KVM_CPU,
				    "-machine",		"pc",	    "-m",	   "256",     "-nodefaults", "-no-user-config",
				    "-no-reboot",	"-display", "none",	   "-serial", "null",	 "-kernel", kernel,
				    "-append",		"console=ttyS0 quiet panic=-1", NULL};
	static int known = -1;
	struct diag why = {""};

	if (known < 0)
		known = access("/dev/kvm", R_OK | W_OK) == 0 && proc_run(argv, NULL, NULL, &why) == 0;
	return known;
}

/* --- command line ------------------------------------------------------------------ */

struct args {
	const char *arg[ARGS_MAX];
	size_t n;
};

static void add(struct args *a, const char *const *more)
{
	for (; *more && a->n < ARGS_MAX - 1; more++)
		a->arg[a->n++] = *more;
	a->arg[a->n] = NULL;
}

/* Without cmpxchg16b: guests of 6.12, whose allocator uses it, ended in a double fault right behind it in
 * four of four runs, and in none without. By their consoles flags came out of it as no program had
 * left them; that qemu 7.2 emulates it wrongly is what we take from that. */
#define NO_CMPXCHG16B ",-cx16"

/* A counted clock: 2 ns an instruction, and where nothing runs it jumps to the next
 * timer. Date and random numbers are given, so that two runs start alike. */
static void add_time(struct args *a, const struct qemu_conf *q)
{
	static const char *const counted[] = {"-accel",	 "tcg,thread=single",
					      "-cpu",	 "qemu64" NO_CMPXCHG16B,
					      "-icount", "shift=1,sleep=off",
					      "-seed",	 "1",
					      "-rtc",	 "base=2026-01-01T00:00:00,clock=vm",
					      NULL};
	static const char *const kvm[] = {"-accel", "kvm", "-cpu", KVM_CPU, "-smp", "2", NULL};
	static const char *const tcg[] = {"-accel", "tcg", "-cpu", "max" NO_CMPXCHG16B, NULL};

	if (q->counted)
		add(a, counted);
	else
		add(a, qemu_has_kvm(q->kernel) ? kvm : tcg);
}

/* No network device: nothing of the lab can leave the guest. */
static int exec_qemu(void *arg)
{
	static const char *const fixed[] = {PROGRAM,
					    "-nodefaults",
					    "-no-user-config",
					    "-no-reboot",
					    "-display",
					    "none",
					    "-machine",
					    "pc",
					    "-m",
					    MEMORY,
					    "-append",
					    "console=ttyS0 quiet panic=-1 mitigations=off nokaslr",
					    "-device",
					    "virtio-blk-pci,drive=records",
					    NULL};
	const struct qemu_conf *q = arg;
	char drive[4300], console[4300];
	const char *const own[] = {
		"-kernel", q->kernel,	    "-initrd", q->initrd,  "-drive",
		drive,	   "-serial",	    console,   "-chardev", "stdio,id=words,signal=off",
		"-serial", "chardev:words", NULL};
	struct args a = {.n = 0};

	snprintf(drive, sizeof drive, "if=none,id=records,format=raw,file=%s", q->disk);
	snprintf(console, sizeof console, "file:%s", q->console);
	add(&a, fixed);
	add(&a, own);
	add_time(&a, q);
	execvp(a.arg[0], (char *const *)a.arg);
	fprintf(stderr, "%s: %s\n", a.arg[0], strerror(errno));
	return 127;
}

/* --- to its end -------------------------------------------------------------------- */

static int start(void *arg)
{
	signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C: the parent ends this one */
	return exec_qemu(arg);
}

/* Passes on what the guest says until it has ended: 0, or what cut it short. */
static int pump(pid_t pid, int from, const struct qemu_conf *q, int *ret_status, struct diag *d)
{
	uint64_t until = clock_mono_ns() + q->limit_ns;
	struct pollfd p = {.fd = from, .events = POLLIN};
	char buf[4096];

	for (;;) {
		ssize_t n = poll(&p, 1, 200) > 0 ? read(from, buf, sizeof buf) : -1;

		if (n > 0 && write(2, buf, (size_t)n) < 0)
			p.fd = -1; /* nobody listens; the guest goes on */
		if (n <= 0 && proc_gone(pid, ret_status))
			return 0;
		if (n == 0)
			poll(NULL, 0, 20); /* closed before it ended */
		if (asked_to_end || clock_mono_ns() > until) {
			proc_stop(pid, SIGKILL, NS_PER_S, ret_status);
			return asked_to_end
				       ? 128 + asked_to_end
				       : diag_set(d, ERR_TIMEOUT,
						  "the guest did not end within %llu s",
						  (unsigned long long)(q->limit_ns / NS_PER_S));
		}
	}
}

static void catch_signals(struct sigaction before[3], bool catch)
{
	static const int sigs[3] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction a = {.sa_handler = on_end};

	for (unsigned i = 0; i < 3; i++)
		if (catch)
			sigaction(sigs[i], &a, &before[i]);
		else
			sigaction(sigs[i], &before[i], NULL);
}

int qemu_run(const struct qemu_conf *q, struct diag *d)
{
	struct sigaction before[3];
	int words[2], saved, code, status = 0;
	char how[32];
	pid_t pid;

	if (pipe2(words, O_CLOEXEC))
		return diag_errno(d, "pipe");
	catch_signals(before, true);
	fflush(NULL);
	saved = fcntl(1, F_DUPFD_CLOEXEC, 3);
	dup2(words[1], 1);
	pid = proc_fork("e2e-qemu", start, (void *)q, d);
	dup2(saved, 1);
	close(saved);
	close(words[1]);
	code = pid < 0 ? (int)pid : pump(pid, words[0], q, &status, d);
	close(words[0]);
	catch_signals(before, false);
	if (!code && status)
		code = diag_set(d, ERR_SYS, PROGRAM ": %s", proc_status_str(status, how));
	return code;
}
