/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of iptables-save. A line is understood only when every word of it is
 * one that our own rules use; anything else is somebody else's rule, or a shape
 * of ours that only -cleanup touches, by its comment.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/node/iptables.h"

/* Words of a line; quoted ones lose their quotes. */
struct words {
	const char *at, *end;
	char word[256];
};

static bool next_word(struct words *w)
{
	size_t len = 0;
	bool quoted;

	while (w->at < w->end && *w->at == ' ')
		w->at++;
	if (w->at == w->end)
		return false;
	quoted = *w->at == '"';
	if (quoted)
		w->at++;
	while (w->at < w->end && *w->at != (quoted ? '"' : ' ')) {
		if (quoted && *w->at == '\\' && w->at + 1 < w->end)
			w->at++;
		if (len < sizeof w->word - 1)
			w->word[len++] = *w->at;
		w->at++;
	}
	if (quoted && w->at < w->end)
		w->at++;
	w->word[len] = '\0';
	return true;
}

static bool word_is(const struct words *w, const char *text)
{
	return !strcmp(w->word, text);
}

static bool take_addr(struct words *w, struct ipt_rule *r)
{
	struct flags_ip ip;
	char *slash;

	if (!next_word(w))
		return false;
	slash = strchr(w->word, '/');
	if (slash)
		*slash = '\0';
	if (flags_ip_parse(w->word, &ip) || (slash && strcmp(slash + 1, ip.is_v4 ? "32" : "128")))
		return false;
	r->addr = ip.addr;
	return true;
}

static bool take_port(struct words *w, struct ipt_rule *r)
{
	char *end;
	unsigned long n;

	if (!next_word(w))
		return false;
	n = strtoul(w->word, &end, 10);
	r->port = (uint16_t)n;
	return *w->word && !*end && n >= 1 && n <= 65535;
}

/* What has been seen of a rule: each must come exactly once. */
enum { SAW_ADDR = 1, SAW_PROTO = 2, SAW_PORT = 4, SAW_TARGET = 8, SAW_GATE = 16 };

static bool take_proto(struct words *w, struct ipt_rule *r)
{
	if (!next_word(w))
		return false;
	r->tcp = word_is(w, "tcp");
	return r->tcp || word_is(w, "udp");
}

static bool take_target(struct words *w, struct ipt_rule *r)
{
	if (!next_word(w))
		return false;
	r->target = IPT_NOTRACK;
	if (word_is(w, "CT"))
		return next_word(w) && word_is(w, "--notrack");
	if (word_is(w, "NOTRACK"))
		return true;
	r->target = IPT_ACCEPT;
	return word_is(w, "ACCEPT");
}

/* Behind "--rcheck". */
static bool take_recent(struct words *w, struct ipt_rule *r, bool *ret_source)
{
	char *end;
	unsigned long n;

	if (!next_word(w) || !word_is(w, "--seconds") || !next_word(w))
		return false;
	n = strtoul(w->word, &end, 10);
	if (*end || n < 1 || n > UINT32_MAX)
		return false;
	r->hold_s = (uint32_t)n;
	if (!next_word(w) || !word_is(w, "--name") || !next_word(w) || !next_word(w) || !word_is(w, "--mask") || !next_word(w) ||
	    !next_word(w))
		return false;
	*ret_source = word_is(w, "--rsource");
	return *ret_source || word_is(w, "--rdest");
}

/* Behind "!": asks about the end of the packet that the rule's address is at. */
static bool take_gate(struct words *w, struct ipt_rule *r, char *ret_end)
{
	bool source = false, known;

	if (r->gate || !next_word(w))
		return false;
	if (word_is(w, "--match-set")) {
		r->gate = NODE_GATE_SET;
		known = next_word(w) && next_word(w) && (word_is(w, "src") || word_is(w, "dst"));
		source = word_is(w, "src");
	} else {
		r->gate = NODE_GATE_RECENT;
		known = word_is(w, "--rcheck") && take_recent(w, r, &source);
	}
	*ret_end = source ? 's' : 'd';
	return known;
}

/* One option with its argument; false when it is none of ours. *ret_saw names
 * what it told, and *end which end of the packet it spoke of ('s', 'd', 0). */
static bool take_option(struct words *w, struct ipt_rule *r, int *ret_saw, char *end)
{
	*ret_saw = 0;
	*end = 0;
	if (word_is(w, "-s") || word_is(w, "-d")) {
		*ret_saw = SAW_ADDR;
		*end = w->word[1];
		return take_addr(w, r);
	}
	if (word_is(w, "--sport") || word_is(w, "--dport")) {
		*ret_saw = SAW_PORT;
		*end = w->word[2];
		return take_port(w, r);
	}
	if (word_is(w, "-p")) {
		*ret_saw = SAW_PROTO;
		return take_proto(w, r);
	}
	if (word_is(w, "-j")) {
		*ret_saw = SAW_TARGET;
		return take_target(w, r);
	}
	if (word_is(w, "--comment"))
		return next_word(w);
	if (word_is(w, "!")) { /* only before what a gate asks */
		*ret_saw = SAW_GATE;
		return take_gate(w, r, end);
	}
	return word_is(w, "-m") && next_word(w) && (word_is(w, "set") || word_is(w, "recent") || word_is(w, "tcp") || word_is(w, "udp") || word_is(w, "comment"));
}

static bool parse_exact(struct words w, struct ipt_rule *r)
{
	static const char *const chain[IPT_CHAINS] = {"PREROUTING", "INPUT", "OUTPUT"};
	int seen = 0, saw;
	char end, of[SAW_GATE + 1] = {0}; /* which end of the packet each spoke of */

	if (!next_word(&w))
		return false;
	for (r->chain = 0; r->chain < IPT_CHAINS && strcmp(w.word, chain[r->chain]);)
		r->chain++;
	if (r->chain == IPT_CHAINS)
		return false;
	while (next_word(&w)) {
		if (!take_option(&w, r, &saw, &end) || (seen & saw))
			return false;
		seen |= saw;
		of[saw] = end;
	}
	r->by_source = of[SAW_ADDR] == 's';
	return (seen & ~SAW_GATE) == (SAW_ADDR | SAW_PROTO | SAW_PORT | SAW_TARGET) && of[SAW_ADDR] == of[SAW_PORT] &&
	       (!of[SAW_GATE] || of[SAW_GATE] == of[SAW_ADDR]);
}

static void comments_see(struct words w, struct ipt_line *l)
{
	l->bare = true;
	while (next_word(&w)) {
		if (!word_is(&w, "--comment"))
			continue;
		l->bare = false;
		l->commented |= next_word(&w) &&
				(word_is(&w, IPTABLES_COMMENT_SKIP) || word_is(&w, IPTABLES_COMMENT_ALLOW) ||
				 word_is(&w, IPTABLES_COMMENT_GATE));
	}
}

bool iptables_line_parse(enum ipt_table table, const char *line, size_t len, struct ipt_line *ret)
{
	struct ipt_line l = {.table = table};
	const char *end = line + len;
	struct words w;
	char *stop;

	if (len && *line == '[') {
		l.packets = strtoull(line + 1, &stop, 10);
		if (*stop != ':')
			return false;
		l.bytes = strtoull(stop + 1, &stop, 10);
		if (stop[0] != ']' || stop[1] != ' ')
			return false;
		line = stop + 2;
	}
	if (line + 3 > end || memcmp(line, "-A ", 3))
		return false;
	l.spec = line + 3;
	l.len = (size_t)(end - l.spec);
	w = (struct words){.at = l.spec, .end = end};
	comments_see(w, &l);
	l.rule.table = (uint8_t)table;
	l.exact = parse_exact(w, &l.rule);
	*ret = l;
	return true;
}
