/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side of a hand-over that goes as far as it is told and then ends, stays
 * silent, or talks nonsense: for the tests of the other side.
 *
 *   handover_peer new PATH STEP [stall]   STEP: connect hello warm ready
 *   handover_peer new PATH stopped PID
 *   handover_peer new PATH nonsense|version|netns
 *   handover_peer new PATH chaos SEED
 *   handover_peer old PATH ADDR PORT STEP STEP: offer warm ready done
 *   handover_peer old PATH ADDR PORT chaos SEED
 *
 * `new` connects and does everything up to and with STEP, waits for the answer to
 * it, and ends; with `stall` it waits until the other side hangs up. `stopped` goes on to
 * the end while PID, which is the other side, is stopped for longer than it would wait. `old` waits
 * for a new instance and ends when that one has come to STEP. `chaos` says a
 * dozen well-formed things that make no sense, with whatever descriptors.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/rng.h"
#include "resolver/net/fdpass.h"
#include "resolver/handover/handover_msg.h"
#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/sockaddr.h"

#define WAIT_MS 10000

static int unix_socket(const char *path, struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(sa->sun_path, sizeof(sa->sun_path), "%s", path);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

/* The next message but one: up to and with a certain type. 0: the other hung up. */
static int await(int fd, enum handover_type type)
{
	struct handover_msg m;
	int fds[HANDOVER_FDS_MAX];
	unsigned n;
	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		if (poll(&p, 1, WAIT_MS) <= 0) {
			puts("nothing came");
			return 0;
		}
		int rc = handover_recv(fd, &m, fds, &n);
		if (rc <= 0) {
			puts("hung up");
			return 0;
		}
		fdpass_close(fds, n);
		if (m.text[0])
			printf("said: %s\n", m.text);
		if (m.type == type)
			return 1;
		if (m.type == HANDOVER_REFUSE || m.type == HANDOVER_ABORT)
			return 0;
	}
}

static int speak(int fd, const char *step)
{
	static const struct {
		const char *name;
		enum handover_type say, answer;
	} steps[] = {
		{ "hello", HANDOVER_HELLO, HANDOVER_END },
		{ "warm", HANDOVER_WARM, HANDOVER_END },
		{ "ready", HANDOVER_READY, HANDOVER_GO },
	};
	if (strcmp(step, "connect") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct handover_msg m = { .netns = handover_netns() };
		if (handover_send(fd, steps[i].say, &m, NULL, 0) < 0 || !await(fd, steps[i].answer))
			return 1;
		if (strcmp(step, steps[i].name) == 0) {
			printf("came to %s\n", step);
			return 0;
		}
	}
	return 3;
}

static bool is_stopped(pid_t pid)
{
	char path[64], state = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return true; /* gone: there is nothing to wait for */
	if (fscanf(f, "%*d %*s %c", &state) != 1)
		state = 'T';
	fclose(f);
	return state == 'T';
}

/* All that is left to say is said in time, but the other side cannot hear it. */
static int end_unheard(int fd, pid_t pid)
{
	struct handover_msg m = { .n = 0 };
	kill(pid, SIGSTOP);
	while (!is_stopped(pid))
		usleep(1000);
	handover_send(fd, HANDOVER_READING, &m, NULL, 0);
	handover_send(fd, HANDOVER_DONE, &m, NULL, 0);
	usleep(3000000); /* it waits for 0.5 s, and then for 2.5 */
	kill(pid, SIGCONT);
	if (!await(fd, HANDOVER_BYE))
		return 1;
	puts("came to the end");
	return 0;
}

static int misbehave(int fd, const char *how)
{
	struct handover_msg m = { .netns = handover_netns() };
	if (strcmp(how, "nonsense") == 0) {
		if (write(fd, "GET / HTTP/1.1\r\n\r\n", 18) != 18)
			return 1;
	} else if (strcmp(how, "version") == 0) {
		uint8_t raw[sizeof(m)] = { 0x4f, 0x48, 0x44, 0x4e, 99 };
		if (write(fd, raw, sizeof(raw)) != sizeof(raw))
			return 1;
	} else {
		m.netns.ino++;
		handover_send(fd, HANDOVER_HELLO, &m, NULL, 0);
	}
	await(fd, HANDOVER_END);
	return 0;
}

/* Any message, with up to as many descriptors as can be sent: of a terminal or a
 * file, and of a socket. */
static void blurt(int fd, struct rng *r)
{
	static const uint32_t counts[] = { 0, 1, 2, 64, 65, UINT32_MAX };
	struct handover_msg m = { .netns = handover_netns(), .n = counts[rng_below(r, 6)],
				  .port = (uint16_t)rng_u64(r), .scope_id = (uint32_t)rng_below(r, 2), .t_ns = rng_u64(r) };
	unsigned n = rng_below(r, 2) ? 0 : (unsigned)rng_below(r, 4) ? (unsigned)rng_below(r, 4) : HANDOVER_FDS_MAX;
	int fds[HANDOVER_FDS_MAX];
	for (unsigned i = 0; i < n; i++)
		fds[i] = rng_below(r, 2) ? 0 : fd;
	m.addr.s6_addr32[rng_below(r, 4)] = (uint32_t)rng_u64(r);
	memset(m.text, 'x', sizeof(m.text));
	handover_send(fd, (enum handover_type)rng_below(r, HANDOVER_ABORT + 2), &m, fds, n);
}

static int chaos(int fd, uint64_t seed)
{
	struct handover_msg m = { .netns = handover_netns() };
	struct rng r;
	int fds[HANDOVER_FDS_MAX];
	unsigned n;
	rng_seed(&r, seed);
	if (rng_below(&r, 4))
		handover_send(fd, HANDOVER_HELLO, &m, NULL, 0);
	for (unsigned i = 0; i < 12; i++) {
		struct pollfd p = { fd, POLLIN, 0 };
		while (poll(&p, 1, (int)rng_below(&r, 10)) > 0 && handover_recv(fd, &m, fds, &n) > 0)
			fdpass_close(fds, n);
		blurt(fd, &r);
	}
	return 0;
}

static int be_new(const char *path, const char *step, const char *more)
{
	struct sockaddr_un sa;
	int fd = unix_socket(path, &sa), rc;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		perror(path);
		return 1;
	}
	if (strcmp(step, "nonsense") == 0 || strcmp(step, "version") == 0 || strcmp(step, "netns") == 0)
		return misbehave(fd, step);
	if (strcmp(step, "chaos") == 0)
		return more ? chaos(fd, strtoull(more, NULL, 10)) : 3;
	bool stopped = strcmp(step, "stopped") == 0;
	rc = speak(fd, stopped ? "ready" : step);
	if (rc == 0 && stopped)
		return more ? end_unheard(fd, atoi(more)) : 3;
	if (rc == 0 && more)
		await(fd, HANDOVER_BYE);
	return rc;
}

static int offer(int fd, const char *addr, uint16_t port)
{
	struct handover_msg m = { .n = 1 };
	struct in6_addr a;
	uint16_t none;
	struct diag d = { "" };
	int fds[2];
	if (sockaddr_parse(addr, port, &a, &none) < 0)
		return 3;
	fds[0] = udp_socket_open(&a, port, 0, 1, &d);
	fds[1] = tcp_socket_open(&a, port, 0, &d);
	if (fds[0] < 0 || fds[1] < 0) {
		puts(d.text);
		return 1;
	}
	handover_send(fd, HANDOVER_OFFER, &m, NULL, 0);
	m = (struct handover_msg){ .n = 1, .addr = a, .port = port };
	handover_send(fd, HANDOVER_LISTENER, &m, fds, 2);
	handover_send(fd, HANDOVER_END, &m, NULL, 0);
	return 0;
}

static int be_old(const char *path, const char *addr, uint16_t port, const char *step, const char *more)
{
	struct sockaddr_un sa;
	struct handover_msg m = { 0 };
	int fd = unix_socket(path, &sa);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1) < 0) {
		perror(path);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	struct pollfd p = { fd, POLLIN, 0 };
	int peer = poll(&p, 1, WAIT_MS) > 0 ? accept(fd, NULL, NULL) : -1;
	if (peer < 0)
		puts("nobody came");
	if (peer < 0 || !await(peer, HANDOVER_HELLO))
		return 1;
	if (strcmp(step, "chaos") == 0 && (!more || strtoull(more, NULL, 10) % 4 == 0))
		return more ? chaos(peer, strtoull(more, NULL, 10)) : 3;
	if (offer(peer, addr, port))
		return 1;
	if (strcmp(step, "chaos") == 0)
		return chaos(peer, strtoull(more, NULL, 10));
	if (strcmp(step, "offer") == 0)
		return 0;
	if (!await(peer, HANDOVER_WARM))
		return 1;
	if (strcmp(step, "warm") == 0)
		return 0;
	handover_send(peer, HANDOVER_END, &m, NULL, 0);
	if (!await(peer, HANDOVER_READY))
		return 1;
	if (strcmp(step, "ready") == 0)
		return 0;
	handover_send(peer, HANDOVER_GO, &m, &fd, 1);
	return !await(peer, HANDOVER_DONE);
}

int main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "new") == 0)
		return be_new(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
	if (argc >= 6 && strcmp(argv[1], "old") == 0)
		return be_old(argv[2], argv[3], (uint16_t)atoi(argv[4]), argv[5], argc > 6 ? argv[6] : NULL);
	fprintf(stderr, "see the head of the source\n");
	return 3;
}
