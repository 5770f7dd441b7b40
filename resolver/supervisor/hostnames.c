/* SPDX-License-Identifier: Apache-2.0 */
/* Children that do nothing but ask, and a pipe: an answer is one write, and all have ended when it does. */
#include "resolver/supervisor/hostnames.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/corefile/setup.h"

#define NAMES_MAX    320 /* more than upstreams and blocks with dnstap can name */
#define CHILDREN_MAX 8
#define ADDRS_MAX    16
#define SERVERS_MAX  4
#define LOOKUPS_NS   (12 * NS_PER_S) /* what has no answer by then has none: two tries of the system's resolver take ten */

struct lookup {
	char host[256];
	struct in6_addr server[SERVERS_MAX];
	uint16_t port[SERVERS_MAX];
	size_t n_servers;
	bool known;
	size_t n;
	struct in6_addr addr[ADDRS_MAX];
};

struct said { /* by a child; less than PIPE_BUF */
	uint32_t index, n;
	struct in6_addr addr[ADDRS_MAX];
};

struct hostnames {
	struct loop *loop;
	void (*done)(void *ctx);
	void *ctx;
	bool busy;
	struct loop_fd pipe;
	struct loop_timer late;
	int child[CHILDREN_MAX]; /* pidfds: who has ended may be somebody else by now */
	unsigned n_children;
	size_t n;
	struct lookup one[NAMES_MAX];
};

/* --- what is known --- */

static struct lookup *find(struct hostnames *l, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n)
{
	for (size_t i = 0; i < l->n; i++) {
		struct lookup *o = &l->one[i];
		if (strcmp(o->host, host) == 0 && o->n_servers == n &&
		    (!n || (memcmp(o->server, server, n * sizeof(*server)) == 0 && memcmp(o->port, port, n * sizeof(*port)) == 0)))
			return o;
	}
	return NULL;
}

size_t hostnames_addrs(void *hostnames, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
		     struct in6_addr *ret, size_t max)
{
	static const struct in6_addr nobody = { .s6_addr = { [10] = 0xff, 0xff, 192, 0, 2, 1 } };
	struct hostnames *l = hostnames;
	struct lookup *o = find(l, host, server, port, n);
	size_t got = 0;
	if (!o && (l->n == NAMES_MAX || strlen(host) >= sizeof(o->host) || n > SERVERS_MAX))
		return 0;
	if (!o) {
		o = &l->one[l->n++];
		*o = (struct lookup){ .n_servers = n };
		strcpy(o->host, host);
		for (size_t i = 0; i < n; i++) {
			o->server[i] = server[i];
			o->port[i] = port[i];
		}
	}
	for (; o->known && got < o->n && got < max; got++)
		ret[got] = o->addr[got];
	if (o->known || !max)
		return got;
	*ret = nobody;
	return 1;
}

/* --- who asks --- */

/* The part'th of so many. */
static void child_run(const struct hostnames *l, int fd, size_t part, size_t parts)
{
	size_t n_wanted = 0;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "node-cache-ask", 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (fd != 3)
		dup2(fd, 3);
	close_range(4, ~0u, 0); /* sockets and all that tells others of our end */
	for (size_t i = 0; i < l->n; i++) {
		const struct lookup *o = &l->one[i];
		struct said s = { .index = (uint32_t)i };
		if (o->known || n_wanted++ % parts != part)
			continue;
		s.n = (uint32_t)corefile_host_addrs(NULL, o->host, o->server, o->port, o->n_servers, s.addr, ADDRS_MAX);
		if (write(3, &s, sizeof(s)) != (ssize_t)sizeof(s))
			break;
	}
	_exit(0);
}

static void end(struct hostnames *l)
{
	if (l->pipe.fd >= 0) {
		loop_del(l->loop, &l->pipe);
		close(l->pipe.fd);
		l->pipe.fd = -1;
	}
	while (l->n_children) {
		int child = l->child[--l->n_children];
		syscall(SYS_pidfd_send_signal, child, SIGKILL, NULL, 0);
		close(child);
	}
	loop_timer_set(l->loop, &l->late, T_NEVER);
	for (size_t i = 0; i < l->n; i++)
		l->one[i].known = true; /* or not to be had */
	l->busy = false;
}

static void all_ended(struct hostnames *l)
{
	end(l);
	l->done(l->ctx);
}

static void late_due(struct loop_timer *t)
{
	all_ended(container_of(t, struct hostnames, late));
}

/* True: all have said what they have. */
static bool said_read(struct hostnames *l)
{
	struct said s;
	ssize_t n;
	while ((n = read(l->pipe.fd, &s, sizeof(s))) == (ssize_t)sizeof(s)) {
		if (s.index >= l->n || s.n > ADDRS_MAX)
			continue;
		l->one[s.index].known = true;
		l->one[s.index].n = s.n;
		memcpy(l->one[s.index].addr, s.addr, sizeof(s.addr));
	}
	return n == 0;
}

static void pipe_ready(struct loop_fd *w, uint32_t events)
{
	struct hostnames *l = container_of(w, struct hostnames, pipe);
	(void)events;
	if (said_read(l))
		all_ended(l);
}

/* Those that cannot be had leave their names unknown. */
static void children_start(struct hostnames *l, int fd, size_t n_wanted)
{
	size_t parts = n_wanted < CHILDREN_MAX ? n_wanted : CHILDREN_MAX;
	for (size_t i = 0; i < parts; i++) {
		pid_t pid = fork();
		if (pid == 0)
			child_run(l, fd, i, parts);
		int child = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
		if (child >= 0)
			l->child[l->n_children++] = child;
	}
}

bool hostnames_go(struct hostnames *l)
{
	size_t n_wanted = 0;
	int fd[2];
	for (size_t i = 0; i < l->n; i++)
		n_wanted += !l->one[i].known;
	if (!n_wanted)
		return false;
	l->busy = true;
	loop_timer_set(l->loop, &l->late, l->loop->now_ns);
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return true; /* the timer ends it */
	if (loop_add(l->loop, &l->pipe, fd[0], EPOLLIN) < 0) {
		close(fd[0]);
		close(fd[1]);
		l->pipe.fd = -1;
		return true;
	}
	loop_timer_set(l->loop, &l->late, clock_mono_ns() + LOOKUPS_NS); /* at a start the loop has not turned for a while */
	children_start(l, fd[1], n_wanted);
	close(fd[1]);
	return true;
}

void hostnames_wait(struct hostnames *l)
{
	uint64_t now;
	while (l->busy && l->pipe.fd >= 0 && (now = clock_mono_ns()) < l->late.at_ns) {
		struct pollfd p = { l->pipe.fd, POLLIN, 0 };
		if (poll(&p, 1, (int)((l->late.at_ns - now) / NS_PER_MS) + 1) > 0 && said_read(l))
			break;
	}
	end(l);
}

void hostnames_forget(struct hostnames *l)
{
	if (!l->busy)
		l->n = 0;
}

bool hostnames_busy(const struct hostnames *l)
{
	return l && l->busy;
}

struct hostnames *hostnames_new(struct loop *loop, void (*done)(void *ctx), void *ctx)
{
	struct hostnames *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->loop = loop;
	l->done = done;
	l->ctx = ctx;
	l->pipe.fd = -1;
	l->pipe.ready = pipe_ready;
	l->late.due = late_due;
	return l;
}

void hostnames_free(struct hostnames *l)
{
	if (!l)
		return;
	end(l);
	free(l);
}
