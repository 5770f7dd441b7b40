/* SPDX-License-Identifier: Apache-2.0 */
/* Each column of a query stream, once: docs/formats.md, "Query stream". */
#include "lib/record/qstream_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"

/* Decimal digits only, at most `max`. */
static int parse_number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	if (!*s)
		return ERR_SYNTAX;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return ERR_SYNTAX;
		unsigned digit = (unsigned)(*s - '0');
		if (v > (max - digit) / 10)
			return ERR_RANGE;
		v = v * 10 + digit;
	}
	*ret = v;
	return 0;
}

static int parse_t(struct qrec *r, const char *s)
{
	return parse_number(s, INT64_MAX, &r->t_ns);
}

static void print_t(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	snprintf(buf, QS_FIELD_MAX, "%" PRIu64, r->t_ns);
}

static int parse_letter(const char *s, const char *accepted, char *ret)
{
	if (!s[0] || s[1] || !strchr(accepted, s[0]))
		return ERR_SYNTAX;
	*ret = s[0];
	return 0;
}

static void print_letter(char c, char buf[QS_FIELD_MAX])
{
	buf[0] = c ? c : '-';
	buf[1] = '\0';
}

static int parse_kind(struct qrec *r, const char *s)
{
	return parse_letter(s, "qroc", &r->kind);
}

static void print_kind(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_letter(r->kind, buf);
}

static int parse_proto(struct qrec *r, const char *s)
{
	return parse_letter(s, "uts", &r->proto);
}

static void print_proto(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_letter(r->proto, buf);
}

static int parse_client(struct qrec *r, const char *s)
{
	return qs_ip_from_text(&r->client.ip, s);
}

static int parse_server(struct qrec *r, const char *s)
{
	return qs_ip_from_text(&r->server.ip, s);
}

static void print_ip(const struct in6_addr *ip, char buf[QS_FIELD_MAX])
{
	if (IN6_IS_ADDR_UNSPECIFIED(ip))
		print_letter(0, buf);
	else
		qs_ip_to_text(ip, buf);
}

static void print_client(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_ip(&r->client.ip, buf);
}

static void print_server(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_ip(&r->server.ip, buf);
}

static int parse_port(const char *s, uint16_t *ret)
{
	uint64_t v;
	int rc = parse_number(s, UINT16_MAX, &v);
	if (!rc)
		*ret = (uint16_t)v;
	return rc;
}

static int parse_cport(struct qrec *r, const char *s)
{
	return parse_port(s, &r->client.port);
}

static int parse_sport(struct qrec *r, const char *s)
{
	return parse_port(s, &r->server.port);
}

/* `unknown` prints as "-". */
static void print_number(int64_t v, int64_t unknown, char buf[QS_FIELD_MAX])
{
	if (v == unknown)
		print_letter(0, buf);
	else
		snprintf(buf, QS_FIELD_MAX, "%" PRId64, v);
}

static void print_cport(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_number(r->client.port, 0, buf);
}

static void print_sport(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_number(r->server.port, 0, buf);
}

static int parse_int32(const char *s, uint64_t max, int32_t *ret)
{
	uint64_t v;
	int rc = parse_number(s, max, &v);
	if (!rc)
		*ret = (int32_t)v;
	return rc;
}

static int parse_id(struct qrec *r, const char *s)
{
	return parse_int32(s, UINT16_MAX, &r->id);
}

static void print_id(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_number(r->id, -1, buf);
}

static int parse_qname(struct qrec *r, const char *s)
{
	return name_from_text(&r->qname, s);
}

static void print_qname(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	if (r->qname.len)
		name_to_text(r->qname.b, buf, QS_FIELD_MAX);
	else
		print_letter(0, buf);
}

static int parse_qtype(struct qrec *r, const char *s)
{
	uint16_t v;
	if (*s >= '0' && *s <= '9')
		return parse_int32(s, UINT16_MAX, &r->qtype);
	int rc = dns_type_from_str(s, &v);
	if (!rc)
		r->qtype = v;
	return rc;
}

static void print_qtype(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	char word[16];
	snprintf(buf, QS_FIELD_MAX, "%s", r->qtype < 0 ? "-" : dns_type_str((uint16_t)r->qtype, word));
}

static int parse_flags(struct qrec *r, const char *s)
{
	return parse_int32(s, UINT16_MAX, &r->flags);
}

static void print_flags(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_number(r->flags, -1, buf);
}

static int parse_rcode(struct qrec *r, const char *s)
{
	uint16_t v;
	if (*s >= '0' && *s <= '9')
		return parse_int32(s, DNS_RCODE_MAX, &r->rcode);
	int rc = dns_rcode_from_str(s, &v);
	if (!rc && v > DNS_RCODE_MAX)
		rc = ERR_RANGE;
	if (!rc)
		r->rcode = v;
	return rc;
}

static void print_rcode(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	char word[16];
	snprintf(buf, QS_FIELD_MAX, "%s", r->rcode < 0 ? "-" : dns_rcode_str((uint16_t)r->rcode, word));
}

static int parse_ttl(struct qrec *r, const char *s)
{
	uint64_t v;
	int rc = parse_number(s, UINT32_MAX, &v);
	if (!rc)
		r->ttl_s = (int64_t)v;
	return rc;
}

static void print_ttl(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_number(r->ttl_s, -1, buf);
}

static int parse_len(struct qrec *r, const char *s)
{
	return parse_int32(s, DNS_MSG_MAX, &r->len);
}

static void print_len(const struct qrec *r, char buf[QS_FIELD_MAX])
{
	print_number(r->len, -1, buf);
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Octets take the place of the digits they are made of: the reader's line is the
 * store, and the field is the caller's to change. */
static int parse_wire(struct qrec *r, const char *s)
{
	uint8_t *to = (uint8_t *)(uintptr_t)s;
	size_t n = 0;
	for (; s[2 * n]; n++) {
		int high = hex(s[2 * n]), low = high < 0 ? -1 : hex(s[2 * n + 1]);
		if (low < 0)
			return ERR_SYNTAX;
		if (n == DNS_MSG_MAX)
			return ERR_RANGE;
		to[n] = (uint8_t)(high << 4 | low);
	}
	if (n == 0)
		return ERR_SYNTAX;
	r->wire = to;
	r->wire_len = n;
	return 0;
}

const struct qs_column qs_columns[] = {
	{ "t_ns", "nanoseconds, a whole number", parse_t, print_t },
	{ "kind", "one of q r o c", parse_kind, print_kind },
	{ "proto", "one of u t s", parse_proto, print_proto },
	{ "client", "an IPv4 or IPv6 address", parse_client, print_client },
	{ "cport", "a port, 0-65535", parse_cport, print_cport },
	{ "server", "an IPv4 or IPv6 address", parse_server, print_server },
	{ "sport", "a port, 0-65535", parse_sport, print_sport },
	{ "id", "a message id, 0-65535", parse_id, print_id },
	{ "qname", "a domain name", parse_qname, print_qname },
	{ "qtype", "a type's number or mnemonic", parse_qtype, print_qtype },
	{ "flags", "0-65535", parse_flags, print_flags },
	{ "rcode", "an rcode's number or mnemonic", parse_rcode, print_rcode },
	{ "ttl_s", "seconds, 0-4294967295", parse_ttl, print_ttl },
	{ "len", "octets, 0-65535", parse_len, print_len },
	{ "wire", "a message's octets, two hexadecimal digits each", parse_wire, NULL },
	{ 0 },
};

void qrec_clear(struct qrec *r)
{
	memset(r, 0, sizeof(*r));
	r->id = r->qtype = r->flags = r->rcode = r->len = -1;
	r->ttl_s = -1;
}

int qs_ip_from_text(struct in6_addr *ret, const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(&v6, 0, 10);
		v6.s6_addr[10] = v6.s6_addr[11] = 0xff;
		memcpy(&v6.s6_addr[12], &v4, 4);
	} else if (inet_pton(AF_INET6, text, &v6) != 1) {
		return ERR_SYNTAX;
	}
	*ret = v6;
	return 0;
}

const char *qs_ip_to_text(const struct in6_addr *ip, char text[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(ip))
		return inet_ntop(AF_INET, &ip->s6_addr[12], text, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, ip, text, INET6_ADDRSTRLEN);
}
