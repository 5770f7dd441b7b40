/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's connection table through conntrack netlink (libmnl's door). Three
 * ways of looking, and they differ: the number of entries costs nothing and
 * changes nothing; events cost each new entry something and change nothing; a
 * dump also frees every expired entry it meets, in all namespaces of the
 * machine, so a measuring program dumps only when nothing it wants to see can
 * have expired.
 */
#ifndef NODENS_CT_NETLINK_H
#define NODENS_CT_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/err.h"

struct ctnl;
/* A socket in the namespace the process is in now; it stays there. */
int ctnl_open(struct ctnl **ret, struct diag *d);
void ctnl_close(struct ctnl *c);

struct ctnl_stats { /* of the socket's namespace; counters since it was made */
	uint64_t entries, max;
	uint64_t insert_failed, drop, early_drop, clash_resolve, invalid, chain_too_long;
};
int ctnl_stats(struct ctnl *c, struct ctnl_stats *ret, struct diag *d);

struct ctnl_entry {
	struct addr src, dst; /* the original direction */
	uint16_t sport, dport;
	struct addr reply_src, reply_dst; /* the other one: after kube-proxy's translation */
	uint8_t proto;
	uint16_t zone;
	/* What the message says beside; which of it there is depends on the message. */
	bool has_status, has_tcp_state;
	uint32_t status;   /* IPS_* of linux/netfilter/nf_conntrack_common.h */
	uint8_t tcp_state; /* TCP_CONNTRACK_* of nf_conntrack_tcp.h */
	uint32_t left_s;   /* of its time-out; 0: unknown or none */
};
/* Takes one out; one that is gone already is no error. */
int ctnl_delete(struct ctnl *c, const struct ctnl_entry *e, struct diag *d);
/* A dump: `each` for every entry of both families. */
int ctnl_dump(struct ctnl *c, void (*each)(const struct ctnl_entry *e, void *arg), void *arg,
	      struct diag *d);

/* --- events ---
 * The kernel tells of entries made while somebody listens; with nf_conntrack_events = 2 it
 * says nothing of older ones, not even their end. */
enum ctnl_what { CTNL_NEW, CTNL_UPDATE, CTNL_DESTROY };
typedef void ctnl_event(enum ctnl_what what, const struct ctnl_entry *e, void *arg);

/* From now on this socket receives events, and is for nothing else. *ret_room: what the
 * kernel gave of the room asked for. Needs CAP_NET_ADMIN in the user namespace that owns
 * the network namespace. */
int ctnl_listen(struct ctnl *c, size_t room_bytes, size_t *ret_room, struct diag *d);
int ctnl_fd(const struct ctnl *c); /* readable when there are events */
/* Takes what is there, without waiting. *ret_lost counts reads at which the kernel said that
 * it had to throw events away (ENOBUFS); how many is not known. */
int ctnl_read(struct ctnl *c, ctnl_event *each, void *arg, uint64_t *ret_lost, struct diag *d);
/* The part of it that is no system call: messages in `buf` to calls. What is malformed is
 * passed over; returns how many events there were. */
size_t ctnl_parse(const void *buf, size_t len, ctnl_event *each, void *arg);

#endif
