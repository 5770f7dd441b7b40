/* SPDX-License-Identifier: Apache-2.0 */
/* Checked as text; only a file name is looked up. */
#include "resolver/config/target.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_ip(const char *text)
{
	struct in6_addr a;

	return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return isdigit((unsigned char)*text) && !*end && n >= 1 && n <= 65535;
}

/* IP[:port] or [v6][:port]; the zone of a scoped address is let through. */
static bool is_hostport(const char *text)
{
	char host[80];
	const char *port = NULL;
	size_t len;

	if (*text == '[') {
		const char *close = strchr(text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		len = (size_t)(close - text) - 1;
		port = close[1] ? close + 2 : NULL;
		text++;
	} else {
		const char *colon = strchr(text, ':');

		len = strlen(text);
		if (colon && !strchr(colon + 1, ':')) { /* one colon: IPv4 and a port */
			len = (size_t)(colon - text);
			port = colon + 1;
		}
	}
	if (len >= sizeof host)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	host[strcspn(host, "%")] = '\0'; /* fe80::1%eth0, 1.2.3.4%tls-name */
	return is_ip(host) && (!port || is_port(port));
}

bool target_good(const char *text)
{
	struct stat st;

	if (strpbrk(text, " \t\r\n{}\""))
		return false;
	if (!strncmp(text, "dns://", 6) || !strncmp(text, "tls://", 6))
		return is_hostport(text + 6);
	return is_hostport(text) || (*text && !stat(text, &st) && S_ISREG(st.st_mode));
}
