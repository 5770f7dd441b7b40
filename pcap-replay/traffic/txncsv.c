/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as RFC 4180 has them. */
#include "pcap-replay/traffic/txncsv.h"

#include <inttypes.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"

void txncsv_head(FILE *out)
{
	fputs("t_ns,answered_ns,proto,client,cport,server,sport,id,qname,qtype,rcode,sent,hops,retry,lookup,"
	      "gap_ns,nat_client,nat_cport,nat_server,nat_sport,nat_t_ns,nat_answered_ns,marks\n", out);
}

static void put_name(FILE *out, const struct txn *t)
{
	char name[NAME_MAX_TEXT] = "";
	if (t->name_len)
		name_to_text(t->name, name, sizeof(name));
	fputc('"', out);
	for (const char *p = name; *p; p++)
		fprintf(out, *p == '"' ? "\"\"" : "%c", *p);
	fputc('"', out);
}

static void put_translated(FILE *out, const struct txn_view *v)
{
	char c[INET6_ADDRSTRLEN], s[INET6_ADDRSTRLEN];
	if (!v) {
		fputs(",,,,,,", out);
		return;
	}
	fprintf(out, ",%s,%u,%s,%u,%" PRIu64 ",%" PRIu64, qs_ip_to_text(&v->client.ip, c), v->client.port,
		qs_ip_to_text(&v->server.ip, s), v->server.port, v->first_ns, v->answer_ns);
}

static void put_marks(FILE *out, const struct txn *t)
{
	char ip[INET6_ADDRSTRLEN];
	const char *sep = "";
	const struct {
		bool is;
		const char *word;
	} mark[] = {
		{t->truncated, "tc"}, {t->after_tc, "tcp-after-tc"}, {t->late, "late"}, {t->n_again > 0, "twice"},
		{!t->answered_ns && t->passed_ns, "lost-on-node"}, {t->n_dups > 0, "mirrored"},
	};
	fputc(',', out);
	for (size_t i = 0; i < sizeof(mark) / sizeof(mark[0]); i++)
		if (mark[i].is) {
			fprintf(out, "%s%s", sep, mark[i].word);
			sep = " ";
		}
	if (t->n_elsewhere)
		fprintf(out, "%selsewhere:%s", sep, qs_ip_to_text(&t->elsewhere, ip));
	fputc('\n', out);
}

void txncsv_row(FILE *out, const struct txn *t)
{
	char c[INET6_ADDRSTRLEN], v[INET6_ADDRSTRLEN], type[16], rcode[16];
	fprintf(out, "%" PRIu64 ",%" PRIu64 ",%s,%s,%u,%s,%u,%u,", t->t_ns, t->answered_ns, t->proto == QS_UDP ? "udp" : "tcp",
		qs_ip_to_text(&t->view.client.ip, c), t->view.client.port, qs_ip_to_text(&t->view.server.ip, v),
		t->view.server.port, t->id);
	put_name(out, t);
	fprintf(out, ",%s,%s,%u,%u,%d,%u,%" PRIu64, t->readable ? dns_type_str(t->qtype, type) : "",
		t->answered_ns ? dns_rcode_str(t->rcode, rcode) : "", t->n_sent, t->n_views - 1u, t->retry, t->lookup, t->gap_ns);
	put_translated(out, txn_translated(t));
	put_marks(out, t);
}
