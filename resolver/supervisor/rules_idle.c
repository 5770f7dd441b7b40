/* SPDX-License-Identifier: Apache-2.0 */
/* Each address is named when it is left alone, not when it is back. */
#include "resolver/supervisor/rules_idle.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "resolver/net/sockaddr.h"

#define SAY_AGAIN_NS (60 * NS_PER_S)
#define SAY_AFTER_NS NS_PER_S

static bool listened(const struct core_conf *c, const struct in6_addr *a, uint16_t port)
{
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct core_listener *l = &c->listener[i];
		bool all = addr_is_any(&l->addr) && (!IN6_IS_ADDR_V4MAPPED(&l->addr) || IN6_IS_ADDR_V4MAPPED(a));
		if (l->port == port && (all || IN6_ARE_ADDR_EQUAL(&l->addr, a)))
			return true;
	}
	return false;
}

static void say(const struct process *p, uint64_t which, const char *why)
{
	for (size_t i = 0; node_rules_kind(p->node) != RULES_NONE && i < p->flags->n_localips; i++)
		if (which >> i & 1)
			log_warn("-localip %s: %s: its questions take kube-proxy's way", p->flags->localip[i].text, why);
}

bool rules_idle_listeners(struct rules_idle *i, const struct process *p, const struct corefile_plan *next)
{
	const struct node_flags *f = p->flags;
	uint64_t unheard = 0, before = rules_idle(i);
	char why[64];
	for (size_t k = 0; k < f->n_localips; k++)
		unheard |= (uint64_t)(!listened(&p->plan->conf, &f->localip[k].addr, f->dns_port) ||
				      (next && !listened(&next->conf, &f->localip[k].addr, f->dns_port))) << k;
	snprintf(why, sizeof(why), "no server block listens there at port %u", f->dns_port);
	say(p, unheard & ~i->unheard, why);
	i->unheard = unheard;
	node_idle_set(p->node, rules_idle(i));
	return rules_idle(i) != before;
}

void rules_idle_astray(struct rules_idle *i, const struct process *p, uint64_t astray)
{
	say(p, astray & ~i->astray, "what is sent there gets no answer");
	i->astray = astray;
	node_idle_set(p->node, rules_idle(i));
}

/* Somebody who takes addresses away again and again is told of once a minute. An address of IPv6 that
 * was just given takes the kernel a moment: nothing is said of those. */
void rules_idle_look(struct rules_idle *i, const struct process *p)
{
	uint64_t absent = node_absent(p->node), now = p->loop.now_ns, unsaid;
	i->said_absent &= absent;
	unsaid = absent & ~i->said_absent;
	if (!(unsaid & i->absent))
		i->since_ns = now;
	if (unsaid && now >= i->since_ns + SAY_AFTER_NS && now >= i->say_absent_ns) {
		i->say_absent_ns = now + SAY_AGAIN_NS;
		i->said_absent = absent;
		say(p, unsaid, "no interface of this host has it");
	}
	i->absent = absent;
	node_idle_set(p->node, rules_idle(i));
}

uint64_t rules_idle(const struct rules_idle *i)
{
	return i->unheard | i->absent | i->astray;
}
