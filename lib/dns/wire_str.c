/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mnemonics of DNS numbers, both ways (IANA "Domain Name System Parameters").
 * What has no name is spelled as RFC 3597 section 5 wants: TYPE731, CLASS32.
 */
#include "lib/dns/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/err.h"

struct mnemonic {
	uint16_t value;
	const char *text;
};

static const struct mnemonic types[] = {
	{1, "A"},	{2, "NS"},	 {3, "MD"},	     {4, "MF"},		 {5, "CNAME"},
	{6, "SOA"},	{7, "MB"},	 {8, "MG"},	     {9, "MR"},		 {10, "NULL"},
	{11, "WKS"},	{12, "PTR"},	 {13, "HINFO"},	     {14, "MINFO"},	 {15, "MX"},
	{16, "TXT"},	{17, "RP"},	 {18, "AFSDB"},	     {19, "X25"},	 {20, "ISDN"},
	{21, "RT"},	{22, "NSAP"},	 {23, "NSAP-PTR"},   {24, "SIG"},	 {25, "KEY"},
	{26, "PX"},	{27, "GPOS"},	 {28, "AAAA"},	     {29, "LOC"},	 {30, "NXT"},
	{31, "EID"},	{32, "NIMLOC"},	 {33, "SRV"},	     {34, "ATMA"},	 {35, "NAPTR"},
	{36, "KX"},	{37, "CERT"},	 {39, "DNAME"},	     {41, "OPT"},	 {42, "APL"},
	{43, "DS"},	{44, "SSHFP"},	 {45, "IPSECKEY"},   {46, "RRSIG"},	 {47, "NSEC"},
	{48, "DNSKEY"}, {49, "DHCID"},	 {50, "NSEC3"},	     {51, "NSEC3PARAM"}, {52, "TLSA"},
	{53, "SMIMEA"}, {55, "HIP"},	 {56, "NINFO"},	     {57, "RKEY"},	 {58, "TALINK"},
	{59, "CDS"},	{60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"},	 {63, "ZONEMD"},
	{64, "SVCB"},	{65, "HTTPS"},	 {99, "SPF"},	     {104, "NID"},	 {105, "L32"},
	{106, "L64"},	{107, "LP"},	 {108, "EUI48"},     {109, "EUI64"},	 {249, "TKEY"},
	{250, "TSIG"},	{251, "IXFR"},	 {252, "AXFR"},	     {253, "MAILB"},	 {254, "MAILA"},
	{255, "ANY"},	{256, "URI"},	 {257, "CAA"},	     {32768, "TA"},	 {32769, "DLV"},
	{0, NULL},
};

static const struct mnemonic classes[] = {
	{DNS_IN, "IN"},		  {DNS_CH, "CH"},	  {DNS_HS, "HS"},
	{DNS_CLASS_NONE, "NONE"}, {DNS_CLASS_ANY, "ANY"}, {0, NULL},
};

static const struct mnemonic rcodes[] = {
	{0, "NOERROR"},	 {1, "FORMERR"},    {2, "SERVFAIL"}, {3, "NXDOMAIN"},  {4, "NOTIMP"},
	{5, "REFUSED"},	 {6, "YXDOMAIN"},   {7, "YXRRSET"},  {8, "NXRRSET"},   {9, "NOTAUTH"},
	{10, "NOTZONE"}, {11, "DSOTYPENI"}, {16, "BADVERS"}, {17, "BADKEY"},   {18, "BADTIME"},
	{19, "BADMODE"}, {20, "BADNAME"},   {21, "BADALG"},  {22, "BADTRUNC"}, {23, "BADCOOKIE"},
	{0, NULL},
};

static const char *value_str(const struct mnemonic *m, const char *prefix, uint16_t value,
			     char buf[16])
{
	for (; m->text; m++)
		if (m->value == value)
			return m->text;
	snprintf(buf, 16, "%s%u", prefix, value);
	return buf;
}

static int value_from_str(const struct mnemonic *m, const char *prefix, const char *s,
			  uint16_t *ret)
{
	size_t n = strlen(prefix);
	unsigned long v;
	char *end;

	for (; m->text; m++) {
		if (strcasecmp(m->text, s) == 0) {
			*ret = m->value;
			return 0;
		}
	}
	if (strncasecmp(s, prefix, n) != 0 || s[n] < '0' || s[n] > '9')
		return ERR_UNKNOWN;
	v = strtoul(s + n, &end, 10);
	if (*end || v > UINT16_MAX)
		return ERR_UNKNOWN;
	*ret = (uint16_t)v;
	return 0;
}

const char *dns_type_str(uint16_t type, char buf[16])
{
	return value_str(types, "TYPE", type, buf);
}

const char *dns_class_str(uint16_t rclass, char buf[16])
{
	return value_str(classes, "CLASS", rclass, buf);
}

const char *dns_rcode_str(uint16_t rcode, char buf[16])
{
	return value_str(rcodes, "RCODE", rcode, buf);
}

int dns_type_from_str(const char *s, uint16_t *ret)
{
	return value_from_str(types, "TYPE", s, ret);
}

int dns_rcode_from_str(const char *s, uint16_t *ret)
{
	return value_from_str(rcodes, "RCODE", s, ret);
}
