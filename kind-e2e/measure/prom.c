/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line at a time; labels are skipped as what they are, since a value may hold braces
 * and quotes.
 */
#include "kind-e2e/measure/prom.h"

#include <stdlib.h>
#include <string.h>

/* Past the closing brace of a label set, braces within quoted values aside. */
static const char *skip_labels(const char *at)
{
	int quoted = 0;

	for (; *at && *at != '\n' && (quoted || *at != '}'); at++) {
		if (quoted && *at == '\\' && at[1])
			at++;
		else if (*at == '"')
			quoted = !quoted;
	}
	return *at == '}' ? at + 1 : at;
}

static double sample(const char *labels, const char *label)
{
	const char *end = *labels == '{' ? skip_labels(labels) : labels;
	const char *hit = label ? strstr(labels, label) : labels;

	return hit && hit <= end ? strtod(end, NULL) : 0;
}

double prom_sum(const char *text, const char *name, const char *label)
{
	size_t len = strlen(name);
	double sum = 0;

	while (text && *text) {
		if (!strncmp(text, name, len) && (text[len] == '{' || text[len] == ' '))
			sum += sample(text + len, label);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return sum;
}
