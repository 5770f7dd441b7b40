/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox step by step: who forks whom, what is mounted, and who waits for whose end. */
#include "kind-e2e/lab/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <net/if.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"

struct room {
	int (*body)(void *);
	void *arg;
	int go[2];   /* parent to child: "your ids are mapped" */
	int told[2]; /* child to parent: what went wrong in setting up */
};

static volatile sig_atomic_t asked_to_end;
static volatile pid_t room_pid; /* the sandbox's first process, for the handler */

static void on_end(int sig)
{
	asked_to_end = sig;
	if (room_pid > 0)
		kill(room_pid, SIGKILL);
}

/* --- inside ----------------------------------------------------------------- */

static int loopback_up(struct diag *d)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = 0;

	if (fd < 0)
		return diag_errno(d, "socket");
	if (ioctl(fd, SIOCGIFFLAGS, &r))
		code = diag_errno(d, "lo");
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
	if (!code && ioctl(fd, SIOCSIFFLAGS, &r))
		code = diag_errno(d, "lo up");
	close(fd);
	return code;
}

/* Mounts that only the sandbox sees: its own /proc (the process namespace is
 * new) and an empty /run for named namespaces, lock files and sockets. */
static int furnish(struct diag *d)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return diag_errno(d, "make mounts private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return diag_errno(d, "mount /proc");
	if (mount("kind-e2e", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"))
		return diag_errno(d, "mount /run");
	if (mkdir("/run/netns", 0755))
		return diag_errno(d, "/run/netns");
	return loopback_up(d);
}

/* The first process: starts the lab, buries whoever is left behind, and ends
 * when the lab does. */
static int be_init(struct room *r)
{
	struct diag d = {""};
	int status;
	pid_t lab, pid;

	setsid(); /* a terminal's Ctrl-C goes to the parent alone */
	prctl(PR_SET_NAME, "e2e-init");
	if (furnish(&d)) {
		ssize_t n = write(r->told[1], d.text, strlen(d.text));

		(void)n;
		return 126;
	}
	close(r->told[1]);
	lab = proc_fork("e2e-lab", r->body, r->arg, &d);
	if (lab < 0)
		return 126;
	while ((pid = wait(&status)) != lab)
		if (pid < 0 && errno != EINTR)
			return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int enter_room(struct room *r)
{
	char byte;

	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(r->go[1]);
	close(r->told[0]);
	if (read(r->go[0], &byte, 1) != 1)
		return 126; /* the parent died before the line above the signals */
	close(r->go[0]);
	return be_init(r);
}

/* --- outside ---------------------------------------------------------------- */

static int map_ids(pid_t pid, struct diag *d)
{
	char path[64], map[64];
	int code;

	snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
	code = proc_put(path, "deny", d);
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());
	code = code ? code : proc_put(path, map, d);
	snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
	snprintf(map, sizeof map, "0 %u 1", (unsigned)getegid());
	return code ? code : proc_put(path, map, d);
}

/* Until the sandbox's first process ends, or somebody asks this one to. */
static int wait_room(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 126;
	room_pid = 0;
	if (asked_to_end)
		return 128 + asked_to_end;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Held back from here until room_pid is known, so that none is lost. */
static void catch_signals(sigset_t *ret_before)
{
	struct sigaction a = {.sa_handler = on_end};
	const int sigs[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t hold;

	sigemptyset(&hold);
	for (size_t i = 0; i < sizeof sigs / sizeof sigs[0]; i++) {
		sigaction(sigs[i], &a, NULL);
		sigaddset(&hold, sigs[i]);
	}
	sigprocmask(SIG_BLOCK, &hold, ret_before);
}

static int start_room(struct room *r, struct diag *d)
{
	unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | SIGCHLD;
	long pid;

	if (geteuid() != 0)
		flags |= CLONE_NEWUSER;
	pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(enter_room(r));
	if (pid < 0)
		return diag_errno(d, "new namespaces%s",
				  geteuid() ? " (not root, and user namespaces refused)" : "");
	if ((flags & CLONE_NEWUSER) && map_ids((pid_t)pid, d)) {
		kill((pid_t)pid, SIGKILL);
		waitpid((pid_t)pid, NULL, 0);
		return ERR_SYS;
	}
	room_pid = (pid_t)pid;
	return (int)pid;
}

int sandbox_run(int (*body)(void *), void *arg, struct diag *d)
{
	struct room r = {.body = body, .arg = arg};
	char words[400];
	sigset_t before;
	ssize_t n;
	int pid, rc;

	if (pipe2(r.go, O_CLOEXEC) || pipe2(r.told, O_CLOEXEC))
		return diag_errno(d, "pipe");
	fflush(NULL);
	catch_signals(&before);
	pid = start_room(&r, d);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(r.told[1]);
	close(r.go[0]);
	if (pid > 0) {
		n = write(r.go[1], "g", 1);
		while ((n = read(r.told[0], words, sizeof words)) < 0 && errno == EINTR)
			;
		rc = wait_room(pid);
		if (n > 0)
			rc = diag_set(d, ERR_UNSUPPORTED, "sandbox: %.*s", (int)n, words);
	} else {
		rc = pid;
	}
	close(r.go[1]);
	close(r.told[0]);
	return rc;
}
