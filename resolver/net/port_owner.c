/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/net/tcp and tcp6 (proc(5)): addresses are 32-bit words in the
 * host's order, in hexadecimal. */
#include "resolver/net/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resolver/net/sockaddr.h"

#define LISTENING 0x0a

struct socket_seen {
	struct in6_addr addr;
	unsigned port, uid;
	unsigned long inode;
};

static bool line_parse(const char *line, struct socket_seen *ret)
{
	struct socket_seen s = { .uid = 0 };
	char hex[33] = "";
	unsigned state;
	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u %*d %lu", hex, &s.port,
		   &state, &s.uid, &s.inode) != 5 || state != LISTENING)
		return false;
	bool v4 = strlen(hex) == 8;
	if (!v4 && strlen(hex) != 32)
		return false;
	for (unsigned i = 0; i < 4; i++) { /* of IPv4 one is there */
		char part[9] = { 0 };
		memcpy(part, hex + 8 * i, 8);
		s.addr.s6_addr32[i] = (uint32_t)strtoul(part, NULL, 16);
	}
	if (v4)
		s.addr = addr_from_v4((struct in_addr){ s.addr.s6_addr32[0] });
	*ret = s;
	return true;
}

static bool in_the_way(const struct socket_seen *s, const struct in6_addr *addr, uint16_t port)
{
	return s->port == port && (memcmp(&s->addr, addr, sizeof(*addr)) == 0 || addr_is_any(&s->addr) || addr_is_any(addr));
}

static bool socket_find(const char *path, const struct in6_addr *addr, uint16_t port, struct socket_seen *ret)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = line_parse(line, ret) && in_the_way(ret, addr, port);
	if (f)
		fclose(f);
	return found;
}

static bool holds(const char *pid, unsigned long inode)
{
	char path[64], want[64];
	struct dirent *e;
	bool found = false;
	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	DIR *d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		char link[64] = { 0 };
		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, e->d_name);
		found = readlink(path, link, sizeof(link) - 1) > 0 && strcmp(link, want) == 0;
	}
	if (d)
		closedir(d);
	return found;
}

static bool process_find(unsigned long inode, char ret_pid[17], char ret_name[17])
{
	char path[64];
	struct dirent *e;
	bool found = false;
	DIR *d = opendir("/proc");
	while (d && !found && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]) && holds(e->d_name, inode)) {
			snprintf(ret_pid, 17, "%.16s", e->d_name);
			found = true;
		}
	if (d)
		closedir(d);
	if (!found)
		return false;
	snprintf(path, sizeof(path), "/proc/%s/comm", ret_pid);
	FILE *f = fopen(path, "re");
	if (!f || !fgets(ret_name, 17, f))
		snprintf(ret_name, 17, "a process");
	ret_name[strcspn(ret_name, "\n")] = 0;
	if (f)
		fclose(f);
	return true;
}

const char *port_owner(char *ret, size_t size, const struct in6_addr *addr, uint16_t port)
{
	struct socket_seen s;
	char pid[17], name[17];
	*ret = 0;
	if (!socket_find("/proc/net/tcp", addr, port, &s) && !socket_find("/proc/net/tcp6", addr, port, &s))
		return ret;
	if (process_find(s.inode, pid, name))
		snprintf(ret, size, " (taken by %s, pid %s)", name, pid);
	else
		snprintf(ret, size, " (taken by user %u; on the node, ss -Hltnp sport = :%u names the process)", s.uid, port);
	return ret;
}
