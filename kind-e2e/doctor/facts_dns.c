/* SPDX-License-Identifier: Apache-2.0 */
/* The lines about questions (questions.h) back into structs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/facts.h"

#define COLUMNS 14

/* Cuts the line at its tabs; how many columns there are. */
static unsigned columns(char *line, char *ret[COLUMNS])
{
	unsigned n = 0;

	while (line && n < COLUMNS) {
		ret[n++] = line;
		line = strchr(line, '\t');
		if (line)
			*line++ = '\0';
	}
	return n;
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static void take_question(struct dns_facts *q, char *c[COLUMNS])
{
	struct asked a = {.tries = number(c[5]),
			  .took_us = strtoull(c[7], NULL, 10),
			  .n_answers = number(c[8]),
			  .ttl_s = number(c[9]),
			  .len = number(c[10]),
			  .truncated = c[11][0] == 'T',
			  .edns = c[11][0] && c[11][1] == 'E'};

	if (!facts_addr(c[1], &a.server))
		return;
	snprintf(a.key, sizeof a.key, "%s", c[0]);
	snprintf(a.name, sizeof a.name, "%s", c[2]);
	snprintf(a.type, sizeof a.type, "%s", c[3]);
	snprintf(a.how, sizeof a.how, "%s", c[4]);
	snprintf(a.result, sizeof a.result, "%s", c[6]);
	a.answered = strspn(a.result, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(a.result) &&
		     a.result[0] != 'E';
	snprintf(a.by, sizeof a.by, "%s", strcmp(c[12], "-") != 0 ? c[12] : "");
	snprintf(a.data, sizeof a.data, "%s", strcmp(c[13], "-") != 0 ? c[13] : "");
	if (q->n < ASKED_MAX)
		q->q[q->n++] = a;
	else
		q->cut++;
}

void facts_dns(struct dns_facts *q, const struct texts *s)
{
	const char *at;
	char line[2048], *c[COLUMNS];

	memset(q, 0, sizeof *q);
	at = facts_text(s, "dns", q->why);
	while (facts_line(&at, line, sizeof line)) {
		unsigned n = columns(line, c);

		if (n == COLUMNS) {
			take_question(q, c);
		} else if (n == 3 && !strcmp(c[0], "pair")) {
			q->pairs = number(c[1]);
			q->pairs_whole = number(c[2]);
		} else if (n == 3 && !strcmp(c[0], "metrics") && q->n_metrics < 4) {
			snprintf(q->metrics[q->n_metrics].url, sizeof q->metrics[0].url, "%s",
				 c[1]);
			snprintf(q->metrics[q->n_metrics++].page, sizeof q->metrics[0].page, "%s",
				 c[2]);
		}
	}
}
