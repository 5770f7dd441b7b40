/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives that are valid in CoreDNS and have nothing to do here: profiling
 * and tracing of a Go program, plumbing between its plugins. Accepted with one
 * warning, so that a Corefile in use loads.
 */
#include <string.h>

#include "resolver/plugins/plugins.h"

static const char *const why[][2] = {
	{"pprof", "it profiles a Go program"},
	{"trace", "spans are not sent; use dnstap or log"},
	{"root", "paths are taken as they are written"},
	{"metadata", "there are no metadata publishers"},
	{"cancel", "every question has a time budget already"},
	{"multisocket", "the number of workers is a flag of the program"},
	{"shed", "no reply ever waits for a socket"},
};

int setup_noop(struct cf_setup *s, const struct cf_node *n)
{
	const char *reason = "";

	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++)
		if (strcmp(why[i][0], n->tok[0].text) == 0)
			reason = why[i][1];
	for (size_t i = 0; i < s->n_noop_said; i++)
		if (s->noop_said[i] == reason)
			return 0;
	if (s->n_noop_said < sizeof(s->noop_said) / sizeof(s->noop_said[0]))
		s->noop_said[s->n_noop_said++] = reason;
	cf_warn(s, &n->tok[0], "'%s' is accepted and does nothing: %s", n->tok[0].text, reason);
	return 0;
}
