/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that reach into the lab itself; all others are a shell's. */
#include "kind-e2e/check/sabotage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"

/* Words a mutant is written in. A guest's shell takes its own `ip` for the one of the path. `rule` and `nat` add one nftables rule in a namespace; `unrule`
 * takes out of the table raw what matches. */
static const char words[] =
	"for own in /usr/sbin/ip /sbin/ip /usr/bin/ip /bin/ip; do [ ! -x $own ] || break; done\n"
	"ip() { $own \"$@\"; }\n"
	"put() { printf 'table inet mutant-%s {\\n chain c {\\n  type %s hook %s priority %s;\\n  %s\\n"
	" }\\n}\\n' \"$2$3\" \"$1\" \"$3\" \"$4\" \"$5\" | ip netns exec e2e-$2 nft -f -; }\n"
	"rule() { put filter \"$@\"; }\n"
	"nat() { put nat \"$@\"; }\n"
	"unrule() { iptables-save -t raw | grep -E -- \"$1\" | sed 's/^-A/iptables -t raw -D/' | "
	"sh -e; }\n";

static int shell(struct cell *c, const char *command, struct diag *d)
{
	static char text[4096];
	const char *const argv[] = {"sh", "-ec", text, NULL};

	struct diag why = {""};
	int rc;

	snprintf(text, sizeof text, "%s%s", words, command);
	setenv("E2E_DIR", c->dir, 1);
	rc = topo_tool(NETNS_NODE, argv, NULL, NULL, &why);
	/* a check that this fails has noticed nothing */
	return rc ? diag_set(d, rc, SABOTAGE_FAILED ": %.400s", why.text) : 0;
}

static bool verb(const char *what, const char *name, unsigned *ret_n)
{
	size_t len = strlen(name);

	if (strncmp(what, name, len) != 0 || (what[len] && what[len] != ' '))
		return false;
	*ret_n = what[len] ? (unsigned)strtoul(what + len, NULL, 10) : 0;
	return true;
}

int sabotage(struct cell *c, const char *what, struct diag *d)
{
	unsigned n;

	if (verb(what, "lie", &n)) {
		for (unsigned i = 0; i <= c->topo.n_backends; i++)
			c->served[i].lie = 1;
		return 0;
	}
	if (verb(what, "silence", &n))
		return topo_silence(n - 1, true, d);
	if (verb(what, "kill-backend", &n) && n && n <= c->topo.n_backends) {
		proc_stop(c->server[n - 1], SIGKILL, NS_PER_S, NULL);
		c->server[n - 1] = 0;
		return 0;
	}
	if (verb(what, "stop-cache", &n)) {
		cache_signal(c, SIGSTOP);
		return 0;
	}
	if (verb(what, "stale-metrics", &n))
		return cell_metrics_freeze("", d);
	if (verb(what, "garbled-metrics", &n))
		return cell_metrics_freeze("a line that is none\n", d);
	if (verb(what, "no-delay", &n)) {
		c->no_delay = true;
		proc_stop(c->server[0], SIGKILL, NS_PER_S, NULL);
		return cell_backend_start(c, 0, d);
	}
	if (verb(what, "keep-stale", &n)) {
		c->keep_stale = true;
		return 0;
	}
	return shell(c, what, d);
}
