/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the NOTRACK rules' counters out of what nft and iptables-save print. */
#include "kind-e2e/measure/notrack.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/lab/proc.h"

/* Between raw (-300), where NOTRACK is said, and conntrack (-200). */
static const char counting[] =
	"table inet e2e-count {\n"
	" counter e2e_pods_in { }\n"
	" counter e2e_pods_out { }\n"
	" chain in { type filter hook prerouting priority -290;\n"
	"  iifname \"vpod*\" meta l4proto { tcp, udp } th dport 53 ct state untracked "
	"counter name e2e_pods_in; }\n"
	" chain out { type filter hook output priority -290;\n"
	"  oifname \"vpod*\" meta l4proto { tcp, udp } th sport 53 ct state untracked "
	"counter name e2e_pods_out; }\n"
	"}\n";

int notrack_install(struct diag *d)
{
	static const char *const nft[] = {"nft", "-f", "-", NULL};

	return proc_run(nft, counting, NULL, d);
}

/* The line `at` begins as a string of its own, cut to the buffer; the next one,
 * or NULL. */
static const char *take_line(const char *at, char *buf, size_t size)
{
	size_t len = strcspn(at, "\n"), n = len < size ? len : size - 1;

	memcpy(buf, at, n);
	buf[n] = '\0';
	return at[len] ? at + len + 1 : NULL;
}

static void add(struct notrack *t, bool prerouting, bool to_53, bool from_53, uint64_t packets)
{
	if (!to_53 && !from_53)
		return;
	t->n_rules++;
	if (to_53)
		*(prerouting ? &t->rule_in : &t->rule_host) += packets;
}

/* --- nft ------------------------------------------------------------------------- */

static uint64_t named_counter(const char *text, const char *name)
{
	char head[80];
	const char *at;

	snprintf(head, sizeof head, "\tcounter %s {", name);
	at = strstr(text, head);
	at = at ? strstr(at, "packets ") : NULL;
	return at ? strtoull(at + strlen("packets "), NULL, 10) : 0;
}

/* What a rule's counter says. A named one stands in several rules (both address
 * families), and counts once. */
static uint64_t rule_packets(const char *text, const char *line, char *seen, size_t size)
{
	const char *count = strstr(line, "counter packets "), *name = strstr(line, "counter name ");
	char word[64];
	size_t used = strlen(seen);

	if (count)
		return strtoull(count + strlen("counter packets "), NULL, 10);
	if (!name || sscanf(name, "counter name \"%60[^\"]\"", word) != 1)
		return 0;
	strcat(word, "\n");
	if (strstr(seen, word) || used + strlen(word) >= size)
		return 0;
	strcpy(seen + used, word);
	word[strlen(word) - 1] = '\0';
	return named_counter(text, word);
}

void notrack_parse_nft(struct notrack *ret, const char *text)
{
	struct notrack t = {.packets_in = named_counter(text, "e2e_pods_in"),
			    .packets_out = named_counter(text, "e2e_pods_out")};
	char line[1024], seen[1024] = "\n";
	const char *at = text;
	bool prerouting = false;

	while (at && *at) {
		at = take_line(at, line, sizeof line);
		if (strstr(line, " hook "))
			prerouting = strstr(line, " hook prerouting ") != NULL;
		if (strstr(line, " notrack"))
			add(&t, prerouting, strstr(line, "dport 53") != NULL,
			    strstr(line, "sport 53") != NULL,
			    rule_packets(text, line, seen, sizeof seen));
	}
	*ret = t;
}

/* --- iptables -------------------------------------------------------------------- */

void notrack_parse_save(struct notrack *ret, const char *text)
{
	struct notrack t = {0};
	char line[1024];

	while (text && *text) {
		text = take_line(text, line, sizeof line);
		if (line[0] == '[' && (strstr(line, "--notrack") || strstr(line, "-j NOTRACK")))
			add(&t, strstr(line, "-A PREROUTING ") != NULL,
			    strstr(line, "--dport 53 ") != NULL,
			    strstr(line, "--sport 53 ") != NULL, strtoull(line + 1, NULL, 10));
	}
	ret->n_rules += t.n_rules;
	ret->rule_in += t.rule_in;
	ret->rule_host += t.rule_host;
}

int notrack_read(struct notrack *ret, struct diag *d)
{
	static const char *const nft[] = {"nft", "list", "ruleset", NULL};
	static const char *const tools[] = {"iptables-save", "ip6tables-save"};
	char *text = NULL;
	int code = proc_run(nft, NULL, &text, d);

	if (code)
		return code;
	notrack_parse_nft(ret, text);
	free(text);
	if (ret->n_rules)
		return 0;
	/* iptables-legacy: not seen by nft */
	for (size_t i = 0; !code && i < sizeof tools / sizeof tools[0]; i++) {
		const char *const save[] = {tools[i], "-c", "-t", "raw", NULL};

		text = NULL;
		code = proc_run(save, NULL, &text, d);
		if (!code)
			notrack_parse_save(ret, text);
		free(text);
	}
	return code;
}
