/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ldns behind three functions. Records leave as wire form and are taken apart
 * with lib/dns/wire, so no ldns type crosses this file's border. What ldns (1.8.3)
 * is known to come to harm by does not reach it.
 */
#include "lib/dns/msg.h"

#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"

/* Takes one uncompressed record apart. */
static int rr_split(const uint8_t *buf, size_t len, struct name *ret_owner, struct dns_rr *ret)
{
	struct wire w;

	wire_init(&w, buf, len);
	wire_name(&w, ret_owner);
	w.off = 0;
	wire_rr(&w, ret);
	return w.err;
}

/* A record is one line. Within parentheses ldns_bget_token() copies line ends without
 * looking at the end of its 21 octets for a TTL or a class. */
static bool one_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' && *text != '\t')
			return false;
	return true;
}

int msg_rr_from_text(const char *text, uint32_t default_ttl_s, struct name *ret_owner,
		     uint16_t *ret_type, uint32_t *ret_ttl_s, uint8_t *rdata, size_t cap,
		     size_t *ret_len, struct diag *d)
{
	struct name owner;
	struct dns_rr parts;
	ldns_rr *rr = NULL;
	uint8_t *buf = NULL;
	size_t len = 0;
	ldns_status st;
	int err;

	if (!one_line(text))
		return diag_set(d, ERR_SYNTAX, "record '%s': a line end or control character; a record is one line",
				text);
	st = ldns_rr_new_frm_str(&rr, text, default_ttl_s, NULL, NULL);
	if (st == LDNS_STATUS_OK) {
		st = ldns_rr2wire(&buf, rr, LDNS_SECTION_ANSWER, &len);
		ldns_rr_free(rr);
	}
	if (st != LDNS_STATUS_OK) {
		free(buf);
		return diag_set(d, st == LDNS_STATUS_MEM_ERR ? ERR_NOMEM : ERR_SYNTAX,
				"record '%s': %s", text, ldns_get_errorstr_by_id(st));
	}
	err = rr_split(buf, len, &owner, &parts);
	if (!err && parts.rdlen > cap)
		err = ERR_SHORT;
	if (err) {
		free(buf);
		return diag_set(d, err, "record '%s': %s", text, err_str(err));
	}
	memcpy(rdata, buf + parts.rdata_off, parts.rdlen);
	free(buf);
	name_copy(ret_owner, owner.b);
	*ret_type = parts.type;
	*ret_ttl_s = parts.ttl;
	*ret_len = parts.rdlen;
	return 0;
}

static ldns_pkt *pkt_parse(const uint8_t *buf, size_t len)
{
	ldns_pkt *pkt = NULL;

	return ldns_wire2pkt(&pkt, buf, len) == LDNS_STATUS_OK ? pkt : NULL;
}

int msg_check(const uint8_t *buf, size_t len)
{
	ldns_pkt *pkt = pkt_parse(buf, len);

	if (!pkt)
		return ERR_SYNTAX;
	ldns_pkt_free(pkt);
	return 0;
}

static ldns_rr_list *pkt_section(const ldns_pkt *pkt, int section)
{
	if (section == DNS_SEC_ANSWER)
		return ldns_pkt_answer(pkt);
	if (section == DNS_SEC_AUTHORITY)
		return ldns_pkt_authority(pkt);
	return ldns_pkt_additional(pkt);
}

/* One record as "owner<TAB>[ttl<TAB>]class<TAB>type<TAB>rdata<LF>", names in
 * lower case. */
static char *rr_line(ldns_rr *rr, int no_ttl)
{
	char *line, *ttl, *rest;

	ldns_rr2canonical(rr);
	line = ldns_rr2str(rr);
	if (!line || !no_ttl)
		return line;
	ttl = strchr(line, '\t');
	rest = ttl ? strchr(ttl + 1, '\t') : NULL;
	if (rest)
		memmove(ttl, rest, strlen(rest) + 1);
	return line;
}

static int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Concatenates and frees the lines; NULL without memory. */
static char *lines_join(char **line, size_t n)
{
	size_t len = 0;
	char *text, *p;

	for (size_t i = 0; i < n; i++)
		len += strlen(line[i]);
	text = p = malloc(len + 1);
	for (size_t i = 0; i < n; i++) {
		if (p)
			p = stpcpy(p, line[i]);
		free(line[i]);
	}
	if (p)
		*p = 0;
	return text;
}

static char *section_text(ldns_rr_list *list, int no_ttl)
{
	size_t n = list ? ldns_rr_list_rr_count(list) : 0;
	char **line = calloc(n + 1, sizeof(*line));
	char *text = NULL;
	size_t done = 0;

	if (!line)
		return NULL;
	for (; done < n; done++) {
		line[done] = rr_line(ldns_rr_list_rr(list, done), no_ttl);
		if (!line[done])
			break;
	}
	if (done == n) {
		qsort(line, n, sizeof(*line), line_cmp);
		text = lines_join(line, n);
	} else {
		while (done > 0)
			free(line[--done]);
	}
	free(line);
	return text;
}

char *msg_section_text(const uint8_t *buf, size_t len, int section, int no_ttl)
{
	ldns_pkt *pkt = pkt_parse(buf, len);
	char *text;

	if (!pkt)
		return NULL;
	text = section_text(pkt_section(pkt, section), no_ttl);
	ldns_pkt_free(pkt);
	return text;
}
