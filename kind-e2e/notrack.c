/* SPDX-License-Identifier: Apache-2.0 */
#include "kind-e2e/notrack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/proc.h"

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
	if (prerouting && to_53)
		t->packets_in += packets;
	else if (!prerouting && from_53)
		t->packets_out += packets;
}

void notrack_parse_nft(struct notrack *ret, const char *text)
{
	struct notrack t = {0};
	bool prerouting = false;
	char line[1024];

	while (text && *text) {
		const char *count;

		text = take_line(text, line, sizeof line);
		if (strstr(line, " hook "))
			prerouting = strstr(line, " hook prerouting ") != NULL;
		count = strstr(line, "counter packets ");
		if (count && strstr(line, "notrack"))
			add(&t, prerouting, strstr(line, "dport 53") != NULL,
			    strstr(line, "sport 53") != NULL,
			    strtoull(count + strlen("counter packets "), NULL, 10));
	}
	*ret = t;
}

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
	*ret = t;
}

int notrack_read(struct notrack *ret, struct diag *d)
{
	static const char *const nft[] = {"nft", "list", "ruleset", NULL};
	static const char *const save[] = {"iptables-save", "-c", "-t", "raw", NULL};
	char *text = NULL;
	int code = proc_run(nft, NULL, &text, d);

	if (code)
		return code;
	notrack_parse_nft(ret, text);
	free(text);
	if (ret->n_rules)
		return 0;
	text = NULL;
	code = proc_run(save, NULL, &text, d); /* iptables-legacy: not seen by nft */
	if (!code)
		notrack_parse_save(ret, text);
	free(text);
	return code;
}
