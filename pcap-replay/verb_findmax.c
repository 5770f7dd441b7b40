/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `find-max`: the highest rate at which a criterion holds, by doubling and bisection with repeats. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "pcap-replay/send/sender.h"
#include "pcap-replay/source.h"
#include "lib/base/jout.h"
#include "pcap-replay/verbs.h"

#define STEPS_MAX 64

static struct {
	struct reading reading;
	const char *to, *criterion;
	struct opt_list may;
	double first, most, within_percent;
	uint64_t step_ns, repeats, timeout_ns, late_ns, outstanding;
	bool json;
	struct target_trust trust;
} o = {.reading = READING_DEFAULT, .criterion = "lost<=0.1%,p99<=5ms", .first = 100, .most = 1e6, .within_percent = 5,
       .step_ns = 2 * NS_PER_S, .repeats = 3, .timeout_ns = NS_PER_S, .late_ns = NS_PER_MS, .outstanding = 10000};

static const struct opt_def defs[] = {
	{"to", 't', OPT_TEXT, &o.to, "TARGET", "whom to ask: ADDRESS[:PORT], tls://ADDRESS or https://ADDRESS[/PATH]", 0, 0, NULL},
	{"criterion", 'c', OPT_TEXT, &o.criterion, "LIST", "what has to hold: lost<=SHARE%, p50, p90, p99 or max<=TIME, comma-separated", 0, 0, NULL},
	{"first", 0, OPT_F64, &o.first, "N", "rate to begin with", 0, 0, NULL},
	{"most", 0, OPT_F64, &o.most, "N", "rate to end with", 0, 0, NULL},
	{"within", 0, OPT_F64, &o.within_percent, "PERCENT", "how near the rates that hold and do not are to be", 0, 0, NULL},
	{"step", 0, OPT_DURATION, &o.step_ns, "TIME", "how long each rate is tried", 0, 0, NULL},
	{"repeats", 0, OPT_U64, &o.repeats, "N", "tries of each rate; most of them must hold", 1, 99, NULL},
	{"timeout", 0, OPT_DURATION, &o.timeout_ns, "TIME", "a question without answer is lost after", 0, 0, NULL},
	{"late", 0, OPT_DURATION, &o.late_ns, "TIME", "a try whose sending was later, one in a hundred, says nothing", 0, 0, NULL},
	{"max-outstanding", 0, OPT_U64, &o.outstanding, "N", "unanswered questions; more are not sent, and lost", 1, 1u << 20, NULL},
	{"i-may", 0, OPT_LIST, &o.may, "TARGET", "this target is not on this machine and may be asked as fast as it answers", 0, 0, NULL},
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
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, ", ", &save); w; w = strtok_r(NULL, ", ", &save)) {
		bool known = false;
		if (!strncmp(w, "lost<=", 6)) {
			c.lost_share = strtod(w + 6, &end) / 100;
			known = end != w + 6 && !strcmp(end, "%") && c.lost_share >= 0;
		}
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
			if (!strncmp(w, row[i].word, 5))
				known = opt_duration(w + 5, 0, row[i].ns) == 0;
		if (!known)
			return diag_set(d, ERR_SYNTAX, "--criterion: '%s': expected lost<=0.1%%, or p50, p90, p99 or max<=5ms", w);
	}
	*ret = c;
	return 0;
}

struct step {
	double rate;
	unsigned held, failed, invalid;
	double lost_share;  /* of the last try */
	uint64_t p99_ns;
};

struct search {
	struct plan plan;
	struct target target;
	struct criterion_list c;
	struct step step[STEPS_MAX];
	unsigned n_steps;
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

/* 1: most tries held, 0: not, negative: error. */
static int try_rate(struct search *s, double rate, struct diag *d)
{
	struct step *st = &s->step[s->n_steps++];
	*st = (struct step){.rate = rate};
	for (uint64_t i = 0; i < o.repeats && !stop; i++) {
		struct sender_result *r = malloc(sizeof(*r));
		uint64_t loops = (uint64_t)(rate * (double)o.step_ns / 1e9 / (double)s->plan.n) + 1;
		struct sender_conf c = {.plan = &s->plan, .target = &s->target, .n_targets = 1, .trust = o.trust, .schedule = {.speed = 1, .rate = rate}, .loops = loops,
					.limit_ns = o.step_ns, .timeout_ns = o.timeout_ns, .max_outstanding = o.outstanding, .stop = &stop};
		int rc = r ? sender_run(&c, r, d) : diag_set(d, ERR_NOMEM, "out of memory");
		if (rc == 0)
			judge(s, st, r);
		free(r);
		if (rc)
			return rc;
		if (st->held * 2 > o.repeats || (st->failed + st->invalid) * 2 > o.repeats)
			break; /* decided */
	}
	if (!o.json)
		fprintf(stderr, "pcap-replay: %.0f/s: held %u, not %u, too late to say %u (lost %.3f %%, p99 %.3f ms)\n", rate, st->held, st->failed,
			st->invalid, st->lost_share * 100, (double)st->p99_ns / 1e6);
	return st->held * 2 > o.repeats;
}

static int search(struct search *s, double *ret_low, double *ret_high, struct diag *d)
{
	double low = 0, high = 0;
	while (!stop && s->n_steps < STEPS_MAX) {
		double rate = !high ? (low ? low * 2 : o.first) : (low + high) / 2;
		if (!high && rate > o.most)
			rate = o.most;
		int rc = try_rate(s, rate, d);
		if (rc < 0)
			return rc;
		*(rc && !stop ? &low : &high) = rate;
		if ((high && high - low <= high * o.within_percent / 100) || (!high && low >= o.most) || (high && high < 1))
			break;
	}
	*ret_low = low;
	*ret_high = high;
	return 0;
}

/* Was the sender, not the target, what ended the search? */
static bool is_our_limit(const struct search *s, double high)
{
	for (unsigned i = 0; i < s->n_steps; i++)
		if (s->step[i].rate == high && s->step[i].invalid > s->step[i].failed)
			return true;
	return false;
}

static void show(const struct search *s, double low, double high)
{
	struct jout j;
	bool ours = high > 0 && is_our_limit(s, high);
	if (!o.json) {
		printf("%s holds at %.0f/s", o.criterion, low);
		if (high > 0)
			printf(", not at %.0f/s%s", high, ours ? " (this sender was too late to say)" : "");
		printf("; %" PRIu64 " tries a rate, %u rates\n", o.repeats, s->n_steps);
		return;
	}
	jout_begin(&j, stdout, "nodens-pcap-find-max/1");
	jout_text(&j, "criterion", o.criterion);
	jout_f64(&j, "holds_at_qps", low);
	jout_f64(&j, "fails_at_qps", high);
	jout_bool(&j, "sender_limited", ours);
	jout_open(&j, "steps", '[');
	for (unsigned i = 0; i < s->n_steps; i++) {
		jout_open(&j, NULL, '{');
		jout_f64(&j, "qps", s->step[i].rate);
		jout_u64(&j, "held", s->step[i].held);
		jout_u64(&j, "failed", s->step[i].failed);
		jout_u64(&j, "late", s->step[i].invalid);
		jout_close(&j, '}');
	}
	jout_close(&j, ']');
	jout_end(&j);
}

static int run(int n, char **argv, int n_given, char **given)
{
	struct diag d = {0};
	struct sigaction sa = {.sa_handler = on_signal};
	struct search *s = calloc(1, sizeof(*s));
	double low = 0, high = 0;
	(void)n_given;
	(void)given;
	if (!s || n < 1 || !o.to || o.first <= 0 || o.most < o.first || o.within_percent <= 0 || !o.step_ns) {
		free(s);
		return verb_usage("expected --to ADDRESS, a capture or stream, --first above 0 and not above --most");
	}
	int status = EXIT_USAGE, rc = criterion_parse(&s->c, o.criterion, &d);
	rc = rc ? rc : target_parse(&s->target, o.to, &d);
	rc = rc ? rc : target_check(&s->target, o.to, &o.may, &d);
	if (rc == 0) {
		status = EXIT_FAILED;
		rc = source_plan(&s->plan, (const char *const *)(argv + 1), (size_t)n, &o.reading, &d);
	}
	if (rc == 0 && s->plan.n == 0)
		rc = diag_set(&d, ERR_MISSING, "%s: no question in it", argv[1]);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	rc = rc ? rc : search(s, &low, &high, &d);
	if (rc)
		log_error("%s", d.text);
	else
		show(s, low, high);
	if (rc == 0)
		status = low > 0 ? EXIT_DONE : high > 0 && is_our_limit(s, high) ? EXIT_INVALID : EXIT_FAILED;
	plan_release(&s->plan);
	free(s);
	return status;
}

const struct verb verb_find_max = {"find-max", &prog, run};
