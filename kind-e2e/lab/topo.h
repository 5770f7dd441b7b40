/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab's network, laid out as kind lays out a node: no bridge, one veth and
 * one host route a pod, the Services only in kube-proxy's rules, and an uplink
 * with a default route (without which the node itself could not reach a
 * Service: routing comes before NAT).
 *
 *   e2e-pod1 ... e2e-podN    10.244.0.(2 + backends ...)  load programs
 *   e2e-dns1 ... e2e-dnsM    10.244.0.2 ...               cluster-DNS backends
 *   e2e-node                 10.244.0.1 on every veth, kube-proxy's rules, the cache
 *   e2e-net                  172.18.0.1, the world beyond the uplink: one resolver
 */
#ifndef NODENS_KIND_E2E_TOPO_H
#define NODENS_KIND_E2E_TOPO_H

#include <stdbool.h>

#include "lib/base/addr.h"
#include "lib/world/scenario.h"

#define TOPO_BACKENDS_MAX 8
#define TOPO_PODS_MAX 64
#define TOPO_NET "e2e-net"
#define TOPO_NODE_IP "172.18.0.2"
#define TOPO_NET_IP "172.18.0.1"
#define TOPO_CACHE_LINK "nodelocaldns"
#define TOPO_UPLINK "uplink"

enum topo_family { TOPO_V4, TOPO_V6, TOPO_FAMILIES };

struct topo_side { /* the lab in one address family */
	const char *pod_cidr, *service_cidr;
	struct addr gateway; /* the node's end of every veth */
	struct addr node, net; /* both ends of the uplink */
	struct addr vip, upstream, local; /* kube-dns, kube-dns-upstream, the cache's own */
	struct addr backend[TOPO_BACKENDS_MAX], pod[TOPO_PODS_MAX];
};

struct topo {
	const struct scenario *s;
	unsigned n_backends, n_pods;
	bool has[TOPO_FAMILIES];
	struct topo_side side[TOPO_FAMILIES];
};

/* Only arithmetic; ERR_LIMIT when the scenario is larger than a lab. */
int topo_plan(struct topo *ret, const struct scenario *s, enum scen_ip ip, struct diag *d);
int topo_build(const struct topo *t, struct diag *d);
void topo_drop(const struct topo *t); /* also what a failed build left */
/* Loss between node and backends, both directions, in the backends' namespaces. */
int topo_loss(const struct topo *t, double share, struct diag *d);
/* The interface that the cache finds ready-made: a bridge without ports stands
 * in for the dummy device that not every kernel has. */
int topo_cache_link(struct diag *d);
bool topo_has_cache_link(void);
/* A backend's packets, both ways, vanish; and again do not. */
int topo_silence(unsigned backend, bool silent, struct diag *d);

/* One `nft -f -` or other tool with `input`, in the namespace `ns`. */
int topo_tool(const char *ns, const char *const argv[], const char *input, char **ret_out,
	      struct diag *d);
int topo_nft(const char *ns, const char *rules, struct diag *d);
int topo_ip(const char *ns, const char *commands, struct diag *d); /* ip -batch */

void topo_pod_ns(char ret[32], unsigned pod);	      /* "e2e-pod1" for 0 */
void topo_pod_link(char ret[16], unsigned pod);	      /* the node's side of its veth */
void topo_backend_ns(char ret[32], unsigned backend); /* "e2e-dns1" for 0 */

#endif
