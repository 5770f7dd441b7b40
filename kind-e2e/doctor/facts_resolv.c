/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf as glibc reads it (resolv/res_init.c), and what it passes over in silence. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/facts.h"

static void odd(struct resolv_facts *r, unsigned line, const char *what, const char *word)
{
	if (r->n_odd < ODD_MAX)
		snprintf(r->odd[r->n_odd++], sizeof r->odd[0], "line %u: %s '%.50s'", line, what,
			 word);
	else
		r->cut++;
}

static bool option_number(const char *word, const char *key, unsigned *ret)
{
	size_t len = strlen(key);

	if (strncmp(word, key, len) != 0 || !isdigit((unsigned char)word[len]))
		return false;
	*ret = (unsigned)strtoul(word + len, NULL, 10);
	return true;
}

static void take_option(struct resolv_facts *r, unsigned line, const char *word)
{
	/* known, and of no consequence here */
	static const char *const others[] = {
		"edns0",	"trust-ad",	  "debug",     "inet6",
		"no-tld-query", "no-check-names", "no-reload", "no_tld_query",
		"insecure1",	"insecure2",	  NULL};

	if (option_number(word, "ndots:", &r->ndots)) {
		r->ndots_said = true;
		return;
	}
	if (option_number(word, "timeout:", &r->timeout_s) ||
	    option_number(word, "attempts:", &r->attempts))
		return;
	if (!strcmp(word, "rotate"))
		r->rotate = true;
	else if (!strcmp(word, "use-vc"))
		r->use_vc = true;
	else if (!strcmp(word, "single-request") || !strcmp(word, "single-request-reopen"))
		r->single_request = true;
	else if (!strcmp(word, "no-aaaa"))
		r->no_aaaa = true;
	else {
		for (size_t i = 0; others[i]; i++)
			if (!strcmp(word, others[i]))
				return;
		odd(r, line, "nobody knows the option", word);
	}
}

static void take_server(struct resolv_facts *r, unsigned line, char *word)
{
	struct addr a;
	char *zone = strchr(word, '%');

	if (zone)
		*zone = '\0'; /* fe80::1%eth0 */
	if (!facts_addr(word, &a) || strchr(word, '/'))
		odd(r, line, "this is no address:", word);
	else if (r->n_servers < NAMESERVERS_MAX)
		r->server[r->n_servers++] = a;
	else
		r->cut++;
}

static void take_search(struct resolv_facts *r, char *words)
{
	char *save, *word = strtok_r(words, " \t", &save);

	r->n_search = r->search_chars = 0; /* the last line counts */
	r->n_search_lines++;
	for (; word; word = strtok_r(NULL, " \t", &save)) {
		r->search_chars += (unsigned)strlen(word) + (r->n_search != 0);
		if (r->n_search < SEARCH_MAX)
			snprintf(r->search[r->n_search], sizeof r->search[0], "%s", word);
		else
			r->cut++;
		r->n_search += r->n_search < SEARCH_MAX;
	}
}

static void take_line(struct resolv_facts *r, unsigned no, char *line)
{
	char *save, *word;

	line += strspn(line, " \t");
	r->n_cr += strchr(line, '\r') != NULL;
	line[strcspn(line, "\r")] = '\0';
	if (!*line || *line == '#' || *line == ';')
		return;
	word = strtok_r(line, " \t", &save);
	if (!strcmp(word, "nameserver")) {
		word = strtok_r(NULL, " \t", &save);
		take_server(r, no, word ? word : line + strlen(line));
	} else if (!strcmp(word, "search") || !strcmp(word, "domain")) {
		take_search(r, save ? save : line + strlen(line));
	} else if (!strcmp(word, "options")) {
		while ((word = strtok_r(NULL, " \t", &save)))
			take_option(r, no, word);
	} else if (strcmp(word, "sortlist") != 0) {
		odd(r, no, "nobody knows the word", word);
	}
}

/* "resolvConf: /run/systemd/resolve/resolv.conf", of which gather.c kept the one line */
static void take_kubelet(struct resolv_facts *r, const char *text)
{
	char line[512];

	while (facts_line(&text, line, sizeof line))
		if (sscanf(line, "resolvConf: %*1[\"]%255[^\"]", r->kubelet_file) != 1)
			(void)!sscanf(line, "resolvConf: %255s", r->kubelet_file);
}

void facts_resolv(struct resolv_facts *r, const struct texts *s)
{
	char line[4096];
	const char *at;
	unsigned no = 0;

	memset(r, 0, sizeof *r);
	r->ndots = 1;
	r->timeout_s = 5;
	r->attempts = 2;
	at = facts_text(s, "resolv.conf", r->why);
	while (facts_line(&at, line, sizeof line))
		take_line(r, ++no, line);
	take_kubelet(r, texts_get(s, "kubelet", NULL));
}
