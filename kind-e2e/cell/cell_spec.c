/* SPDX-License-Identifier: Apache-2.0 */
/* Which cell it is, and what follows from that. */
#include <stdio.h>

#include "kind-e2e/cell/cell.h"

const char *cell_spec_str(const struct cell_spec *s, char buf[CELL_NAME_MAX])
{
	char cell[32];

	if (s->empty)
		snprintf(buf, CELL_NAME_MAX, "empty");
	else
		snprintf(buf, CELL_NAME_MAX, "%s%s%s%s",
			 s->intercept  ? "ipvs-intercept"
			 : s->original ? scen_proxy_str(s->proxy)
				       : scen_cell_str(s->proxy, s->with_cache, cell),
			 s->original ? "-original" : "", s->ip == SCEN_IP4 ? "" : "-",
			 s->ip == SCEN_IP4 ? "" : scen_ip_str(s->ip));
	return buf;
}

struct addr cell_server(const struct cell *c, enum topo_family f)
{
	const struct topo_side *side = &c->topo.side[f];

	if (c->spec.empty)
		return side->backend[0];
	return c->spec.with_cache && c->spec.proxy == SCEN_IPVS && !c->spec.intercept ? side->local
										      : side->vip;
}
