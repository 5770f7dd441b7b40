/* SPDX-License-Identifier: Apache-2.0 */
/* What the dialects of rules have in common. */
#ifndef NODENS_NODE_TYPES_H
#define NODENS_NODE_TYPES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* errortype of coredns_nodecache_setup_errors_total */
enum node_error {
	NODE_ERR_IPTABLES,
	NODE_ERR_IPTABLES_LOCK,
	NODE_ERR_INTERFACE_ADD,
	NODE_ERR_INTERFACE_CHECK,
	NODE_ERR_CONFIGMAP,
	NODE_ERRORS
};
extern const char *const node_error_label[NODE_ERRORS];

/* Where packets met the rules. Host-network clients pass `host` on the way out
 * and `in` when they come back over loopback; pods only `in`. */
enum node_path { NODE_PATH_IN, NODE_PATH_HOST, NODE_PATH_REPLY, NODE_PATH_HEALTH, NODE_PATHS };
extern const char *const node_path_label[NODE_PATHS];
struct node_counters {
	uint64_t packets[NODE_PATHS][2]; /* [path][0 udp, 1 tcp] */
	uint64_t bytes[NODE_PATHS][2];
	bool stand; /* none of the rules that count is missing */
};

/* Addresses that an instance we took over from listened at and we do not have: none of them
 * is turned over to anybody any more. */
#define NODE_RELEASED_MAX 64
struct node_released {
	bool handed_over; /* there was one, and it answers what it has been asked */
	uint32_t n;
	struct in6_addr addr[NODE_RELEASED_MAX];
};

/* What the iptables dialect's rules ask whether we are alive (resolver/node/gates.h). */
enum node_gate { NODE_GATE_NONE, NODE_GATE_RECENT, NODE_GATE_SET };

#endif
