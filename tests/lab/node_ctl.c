/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does to the host, one step at a time, what the daemon does: for the rules
 * suite, which runs it in network namespaces.
 *	node_ctl ACTION[,ACTION...] [node-cache flags]
 */
#include <stdio.h>
#include <string.h>

#include "resolver/config/flags.h"
#include "resolver/node/node.h"

static int counters(struct node *n, struct diag *d)
{
	struct node_counters c;
	int err = node_counters_read(n, &c, d);

	for (int p = 0; !err && p < NODE_PATHS; p++)
		printf("%s udp %llu tcp %llu\n", node_path_label[p], (unsigned long long)c.packets[p][0],
		       (unsigned long long)c.packets[p][1]);
	return err;
}

static int ensure(struct node *n, struct diag *d)
{
	bool changed;
	int err = node_rules_ensure(n, &changed, d);

	if (!err)
		printf("rules %s\n", changed ? "changed" : "stood");
	return err;
}

static void errors(const struct node *n)
{
	for (int i = 0; i < NODE_ERRORS; i++)
		printf("%s %llu\n", node_error_label[i], (unsigned long long)node_errors(n)[i]);
}

static int act(struct node *n, const struct node_flags *f, const char *what, struct diag *d)
{
	if (!strcmp(what, "iface"))
		return node_iface_ensure(n, d);
	if (!strcmp(what, "iface-remove"))
		return node_iface_remove(n, d);
	if (!strcmp(what, "ensure"))
		return ensure(n, d);
	if (!strcmp(what, "remove"))
		return node_rules_remove(n, d);
	if (!strcmp(what, "refresh"))
		return node_rules_refresh(n, d);
	if (!strcmp(what, "lapse"))
		return node_rules_lapse(n, d);
	if (!strcmp(what, "counters"))
		return counters(n, d);
	if (!strcmp(what, "cleanup"))
		return node_cleanup(f, d);
	if (!strcmp(what, "errors"))
		return errors(n), 0;
	if (!strcmp(what, "words"))
		return puts(node_rules_words(n)) < 0;
	if (!strcmp(what, "failopen"))
		return printf("failopen %d\n", node_failopen(n)) < 0;
	return diag_set(d, ERR_UNKNOWN, "no such action: %s", what);
}

int main(int argc, char **argv)
{
	struct node_flags f;
	struct node *n;
	struct diag d = {""};
	int rc = 0;

	if (argc < 2 || flags_parse(&f, argc - 1, argv + 1, &d) || node_open(&n, &f, &d)) {
		fprintf(stderr, "node_ctl: %s\n", d.text);
		return 2;
	}
	for (char *what = strtok(argv[1], ","); what; what = strtok(NULL, ",")) {
		if (act(n, &f, what, &d)) {
			fprintf(stderr, "node_ctl: %s: %s\n", what, d.text);
			rc = 1;
		}
	}
	node_close(n);
	return rc;
}
