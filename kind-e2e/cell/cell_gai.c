/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own getaddrinfo, asked from within the first pod. */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "kind-e2e/cell/cell.h"
#include "kind-e2e/lab/netns.h"
#include "kind-e2e/lab/proc.h"

#define GAI_LIMIT_NS (120 * NS_PER_S) /* the longest a resolver can hold on to all its names */

static int gai_body(void *arg)
{
	return gai_main(arg);
}

int cell_gai(struct cell *c, const char *only, const char *const *search, size_t n_search,
	     struct diag *d)
{
	struct gai_conf conf = {.s = c->lab->s,
				.zone = c->lab->zone,
				.server_ip = cell_server(c, c->first),
				.shared = c->gai,
				.only = only,
				.search = search,
				.n_search = n_search};
	uint64_t until = clock_mono_ns() + GAI_LIMIT_NS;
	char ns[32], how[32];
	int status, code;
	pid_t pid;

	memset(c->gai, 0, sizeof c->gai[0]);
	topo_pod_ns(ns, 0);
	code = netns_enter(ns, d);
	if (code)
		return code;
	pid = proc_fork("e2e-gai", gai_body, &conf, d);
	netns_leave();
	if (pid < 0)
		return ERR_SYS;
	while (!proc_gone(pid, &status)) {
		if (clock_mono_ns() > until) {
			proc_stop(pid, SIGKILL, NS_PER_S, NULL);
			return diag_set(d, ERR_TIMEOUT, "getaddrinfo check: does not end");
		}
		poll(NULL, 0, 2);
	}
	return status ? diag_set(d, ERR_SYS, "getaddrinfo check: %s", proc_status_str(status, how))
		      : 0;
}
