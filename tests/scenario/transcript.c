/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what happens as lines, keeps the first of them and a digest of the rest, and compares. */
#include "tests/scenario/transcript.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/msg.h"
#include "lib/dns/wire.h"
#include "lib/record/qstream.h"
#include "resolver/core/ring.h"
#include "tests/scenario/expect.h"

/* Lines that are kept as they are; of a flood's other ones there is a digest. */
#define LINES_KEPT 240

struct transcript {
	char *text;
	size_t len, cap;
	unsigned lines;
	uint64_t rest, digest;
	uint64_t due_ns, start_ns;
};

static void put(struct transcript *t, const char *line)
{
	size_t n = strlen(line);

	if (t->lines == LINES_KEPT) {
		for (size_t i = 0; i < n; i++) /* FNV-1a */
			t->digest = (t->digest ^ (uint8_t)line[i]) * 0x100000001b3;
		t->rest++;
		return;
	}
	t->lines++;
	if (t->len + n + 1 > t->cap) {
		t->cap = 2 * (t->len + n + 1);
		t->text = realloc(t->text, t->cap);
		if (!t->text)
			abort();
	}
	memcpy(t->text + t->len, line, n + 1);
	t->len += n;
}

__attribute__((format(printf, 2, 3))) static void say(struct transcript *t, const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	put(t, line);
}

/* Seconds since the first line. */
static const char *when(const struct world *w, uint64_t t_ns, char buf[32])
{
	int64_t ns = (int64_t)(t_ns - w->transcript->start_ns);

	if (t_ns == T_NEVER)
		return "never";
	snprintf(buf, 32, "%s%" PRId64 ".%09" PRId64, ns < 0 ? "-" : "", ns / (ns < 0 ? -1 : 1) / (int64_t)NS_PER_S,
		 (ns < 0 ? -ns : ns) % (int64_t)NS_PER_S);
	return buf;
}

static const char *now(const struct world *w)
{
	static char buf[32];

	return when(w, w->d.now_ns, buf);
}

/* --- messages --- */

static void section(struct transcript *t, const uint8_t *b, size_t len, int which)
{
	static const char *const name[] = {"an", "ns", "ar"};
	char *text = msg_section_text(b, len, which, 0);

	for (char *l = text ? strtok(text, "\n") : NULL; l; l = strtok(NULL, "\n"))
		say(t, "\t%s %.3000s\n", name[which], l);
	free(text);
}

static void options(char *to, size_t cap, const struct dns_edns *e)
{
	size_t n = 0;

	*to = 0;
	for (size_t i = 0; i + 4 <= e->opts_len && n < cap;) {
		uint16_t code = get_be16(e->opts + i), len = get_be16(e->opts + i + 2);

		n += (size_t)snprintf(to + n, cap - n, " %u:", code);
		if (i + 4 + len > e->opts_len)
			return;
		if (code == EDNS_COOKIE && n < cap)
			n += (size_t)snprintf(to + n, cap - n, "%u octets", len);
		for (size_t k = 0; code != EDNS_COOKIE && k < len && n < cap; k++)
			n += (size_t)snprintf(to + n, cap - n, "%02x", e->opts[i + 4 + k]);
		i += 4u + len;
	}
}

/* Name and type asked for, flags, rcode, OPT. */
static const char *head(const uint8_t *b, size_t len)
{
	static const struct {
		uint16_t flag;
		const char *word;
	} flags[] = {{DNS_QR, "qr"}, {DNS_AA, "aa"}, {DNS_TC, "tc"}, {DNS_RD, "rd"},
		     {DNS_RA, "ra"}, {DNS_AD, "ad"}, {DNS_CD, "cd"}};
	static char line[2600];
	char name[NAME_MAX_TEXT] = "-", type[16], rcode[16], opts[800];
	struct dns_msg m;
	struct name lower;
	size_t n;

	if (dns_msg_parse(&m, b, len) < 0)
		return snprintf(line, sizeof(line), "malformed, %zu octets", len), line;
	if (m.q.name) {
		name_lower(lower.b, m.q.name);
		name_to_text(lower.b, name, sizeof(name));
	}
	n = (size_t)snprintf(line, sizeof(line), "%s %s", name, m.q.name ? dns_type_str(m.q.qtype, type) : "-");
	if (m.q.name && m.q.qclass != DNS_IN)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " class %u", m.q.qclass);
	if (m.h.flags & DNS_QR)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " %s", dns_rcode_str(m.rcode, rcode));
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (m.h.flags & flags[i].flag)
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %s", flags[i].word);
	if (m.h.flags & 0x7800)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " opcode %u", m.h.flags >> 11 & 15);
	if (m.edns.present) {
		options(opts, sizeof(opts), &m.edns);
		n += (size_t)snprintf(line + n, sizeof(line) - n, " opt %u%s%s", m.edns.udp_size,
				      m.edns.do_bit ? " do" : "", opts);
	}
	snprintf(line + n, sizeof(line) - n, ", %zu octets", len);
	return line;
}

static const char *upstream_label(const struct world *w, unsigned i)
{
	return i < w->conf.n_upstreams ? w->text[i] : "-";
}

/* --- what happens --- */

void transcript_ask(struct world *w, const struct core_ask *a)
{
	static const char *const proto[] = {"udp", "tcp", "tls", "https"};
	char client[INET6_ADDRSTRLEN] = "nobody", zone[16] = "probe";

	if (!w->transcript)
		return;
	if (a->client)
		qs_ip_to_text(a->client, client);
	if (a->zone != UINT16_MAX)
		snprintf(zone, sizeof(zone), "zone %u", a->zone);
	say(w->transcript, "%s ask %zu %s %s %s for %s%s: %s\n", now(w), w->d.n_given,
	    upstream_label(w, a->upstream), a->proto < 4 ? proto[a->proto] : "?", zone, client,
	    a->is_again ? " again" : "", head(a->query, a->len));
}

/* Questions by number: ids are the core's own business. */
static size_t ask_number(const struct world *w, uint32_t id)
{
	for (size_t i = w->d.n_given; i-- > 0;)
		if (w->d.given[i].id == id)
			return i + 1;
	return 0;
}

void transcript_cancel(struct world *w, uint32_t ask_id)
{
	if (w->transcript)
		say(w->transcript, "%s cancel %zu\n", now(w), ask_number(w, ask_id));
}

void transcript_reply(struct world *w, const char *client, const uint8_t *bytes, size_t len)
{
	if (!w->transcript)
		return;
	if (!len) {
		say(w->transcript, "%s drop %s\n", now(w), client);
		return;
	}
	say(w->transcript, "%s reply %s: %s\n", now(w), client, head(bytes, len));
	for (int i = 0; i < 3; i++)
		section(w->transcript, bytes, len, i);
}

void transcript_event(struct world *w, int level, const char *text)
{
	if (w->transcript)
		say(w->transcript, "%s event %d %.3000s\n", now(w), level, text);
}

void transcript_failed(struct world *w, const struct core_failed *f)
{
	char name[NAME_MAX_TEXT], type[16];

	if (!w->transcript)
		return;
	name_to_text(f->name, name, sizeof(name));
	say(w->transcript, "%s failed %s %s %u zone %u %s proto %u ask %zu: %s\n", now(w), name,
	    dns_type_str(f->qtype, type), f->rcode, f->zone, upstream_label(w, f->upstream), f->proto,
	    f->ask_id ? ask_number(w, f->ask_id) : 0, core_fail_text(f->why));
}

void transcript_done(struct world *w, const struct core_client *c, const struct core_done *done)
{
	static const char *const from[] = {"nobody", "cache", "stale", "upstream", "shield", "plugin", "server"};
	char began[32];

	if (!w->transcript)
		return;
	say(w->transcript, "%s done %s from %s %s zone %d since %s, %zu and %zu octets\n", now(w),
	    c->proto == CORE_UDP ? "udp" : "tcp", done->from < 7 ? from[done->from] : "?",
	    upstream_label(w, done->upstream), done->zone == UINT16_MAX ? -1 : done->zone,
	    when(w, done->start_ns, began), done->query_len, done->reply_len);
}

void transcript_due(struct world *w)
{
	uint64_t due_ns = w->d.core ? core_deadline(w->d.core) : T_NEVER;
	char buf[32];

	if (!w->transcript || due_ns == w->transcript->due_ns)
		return;
	w->transcript->due_ns = due_ns;
	say(w->transcript, "%s due %s\n", now(w), when(w, due_ns, buf));
}

/* --- at the end --- */

/* What decides how long an entry stays, and whether it is being renewed. */
static const char *merits(const struct core_entry *of, char buf[64])
{
	const struct entry *e = (const struct entry *)(const void *)(of->msg - offsetof(struct entry, msg));
	char used[16];

	snprintf(used, sizeof(used), ", used %u", e->freq);
	snprintf(buf, 64, "%s%s%s", e->freq ? used : "", e->is_renewed ? ", renewed by another" : "",
		 e->is_refreshing ? ", being renewed" : "");
	return buf;
}

void transcript_entries(struct world *w)
{
	char name[NAME_MAX_TEXT], type[16], stored[32], expires[32], more[64];
	struct core_entry e;
	size_t cursor = 0;

	if (!w->transcript || !w->d.core)
		return;
	while (core_entry_next(w->d.core, &cursor, &e)) {
		name_to_text(e.name, name, sizeof(name));
		say(w->transcript, "entry %s %s%s%s kind %u class %u stored %s until %s, %zu octets, ede %u%s\n", name,
		    dns_type_str(e.qtype, type), e.is_do ? " do" : "", e.flags & DNS_CD ? " cd" : "", e.kind,
		    e.qclass, when(w, e.stored_ns, stored), when(w, e.expires_ns, expires), e.len, e.ede_len, merits(&e, more));
	}
}

static void on_counter(void *ctx, const char *of, const char *name, uint64_t n)
{
	say(ctx, "%s%s%s %" PRIu64 "\n", of, *of ? " " : "", name, n);
}

void transcript_counters(struct world *w)
{
	struct transcript *t = w->transcript;

	if (!t)
		return;
	if (t->rest) { /* counters are kept whatever went before them */
		uint64_t rest = t->rest;

		t->lines = t->rest = 0;
		say(t, "and %" PRIu64 " lines more, digest %016" PRIx64 "\n", rest, t->digest);
	}
	t->lines = 0;
	counters_each(w->stats, on_counter, t);
}

/* --- life --- */

void transcript_start(struct world *w)
{
	w->transcript = calloc(1, sizeof(*w->transcript));
	if (!w->transcript)
		abort();
	w->transcript->digest = 0xcbf29ce484222325;
	w->transcript->start_ns = w->d.now_ns;
	w->transcript->due_ns = T_NEVER;
	put(w->transcript, ""); /* there is a text */
}

void transcript_end(struct world *w)
{
	if (w->transcript)
		free(w->transcript->text);
	free(w->transcript);
	w->transcript = NULL;
}

/* DIR/transcripts/NAME of DIR/NAME.scn; without NAME the folder. */
static void path_of(const struct world *w, char *to, size_t cap, bool folder)
{
	const char *slash = strrchr(w->s.path, '/'), *file = slash ? slash + 1 : w->s.path;
	int n = (int)strcspn(file, ".");

	snprintf(to, cap, "%.*stranscripts/%.*s", (int)(file - w->s.path), w->s.path, folder ? 0 : n, file);
}

static void compare(struct world *w, FILE *f)
{
	const char *is = w->transcript->text;
	char *want = NULL;
	size_t cap = 0;

	for (unsigned line = 1;; line++) {
		ssize_t n = getline(&want, &cap, f);
		size_t len = strcspn(is, "\n");

		if (n <= 0 && !*is)
			break;
		if (n > 0 && want[n - 1] == '\n')
			n--;
		if (n < 0 || (size_t)n != len || memcmp(want, is, len) != 0) {
			script_fail(&w->s, "line %u of its transcript is another (`make transcripts` writes them):\n  is  %.*s\n  was %.*s",
				    line, (int)(len < 300 ? len : 300), is, (int)(n < 0 ? 0 : n < 300 ? n : 300), want ? want : "");
			break;
		}
		is += len + (is[len] == '\n');
	}
	free(want);
}

void transcript_compare(struct world *w)
{
	char path[4096];
	FILE *f;

	path_of(w, path, sizeof(path), true);
	f = fopen(path, "r"); /* a folder can be opened, not read */
	if (!f)
		return;
	fclose(f);
	path_of(w, path, sizeof(path), false);
	f = fopen(path, "r");
	if (!f) {
		script_fail(&w->s, "there is no transcript %s: `make transcripts` writes it", path);
		return;
	}
	compare(w, f);
	fclose(f);
}

bool transcript_write(struct world *w)
{
	char path[4096];
	FILE *f;

	path_of(w, path, sizeof(path), false);
	f = fopen(path, "w");
	if (!f || fputs(w->transcript->text, f) < 0 || fclose(f) != 0) {
		script_fail(&w->s, "%s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

void transcript_print(const struct world *w)
{
	if (w->transcript)
		fputs(w->transcript->text, stdout);
}
