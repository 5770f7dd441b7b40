/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink for interface and rules: messages are built into one bounded buffer
 * with a sticky overflow, sent as one unit, and the kernel's verdicts are
 * collected. All buses used here (route, netfilter, sockets) answer within the send, so
 * nothing ever waits. Door to libmnl.
 */
#ifndef NODENS_NODE_NETLINK_H
#define NODENS_NODE_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct netlink;

/* bus: NETLINK_ROUTE or NETLINK_NETFILTER. */
int netlink_open(struct netlink **ret, int bus, struct diag *d);
void netlink_close(struct netlink *nl); /* NULL allowed */

/* --- building --- */
#define NL_BUF_SIZE 32768
struct nl_buf {
	struct nlmsghdr *h; /* the message being built */
	size_t len;
	uint32_t seq;
	bool full;
	_Alignas(8) char mem[NL_BUF_SIZE];
};
void nl_init(struct nl_buf *b);
/* Closes the message before, if any; returns its zeroed family header, or NULL
 * when the buffer is full. Always asks for an acknowledgement. */
void *nl_begin(struct nl_buf *b, uint16_t type, uint16_t flags, size_t family_header_len);
void nl_put(struct nl_buf *b, uint16_t attr, const void *data, size_t len);
void nl_put_text(struct nl_buf *b, uint16_t attr, const char *text);
void nl_put_u8(struct nl_buf *b, uint16_t attr, uint8_t v);
void nl_put_u32(struct nl_buf *b, uint16_t attr, uint32_t v);
void nl_put_be16(struct nl_buf *b, uint16_t attr, uint16_t v); /* host order in, network order out */
void nl_put_be32(struct nl_buf *b, uint16_t attr, uint32_t v);
void nl_put_be64(struct nl_buf *b, uint16_t attr, uint64_t v);
/* Returns what nl_end takes. */
size_t nl_nest(struct nl_buf *b, uint16_t attr);
void nl_end(struct nl_buf *b, size_t nest);

/* --- sending --- */
/* Called for each message the kernel returns that is no verdict. */
typedef void netlink_seen(void *ctx, const struct nlmsghdr *h);
/* Sends all messages. The first refusal becomes the error; netlink_errno tells
 * its errno (0 after success). `what` names the attempt in the diag. */
int netlink_send(struct netlink *nl, struct nl_buf *b, netlink_seen *seen, void *ctx, const char *what,
		 struct diag *d);
int netlink_errno(const struct netlink *nl);
/* For what is long: asks for all (a message with NLM_F_DUMP), and reads a datagram of it. Then for another, or closes:
 * nothing else may be sent meanwhile. 1: there is more, 0: that was all. */
int netlink_dump(struct netlink *nl, struct nl_buf *b, const char *what, struct diag *d);
int netlink_more(struct netlink *nl, netlink_seen *seen, void *ctx, const char *what, struct diag *d);

/* --- reading --- */
struct nl_attr {
	const void *data; /* NULL: not present */
	size_t len;
};
/* Attributes 0..max-1 of a message behind its family header, or of a nest. */
void nl_parse(const struct nlmsghdr *h, size_t family_header_len, struct nl_attr *ret, size_t max);
void nl_parse_nest(struct nl_attr nest, struct nl_attr *ret, size_t max);
/* Walks a nest's attributes, whatever their type: *ret is the next behind `at` (NULL: the
 * first); returns where it is, NULL at the end. */
const void *nl_each(struct nl_attr nest, const void *at, struct nl_attr *ret);
const char *nl_text(struct nl_attr a); /* "" when absent or not terminated */
uint32_t nl_be32(struct nl_attr a);    /* 0 when absent */
uint64_t nl_be64(struct nl_attr a);

#endif
