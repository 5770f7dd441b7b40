/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster DNS that denies names which have names below them (lying_world.h), over
 * UDP and TCP. SIGUSR1: it has not synced. SIGUSR2: it has, and everything that is
 * ever made has been made.
 *
 *   lying ADDRESS PORT
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fixtures/lying_world.h"

static volatile sig_atomic_t is_synced = 1;
static volatile sig_atomic_t is_made;

static void on_signal(int sig)
{
	is_synced = sig == SIGUSR2;
	is_made |= sig == SIGUSR2;
}

static size_t reply(const uint8_t *q, size_t len, uint8_t *out, size_t cap)
{
	enum lying_says says;
	struct name name;
	uint16_t qtype;

	return lying_reply(q, len, is_made ? UINT64_MAX : 0, is_synced, out, cap, &name, &qtype, &says);
}

static bool read_all(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, to, len);

		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

static void *conn_serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint8_t in[1024], out[1024 + 2];
	uint16_t len;

	while (read_all(fd, in, 2) && (len = get_be16(in)) <= sizeof(in) && read_all(fd, in, len)) {
		size_t n = reply(in, len, out + 2, sizeof(out) - 2);

		set_be16(out, (uint16_t)n);
		if (write(fd, out, n + 2) != (ssize_t)n + 2)
			break;
	}
	close(fd);
	return NULL;
}

static void *tcp_serve(void *arg)
{
	int fd = (int)(intptr_t)arg, conn;

	while ((conn = accept(fd, NULL, NULL)) >= 0) {
		pthread_t t;

		if (pthread_create(&t, NULL, conn_serve, (void *)(intptr_t)conn) == 0)
			pthread_detach(t);
		else
			close(conn);
	}
	return NULL;
}

static int open_socket(const struct sockaddr_in *at, int type)
{
	int fd = socket(AF_INET, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (fd < 0 || bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 64) < 0)) {
		perror("lying");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET}, peer;
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	uint8_t in[1024], out[1024];
	pthread_t t;
	int udp, tcp;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[2]));
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGUSR2, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	udp = open_socket(&at, SOCK_DGRAM);
	tcp = open_socket(&at, SOCK_STREAM);
	if (pthread_create(&t, NULL, tcp_serve, (void *)(intptr_t)tcp))
		return 1;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		socklen_t peer_len = sizeof(peer);
		ssize_t n = recvfrom(udp, in, sizeof(in), 0, (struct sockaddr *)&peer, &peer_len);

		if (n > 0)
			sendto(udp, out, reply(in, (size_t)n, out, sizeof(out)), 0,
			       (struct sockaddr *)&peer, peer_len);
	}
}
