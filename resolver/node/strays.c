/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/net/udp, tcp and their IPv6 kin (proc(5)): addresses are 32-bit words in
 * the host's order, in hexadecimal. They are read when first asked about. */
#include "resolver/node/strays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_WAIT 6 /* include/net/tcp_states.h: no process has it */

static bool addr_parse(const char *hex, struct in6_addr *ret)
{
	size_t words = strlen(hex) / 8;

	if (strlen(hex) % 8 || (words != 1 && words != 4))
		return false;
	*ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	for (size_t i = 0; i < words; i++) {
		char part[9] = {0};

		memcpy(part, hex + 8 * i, 8);
		ret->s6_addr32[words == 1 ? 3 : i] = (uint32_t)strtoul(part, NULL, 16);
	}
	return true;
}

static bool known(const struct strays *s, const struct in6_addr *addr)
{
	for (size_t i = 0; i < s->n_held; i++) {
		if (IN6_ARE_ADDR_EQUAL(&s->held[i], addr))
			return true;
	}
	return false;
}

static void line_take(struct strays *s, const char *line)
{
	struct in6_addr addr;
	unsigned state;
	char hex[33];

	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%*x %*[0-9A-Fa-f]:%*x %x", hex, &state) != 2 || state == TIME_WAIT ||
	    !addr_parse(hex, &addr) || known(s, &addr))
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
