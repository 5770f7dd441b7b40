/* SPDX-License-Identifier: Apache-2.0 */
/* The real world behind struct corefile_env: environment, interfaces, names. */
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resolver/corefile/setup.h"

static const char *env_var(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static size_t env_if_addrs(void *ctx, const char *ifname, struct in6_addr *ret, uint32_t *ret_scope,
			   size_t max)
{
	struct ifaddrs *list;
	size_t n = 0;

	(void)ctx;
	if (getifaddrs(&list) != 0)
		return 0;
	for (const struct ifaddrs *i = list; i && n < max; i = i->ifa_next) {
		if (!i->ifa_addr || strcmp(i->ifa_name, ifname) != 0)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			struct sockaddr_in sa;

			memcpy(&sa, i->ifa_addr, sizeof(sa));
			ret[n] = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
			memcpy(ret[n].s6_addr + 12, &sa.sin_addr, 4);
			ret_scope[n++] = 0;
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			struct sockaddr_in6 sa;

			memcpy(&sa, i->ifa_addr, sizeof(sa));
			ret[n] = sa.sin6_addr;
			ret_scope[n++] =
				IN6_IS_ADDR_LINKLOCAL(&sa.sin6_addr) ? sa.sin6_scope_id : 0;
		}
	}
	freeifaddrs(list);
	return n;
}

static bool env_readable(void *ctx, const char *path)
{
	(void)ctx;
	return access(path, R_OK) == 0;
}

void corefile_env_defaults(struct corefile_env *e)
{
	static char host[256];

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == 0)
		strcpy(host, "localhost");
	*e = (struct corefile_env){.dns_port = 53,
				   .hostname = host,
				   .get_var = env_var,
				   .if_addrs = env_if_addrs,
				   .readable = env_readable,
				   .host_addrs = corefile_host_addrs};
}
