/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each library does, as seen on the wire: glibc 2.36 and 2.43, musl 1.2.3 and 1.2.6, Go
 * 1.27, systemd-resolved 252, c-ares 1.18 and the one in Node.js 20, the JDK 17's JNDI, dig
 * 9.18 and nslookup, kdig 3.2; of Netty, its documented defaults. Java's InetAddress, Python, Node's
 * lookup and curl ask the C library, and are told as that.
 */
#include "pcap-replay/traffic/stubs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"

#define DEFAULT_NS (5 * NS_PER_S)

enum seen { ANY, YES, NO, MIXED, UNSEEN };

#define SIZES_MAX 2
struct library {
	const char *name;
	enum seen does[N_STUB_FACTS]; /* ANY: either, or not known */
	uint16_t size[SIZES_MAX];     /* its EDNS sizes; 0: any */
	uint16_t never_size;          /* which it never has */
	bool shares_timeout;          /* one time-out for all attempts: asks again after half of it */
	bool slows;                   /* after a loss its threads ask one after the other, and from new ports */
};

/* `options` of resolv.conf move what is ANY here: edns0, trust-ad, single-request. Programs that want one family ask no pairs. */
static const struct library libraries[] = {
	{"glibc", {[SF_ONE_PORT] = YES, [SF_A_FIRST] = YES, [SF_IDS_NEAR] = NO, [SF_KEEPS_PORT] = NO, [SF_SAME_AGAIN] = YES,
		   [SF_COOKIE] = NO, [SF_ANY] = NO, [SF_ALL_AT_ONCE] = NO}, {1200}, 0, false, true},
	{"glibc with single-request-reopen", {[SF_ONE_PORT] = NO, [SF_A_FIRST] = YES, [SF_PARALLEL] = NO, [SF_IDS_NEAR] = NO, [SF_KEEPS_PORT] = NO,
		   [SF_COOKIE] = NO, [SF_PAIRED] = YES, [SF_ANY] = NO, [SF_ALL_AT_ONCE] = NO}, {1200}, 0, false},
	{"musl", {[SF_ONE_PORT] = YES, [SF_PARALLEL] = YES, [SF_A_FIRST] = YES, [SF_IDS_KIN] = NO, [SF_KEEPS_PORT] = NO, [SF_SAME_AGAIN] = YES,
		  [SF_EDNS] = NO, [SF_COOKIE] = NO, [SF_ANY] = NO}, {0}, 0, true},
	{"Go", {[SF_ONE_PORT] = NO, [SF_PARALLEL] = YES, [SF_IDS_NEAR] = NO, [SF_KEEPS_PORT] = NO, [SF_SAME_AGAIN] = NO,
		[SF_EDNS] = YES, [SF_COOKIE] = NO, [SF_ANY] = NO, [SF_ALL_AT_ONCE] = NO}, {1232}, 0, false},
	{"systemd-resolved", {[SF_ONE_PORT] = NO, [SF_PARALLEL] = YES, [SF_IDS_NEAR] = NO, [SF_SAME_AGAIN] = YES,
			      [SF_COOKIE] = NO, [SF_AD] = NO, [SF_ANY] = NO, [SF_ALL_AT_ONCE] = NO}, {0}, 1232, false},
	{"c-ares", {[SF_ONE_PORT] = YES, [SF_PARALLEL] = YES, [SF_A_FIRST] = YES, [SF_IDS_NEAR] = NO, [SF_IDS_KIN] = NO,
		    [SF_EDNS] = NO, [SF_COOKIE] = NO, [SF_AD] = NO, [SF_ANY] = NO, [SF_ALL_AT_ONCE] = NO}, {0}, 0, false},
	{"Java (JNDI)", {[SF_IDS_NEAR] = NO, [SF_KEEPS_PORT] = NO, [SF_SAME_AGAIN] = NO, [SF_EDNS] = NO, [SF_COOKIE] = NO, [SF_AD] = NO,
			 [SF_PAIRED] = NO, [SF_ANY] = YES, [SF_ALL_AT_ONCE] = NO}, {0}, 0, false},
	{"Java (Netty)", {[SF_ONE_PORT] = YES, [SF_PARALLEL] = YES, [SF_KEEPS_PORT] = YES, [SF_EDNS] = YES, [SF_COOKIE] = NO, [SF_AD] = NO, [SF_ANY] = NO,
			  [SF_ALL_AT_ONCE] = NO}, {4096}, 0, false},
	{"dig", {[SF_KEEPS_PORT] = NO, [SF_EDNS] = YES, [SF_COOKIE] = YES, [SF_AD] = YES, [SF_PAIRED] = NO}, {1232, 4096}, 0, false},
	{"nslookup", {[SF_ONE_PORT] = NO, [SF_A_FIRST] = YES, [SF_PARALLEL] = NO, [SF_KEEPS_PORT] = NO, [SF_EDNS] = NO, [SF_COOKIE] = NO, [SF_AD] = NO,
		      [SF_PAIRED] = MIXED, [SF_ANY] = NO, [SF_ALL_AT_ONCE] = NO}, {0}, 0, false},
	{"kdig", {[SF_KEEPS_PORT] = NO, [SF_EDNS] = NO, [SF_COOKIE] = NO, [SF_AD] = YES, [SF_PAIRED] = NO, [SF_ANY] = NO}, {0}, 0, false},
};
#define N_LIBRARIES (sizeof(libraries) / sizeof(libraries[0]))

/* Nearly always, nearly never, or neither: one address may have several programs. Ids that
 * meet by chance do so once in 64, and once in six: it takes some pairs before they tell. */
static enum seen seen_of(const struct stub_client *c, enum stub_fact f)
{
	uint64_t yes = c->yes[f], n = yes + c->no[f];
	if (f == SF_ALL_AT_ONCE)
		return yes ? YES : UNSEEN;
	if (f == SF_IDS_NEAR)
		return n < 2 ? UNSEEN : yes * 10 >= n * 8 ? YES : NO;
	if (f == SF_IDS_KIN)
		return n < 4 ? UNSEEN : yes * 10 >= n * 6 ? YES : UNSEEN;
	if (f == SF_PARALLEL) /* a server on the same machine is often quicker than the second send */
		return n == 0 ? UNSEEN : yes * 10 > n ? YES : NO;
	return n == 0 ? UNSEEN : yes * 10 >= n * 9 ? YES : yes * 10 <= n ? NO : MIXED;
}

static bool size_fits(const struct library *l, const struct stub_client *c)
{
	for (unsigned i = 0; i < STUB_SIZES && c->size_n[i]; i++) {
		bool known = !l->size[0];
		for (unsigned k = 0; k < SIZES_MAX; k++)
			known |= l->size[k] == c->size[i];
		if (!known || c->size[i] == l->never_size)
			return false;
	}
	return true;
}

/* The defaults tell, 5 s and half of it; other waits are somebody's choice, and anybody's. */
static bool gaps_fit(const struct library *l, const struct stub_client *c)
{
	uint64_t whole = 0, half = 0;
	for (unsigned i = 0; i < STUB_GAPS && retry_rules[i].gap_ns; i++) {
		whole += retry_rules[i].gap_ns == DEFAULT_NS ? c->gap[i] : 0;
		half += retry_rules[i].gap_ns == DEFAULT_NS / 2 ? c->gap[i] : 0;
	}
	return l->shares_timeout ? half >= whole : half == 0;
}

static bool fits(const struct library *l, const struct stub_client *c)
{
	bool slowed = l->slows && c->yes[SF_SAME_AGAIN] + c->no[SF_SAME_AGAIN];
	for (int f = 0; f < N_STUB_FACTS; f++) {
		enum seen s = seen_of(c, (enum stub_fact)f);
		if (slowed && (f == SF_ONE_PORT || (f == SF_SAME_AGAIN && s == MIXED))) /* the first time it is the same port */
			continue;
		if (l->does[f] != ANY && s != UNSEEN && s != l->does[f])
			return false;
	}
	return size_fits(l, c) && gaps_fit(l, c);
}

/* --- words --- */

struct words {
	char *at;
	size_t left;
	const char *sep;
};

static void __attribute__((format(printf, 2, 3))) say(struct words *w, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(w->at, w->left, "%s", w->sep);
	if (n < 0 || (size_t)n >= w->left)
		return;
	va_start(ap, fmt);
	int m = vsnprintf(w->at + n, w->left - (size_t)n, fmt, ap);
	va_end(ap);
	if (m < 0 || (size_t)(n + m) >= w->left) { /* all of it or nothing */
		*w->at = '\0';
		w->left = 0;
		return;
	}
	w->at += n + m;
	w->left -= (size_t)(n + m);
	w->sep = ", ";
}

static void say_if(struct words *w, const struct stub_client *c, enum stub_fact f, const char *yes, const char *no, const char *mixed)
{
	enum seen s = seen_of(c, f);
	const char *word = s == YES ? yes : s == NO ? no : s == MIXED ? mixed : NULL;
	if (word)
		say(w, "%s", word);
}

static void say_why(struct words *w, const struct stub_client *c)
{
	if (c->yes[SF_PAIRED]) {
		say(w, "%llu pair%s", (unsigned long long)c->yes[SF_PAIRED], c->yes[SF_PAIRED] == 1 ? "" : "s");
		say_if(w, c, SF_PAIRED, NULL, "most ask for one family", "some ask for one family");
		say_if(w, c, SF_PARALLEL, NULL, "one after the other", NULL);
		say_if(w, c, SF_ONE_PORT, "each from one port", "from two ports", "from one port or two");
		say_if(w, c, SF_A_FIRST, "A first", "AAAA first", "either first");
	} else {
		say(w, "A and AAAA are not asked together");
	}
	if (seen_of(c, SF_IDS_NEAR) == YES)
		say(w, "ids of a clock");
	else if (seen_of(c, SF_IDS_KIN) == YES)
		say(w, "ids with like low octets");
	say_if(w, c, SF_KEEPS_PORT, "a port is kept from name to name", "a new port for each name", "ports are kept at times");
	if (c->yes[SF_EDNS])
		say(w, "%sEDNS %u%s", c->no[SF_EDNS] ? "at times " : "", c->size[0], c->size_n[1] ? " and others" : "");
	else
		say(w, "no EDNS");
	say_if(w, c, SF_COOKIE, "cookie", NULL, "cookie at times");
	say_if(w, c, SF_AD, "AD", NULL, "AD at times");
	say_if(w, c, SF_ANY, "asks for ANY", NULL, "asks for ANY at times");
	say_if(w, c, SF_ALL_AT_ONCE, "several servers at once", NULL, NULL);
	for (unsigned i = 0; i < STUB_GAPS && retry_rules[i].gap_ns; i++)
		if (c->gap[i])
			say(w, "again after %g s", (double)retry_rules[i].gap_ns / 1e9);
	say_if(w, c, SF_SAME_AGAIN, "from the same port", "from another port", "from the same port or another");
}

void stub_judge(const struct stub_client *seen, struct stub_verdict *ret)
{
	struct stub_client end = *seen; /* whose last questions will find no other half */
	const struct stub_client *c = &end;
	unsigned n = 0;
	for (unsigned i = 0; i < STUB_RECENT; i++)
		end.no[SF_PAIRED] += stub_recent_alone(&end.recent[i]);
	*ret = (struct stub_verdict){0};
	struct words who = {ret->who, sizeof(ret->who), ""}, why = {ret->why, sizeof(ret->why), ""};
	const struct library *fit[N_LIBRARIES];
	say_why(&why, c);
	/* what was seen of a single question fits nearly everybody */
	for (size_t i = 0; i < N_LIBRARIES && c->questions > 1; i++)
		if (fits(&libraries[i], c))
			fit[n++] = &libraries[i];
	ret->one = n == 1;
	if (n == 0 || n > 3) {
		say(&who, "unknown");
		return;
	}
	for (unsigned i = 0; i < n; i++)
		say(&who, "%s%s", n > 1 && i == 0 ? "one of " : "", fit[i]->name);
}
