/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `find-max`: the highest rate at which a criterion holds, by doubling and bisection with repeats. The two
 * rates that it ends with were chosen by tries of chance, so these say nothing of how sure they are: each is tried
 * anew, a number of times that was fixed before. Were holding a matter of tossing a coin, so many of one kind would
 * come with a chance that is small; 1 less that chance is the confidence.
 */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "pcap-replay/send/sender.h"
#include "pcap-replay/source.h"
#include "lib/base/jout.h"
#include "pcap-replay/verbs.h"

#define STEPS_MAX 64
#define MOST_HOME 1e6 /* at home, unless told */
#define MOVES_MAX 8   /* times that the tries in the end may contradict those before */

static struct {
	struct reading reading;
	const char *to, *criterion;
	struct opt_list may;
	double first, most, within_percent;
	uint64_t step_ns, repeats, confirm, timeout_ns, late_ns, outstanding;
	bool json;
	struct target_trust trust;
} o = {.reading = READING_DEFAULT, .criterion = "lost<=0.1%,p99<=5ms", .first = 100, .most = 0, .within_percent = 5,
       .step_ns = 2 * NS_PER_S, .repeats = 3, .confirm = 5, .timeout_ns = NS_PER_S, .late_ns = NS_PER_MS, .outstanding = 10000};

static const struct opt_def defs[] = {
	{"to", 't', OPT_TEXT, &o.to, "TARGET", "whom to ask: ADDRESS[:PORT], tls://ADDRESS or https://ADDRESS[/PATH]", 0, 0, NULL},
	{"criterion", 'c', OPT_TEXT, &o.criterion, "LIST", "what has to hold: lost<=SHARE%, p50, p90, p99 or max<=TIME, comma-separated", 0, 0, NULL},
	{"first", 0, OPT_F64, &o.first, "N", "rate to begin with", 0, 0, NULL},
	{"most", 0, OPT_F64, &o.most, "N", "rate to end with (default: 1,000,000; has to be told with --i-may)", 0, 0, NULL},
	{"within", 0, OPT_F64, &o.within_percent, "PERCENT", "how near the rates that hold and do not are to be", 0, 0, NULL},
	{"step", 0, OPT_DURATION, &o.step_ns, "TIME", "how long each rate is tried", 0, 0, NULL},
	{"repeats", 0, OPT_U64, &o.repeats, "N", "tries of each rate; most of them must hold", 1, 99, NULL},
	{"confirm", 0, OPT_U64, &o.confirm, "N", "tries of each of the two rates in the end, which tell the confidence; 0: none", 0, 99, NULL},
	{"timeout", 0, OPT_DURATION, &o.timeout_ns, "TIME", "a question without answer is lost after", 0, 0, NULL},
	{"late", 0, OPT_DURATION, &o.late_ns, "TIME", "a try whose sending was later, one in a hundred, says nothing", 0, 0, NULL},
	{"max-outstanding", 0, OPT_U64, &o.outstanding, "N", "unanswered questions; more are not sent, and lost", 1, 1u << 20, NULL},
	{"i-may", 0, OPT_LIST, &o.may, "TARGET", "this target is not on this machine and may be asked, up to --most", 0, 0, NULL},
	TRUST_OPTIONS(o.trust),
	{"json", 'j', OPT_BOOL, &o.json, NULL, "print JSON instead of text", 0, 0, NULL},
	READING_OPTIONS(o.reading),
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog prog = {"pcap-replay find-max", "--to TARGET [--criterion LIST] CAPTURE|STREAM...",
				     "Find the highest rate at which a criterion holds.", defs, OPT_GNU};

struct criterion_list {
	double lost_share;      /* at most; 1: not asked */
	uint64_t p50_ns, p90_ns, p99_ns, max_ns; /* at most; T_NEVER: not asked */
};

static int criterion_parse(struct criterion_list *ret, const char *text, struct diag *d)
{
	char copy[256], *save, *end;
	struct criterion_list c = {1, T_NEVER, T_NEVER, T_NEVER, T_NEVER};
	const struct {
		const char *word;
		uint64_t *ns;
	} row[] = {{"p50<=", &c.p50_ns}, {"p90<=", &c.p90_ns}, {"p99<=", &c.p99_ns}, {"max<=", &c.max_ns}};
	unsigned n = 0;
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return diag_set(d, ERR_LIMIT, "--criterion: longer than %zu octets", sizeof(copy) - 1);
	for (char *w = strtok_r(copy, ", ", &save); w; w = strtok_r(NULL, ", ", &save), n++) {
		bool known = false;
		if (!strncmp(w, "lost<=", 6)) {
			c.lost_share = strtod(w + 6, &end) / 100;
			known = end != w + 6 && !strcmp(end, "%") && c.lost_share >= 0 && c.lost_share <= 1;
		}
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
			if (!strncmp(w, row[i].word, 5))
				known = opt_duration(w + 5, 0, row[i].ns) == 0;
		if (!known)
			return diag_set(d, ERR_SYNTAX, "--criterion: '%s': expected lost<=0.1%%, or p50, p90, p99 or max<=5ms", w);
	}
	if (!n)
		return diag_set(d, ERR_MISSING, "--criterion: expected what has to hold, as lost<=0.1%%,p99<=5ms");
	*ret = c;
	return 0;
}

struct step {
	double rate;
	unsigned held, failed, invalid;
	bool confirms;      /* one of the two rates in the end, tried anew */
	double lost_share;  /* of the last try */
	uint64_t p99_ns;
};

struct search {
	struct plan plan;
	struct target target;
	struct criterion_list c;
	struct step step[STEPS_MAX + 2 * MOVES_MAX + 2];
	unsigned n_steps;
	double low, high;
	struct step *low_step, *high_step; /* their tries in the end; NULL: none */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void judge(const struct search *s, struct step *st, const struct sender_result *r)
{
	const struct sender_counts *t = &r->target[0];
	const struct criterion_list *c = &s->c;
	uint64_t lost = t->due - t->answered;
	st->lost_share = t->due ? (double)lost / (double)t->due : 1;
	st->p99_ns = hist_quantile(&t->from_due, 0.99);
	bool late = hist_quantile(&r->late, 0.99) > o.late_ns;
	bool held = t->answered && st->lost_share <= c->lost_share && hist_quantile(&t->from_due, 0.5) <= c->p50_ns &&
		    hist_quantile(&t->from_due, 0.9) <= c->p90_ns && st->p99_ns <= c->p99_ns && t->from_due.max <= c->max_ns;
	/* what held in spite of our lateness held; what did not is perhaps our own fault */
	*(held ? &st->held : late ? &st->invalid : &st->failed) += 1;
}

/* One more try, and what became of it; of one that is interrupted nothing. */
static int try_once(struct search *s, struct step *st, struct diag *d)
{
	struct sender_result *r = malloc(sizeof(*r));
	uint64_t loops = (uint64_t)(st->rate * (double)o.step_ns / 1e9 / (double)s->plan.n) + 1;
	struct sender_conf c = {.plan = &s->plan, .target = &s->target, .n_targets = 1, .trust = o.trust, .schedule = {.speed = 1, .rate = st->rate}, .loops = loops,
				.limit_ns = o.step_ns, .timeout_ns = o.timeout_ns, .max_outstanding = o.outstanding, .stop = &stop};
	int rc = r ? sender_run(&c, r, d) : diag_set(d, ERR_NOMEM, "out of memory");
	if (rc == 0 && !stop)
		judge(s, st, r);
	free(r);
	return rc;
}

static bool most(unsigned n, uint64_t of)
{
	return (uint64_t)n * 2 > of;
}

/* So many tries of a rate, or as many as it takes to know what most of them will be. NULL: interrupted. */
static int try_rate(struct search *s, double rate, uint64_t tries, bool all, struct step **ret, struct diag *d)
{
	struct step *st = &s->step[s->n_steps++];
	int rc = 0;
	*st = (struct step){.rate = rate, .confirms = all};
	for (uint64_t i = 0; i < tries && !stop && rc == 0; i++) {
		rc = try_once(s, st, d);
		if (!all && (most(st->held, tries) || most(st->failed + st->invalid, tries)))
			break;
	}
	if (!o.json && rc == 0)
		fprintf(stderr, "pcap-replay: %.0f/s%s: held %u, not %u, too late to say %u (lost %.3f %%, p99 %.3f ms)\n", rate, all ? " again" : "",
			st->held, st->failed, st->invalid, st->lost_share * 100, (double)st->p99_ns / 1e6);
	*ret = stop ? NULL : st;
	return rc;
}

/* `low` held, `high` did not; 0: none such was met. */
static int search(struct search *s, struct diag *d)
{
	while (!stop && s->n_steps < STEPS_MAX) {
		struct step *st;
		double rate = !s->high ? (s->low ? s->low * 2 : o.first) : (s->low + s->high) / 2;
		if (!s->high && rate > o.most)
			rate = o.most;
		int rc = try_rate(s, rate, o.repeats, false, &st, d);
		if (rc < 0 || stop)
			return rc;
		*(most(st->held, o.repeats) ? &s->low : &s->high) = rate;
		if ((s->high && s->high - s->low <= s->high * o.within_percent / 100) || (!s->high && s->low >= o.most) || (s->high && s->high < 1))
			break;
	}
	return 0;
}

/* Tries the two rates anew. Where most say otherwise than before, the rate goes on by as much as it was to be exact to. */
static int confirm_low(struct search *s, double apart, struct diag *d)
{
	struct step *st;
	for (unsigned moves = 0; s->low >= 1 && moves < MOVES_MAX; moves++) {
		int rc = try_rate(s, s->low, o.confirm, true, &st, d);
		if (rc || stop)
			return rc;
		if (most(st->held, o.confirm)) {
			s->low_step = st;
			return 0;
		}
		s->high = s->low;
		s->high_step = st;
		s->low /= apart;
	}
	s->low = 0;
	return 0;
}

static int confirm_high(struct search *s, double apart, struct diag *d)
{
	struct step *st;
	for (unsigned moves = 0; s->high && !s->high_step && moves < MOVES_MAX; moves++) {
		int rc = try_rate(s, s->high, o.confirm, true, &st, d);
		if (rc || stop)
			return rc;
		if (!most(st->held, o.confirm)) {
			s->high_step = st;
			return 0;
		}
		s->low = s->high;
		s->low_step = st;
		s->high = s->high * apart > o.most ? 0 : s->high * apart;
	}
	return 0;
}

static int confirm(struct search *s, struct diag *d)
{
	double apart = 1 + o.within_percent / 100;
	if (!o.confirm || stop)
		return 0;
	int rc = confirm_low(s, apart, d);
	return rc || stop ? rc : confirm_high(s, apart, d);
}

/* 1 less the chance that of n tosses of a coin as many or more fall one way. */
static double confidence(uint64_t n, unsigned k)
{
	double sum = 0, ways = 1; /* n over i */
	for (uint64_t i = 0; i <= n; i++) {
		sum += i >= k ? ways : 0;
		ways = ways * (double)(n - i) / (double)(i + 1);
	}
	return 1 - sum / exp2((double)n);
}

/* Was the sender, not the target, what ended the search? */
static bool is_our_limit(const struct search *s)
{
	bool ours = false;
	for (unsigned i = 0; s->high > 0 && i < s->n_steps; i++)
		if (s->step[i].rate == s->high)
			ours = s->step[i].invalid > s->step[i].failed;
	return ours;
}

static void show_sure(const struct step *st, unsigned k)
{
	if (st)
		printf(" (%u of %" PRIu64 " more tries: %.0f %% sure)", st->held, o.confirm, 100 * confidence(o.confirm, k));
}

static void show_text(const struct search *s)
{
	if (s->low > 0)
		printf("%s holds at %.0f/s", o.criterion, s->low);
	else
		printf("%s holds at no rate that was tried", o.criterion);
	show_sure(s->low_step, s->low_step ? s->low_step->held : 0);
	if (s->high > 0)
		printf(", not at %.0f/s", s->high);
	if (is_our_limit(s))
		printf(" (this sender was too late to say)");
	else
		show_sure(s->high_step, s->high_step ? s->high_step->failed : 0);
	printf("; %" PRIu64 " tries a rate, %u rates%s\n", o.repeats, s->n_steps, stop ? "; stopped early" : "");
}

static void show_json(const struct search *s)
{
	struct jout j;
	jout_begin(&j, stdout, "nodens-pcap-find-max/1");
	jout_text(&j, "criterion", o.criterion);
	jout_f64(&j, "holds_at_qps", s->low);
	if (s->low_step)
		jout_f64(&j, "holds_confidence", confidence(o.confirm, s->low_step->held));
	jout_f64(&j, "fails_at_qps", s->high);
	if (s->high_step && !is_our_limit(s))
		jout_f64(&j, "fails_confidence", confidence(o.confirm, s->high_step->failed));
	jout_bool(&j, "sender_limited", is_our_limit(s));
	jout_bool(&j, "stopped_early", stop);
	jout_open(&j, "steps", '[');
	for (unsigned i = 0; i < s->n_steps; i++) {
		jout_open(&j, NULL, '{');
		jout_f64(&j, "qps", s->step[i].rate);
		jout_u64(&j, "held", s->step[i].held);
		jout_u64(&j, "failed", s->step[i].failed);
		jout_u64(&j, "late", s->step[i].invalid);
		jout_bool(&j, "confirms", s->step[i].confirms);
		jout_close(&j, '}');
	}
	jout_close(&j, ']');
	jout_end(&j);
}

static int status_of(const struct search *s)
{
	return s->low > 0 ? EXIT_DONE : is_our_limit(s) ? EXIT_INVALID : EXIT_FAILED;
}

/* Nobody else's machine is asked as fast as it answers, unless that was said. */
static int limits(const struct search *s, struct diag *d)
{
	if (o.most == 0 && !s->target.is_ours)
		return diag_set(d, ERR_MISSING, "--i-may: say with --most how many questions a second at most");
	o.most = o.most == 0 ? MOST_HOME : o.most;
	return o.most < o.first ? diag_set(d, ERR_RANGE, "--first: expected no more than --most") : 0;
}

static int run(int n, char **argv, int n_given, char **given)
{
	struct diag d = {0};
	struct sigaction sa = {.sa_handler = on_signal};
	struct search *s = calloc(1, sizeof(*s));
	(void)n_given;
	(void)given;
	if (!s || n < 1 || !o.to || o.first <= 0 || o.most < 0 || o.within_percent <= 0 || !o.step_ns || !o.timeout_ns) {
		free(s);
		return verb_usage("expected --to TARGET, a capture or stream, --first, --within, --step and --timeout above 0");
	}
	int status = EXIT_USAGE, rc = criterion_parse(&s->c, o.criterion, &d);
	rc = rc || !o.trust.ca_file ? rc : file_check(o.trust.ca_file, &d);
	rc = rc ? rc : target_parse(&s->target, o.to, &d);
	rc = rc ? rc : target_check(&s->target, o.to, &o.may, &d);
	rc = rc ? rc : limits(s, &d);
	if (rc == 0) {
		status = EXIT_FAILED;
		rc = source_plan(&s->plan, (const char *const *)(argv + 1), (size_t)n, &o.reading, NULL, &d);
	}
	if (rc == 0 && s->plan.n == 0)
		rc = diag_set(&d, ERR_MISSING, "%s: no question in it", argv[1]);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	rc = rc ? rc : search(s, &d);
	rc = rc ? rc : confirm(s, &d);
	if (rc) {
		log_error("%s", d.text);
	} else {
		(o.json ? show_json : show_text)(s);
		status = status_of(s);
	}
	plan_release(&s->plan);
	free(s);
	return status;
}

const struct verb verb_find_max = {"find-max", &prog, run};
