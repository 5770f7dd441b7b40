/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/crew/sockets.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/rng.h"
#include "resolver/worker/ctl.h"
#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/port_owner.h"
#include "resolver/net/sockaddr.h"

#define PRIVATE_FIRST 20000
#define PRIVATE_N     10000

/* What fits into a worker's configuration message is shared by listeners that are and
 * those that may come; and a process that may have few descriptors has one queue. */
#define FDS_LEFT   (CTL_FDS_MAX - 1)
#define FDS_FEW    1024

static void set_close(struct sockets *s, struct socket_set *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		s->dropped += udp_socket_drops(t->udp[i]);
		close(t->udp[i]);
		close(t->tcp[i]);
	}
	for (unsigned i = 0; i < t->n_more; i++) {
		s->dropped += udp_socket_drops(t->more[i]);
		close(t->more[i]);
	}
	t->n = t->n_more = 0;
}

static unsigned queues_wanted(const struct sockets *s, unsigned n_workers)
{
	struct rlimit r;
	unsigned taken = 0, others = 0, n = SOCKETS_MORE_MAX / n_workers;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur < FDS_FEW)
		return 1;
	for (unsigned i = 0; i < s->n; i++)
		taken += 2 + s->set[i].n_more / s->set[i].n;
	others = 2 * (CORE_LISTENERS_MAX - s->n - 1);
	if (n > UDP_QUEUES_MAX)
		n = UDP_QUEUES_MAX;
	while (n > 1 && taken + others + 1 + n > FDS_LEFT)
		n--;
	return n ? n : 1;
}

/* A round at a time: each worker has as many, or none of that round. */
static void queues_open(struct socket_set *t, unsigned n_queues)
{
	while (t->n_more < (n_queues - 1) * t->n) {
		int fd = udp_socket_open(&t->addr, t->port, t->scope_id, n_queues, NULL);
		if (fd < 0)
			break;
		t->more[t->n_more++] = fd;
	}
	while (t->n_more % t->n)
		close(t->more[--t->n_more]);
}

static void set_steer(const struct socket_set *t, bool narrow)
{
	unsigned n_queues = 1 + t->n_more / t->n;
	if (t->n > 1 || n_queues > 1)
		udp_socket_steer(t->udp[0], t->n, narrow ? 1 : n_queues, (uint32_t)rng_os_u64());
}

static int set_open(struct sockets *s, struct socket_set *t, const struct core_listener *l, uint32_t scope_id,
		    unsigned n_workers, struct diag *d)
{
	unsigned n_queues = queues_wanted(s, n_workers);
	*t = (struct socket_set){ .addr = l->addr, .port = l->port, .scope_id = scope_id };
	while (t->n < n_workers) {
		int udp = udp_socket_open(&l->addr, l->port, scope_id, n_queues, d);
		int tcp = udp < 0 ? udp : tcp_socket_open(&l->addr, l->port, scope_id, d);
		if (tcp < 0) {
			if (udp >= 0)
				close(udp);
			set_close(s, t);
			return tcp;
		}
		t->udp[t->n] = udp;
		t->tcp[t->n++] = tcp;
	}
	queues_open(t, n_queues);
	set_steer(t, false);
	return 0;
}

/* Sockets of one user share an address (SO_REUSEPORT), also those of another instance that hands
 * nothing over; nobody would know why half of the questions go astray. */
static void shared_say(const struct core_listener *l)
{
	char text[SOCKADDR_TEXT], who[160];
	log_warn("listen udp %s: somebody else listens there, too%s: until one of the two ends either may get a question",
		 sockaddr_text(text, &l->addr, l->port), port_owner(who, sizeof(who), &l->addr, l->port));
}

_Static_assert(CORE_LISTENERS_MAX <= 64, "a bit each");
static uint64_t listeners_taken(const struct corefile_plan *p)
{
	uint64_t taken = 0;
	for (size_t i = 0; i < p->conf.n_listeners; i++)
		taken |= (uint64_t)udp_socket_taken(&p->conf.listener[i].addr, p->conf.listener[i].port, p->listener_scope[i]) << i;
	return taken;
}

static bool is_for(const struct socket_set *t, const struct core_listener *l)
{
	return t->port == l->port && memcmp(&t->addr, &l->addr, sizeof(l->addr)) == 0;
}

/* Is what is sent to `l` another listener's of ours, one at all addresses? */
static bool is_covered(const struct sockets *s, const struct core_listener *l)
{
	for (unsigned j = 0; j < s->n; j++) {
		const struct socket_set *t = &s->set[j];
		bool both = !IN6_IS_ADDR_V4MAPPED(&t->addr) || IN6_IS_ADDR_V4MAPPED(&l->addr);
		if (t->port == l->port && addr_is_any(&t->addr) && both)
			return true;
	}
	return false;
}

static int open_some(struct sockets *s, const struct corefile_plan *p, unsigned n_workers, bool covered, struct diag *d)
{
	unsigned before = s->n;
	/* Later on it may be ourselves, who are not done with what was closed. */
	uint64_t shared = before == 0 ? listeners_taken(p) : 0;
	for (size_t i = 0; i < p->conf.n_listeners; i++) {
		const struct core_listener *l = &p->conf.listener[i];
		unsigned j = 0;
		while (j < s->n && !is_for(&s->set[j], l))
			j++;
		if (j < s->n || (!covered && is_covered(s, l)))
			continue;
		int rc = s->n == CORE_LISTENERS_MAX
				 ? diag_set(d, ERR_LIMIT, "more than %d listeners", CORE_LISTENERS_MAX)
				 : set_open(s, &s->set[s->n], l, p->listener_scope[i], n_workers, d);
		if (rc < 0) {
			while (s->n > before)
				set_close(s, &s->set[--s->n]);
			return rc;
		}
		s->n++;
		if (shared >> i & 1)
			shared_say(l);
	}
	return 0;
}

int sockets_open(struct sockets *s, const struct corefile_plan *p, unsigned n_workers, struct diag *d)
{
	return open_some(s, p, n_workers, true, d);
}

int sockets_open_ahead(struct sockets *s, const struct corefile_plan *p, unsigned n_workers, struct diag *d)
{
	return open_some(s, p, n_workers, false, d);
}

int sockets_adopt(struct sockets *s, const struct in6_addr *addr, uint16_t port, uint32_t scope_id,
		  unsigned n, unsigned n_more, const int *udp, const int *tcp, const int *more)
{
	if (s->n == CORE_LISTENERS_MAX || n > SHM_WORKERS_MAX || n_more > SOCKETS_MORE_MAX || n_more % n)
		return ERR_LIMIT;
	struct socket_set *t = &s->set[s->n++];
	*t = (struct socket_set){ .addr = *addr, .port = port, .scope_id = scope_id, .n = n, .n_more = n_more, .adopted = true };
	memcpy(t->udp, udp, n * sizeof(*udp));
	memcpy(t->tcp, tcp, n * sizeof(*tcp));
	if (n_more) /* else there may be no array */
		memcpy(t->more, more, n_more * sizeof(*more));
	return 0;
}

void sockets_extend(struct sockets *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct socket_set *t = &s->set[i];
		unsigned n_queues = queues_wanted(s, t->n);
		if (t->n_more || n_queues == 1 || udp_socket_steer(t->udp[0], t->n, 1, 0) < 0)
			continue;
		queues_open(t, n_queues);
	}
}

void sockets_steer(const struct sockets *s, bool narrow)
{
	for (unsigned i = 0; i < s->n; i++)
		set_steer(&s->set[i], narrow);
}

bool sockets_wanted(const struct socket_set *t, const struct corefile_plan *p)
{
	for (size_t i = 0; p && i < p->conf.n_listeners; i++)
		if (is_for(t, &p->conf.listener[i]))
			return true;
	return false;
}

void sockets_trim(struct sockets *s, const struct corefile_plan *p)
{
	for (unsigned j = 0; j < s->n;) {
		if (sockets_wanted(&s->set[j], p)) {
			j++;
			continue;
		}
		set_close(s, &s->set[j]);
		s->set[j] = s->set[--s->n];
	}
}

void sockets_close(struct sockets *s)
{
	while (s->n)
		set_close(s, &s->set[--s->n]);
}

void sockets_deafen(const struct sockets *s, const struct corefile_plan *but)
{
	for (unsigned i = 0; i < s->n; i++)
		for (unsigned k = 0; !sockets_wanted(&s->set[i], but) && k < s->set[i].n; k++)
			tcp_socket_deafen(s->set[i].tcp[k]);
}

void sockets_hear(const struct sockets *s)
{
	for (unsigned i = 0; i < s->n; i++)
		for (unsigned k = 0; k < s->set[i].n; k++)
			tcp_socket_hear(s->set[i].tcp[k]);
}

uint16_t sockets_private_port(void)
{
	struct in6_addr lo = addr_from_v4((struct in_addr){ htonl(INADDR_LOOPBACK) });
	for (int tries = 0; tries < 64; tries++) {
		uint16_t port = (uint16_t)(PRIVATE_FIRST + rng_os_u16() % PRIVATE_N);
		union sockaddr_any sa;
		socklen_t len = sockaddr_from(&sa, &lo, port, 0);
		int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool free = bind(udp, &sa.sa, len) == 0 && bind(tcp, &sa.sa, len) == 0;
		close(udp);
		close(tcp);
		if (free)
			return port;
	}
	return 0;
}

uint64_t sockets_drops(const struct sockets *s)
{
	uint64_t sum = s->dropped;
	for (unsigned j = 0; j < s->n; j++) {
		for (unsigned i = 0; i < s->set[j].n; i++)
			sum += udp_socket_drops(s->set[j].udp[i]);
		for (unsigned i = 0; i < s->set[j].n_more; i++)
			sum += udp_socket_drops(s->set[j].more[i]);
	}
	return sum;
}
