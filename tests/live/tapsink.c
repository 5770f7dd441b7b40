/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dnstap collector for the live tests, written from the Frame Streams text
 * and not with the daemon's code: takes connections, greets, and writes what
 * comes into a file that dnstap-read(1) understands. Ends on SIGTERM, which also
 * ends the file.
 *
 *   tapsink FILE unix PATH | tapsink FILE tcp ADDRESS PORT | tapsink FILE stall PATH
 *
 * `stall` greets and then reads nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNS_MAX 16
#define FRAME_MAX (1 << 18)
#define CONTENT "protobuf:dnstap.Dnstap"

struct conn {
	int fd; /* 0: free */
	bool started;
	size_t len;
	uint8_t *b;
};
static struct conn conns[CONNS_MAX];
static FILE *file;
static bool stall;
static volatile sig_atomic_t stopped;

static void on_term(int sig)
{
	(void)sig;
	stopped = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t number(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return ntohl(v);
}

/* Escape, length, type, content. */
static size_t control(uint8_t *b, uint32_t type, bool content)
{
	uint32_t n = content ? 12 + (uint32_t)strlen(CONTENT) : 4;
	uint32_t word[] = {0, htonl(n), htonl(type), htonl(1), htonl((uint32_t)strlen(CONTENT))};

	memcpy(b, word, content ? 20 : 12);
	if (content)
		memcpy(b + 20, CONTENT, strlen(CONTENT));
	return 8 + n;
}

static void control_send(int fd, uint32_t type, bool content)
{
	uint8_t b[64];
	size_t n = control(b, type, content);

	if (send(fd, b, n, MSG_NOSIGNAL) != (ssize_t)n)
		perror("send");
}

static void control_take(struct conn *c, const uint8_t *b, uint32_t n)
{
	uint32_t type = number(b);

	printf("control %u%s\n", type,
	       n >= 12 + strlen(CONTENT) && !memcmp(b + 12, CONTENT, strlen(CONTENT)) ? " dnstap"
										      : "");
	fflush(stdout);
	if (type == 4)
		control_send(c->fd, 1, true);
	else if (type == 2)
		c->started = true;
	else if (type == 3)
		control_send(c->fd, 5, false);
}

static void frame_write(const uint8_t *b, size_t n)
{
	fwrite(b, 1, n, file);
	fflush(file);
}

/* Whole frames at the beginning of the buffer are taken. */
static bool frames_take(struct conn *c)
{
	size_t at = 0;

	while (c->len - at >= 8) {
		bool is_control = number(c->b + at) == 0;
		size_t head = is_control ? 8 : 4, n = number(c->b + at + head - 4);

		if (n > FRAME_MAX - 8 || (!is_control && !c->started))
			return false;
		if (c->len - at < head + n)
			break;
		if (is_control)
			control_take(c, c->b + at + 8, (uint32_t)n);
		else
			frame_write(c->b + at, head + n);
		at += head + n;
	}
	memmove(c->b, c->b + at, c->len - at);
	c->len -= at;
	return true;
}

static void conn_close(struct conn *c, const char *why)
{
	printf("closed: %s\n", why);
	fflush(stdout);
	close(c->fd);
	free(c->b);
	*c = (struct conn){0};
}

static void conn_read(struct conn *c)
{
	ssize_t n = read(c->fd, c->b + c->len, FRAME_MAX - c->len);

	if (n <= 0) {
		conn_close(c, c->len ? "inside a frame" : "between frames");
		return;
	}
	c->len += (size_t)n;
	if (!frames_take(c))
		conn_close(c, "nonsense");
}

static int listen_on(char **argv)
{
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_in in;
	} a = {0};
	socklen_t len = sizeof(a.un);
	int one = 1, fd, small = 4096;

	if (strcmp(argv[2], "tcp") == 0) {
		a.in.sin_family = AF_INET;
		inet_pton(AF_INET, argv[3], &a.in.sin_addr);
		a.in.sin_port = htons((uint16_t)atoi(argv[4]));
		len = sizeof(a.in);
	} else {
		a.un.sun_family = AF_UNIX;
		snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s", argv[3]);
		unlink(argv[3]);
	}
	fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (stall)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (bind(fd, &a.sa, len) < 0 || listen(fd, 16) < 0)
		die("listen");
	return fd;
}

static void conn_new(int listener)
{
	int fd = accept(listener, NULL, NULL);

	for (int i = 0; i < CONNS_MAX && fd >= 0; i++) {
		if (conns[i].fd)
			continue;
		conns[i] = (struct conn){.fd = fd, .b = malloc(FRAME_MAX)};
		return;
	}
	close(fd);
}

static void round_run(int listener)
{
	struct pollfd p[CONNS_MAX + 1] = {{.fd = listener, .events = POLLIN}};

	for (int i = 0; i < CONNS_MAX; i++)
		p[i + 1] = (struct pollfd){
			.fd = conns[i].fd && !(stall && conns[i].started) ? conns[i].fd : -1,
			.events = POLLIN};
	if (poll(p, CONNS_MAX + 1, -1) < 0)
		return;
	for (int i = 0; i < CONNS_MAX; i++)
		if (p[i + 1].fd >= 0 && p[i + 1].revents)
			conn_read(&conns[i]);
	if (p[0].revents)
		conn_new(listener);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_term}; /* no SA_RESTART: poll returns */
	uint8_t b[64];

	if (argc < 4)
		return 2;
	stall = strcmp(argv[2], "stall") == 0;
	sigaction(SIGTERM, &sa, NULL);
	file = fopen(argv[1], "w");
	if (!file)
		die(argv[1]);
	frame_write(b, control(b, 2, true));
	int listener = listen_on(argv);

	puts("ready");
	fflush(stdout);
	while (!stopped)
		round_run(listener);
	frame_write(b, control(b, 3, false));
	return fclose(file) == 0 ? 0 : 1;
}
