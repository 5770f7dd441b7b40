/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `convert`: query stream, dnsperf's text and captures, and a form that can be shown to others. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/jout.h"
#include "pcap-replay/traffic/dnsperf.h"
#include "pcap-replay/traffic/pcapout.h"
#include "pcap-replay/traffic/private_msg.h"
#include "pcap-replay/verbs.h"

static struct {
	const char *from, *to, *key;
	struct opt_list keep;
	double rate;
	bool json;
} o = {.from = "qs", .to = "qs", .rate = 1000};

static const struct opt_def defs[] = {
	{"from", 'f', OPT_TEXT, &o.from, "FORM", "what IN is: qs (a query stream) or dnsperf (a name and a type a line)", 0, 0, NULL},
	{"to", 't', OPT_TEXT, &o.to, "FORM", "what OUT is to be: qs, dnsperf or pcap (a capture)", 0, 0, NULL},
	{"rate", 'r', OPT_F64, &o.rate, "N", "questions a second when IN has no times", 0, 0, NULL},
	{"private", 0, OPT_TEXT, &o.key, "KEYFILE", "hide names and addresses with this key; a stream's octets of messages are left out, a capture's re-written", 0, 0, NULL},
	{"keep", 0, OPT_LIST, &o.keep, "SUFFIX", "with --private: a suffix that stays as it is, besides cluster.local and the like", 0, 0, NULL},
	{"json", 'j', OPT_BOOL, &o.json, NULL, "print the counts as JSON", 0, 0, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog prog = {"pcap-replay convert", "[--from FORM] [--to FORM] [--private KEYFILE] IN OUT",
				     "Convert query streams, and hide what is private.", defs, OPT_GNU};

struct convert {
	struct qs_reader *qs_in;
	struct qs_writer *qs_out;
	struct dnsperf text;
	FILE *text_out;
	struct pcapout *pcap_out;
	const char *in, *out;
	bool hides, begun;
	struct hash_key key;
	struct name keep[OPT_LIST_MAX + 8];
	size_t n_keep;
	uint64_t n_in, n_out, n_hidden; /* the last: left out, because what it says could not be hidden */
	uint8_t turned[65535];
};

static int keep_add(struct convert *c, const char *text, struct diag *d)
{
	if (name_from_text(&c->keep[c->n_keep], text))
		return diag_set(d, ERR_SYNTAX, "--keep %s: not a domain name", text);
	c->n_keep++;
	return 0;
}

static int keys(struct convert *c, struct diag *d)
{
	static const char *const usual[] = {"svc.cluster.local", "pod.cluster.local", "cluster.local", "in-addr.arpa", "ip6.arpa"};
	int rc = o.key ? private_key(&c->key, o.key, d) : 0;
	c->hides = o.key;
	for (size_t i = 0; rc == 0 && i < sizeof(usual) / sizeof(usual[0]); i++)
		rc = keep_add(c, usual[i], d);
	for (size_t i = 0; rc == 0 && i < o.keep.n; i++)
		rc = keep_add(c, o.keep.item[i], d);
	return rc;
}

static int open_both(struct convert *c, struct diag *d)
{
	int rc = 0;
	if (!strcmp(o.from, "qs"))
		rc = qs_reader_open(&c->qs_in, c->in, d);
	else if (!(c->text.in = strcmp(c->in, "-") ? fopen(c->in, "re") : stdin))
		rc = diag_errno(d, "%s", c->in);
	c->text.path = c->in;
	c->text.rate = o.rate;
	if (rc)
		return rc;
	if (!strcmp(o.to, "qs"))
		return c->qs_in && !c->hides ? qs_writer_open_wire(&c->qs_out, c->out, d) : qs_writer_open(&c->qs_out, c->out, d);
	if (!strcmp(o.to, "pcap"))
		return pcapout_open(&c->pcap_out, c->out, d);
	c->text_out = strcmp(c->out, "-") ? fopen(c->out, "we") : stdout;
	return c->text_out ? 0 : diag_errno(d, "%s", c->out);
}

/* "SECONDS.NANOSECONDS" as extract writes it. */
static uint64_t zero_of(const char *text)
{
	char *end;
	uint64_t s = strtoull(text, &end, 10), ns = 0, unit = NS_PER_S;
	for (const char *p = *end == '.' ? end + 1 : end; *p >= '0' && *p <= '9' && unit > 1; p++)
		ns += (uint64_t)(*p - '0') * (unit /= 10);
	return s * NS_PER_S + ns;
}

/* Facts are free text, which may name a node or a customer; these words are of docs/formats.md. The time of day (`zero`)
 * stays with whoever has the key. */
static bool is_harmless(const char *fact)
{
	static const char *const words[] = {"pod", "node", "upstream", "capture"};
	bool ours = false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ours |= !strcmp(fact, words[i]);
	return ours;
}

static void facts(struct convert *c)
{
	static const char *const known[] = {"point", "source", "zero"};
	c->begun = true;
	for (size_t i = 0; c->qs_in && c->qs_out && i < 3; i++) {
		const char *v = qs_reader_fact(c->qs_in, known[i]);
		if (v && (!c->hides || is_harmless(v)))
			qs_writer_fact(c->qs_out, known[i], v);
	}
	const char *zero = c->qs_in && c->pcap_out && !c->hides ? qs_reader_fact(c->qs_in, "zero") : NULL;
	if (zero)
		pcapout_zero(c->pcap_out, zero_of(zero));
}

/* The message's octets, hidden; false: it cannot be read, and so not be shown. */
static bool turn_wire(struct convert *c, struct qrec *r)
{
	if (!c->pcap_out || !r->wire || r->wire_len > sizeof(c->turned)) {
		r->wire = NULL;
		r->wire_len = 0;
		return true;
	}
	memcpy(c->turned, r->wire, r->wire_len);
	r->wire = c->turned;
	return private_message(&c->key, c->turned, r->wire_len, c->keep, c->n_keep) == 0;
}

static void put(struct convert *c, struct qrec *r)
{
	if (c->hides) {
		if (!turn_wire(c, r)) {
			c->n_hidden++;
			return;
		}
		if (r->qname.len)
			private_name(&c->key, &r->qname, c->keep, c->n_keep);
		private_ip(&c->key, &r->client.ip);
		private_ip(&c->key, &r->server.ip);
	}
	if (!c->begun)
		facts(c);
	if (c->qs_out) {
		qs_writer_put(c->qs_out, r);
		c->n_out++;
	} else if (c->pcap_out) {
		c->n_out += pcapout_put(c->pcap_out, r);
	} else {
		c->n_out += dnsperf_put(c->text_out, r);
	}
}

static int close_both(struct convert *c, struct diag *d)
{
	int rc = 0;
	qs_reader_close(c->qs_in);
	if (c->text.in && c->text.in != stdin)
		fclose(c->text.in);
	if (c->qs_out)
		rc = qs_writer_close(c->qs_out, d);
	if (c->pcap_out)
		rc = pcapout_close(c->pcap_out, d);
	if (c->text_out && (fflush(c->text_out) || ferror(c->text_out)))
		rc = diag_errno(d, "%s", c->out);
	if (c->text_out && c->text_out != stdout && fclose(c->text_out) && !rc)
		rc = diag_errno(d, "%s", c->out);
	return rc;
}

static void say(const struct convert *c)
{
	struct jout j;
	jout_begin(&j, strcmp(c->out, "-") ? stdout : stderr, "nodens-pcap-convert/1");
	jout_u64(&j, "read", c->n_in);
	jout_u64(&j, "written", c->n_out);
	jout_u64(&j, "unreadable", c->n_hidden);
	jout_end(&j);
}

static bool is_form(const char *s, bool out)
{
	return !strcmp(s, "qs") || !strcmp(s, "dnsperf") || (out && !strcmp(s, "pcap"));
}

static int run(int n, char **argv, int n_given, char **given)
{
	struct diag d = {0}, later = {0};
	struct qrec r;
	(void)n_given;
	(void)given;
	if (n != 2 || !is_form(o.from, false) || !is_form(o.to, true) || o.rate <= 0)
		return verb_usage("expected IN and OUT, --from qs or dnsperf, --to qs, dnsperf or pcap, --rate above 0");
	if (reading_spares(argv[2], (const char *const *)&argv[1], 1, &d))
		return verb_usage("%s", d.text);
	struct convert *c = calloc(1, sizeof(*c));
	if (!c)
		return EXIT_FAILED;
	c->in = argv[1];
	c->out = argv[2];
	int rc = keys(c, &d);
	rc = rc ? rc : open_both(c, &d);
	rc = rc ? rc : outputs_guard(&c->out, 1, &d);
	while (rc == 0 && (rc = c->qs_in ? qs_reader_next(c->qs_in, &r, &d) : dnsperf_next(&c->text, &r, &d)) > 0) {
		c->n_in++;
		put(c, &r);
		rc = 0;
	}
	int rc2 = close_both(c, &later);
	interrupt_files_forget();
	if (rc || rc2)
		log_error("%s", rc ? d.text : later.text);
	else if (o.json)
		say(c);
	else if (c->n_hidden)
		log_warn("%" PRIu64 " messages that cannot be read were left out", c->n_hidden);
	free(c);
	return rc || rc2 ? EXIT_FAILED : EXIT_DONE;
}

const struct verb verb_convert = {"convert", &prog, run};
