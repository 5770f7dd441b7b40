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
	static const char *const saves[] = {"iptables", "iptables-legacy", "ip6tables"};
	const char *links = texts_get(s, "links", NULL), *nft, *ipvs = texts_get(s, "ip_vs", NULL);
	bool printed = false;

	memset(r, 0, sizeof *r);
	for (size_t i = 0; i < sizeof saves / sizeof saves[0]; i++) {
		const char *save =
			i ? texts_get(s, saves[i], NULL) : facts_text(s, saves[i], r->iptables_why);

		if (save)
			rules_iptables(r, save);
		printed |= !i && save;
	}
	nft = facts_text(s, "nft", r->nft_why);
	if (nft)
		rules_nft(r, nft, !printed);
	r->any_ipvs_service = ipvs && any_ipvs(ipvs);
	r->kube_ipvs = links && strstr(links, "link kube-ipvs0 ");
}
