/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench until: waits for something about a node-local cache and prints when it
 * was (seconds since 1970, microseconds), for `make bench-lifecycle`. Looks
 * several times a millisecond; gives up after 20 s with status 1.
 *
 *   until served ADDR NAME     NAME is answered on port 53, and not with REFUSED
 *   until more TABLE N         table (inet nodelocaldns, ip raw: the last word
 *   until fewer TABLE N        counts) has more, fewer than N rules
 *   until gone PID...          none of the processes is left
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "resolver/node/nft_msg.h"

#define LIMIT_NS (20 * NS_PER_S)
#define LOOK_US  200
#define ASK_MS   2

/* --- an answer --- */

static size_t question(uint8_t *b, const char *text, uint16_t id)
{
	struct name n;
	size_t len;
	memset(b, 0, DNS_HEADER_LEN);
	set_be16(b, id);
	set_be16(b + 2, DNS_RD);
	set_be16(b + 4, 1);
	if (name_from_text(&n, text) < 0)
		return 0;
	len = n.len;
	memcpy(b + DNS_HEADER_LEN, n.b, len);
	set_be16(b + DNS_HEADER_LEN + len, DNS_A);
	set_be16(b + DNS_HEADER_LEN + len + 2, DNS_IN);
	return DNS_HEADER_LEN + len + 4;
}

static bool served(const char *addr, const char *name)
{
	static int fd = -1;
	static uint16_t id;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	uint8_t b[512];
	size_t len = question(b, name, ++id);
	if (fd < 0) {
		inet_pton(AF_INET, addr, &to.sin_addr);
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (!len || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
			return false;
	}
	if (send(fd, b, len, 0) < 0) /* what the kernel was told of the one before */
		return false;
	struct pollfd p = {fd, POLLIN, 0};
	poll(&p, 1, ASK_MS);
	for (ssize_t n; (n = recv(fd, b, sizeof(b), 0)) >= DNS_HEADER_LEN;)
		if ((b[3] & 15) != DNS_REFUSED)
			return true;
	return false;
}

/* --- rules --- */

struct counted {
	const char *table;
	unsigned n;
};

static void rule_seen(void *ctx, const struct nlmsghdr *h)
{
	struct counted *c = ctx;
	struct nl_attr a[NFTA_RULE_MAX + 1];
	if (nft_type(h) != NFT_MSG_NEWRULE)
		return;
	nl_parse(h, nft_header_len(), a, NFTA_RULE_MAX + 1);
	c->n += strcmp(nl_text(a[NFTA_RULE_TABLE]), c->table) == 0;
}

static unsigned rules(const char *table)
{
	static struct netlink *nl;
	struct counted c = {.table = table};
	struct nl_buf b;
	if (!nl && netlink_open(&nl, NETLINK_NETFILTER, NULL))
		return 0;
	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_UNSPEC);
	nl_put_text(&b, NFTA_RULE_TABLE, table);
	netlink_send(nl, &b, rule_seen, &c, "rules", NULL);
	return c.n;
}

/* --- processes --- */

/* One that ended and was not waited for yet is gone as well. */
static bool lives(const char *pid)
{
	char path[64], text[512] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", atoi(pid));
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	const char *end = strrchr(text, ')');
	return end && end[1] && end[2] != 'Z' && end[2] != 'X';
}

/* --- what for --- */

static bool happened(char **argv)
{
	if (strcmp(argv[1], "served") == 0)
		return served(argv[2], argv[3]);
	if (strcmp(argv[1], "more") == 0)
		return rules(argv[2]) > (unsigned)atoi(argv[3]);
	if (strcmp(argv[1], "fewer") == 0)
		return rules(argv[2]) < (unsigned)atoi(argv[3]);
	for (char **pid = argv + 2; *pid; pid++)
		if (lives(*pid))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	uint64_t end = clock_mono_ns() + LIMIT_NS;
	if (argc < 3 || (strcmp(argv[1], "gone") != 0 && argc != 4)) {
		fprintf(stderr, "see the head of the source\n");
		return 3;
	}
	while (!happened(argv)) {
		if (clock_mono_ns() > end) {
			fprintf(stderr, "until %s %s: it did not happen\n", argv[1], argv[2]);
			return 1;
		}
		usleep(LOOK_US);
	}
	printf("%.6f\n", (double)(clock_real_ns() / NS_PER_US) / 1e6);
	return 0;
}
