/* SPDX-License-Identifier: Apache-2.0 */
/* Writing addresses into /proc/net/xt_recent. */
#include "resolver/node/recent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/proc/net/xt_recent/"

/* The kernel takes one command an opening: it cannot seek, and only the first
 * octet may begin one. */
static int command(const char *text, const char *list, struct diag *d)
{
	size_t len = strlen(text);
	char path[128];
	int fd, err;

	snprintf(path, sizeof path, FOLDER "%s", list);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return diag_errno(d, "%s", path);
	err = write(fd, text, len) == (ssize_t)len ? 0 : diag_errno(d, "%s: writing %s", path, text);
	close(fd);
	return err;
}

static int each(char what, const char *list, const struct flags_ip *ip, size_t n, bool v4, struct diag *d)
{
	char text[1 + INET6_ADDRSTRLEN] = {what};
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		if (ip[i].is_v4 != v4)
			continue;
		inet_ntop(v4 ? AF_INET : AF_INET6, ip[i].addr.s6_addr + (v4 ? 12 : 0), text + 1, sizeof text - 1);
		err = command(text, list, d);
	}
	return err;
}

int recent_put(const char *list, const struct flags_ip *ip, size_t n, bool v4, struct diag *d)
{
	return each('+', list, ip, n, v4, d);
}

int recent_take(const char *list, const struct flags_ip *ip, size_t n, bool v4, struct diag *d)
{
	return each('-', list, ip, n, v4, d);
}

int recent_flush(const char *list, struct diag *d)
{
	return command("/", list, d);
}
