/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench echo: the limit of ordinary sockets. Receives a batch, flips QR, sends
 * the batch back; does no DNS at all. What a server costs above this is its own.
 *
 *   echo ADDRESS PORT [BATCH]      default batch 64; ends at SIGTERM
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH_MAX 256
#define DATAGRAM  512

int main(int argc, char **argv)
{
	static uint8_t buf[BATCH_MAX][DATAGRAM];
	static struct mmsghdr msg[BATCH_MAX];
	static struct iovec iov[BATCH_MAX];
	static struct sockaddr_in peer[BATCH_MAX];
	unsigned batch = argc > 3 ? (unsigned)atoi(argv[3]) : 64;
	struct sockaddr_in a = {.sin_family = AF_INET};
	int rcvbuf = 4 << 20;
	if (argc < 3 || batch < 1 || batch > BATCH_MAX || inet_pton(AF_INET, argv[1], &a.sin_addr) != 1) {
		fprintf(stderr, "usage: echo ADDRESS PORT [BATCH 1..%d]\n", BATCH_MAX);
		return 3;
	}
	a.sin_port = htons((uint16_t)atoi(argv[2]));
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		perror("echo");
		return 1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	for (unsigned i = 0; i < batch; i++) {
		iov[i] = (struct iovec){buf[i], DATAGRAM};
		msg[i].msg_hdr = (struct msghdr){.msg_name = &peer[i], .msg_iov = &iov[i], .msg_iovlen = 1};
	}
	for (;;) {
		for (unsigned i = 0; i < batch; i++) {
			iov[i].iov_len = DATAGRAM;
			msg[i].msg_hdr.msg_namelen = sizeof(peer[i]);
		}
		int n = recvmmsg(fd, msg, batch, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			iov[i].iov_len = msg[i].msg_len;
			buf[i][2] |= 0x80;
		}
		for (int sent = 0; sent < n;) {
			int k = sendmmsg(fd, msg + sent, (unsigned)(n - sent), 0);
			if (k <= 0)
				break;
			sent += k;
		}
	}
}
