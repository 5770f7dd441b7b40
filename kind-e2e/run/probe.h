/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine's kernel and tools can do for a lab, found by trying it in
 * a sandbox. What is missing becomes a skip with its reason, never a silent
 * pass.
 */
#ifndef NODENS_KIND_E2E_PROBE_H
#define NODENS_KIND_E2E_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "kind-e2e/cell/cell.h"

enum probe_id {
	PROBE_SANDBOX, /* private namespaces at all */
	PROBE_VETH,
	PROBE_BRIDGE,
	PROBE_CONNTRACK,
	PROBE_IPTABLES, /* kube-proxy's iptables rules load */
	PROBE_NFTABLES, /* and its nftables rules */
	PROBE_IPVS,
	PROBE_IPV6,
	PROBE_DUMMY,
	PROBE_NETEM,
	PROBE_CACHE,   /* the daemon is built */
	PROBE_CAPTURE, /* pcap-replay is built */
	N_PROBES
};

struct probe {
	bool ok;
	char why[200]; /* when not ok */
};

struct probe_report {
	struct probe p[N_PROBES];
};

extern const char *const probe_name[N_PROBES];
extern const char *const probe_use[N_PROBES]; /* what it is for */

/* Outside a sandbox: makes one, tries, and tears it down. */
void probe_all(struct probe_report *ret, const char *bin);
/* Can this cell run? NULL, or the reason why not. */
const char *probe_cell(const struct probe_report *p, const struct cell_spec *spec);

#endif
