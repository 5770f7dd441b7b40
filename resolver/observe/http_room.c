/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets in. A process of this node, kubelet with its probes above all, asks
 * one of the node's addresses from that very address; no pod can. Those have a
 * pool of their own. In each pool the newcomer displaces whoever has been of no
 * use for longest: it has its request with it or behind it, an idle one has not.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/net/sockaddr.h"
#include "resolver/observe/http_int.h"

/* The one that has been idle longest, of one address or (NULL) of all; if none
 * is idle, the one that has been longest at what it does. */
static struct http_conn *victim(const struct http_pool *p, const struct in6_addr *addr)
{
	struct http_conn *c, *busy = NULL;
	TAILQ_FOREACH(c, &p->by_age, by_age) {
		if (addr && memcmp(&c->addr, addr, sizeof(*addr)) != 0)
			continue;
		if (c->state == HTTP_READING)
			return c;
		if (!busy)
			busy = c;
	}
	return busy;
}

static void evict(struct http_conn *c)
{
	struct http_counts *n = &c->server->counts;
	n->evicted++;
	n->evicted_last = c->addr;
	http_conn_close(c);
}

bool http_evict_any(struct http_server *h)
{
	struct http_conn *c = victim(&h->other, NULL);
	if (!c)
		c = victim(&h->node, NULL);
	if (c)
		evict(c);
	return c != NULL;
}

static unsigned held_by(const struct http_pool *p, const struct in6_addr *addr)
{
	const struct http_conn *c;
	unsigned n = 0;
	TAILQ_FOREACH(c, &p->by_age, by_age)
		n += memcmp(&c->addr, addr, sizeof(*addr)) == 0;
	return n;
}

/* False: nobody can tell who this is; it is gone already. */
static bool peer_read(int fd, struct in6_addr *ret, bool *ret_here)
{
	union sockaddr_any sa[2];
	struct in6_addr own;
	uint16_t port;
	uint32_t scope;
	socklen_t len = sizeof(sa[0]);
	if (getsockname(fd, &sa[0].sa, &len) < 0)
		return false;
	len = sizeof(sa[1]);
	if (getpeername(fd, &sa[1].sa, &len) < 0)
		return false;
	sockaddr_split(&sa[0], &own, &port, &scope);
	sockaddr_split(&sa[1], ret, &port, &scope);
	*ret_here = memcmp(&own, ret, sizeof(own)) == 0 || addr_is_loopback(ret);
	return true;
}

void http_admit(struct http_listener *l, int fd)
{
	struct http_server *h = l->server;
	struct in6_addr addr;
	struct http_conn *c;
	bool here;
	int one = 1;
	if (!peer_read(fd, &addr, &here)) {
		close(fd);
		return;
	}
	struct http_pool *p = here ? &h->node : &h->other;
	if (!here && held_by(p, &addr) >= h->limits.conns_share)
		evict(victim(p, &addr));
	else if (p->n >= p->max)
		evict(victim(p, NULL));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c = http_conn_start(l, fd);
	if (!c) {
		h->counts.refused++;
		close(fd);
		return;
	}
	c->addr = addr;
	c->from_node = here;
	p->n++;
	h->counts.open++;
	TAILQ_INSERT_TAIL(&p->by_age, c, by_age);
	c->watch.ready(&c->watch, EPOLLIN); /* what it asks is often here already */
}
