/* SPDX-License-Identifier: Apache-2.0 */
/* For a person: what matters first, then the tables. */
#include "pcap-replay/traffic/summary_int.h"

#include <inttypes.h>
#include <string.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "pcap-replay/traffic/waste.h"

static void line(FILE *out, const char *what, uint64_t n, const char *note)
{
	fprintf(out, "  %-28s %10" PRIu64 "%s%s\n", what, n, *note ? "  " : "", note);
}

static void line_if(FILE *out, const char *what, uint64_t n, const char *note)
{
	if (n)
		line(out, what, n, note);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* --- what to look at first --- */

static void say_lost(const struct summary *s, FILE *out)
{
	uint64_t all = s->answered + s->unanswered;
	fprintf(out, "  %.2f %% of %" PRIu64 " questions were answered", percent(s->answered, all), all);
	if (s->unanswered)
		fprintf(out, "; %" PRIu64 " were not", s->unanswered);
	fputs("\n", out);
	if (s->elsewhere)
		fprintf(out, "  %" PRIu64 " were answered from another address than was asked: stubs drop such answers. Look for "
			"what translates replies, or for two paths\n", s->elsewhere);
	if (s->passed_only)
		fprintf(out, "  %" PRIu64 " answers were seen on their way and not at the client: lost on this node\n", s->passed_only);
}

static void say_gaps(const struct summary *s, FILE *out)
{
	for (size_t i = 0; retry_rules[i].gap_ns; i++)
		if (s->retry[i])
			fprintf(out, "  %" PRIu64 " sent again after %g s (%s): each is a lookup that took that much longer\n", s->retry[i],
				(double)retry_rules[i].gap_ns / 1e9, retry_rules[i].who);
}

static void say_search(const struct summary *s, const struct summary_ends *e, FILE *out)
{
	if (!e->waste->queries)
		return;
	fprintf(out, "  %" PRIu64 " queries (%.1f %%) were search-list steps before the bare name: a dot at its end saves them all",
		e->waste->queries, percent(e->waste->queries, s->queries));
	fprintf(out, ", ndots:1 %" PRIu64 ", ndots:2 %" PRIu64 "\n", e->waste->ndots1, e->waste->ndots2);
}

/* "default/web (3 addresses)" */
static void print_who(const struct waste_advice *a, FILE *out)
{
	fputs(a->who, out);
	if (a->clients > 1)
		fprintf(out, " (%" PRIu64 " addresses)", a->clients);
}

static void say_whose(const struct summary *s, const struct waste_advice *a, FILE *out)
{
	char text[NAME_MAX_TEXT];
	bool few = waste_is_few(a);
	unsigned ndots = waste_ndots(a);
	uint64_t saved = few ? a->by_names : ndots == 2 ? a->ndots2 : a->ndots1;
	if (saved * 100 < s->queries)
		return;
	if (few) {
		fputs("    a dot behind ", out);
		for (size_t i = 0; i < a->shown; i++) {
			name_to_text(a->name[i].b, text, sizeof(text));
			fprintf(out, "%s%.*s", i == 0 ? "" : i + 1 < a->shown ? ", " : " and ", (int)strlen(text) - 1, text);
		}
		fputs(" in the configuration of ", out);
		print_who(a, out);
	} else {
		fprintf(out, "    ndots:%u for ", ndots);
		print_who(a, out);
		fprintf(out, ", which asks for %" PRIu64 " such names", a->n_names);
	}
	fprintf(out, ": %.1f %% fewer queries\n", percent(saved, s->queries));
}

/* Those that are worth it, and of each what is least to do. */
static void say_advice(const struct summary *s, const struct summary_ends *e, FILE *out)
{
	struct waste_advice a[ADVICE];
	size_t n = e->waste->queries ? waste_advise(e->waste->by, s->map, a, ADVICE) : 0;
	for (size_t i = 0; i < n; i++)
		say_whose(s, &a[i], out);
}

static void print_verdict(const struct summary *s, const struct summary_ends *e, FILE *out)
{
	if (!s->queries)
		return;
	fputs("in short\n", out);
	say_lost(s, out);
	say_gaps(s, out);
	say_search(s, e, out);
	say_advice(s, e, out);
	if (s->to_local)
		fprintf(out, "  %.1f %% of queries went to a link-local address: a node-local cache is in the path of those\n",
			percent(s->to_local, s->queries));
	else
		fputs("  no query went to a link-local address: a node-local cache with its usual address is not in the path\n", out);
	fputs("\n", out);
}

/* --- tables --- */

static void print_frames(const struct summary_ends *e, FILE *out)
{
	const struct extract_counts *x = e->x;
	fprintf(out, "capture (%s, %.3f s", x->frames.format[0] ? x->frames.format : "nothing read", summary_span_s(e));
	if (x->frames.files > 1)
		fprintf(out, ", %zu files", x->frames.files);
	fputs(")\n", out);
	line(out, "frames", x->frames.frames, "");
	for (int v = 1; v < N_DECODE; v++)
		line_if(out, decode_verdict_str((enum decode_verdict)v), x->decode[v], v == SKIP_FRAGMENT ? "" : "skipped");
	line_if(out, "other ports", x->other_ports, "skipped");
	if (x->looks_vxlan)
		fprintf(out, "  %" PRIu64 " of these look like VXLAN on a port that is not 4789 or 8472\n", x->looks_vxlan);
	line_if(out, "DNS over TLS segments", x->tls, "not readable");
	line_if(out, "taken out of tunnels", x->tunnelled, "");
	line_if(out, "frames out of time order", x->frames.out_of_order, "put in order");
	line_if(out, "clock set back", x->frames.clock_steps, "times; time goes on from there");
	line_if(out, "frames without a time", x->frames.without_time, "");
	line_if(out, "messages out of the window", x->late, "took the time of what was before them");
	line_if(out, "messages not put in order", x->early, "no memory to wait");
	line(out, "DNS messages", x->messages, "");
	line_if(out, "malformed", x->malformed, "");
	line_if(out, "cut by the snap length", x->cut, "");
	line_if(out, "first fragments only", x->first_fragments, "header and question are known");
	line_if(out, "closed early", e->t->early, "transactions; no memory to wait for answers");
	line_if(out, "lost for want of memory", e->t->lost + x->no_memory, "");
}

static void print_queries(const struct summary *s, const struct summary_ends *e, FILE *out)
{
	fprintf(out, "\nqueries\n");
	line(out, "queries", s->queries, "");
	line(out, "over UDP", s->udp, "");
	line(out, "over TCP", s->tcp, "");
	line(out, "retransmits", s->retransmits, "");
	line(out, "other views of them", s->views, "not counted as queries");
	line_if(out, "seen before and after NAT", s->translated, "");
	line_if(out, "copies at one place", s->dups, "mirrored or without interface; not counted");
	line(out, "lookups", e->lookups, "");
	if (e->lookups)
		fprintf(out, "  %-28s %10.2f\n", "queries per lookup", (double)s->queries / (double)e->lookups);
	line(out, "distinct names", tally_count(s->names), tally_untold(s->names) ? "and more, for which there was no memory" : "");
	line(out, "clients", tally_count(s->clients), "");
	fprintf(out, "  %-28s %10.1f queries/s\n", "mean rate", summary_rate(s));
	line(out, "most in one second", s->second.peak, "");
	line(out, "most in 100 ms", s->tenth.peak, "");
	for (int i = 1; i < 16; i++)
		if (s->opcode[i])
			fprintf(out, "  opcode %-21d %10" PRIu64 "  not counted as queries\n", i, s->opcode[i]);
}

static void print_answers(const struct summary *s, const struct summary_ends *e, FILE *out)
{
	fprintf(out, "\nanswers\n");
	line(out, "answered", s->answered, "");
	line(out, "unanswered", s->unanswered, "");
	line(out, "truncated", s->truncated, "");
	line_if(out, "asked again by TCP for that", s->after_tc, "");
	line_if(out, "from another address", s->elsewhere, "not counted as answered");
	line_if(out, "later than 5 s", s->late, "");
	line_if(out, "without their question", e->t->event[TXE_ALONE], "it is not in the capture");
	line_if(out, "answered twice", s->again, "");
	line_if(out, "no question section", e->t->answers_bare, "paired by tuple and id");
	line_if(out, "no readable question", s->unreadable + e->t->event[TXE_UNREADABLE], "");
}

static void print_codes(const char *title, const uint64_t *count, size_t n, const char *(*word)(uint16_t, char *), FILE *out)
{
	char buf[16];
	fprintf(out, "\n%s\n", title);
	for (size_t i = 0; i < n; i++)
		if (count[i])
			line(out, word((uint16_t)i, buf), count[i], "");
}

static void print_hist(const char *title, const struct hist *h, FILE *out)
{
	static const double q[] = {0.5, 0.9, 0.99, 0.999};
	if (!h->n)
		return;
	fprintf(out, "\n%s (n = %" PRIu64 ")\n", title, h->n);
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++)
		if ((double)h->n * (1 - q[i]) >= 1 || q[i] == 0.5)
			fprintf(out, "  p%-27g %10.3f ms\n", q[i] * 100, (double)hist_quantile(h, q[i]) / 1e6);
	fprintf(out, "  %-28s %10.3f ms\n", "max", (double)h->max / 1e6);
}

static void print_paths(const struct summary *s, FILE *out)
{
	struct path_shares p;
	uint64_t all = 0;
	paths_shares(s->paths, s->map, &p);
	for (int i = 0; i < N_PATHS; i++)
		all += p.queries[i];
	if (!all)
		return;
	fprintf(out, "\nwhere clients' questions go\n");
	for (int i = 0; i < N_PATHS; i++)
		if (p.queries[i])
			fprintf(out, "  %-36s %10" PRIu64 " %6.1f %%\n", path_text[i], p.queries[i], percent(p.queries[i], all));
	if (p.forwarded)
		fprintf(out, "  %-36s %10" PRIu64 "  not among them\n", "what servers ask on somebody's behalf", p.forwarded);
}

static void print_addresses(const struct summary *s, const char *title, const struct tally *t, FILE *out)
{
	const struct tally_row *top[TOP];
	char ip[INET6_ADDRSTRLEN];
	size_t n = tally_top(t, BY_ASKED, top, TOP);
	if (!n)
		return;
	fprintf(out, "\n%-30s %10s %11s %10s %10s\n", title, "queries", "unanswered", "NXDOMAIN", "resent");
	for (size_t i = 0; i < n; i++) {
		struct in6_addr a;
		memcpy(&a, top[i]->key, 16);
		const char *name = addrmap_name(s->map, &a, NULL);
		fprintf(out, "  %-28s %10" PRIu64 " %11" PRIu64 " %10" PRIu64 " %10" PRIu64 "%s%s%s\n", qs_ip_to_text(&a, ip),
			top[i]->n[BY_ASKED], top[i]->n[BY_UNANSWERED], top[i]->n[BY_DENIED], top[i]->n[BY_RESENT],
			paths_is_local(&a) ? "  link-local" : "", name ? "  " : "", name ? name : "");
	}
	if (tally_count(t) > n)
		fprintf(out, "  and %zu more\n", tally_count(t) - n);
}

static void print_stubs(const struct summary *s, FILE *out)
{
	const struct tally_row *top[TOP];
	struct stub_row row[STUB_ROWS];
	struct stub_verdict v;
	char ip[INET6_ADDRSTRLEN];
	size_t kinds = summary_stubs(s, row), n = tally_top(s->clients, BY_ASKED, top, TOP);
	if (!kinds)
		return;
	fprintf(out, "\n%-40s %8s %10s\n", "what asks, by how it asks", "clients", "questions");
	for (size_t i = 0; i < kinds; i++)
		fprintf(out, "  %-38s %8" PRIu64 " %10" PRIu64 "\n", row[i].who, row[i].clients, row[i].questions);
	for (size_t i = 0; i < n; i++) {
		struct in6_addr a;
		memcpy(&a, top[i]->key, 16);
		if (summary_stub_of(s, &a, &v))
			fprintf(out, "  %-28s %s: %s\n", qs_ip_to_text(&a, ip), v.who, v.why);
	}
}

static void print_names(const struct summary *s, FILE *out)
{
	const struct tally_row *top[TOP];
	char text[NAME_MAX_TEXT];
	size_t n = tally_top(s->names, BY_ASKED, top, TOP);
	if (n)
		fprintf(out, "\nnames asked for most\n");
	for (size_t i = 0; i < n; i++) {
		name_to_text(top[i]->key, text, sizeof(text));
		fprintf(out, "  %10" PRIu64 "  %s\n", top[i]->n[BY_ASKED], text);
	}
}

static void print_tcp(const struct summary_ends *e, FILE *out)
{
	const struct tcp_counts *tcp = &e->x->streams;
	if (!tcp->connections && !tcp->midstream)
		return;
	fprintf(out, "\nTCP\n");
	line(out, "connections", e->t->opens, "");
	line(out, "picked up in mid-stream", tcp->midstream, "");
	line(out, "holes", tcp->holes, "");
	line(out, "octets of no message", tcp->lost_bytes, "");
	line(out, "messages cut off", tcp->partial, "");
	line_if(out, "segments sent again", tcp->repeated, "");
	line_if(out, "streams given up", tcp->evicted, "no memory");
}

void summary_print(const struct summary *s, const struct summary_ends *e, FILE *out)
{
	print_verdict(s, e, out);
	print_frames(e, out);
	print_queries(s, e, out);
	print_answers(s, e, out);
	print_codes("types", s->type, 65536, dns_type_str, out);
	print_codes("rcodes", s->rcode, RCODES, dns_rcode_str, out);
	print_tcp(e, out);
	print_hist("question to answer, as the client's view saw it", &s->latency, out);
	print_hist("of that behind the last translation seen", &s->beyond, out);
	print_hist("and on this node", &s->inside, out);
	print_paths(s, out);
	print_addresses(s, "who is asked", s->servers, out);
	print_addresses(s, "who asks", s->clients, out);
	print_stubs(s, out);
	print_names(s, out);
}
