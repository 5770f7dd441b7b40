/* SPDX-License-Identifier: Apache-2.0 */
/* kube-proxy's names, and what its three modes share. */
#include "kind-e2e/proxy/kproxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/proxy/kproxy_int.h"
#include "lib/base/hash.h"

const struct kproxy_port kproxy_dns_ports[3] = {
	{"dns", "udp", 53}, {"dns-tcp", "tcp", 53}, {"metrics", "tcp", 9153}};

/* --- names ----------------------------------------------------------------------- */

void kproxy_base32(const uint8_t in[10], char ret[17])
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

	for (unsigned i = 0; i < 16; i++) {
		unsigned bit = i * 5, at = bit / 8;
		unsigned two = (unsigned)in[at] << 8 | (at + 1 < 10 ? in[at + 1] : 0);

		ret[i] = digit[two >> (11 - bit % 8) & 31];
	}
	ret[16] = '\0';
}

static void hash_name(const char *text, char ret[17])
{
	uint8_t digest[32];

	hash_sha256(text, strlen(text), digest);
	kproxy_base32(digest, ret);
}

void kproxy_chain(char ret[KPROXY_CHAIN_MAX], const char *service, const struct kproxy_port *p,
		  const char *endpoint)
{
	char text[300], hash[17];

	snprintf(text, sizeof text, "%s:%s%s%s", service, p->name, p->proto,
		 endpoint ? endpoint : "");
	hash_name(text, hash);
	snprintf(ret, KPROXY_CHAIN_MAX, "KUBE-%s-%s", endpoint ? "SEP" : "SVC", hash);
}

/* An endpoint as it stands in a chain name: no brackets, no colons, a slash
 * before the port. */
static void name_endpoint(char *to, const char *endpoint)
{
	const char *port = strrchr(endpoint, ':');

	for (const char *at = endpoint; *at; at++)
		if (at == port)
			*to++ = '/';
		else if (*at != '[' && *at != ']')
			*to++ = *at == ':' ? '.' : *at;
	*to = '\0';
}

void kproxy_nft_chain(char ret[KPROXY_NAME_MAX], const char *service, const struct kproxy_port *p,
		      const char *endpoint)
{
	char text[200], where[KPROXY_ENDPOINT_MAX] = "", hash[17];

	if (endpoint)
		name_endpoint(where, endpoint);
	snprintf(text, sizeof text, "%s/%s/%s%s%s", service, p->proto, p->name,
		 endpoint ? "__" : "", where);
	hash_name(text, hash);
	snprintf(ret, KPROXY_NAME_MAX, "%s-%.8s-%s", endpoint ? "endpoint" : "service", hash, text);
}

int kproxy_version_parse(enum kproxy_version *ret, const char *text)
{
	static const struct {
		const char *text;
		enum kproxy_version version;
	} known[] = {{"1.34", KPROXY_1_34},
		     {"1.35", KPROXY_1_34},
		     {"1.36", KPROXY_1_36},
		     {"1.37", KPROXY_1_37}};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (!strcmp(known[i].text, text)) {
			*ret = known[i].version;
			return 0;
		}
	return ERR_UNKNOWN;
}

/* --- addresses -------------------------------------------------------------------- */

struct in6_addr kproxy_v4(struct in_addr v4)
{
	struct in6_addr a = {0};

	a.s6_addr[10] = a.s6_addr[11] = 0xff;
	memcpy(&a.s6_addr[12], &v4, 4);
	return a;
}

void kproxy_ip(char ret[INET6_ADDRSTRLEN], const struct in6_addr *ip)
{
	if (IN6_IS_ADDR_V4MAPPED(ip))
		inet_ntop(AF_INET, &ip->s6_addr[12], ret, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, ip, ret, INET6_ADDRSTRLEN);
}

void kproxy_endpoint(char ret[KPROXY_ENDPOINT_MAX], const struct in6_addr *ip, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	kproxy_ip(text, ip);
	snprintf(ret, KPROXY_ENDPOINT_MAX, IN6_IS_ADDR_V4MAPPED(ip) ? "%s:%u" : "[%s]:%u", text,
		 (unsigned)port);
}

/* --- steps ------------------------------------------------------------------------ */

void kproxy_each_port(const struct kproxy_conf *c, FILE *out, kproxy_port_f *f)
{
	for (size_t i = 0; i < c->n_services; i++) {
		struct kproxy_at at = {.conf = c, .service = &c->services[i]};

		kproxy_ip(at.vip, &at.service->vip);
		for (size_t k = 0; k < at.service->n_ports; k++) {
			at.port = &at.service->ports[k];
			f(&at, out);
		}
	}
}

int kproxy_step(struct kproxy_rules *r, const char *const argv[], const struct kproxy_conf *c,
		kproxy_text_f *f)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out)
		f(c, out);
	if (!out || fclose(out)) {
		free(text);
		kproxy_free(r);
		return ERR_NOMEM;
	}
	if (len)
		r->step[r->n++] = (struct kproxy_step){argv, text};
	else
		free(text);
	return 0;
}

void kproxy_free(struct kproxy_rules *r)
{
	for (unsigned i = 0; i < r->n; i++)
		free(r->step[i].input);
	r->n = 0;
}
