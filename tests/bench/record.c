/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench record: lines in, a result record out.
 *
 *   record DIR       reads "num METRIC UNIT VALUE", "label KEY TEXT", "note TEXT"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/result.h"

#define METRICS_MAX 8192
#define LABELS_MAX  64

static struct metric_def def[METRICS_MAX + 1];
static double value[METRICS_MAX];
static char *label[LABELS_MAX];

static int lines_read(size_t *ret_metrics, size_t *ret_labels)
{
	char line[1024], name[256], unit[64];
	size_t n = 0, l = 0;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (n < METRICS_MAX && sscanf(line, "num %255s %63s %lf", name, unit, &value[n]) == 3)
			def[n++] = (struct metric_def){strdup(name), strdup(unit), MERGE_LAST, "median of the clean runs"};
		else if (l < LABELS_MAX && (!strncmp(line, "label ", 6) || !strncmp(line, "note ", 5)))
			label[l++] = strdup(line);
		else
			return -1;
	}
	*ret_metrics = n;
	*ret_labels = l;
	return 0;
}

int main(int argc, char **argv)
{
	struct result *r;
	struct diag d = {0};
	size_t n, n_labels;
	if (argc != 2 || lines_read(&n, &n_labels)) {
		fprintf(stderr, "record: usage: record DIR <lines\n");
		return 3;
	}
	if (result_open(&r, argv[1], "bench", def, argc, argv, &d) < 0) {
		fprintf(stderr, "record: %s\n", d.text);
		return 1;
	}
	for (size_t i = 0; i < n_labels; i++) {
		char *text = strchr(label[i] + 6, ' ');
		if (*label[i] == 'n') {
			result_remark(r, "note", label[i] + 5);
		} else if (text) {
			*text = '\0';
			result_label(r, label[i] + 6, text + 1);
		}
	}
	for (size_t i = 0; i < n; i++)
		result_num(r, def[i].name, value[i]);
	if (result_close(r, &d) < 0) {
		fprintf(stderr, "record: %s\n", d.text);
		return 1;
	}
	return 0;
}
