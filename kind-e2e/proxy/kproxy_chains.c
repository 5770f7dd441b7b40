/* SPDX-License-Identifier: Apache-2.0 */
/* What iptables and IPVS mode have in common: kube-proxy's own chains around the
 * Services, and kubelet's. */
#include "kind-e2e/proxy/kproxy_int.h"

const char *const *kproxy_restore(const struct kproxy_conf *c)
{
	static const char *const v4[] = {"iptables-restore", "--noflush", NULL};
	static const char *const v6[] = {"ip6tables-restore", "--noflush", NULL};

	return c->family == AF_INET6 ? v6 : v4;
}

void kproxy_put_chains(FILE *out, const char *const *names)
{
	for (; *names; names++)
		fprintf(out, ":%s - [0:0]\n", *names);
}

void kproxy_put_jumps(FILE *out, const struct kproxy_jump *j)
{
	for (; j->chain; j++) {
		fprintf(out, "-I %s%s", j->from, j->only_new ? " -m conntrack --ctstate NEW" : "");
		if (j->comment)
			fprintf(out, " -m comment --comment \"%s\"", j->comment);
		fprintf(out, " -j %s\n", j->chain);
	}
}

void kproxy_put_firewall(const struct kproxy_conf *c, FILE *out)
{
	if (c->family == AF_INET6)
		return;
	fputs(":KUBE-FIREWALL - [0:0]\n"
	      "-I INPUT -j KUBE-FIREWALL\n"
	      "-I OUTPUT -j KUBE-FIREWALL\n"
	      "-A KUBE-FIREWALL -m comment --comment \"block incoming localnet connections\" "
	      "-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT "
	      "-j DROP\n",
	      out);
}

void kproxy_put_forward(FILE *out)
{
	fputs("-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" "
	      "-m mark --mark 0x4000/0x4000 -j ACCEPT\n"
	      "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" "
	      "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n",
	      out);
}

void kproxy_put_masquerade(FILE *out)
{
	fputs("-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n"
	      "-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000\n"
	      "-A KUBE-POSTROUTING -m comment --comment "
	      "\"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n"
	      "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000\n",
	      out);
}
