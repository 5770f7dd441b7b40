/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of either dialect into one list: who reads which text. */
#include <string.h>

#include "kind-e2e/doctor/rules_dialects.h"

/* "TCP  10.96.0.10:..." would be in hexadecimal; that there is a service at all is enough. */
static bool any_ipvs(const char *text)
{
	char line[256];

	while (facts_line(&text, line, sizeof line))
		if (!strncmp(line, "UDP ", 4) || !strncmp(line, "TCP ", 4))
			return true;
	return false;
}

void facts_rules(struct rules_facts *r, const struct texts *s)
{
	const char *links = texts_get(s, "links", NULL), *ipvs = texts_get(s, "ip_vs", NULL);
	const char *four, *six = texts_get(s, "ip6tables", NULL), *nft;
	const char *legacy = texts_get(s, "iptables-legacy", NULL);
	bool kept_in_nft;

	memset(r, 0, sizeof *r);
	four = facts_text(s, "iptables", r->iptables_why);
	/* It says so itself, unless it has nothing to say. The old one does not, and then the
	 * legacy text is the same once more. */
	kept_in_nft = (four && strstr(four, "(nf_tables)")) || (six && strstr(six, "(nf_tables)"));
	if (four)
		rules_iptables(r, four);
	if (six)
		rules_iptables(r, six);
	if (legacy && (kept_in_nft || !four || !*four))
		rules_iptables(r, legacy);
	nft = facts_text(s, "nft", r->nft_why);
	if (nft)
		rules_nft(r, nft, !kept_in_nft);
	r->any_ipvs_service = ipvs && any_ipvs(ipvs);
	r->kube_ipvs = links && strstr(links, "link kube-ipvs0 ");
}
