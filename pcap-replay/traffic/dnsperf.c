/* SPDX-License-Identifier: Apache-2.0 */
/* A line is taken octet by octet, so that neither its length nor a zero within it does harm. */
#include "pcap-replay/traffic/dnsperf.h"

#include <stdbool.h>
#include <string.h>

#include "lib/dns/wire.h"

/* 1, 0 at the end, ERR_LIMIT, ERR_SYNTAX or ERR_SYS. */
static int line_read(FILE *in, char line[DNSPERF_LINE_MAX])
{
	size_t n = 0;
	bool zero = false;
	int c;
	while ((c = getc_unlocked(in)) != EOF && c != '\n') {
		if (n == DNSPERF_LINE_MAX - 1)
			return ERR_LIMIT;
		zero |= c == 0;
		line[n++] = (char)c;
	}
	line[n] = '\0';
	if (c == EOF && ferror(in))
		return ERR_SYS;
	return zero ? ERR_SYNTAX : c != EOF || n > 0;
}

int dnsperf_next(struct dnsperf *in, struct qrec *ret, struct diag *d)
{
	char line[DNSPERF_LINE_MAX], *save, *name, *type;
	uint16_t qtype;
	do {
		in->line++;
		int rc = line_read(in->in, line);
		if (rc == ERR_SYS)
			return diag_errno(d, "%s", in->path);
		if (rc < 0)
			return diag_at(d, rc, in->path, (unsigned)in->line, 0, rc == ERR_LIMIT ? "line longer than %d octets" : "a zero octet in a line of at most %d",
				       DNSPERF_LINE_MAX - 1);
		if (rc == 0)
			return 0;
		name = strtok_r(line, " \t\r", &save);
	} while (!name || name[0] == '#' || name[0] == ';');
	type = strtok_r(NULL, " \t\r", &save);
	struct qrec r;
	qrec_clear(&r);
	if (name_from_text(&r.qname, name))
		return diag_at(d, ERR_SYNTAX, in->path, (unsigned)in->line, 0, "expected a domain name, found %.100s", name);
	if (!type || dns_type_from_str(type, &qtype))
		return diag_at(d, ERR_UNKNOWN, in->path, (unsigned)in->line, 0, "expected a type behind %.100s", name);
	r.t_ns = (uint64_t)((double)in->n * 1e9 / in->rate);
	r.kind = QS_QUESTION;
	r.proto = QS_UDP;
	r.id = (int32_t)(in->n & 0xffff);
	r.qtype = qtype;
	r.flags = DNS_RD;
	in->n++;
	*ret = r;
	return 1;
}

bool dnsperf_put(FILE *out, const struct qrec *r)
{
	char name[NAME_MAX_TEXT], type[16];
	if (r->kind != QS_QUESTION || !r->qname.len || r->qtype < 0)
		return false;
	name_to_text(r->qname.b, name, sizeof(name));
	/* a name that begins like a comment is none */
	fprintf(out, "%s%s %s\n", name[0] == '#' ? "\\" : "", name, dns_type_str((uint16_t)r->qtype, type));
	return true;
}
