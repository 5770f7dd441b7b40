/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as people write them, and the addresses this namespace has. */
#include "pcap-replay/send/target.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 && !memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
						   &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, 16);
}

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static bool is_ours(const struct sockaddr *a)
{
	struct ifaddrs *list;
	bool found = is_loopback(a);
	if (found || getifaddrs(&list))
		return found;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next)
		found = i->ifa_addr && same_address(a, i->ifa_addr);
	freeifaddrs(list);
	return found;
}

/* Cuts a port off: behind "]:" or behind the only colon. */
static int split(char *host, const char **ret_host, const char **ret_port)
{
	char *end = strchr(host, ']'), *colon = strrchr(host, ':');
	*ret_host = host;
	*ret_port = NULL;
	if (host[0] == '[') {
		if (!end || (end[1] && end[1] != ':'))
			return ERR_SYNTAX;
		if (end[1])
			*ret_port = end + 2;
		*end = '\0';
		*ret_host = host + 1;
		return 0;
	}
	if (colon && strchr(host, ':') == colon) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return 0;
}

static const struct scheme {
	const char *prefix, *port;
	enum target_via via;
} schemes[] = {{"tls://", "853", TARGET_TLS}, {"https://", "443", TARGET_HTTPS}, {"", "53", TARGET_DNS}};

/* Cuts "/path" and "%name" out of what has them. */
static int split_secure(struct target *t, char *rest)
{
	char *slash = strchr(rest, '/'), *percent, *end;
	snprintf(t->path, sizeof(t->path), "/dns-query");
	if (slash && t->via != TARGET_HTTPS)
		return ERR_SYNTAX;
	if (slash && snprintf(t->path, sizeof(t->path), "%s", slash) >= (int)sizeof(t->path))
		return ERR_LIMIT;
	if (slash)
		*slash = '\0';
	percent = strchr(rest, '%');
	if (!percent)
		return 0;
	end = percent + strcspn(percent, ":");
	size_t n = (size_t)(end - percent) - 1;
	if (n == 0 || n >= sizeof(t->name) || strcspn(percent + 1, ":/@?#[] ") < n)
		return ERR_SYNTAX;
	memcpy(t->name, percent + 1, n);
	memmove(percent, end, strlen(end) + 1);
	return 0;
}

int target_parse(struct target *ret, const char *text, struct diag *d)
{
	char copy[160], *end;
	const char *host, *port;
	struct target t = {.len = 0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t.sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t.sa;
	const struct scheme *s = schemes;
	while (strncmp(text, s->prefix, strlen(s->prefix)))
		s++;
	t.via = s->via;
	if (snprintf(copy, sizeof(copy), "%s", text + strlen(s->prefix)) >= (int)sizeof(copy) || strlen(text) >= sizeof(t.text) ||
	    (s->via != TARGET_DNS && split_secure(&t, copy)) || split(copy, &host, &port))
		return diag_set(d, ERR_SYNTAX, "'%s': expected ADDRESS, ADDRESS:PORT, tls://ADDRESS[%%NAME][:PORT] or https://ADDRESS[%%NAME][:PORT][/PATH]", text);
	unsigned long p = strtoul(port ? port : s->port, &end, 10);
	if (*end || (port && !isdigit((unsigned char)*port)) || p < 1 || p > 65535)
		return diag_set(d, ERR_RANGE, "'%s': expected a port from 1 to 65535", text);
	t.port = (uint16_t)p;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(t.port);
		t.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(t.port);
		t.len = sizeof(*v6);
	} else {
		return diag_set(d, ERR_SYNTAX, "'%s': expected an IPv4 or IPv6 address (names are not looked up)", text);
	}
	snprintf(t.host, sizeof(t.host), "%.47s", host);
	snprintf(t.text, sizeof(t.text), "%s", text);
	t.is_ours = is_ours((const struct sockaddr *)&t.sa);
	*ret = t;
	return 0;
}

int target_check(const struct target *t, const char *text, const struct opt_list *may, struct diag *d)
{
	for (size_t i = 0; i < may->n && !t->is_ours; i++)
		if (!strcmp(may->item[i], text))
			return 0;
	return t->is_ours ? 0 : diag_set(d, ERR_RANGE, "%s is neither loopback nor an address of this network namespace: "
					 "if you may send to it, say so with --i-may %s", text, text);
}
