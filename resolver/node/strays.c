/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/net/udp, tcp and their IPv6 kin. They are read when first asked about. */
#include "resolver/node/strays.h"

#include <stdio.h>

#include "resolver/node/proc_net.h"

#define TIME_WAIT 6 /* include/net/tcp_states.h: no process has it */

static bool known(const struct strays *s, const struct in6_addr *addr)
{
	for (size_t i = 0; i < s->n_held; i++) {
		if (IN6_ARE_ADDR_EQUAL(&s->held[i], addr))
			return true;
	}
	return false;
}

/* Who asks at an address that this host has does so from that very address. Such sockets are no server's. */
static bool is_client(const struct strays *s, unsigned port, unsigned peer_port)
{
	return peer_port && port != s->port;
}

static void line_take(struct strays *s, const char *line)
{
	struct in6_addr addr;
	unsigned state, port, peer_port;
	char hex[33];

	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %x", hex, &port, &peer_port, &state) != 4 ||
	    state == TIME_WAIT || is_client(s, port, peer_port) || !proc_net_addr(hex, &addr) || known(s, &addr))
		return;
	s->many |= s->n_held == STRAYS_HELD_MAX;
	if (!s->many)
		s->held[s->n_held++] = addr;
}

static void look(struct strays *s)
{
	static const char *const file[] = {"/proc/net/udp", "/proc/net/tcp", "/proc/net/udp6", "/proc/net/tcp6"};
	char line[512];

	for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
		FILE *f = fopen(file[i], "re");

		s->many |= !f && i < 2; /* unseen is not unheld; of IPv6 there may be nothing */
		while (f && fgets(line, sizeof line, f))
			line_take(s, line);
		if (f)
			fclose(f);
	}
	s->looked = true;
}

void strays_begin(struct strays *s)
{
	s->left = s->looked = s->many = false;
	s->n_held = 0;
}

bool strays_held(struct strays *s, const struct in6_addr *addr)
{
	if (s->last && strays_released(s, addr))
		return false;
	if (!s->looked)
		look(s);
	if (!s->many && !known(s, addr))
		return false;
	s->left = true;
	return true;
}

bool strays_released(const struct strays *s, const struct in6_addr *addr)
{
	for (uint32_t i = 0; i < s->released.n; i++) {
		if (IN6_ARE_ADDR_EQUAL(&s->released.addr[i], addr))
			return true;
	}
	return false;
}
