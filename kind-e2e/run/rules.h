/* SPDX-License-Identifier: Apache-2.0 */
/* kube-proxy's rules for kind's addresses, printed: to read, to compare with a
 * node's, to load by hand. */
#ifndef NODENS_KIND_E2E_RULES_H
#define NODENS_KIND_E2E_RULES_H

#include <stdint.h>

struct rules_options {
	const char *mode;    /* "iptables", "nftables", "ipvs" */
	const char *family;  /* "ipv4", "ipv6" */
	const char *version; /* of kube-proxy: "1.37" */
	uint64_t endpoints;  /* up to 100 */
};

/* Exit status: 0, 1 no memory, 3 an option is wrong. */
int rules_main(const struct rules_options *o);

#endif
