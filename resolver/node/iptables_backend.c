/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the two iptables this node lives by: marks first, then what is installed. */
#include "resolver/node/iptables_backend.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "resolver/node/child.h"
#include "resolver/node/netlink.h"
#include "resolver/node/nft_msg.h"

#define SAVE_LIMIT (5 * NS_PER_S)

static const char *const mark[] = {"KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"};
#define N_MARKS (sizeof mark / sizeof *mark)

static const char *const names[][IPT_BACKENDS] = {
	{"iptables", "iptables-nft", "iptables-legacy"},
	{"iptables-save", "iptables-nft-save", "iptables-legacy-save"},
	{"iptables-restore", "iptables-nft-restore", "iptables-legacy-restore"},
	{"ip6tables", "ip6tables-nft", "ip6tables-legacy"},
	{"ip6tables-save", "ip6tables-nft-save", "ip6tables-legacy-save"},
	{"ip6tables-restore", "ip6tables-nft-restore", "ip6tables-legacy-restore"},
};
#define N_NAMES (sizeof names / sizeof *names)

static enum ipt_backend chosen;
static bool decided;

static bool both_present(void)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		if (!child_in_path(names[i][IPT_BACKEND_NFT]) ||
		    !child_in_path(names[i][IPT_BACKEND_LEGACY]))
			return false;
	}
	return true;
}

static bool nft_chain_there(struct netlink *nl, uint8_t family, const char *chain)
{
	struct nl_buf b;

	nl_init(&b);
	nft_begin(&b, NFT_MSG_GETCHAIN, 0, family);
	nl_put_text(&b, NFTA_CHAIN_TABLE, "mangle");
	nl_put_text(&b, NFTA_CHAIN_NAME, chain);
	return netlink_send(nl, &b, NULL, NULL, "nftables", NULL) == 0;
}

static bool nft_marked(void)
{
	struct netlink *nl;
	bool found = false;

	if (netlink_open(&nl, NETLINK_NETFILTER, NULL))
		return false;
	for (size_t i = 0; !found && i < N_MARKS; i++)
		found = nft_chain_there(nl, NFPROTO_IPV4, mark[i]) ||
			nft_chain_there(nl, NFPROTO_IPV6, mark[i]);
	netlink_close(nl);
	return found;
}

/* The old backend's tables of this network namespace; a table that nobody used
 * is not there, and must not be called into being by a look. */
static bool legacy_table_there(bool v4, const char *table)
{
	FILE *f = fopen(v4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names", "re");
	char line[64];
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		found = !strcmp(line, table);
	}
	if (f)
		fclose(f);
	return found;
}

static bool legacy_marked(bool v4)
{
	const char *argv[] = {v4 ? "iptables-legacy-save" : "ip6tables-legacy-save", "-t", "mangle",
			      NULL};
	struct child_result r;
	bool found = false;
	char line[64];

	if (!legacy_table_there(v4, "mangle") || child_run(argv, NULL, SAVE_LIMIT, &r, NULL))
		return false;
	for (size_t i = 0; !found && i < N_MARKS; i++) {
		snprintf(line, sizeof line, "\n:%s ", mark[i]);
		found = strstr(r.out, line);
	}
	child_release(&r);
	return found;
}

static enum ipt_backend decide(void)
{
	if (!both_present())
		return IPT_BACKEND_PLAIN;
	if (nft_marked())
		return IPT_BACKEND_NFT;
	return legacy_marked(true) || legacy_marked(false) ? IPT_BACKEND_LEGACY : IPT_BACKEND_PLAIN;
}

enum ipt_backend iptables_backend(void)
{
	if (!decided)
		chosen = decide();
	decided = true;
	return chosen;
}

void iptables_backend_set(enum ipt_backend b)
{
	chosen = b;
	decided = true;
}

bool iptables_legacy_there(bool v4)
{
	return legacy_table_there(v4, "raw") || legacy_table_there(v4, "filter");
}

const char *iptables_backend_name(const char *program)
{
	iptables_backend();
	for (size_t i = 0; i < N_NAMES; i++) {
		if (!strcmp(program, names[i][IPT_BACKEND_PLAIN]))
			return names[i][chosen];
	}
	return program;
}

bool iptables_backend_use(enum ipt_backend b, bool v4)
{
	if (both_present() != (b != IPT_BACKEND_PLAIN))
		return false;
	if (b == IPT_BACKEND_LEGACY && !iptables_legacy_there(v4))
		return false;
	chosen = b;
	decided = true;
	return true;
}
