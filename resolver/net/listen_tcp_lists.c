/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections by what may be done with them, each in order of coming in: idle
 * ones make room, those that hold memory are looked at and the first one pays,
 * those that are not read until memory is free again are woken. Each list is
 * kept twice: of all connections, and of one client's.
 */
#include "resolver/net/listen_tcp_int.h"

static struct tcp_list *list_of(struct tcp_conn *c, enum tcp_listing which, bool client)
{
	return client ? &c->who->list[which] : &c->server->list[which];
}

void tcp_list_remove(struct tcp_conn *c, enum tcp_listing which)
{
	if (!c->listed[which])
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_list *l = list_of(c, which, i);
		struct tcp_conn *next = c->link[which][i].next, *prev = c->link[which][i].prev;
		*(prev ? &prev->link[which][i].next : &l->first) = next;
		*(next ? &next->link[which][i].prev : &l->last) = prev;
	}
	c->listed[which] = false;
}

void tcp_list_append(struct tcp_conn *c, enum tcp_listing which)
{
	tcp_list_remove(c, which);
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_list *l = list_of(c, which, i);
		c->link[which][i].next = NULL;
		c->link[which][i].prev = l->last;
		*(l->last ? &l->last->link[which][i].next : &l->first) = c;
		l->last = c;
	}
	c->listed[which] = true;
}

void tcp_conn_touch(struct tcp_conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->dirty_next = c->server->dirty;
	c->server->dirty = c;
}
