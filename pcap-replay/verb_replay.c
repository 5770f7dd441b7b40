/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs `replay` and `compare`: the same sending, and for `compare` a judge behind it. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/dns/wire.h"
#include "lib/record/heat_table.h"
#include "lib/record/metrics_common.h"
#include "pcap-replay/bar.h"
#include "pcap-replay/judge/verdicts.h"
#include "pcap-replay/send/sender.h"
#include "pcap-replay/source.h"
#include "lib/base/jout.h"
#include "pcap-replay/verbs.h"

#define RETRIES_MAX   1000 /* defects tried a second time */
#define RETRY_RATE    100  /* a second */
#define CAP_ELSEWHERE 100  /* questions a second to others, unless told */

static struct {
	struct reading reading;
	const char *to, *and_to, *out, *fail_on;
	struct opt_list may;
	double speed, rate, ramp, cap, missed_percent;
	uint64_t loops, outstanding, timeout_ns, late_ns, duration_ns;
	bool tcp, json, quiet, no_ring;
	struct target_trust trust;
} o = {.reading = READING_DEFAULT, .speed = 1, .loops = 1, .outstanding = 10000, .timeout_ns = 5 * NS_PER_S,
       .late_ns = NS_PER_MS, .missed_percent = 0.1, .fail_on = "defect"};

#define SENDING_OPTIONS \
	{"to", 't', OPT_TEXT, &o.to, "TARGET", "whom to ask: ADDRESS[:PORT], tls://ADDRESS or https://ADDRESS[/PATH]", 0, 0, NULL}, \
	{"and", 'a', OPT_TEXT, &o.and_to, "TARGET", "ask each question of this one too, in the same run", 0, 0, NULL}, \
	{"speed", 0, OPT_F64, &o.speed, "FACTOR", "of the captured clock", 0, 0, NULL}, \
	{"rate", 'r', OPT_F64, &o.rate, "N", "questions a second, equally spaced, instead of the captured clock", 0, 0, NULL}, \
	{"ramp", 0, OPT_F64, &o.ramp, "N", "the rate goes evenly from --rate to this over --duration; the plan is sent as often as that takes", 0, 0, NULL}, \
	{"loop", 0, OPT_U64, &o.loops, "N", "send everything N times", 1, 1u << 30, NULL}, \
	{"duration", 0, OPT_DURATION, &o.duration_ns, "TIME", "stop sending after this time", 0, 0, NULL}, \
	{"tcp", 0, OPT_BOOL, &o.tcp, NULL, "ask by TCP whatever the capture used", 0, 0, NULL}, \
	{"no-uring", 0, OPT_BOOL, &o.no_ring, NULL, "a system call for each datagram, although the kernel has io_uring", 0, 0, NULL}, \
	TRUST_OPTIONS(o.trust), \
	{"timeout", 0, OPT_DURATION, &o.timeout_ns, "TIME", "a question without answer is lost after", 0, 0, NULL}, \
	{"max-outstanding", 0, OPT_U64, &o.outstanding, "N", "unanswered questions at a target; more are not sent, and counted", 1, 1u << 20, NULL}, \
	{"i-may", 0, OPT_LIST, &o.may, "TARGET", "this target is not on this machine and may be asked; may be repeated", 0, 0, NULL}, \
	{"rate-cap", 0, OPT_F64, &o.cap, "N", "most questions a second (default: none; 100 with --i-may)", 0, 0, NULL}, \
	{"late", 0, OPT_DURATION, &o.late_ns, "TIME", "the run is INVALID when one question in a hundred was later", 0, 0, NULL}, \
	{"missed", 0, OPT_F64, &o.missed_percent, "PERCENT", "the run is INVALID when more were not sent", 0, 0, NULL}, \
	{"json", 'j', OPT_BOOL, &o.json, NULL, "print JSON instead of text", 0, 0, NULL}, \
	{"quiet", 0, OPT_BOOL, &o.quiet, NULL, "no progress on standard error", 0, 0, NULL}, \
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record too", 0, 0, NULL}, \
	READING_OPTIONS(o.reading)

static const struct opt_def replay_defs[] = {
	SENDING_OPTIONS,
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_def compare_defs[] = {
	SENDING_OPTIONS,
	{"fail-on", 0, OPT_TEXT, &o.fail_on, "CLASS", "exit 1 on defect, benign (and worse), unstable, or none", 0, 0, NULL},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog replay_prog = {"pcap-replay replay", "--to TARGET [--and TARGET] CAPTURE|STREAM...",
					    "Send captured questions on the original clock.", replay_defs, OPT_GNU};
static const struct opt_prog compare_prog = {"pcap-replay compare", "--to TARGET [--and TARGET] CAPTURE|STREAM...",
					     "Replay, and compare answers with the recorded ones or with each other.", compare_defs, OPT_GNU};

static const struct metric_def metrics[] = {
	{"replay.due", "queries", MERGE_SUM, "questions scheduled at the first target"},
	{"replay.sent", "queries", MERGE_SUM, "of these, sent"},
	{"replay.answered", "queries", MERGE_SUM, "of these, answered in time"},
	{"replay.lost", "queries", MERGE_SUM, "sent and not answered in time"},
	{"replay.missed", "queries", MERGE_SUM, "not sent: over a bound"},
	{"replay.asked_again", "queries", MERGE_SUM, "of those sent: once more, on another connection, because the target closed theirs"},
	{"replay.valid", "1", MERGE_MIN, "1 when lateness and missed sends were within their bounds"},
	{"replay.timeout", "s", MERGE_SAME, "after so long a question is lost"},
	{"replay.elapsed", "s", MERGE_MAX, "first intended to last actual sending"},
	{"compare.defects", "1", MERGE_SUM, "pairs of answers that differ by a defect"},
	{"compare.benign", "1", MERGE_SUM, "pairs that differ, benign"},
	{"compare.unstable", "1", MERGE_SUM, "pairs that differed once only"},
	{"latency.intended", "ns", MERGE_SUM, "histogram: intended sending to answer, first target"},
	{"latency.actual", "ns", MERGE_SUM, "histogram: actual sending to answer, first target"},
	{"late.all", "ns", MERGE_SUM, "histogram: how late the sending itself was"},
	{NULL, NULL, MERGE_SUM, NULL},
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

struct half { /* the answer that came first of two */
	uint8_t *p;
	size_t n; /* length, and in the lowest bit whose it is */
	bool seen, sent;
};

struct run {
	struct target target[SENDER_TARGETS_MAX];
	unsigned n_targets;
	struct plan plan;
	struct sender_result result;
	bool compares;
	struct half *half;       /* with two targets: one a question and loop, freed as pairs are whole */
	struct defect {
		enum criterion was;
		unsigned times;  /* whoever loops may meet it again */
		size_t query;    /* in the plan that was sent at first */
	} *defect;               /* the worst of each question of the plan */
	struct verdicts verdicts;
	struct bar bar;
	bool again;              /* second try: only `defect` is looked at */
};

static void judge(struct run *r, size_t query, struct octets a, struct octets b)
{
	const struct plan_query *q = &r->plan.query[query];
	struct octets asked = {r->plan.octets + q->at, q->len};
	struct defect *bad = &r->defect[query];
	if (r->again) {
		enum criterion c = compare_answers(asked, a, b);
		if (criteria[c].is != CLASS_DEFECT && bad->times) {
			verdicts_unstable(&r->verdicts, bad->query, asked, bad->was);
			bad->times = 0;
		}
		return;
	}
	enum criterion c = verdicts_add(&r->verdicts, query, asked, a, b);
	if (criteria[c].is != CLASS_DEFECT)
		return;
	bad->was = c > bad->was ? c : bad->was;
	bad->times++;
}

static void done(void *ctx, const struct sender_done *d)
{
	struct run *r = ctx;
	const struct plan_query *q = &r->plan.query[d->query];
	struct octets live = {d->reply, d->len};
	if (r->n_targets == 1) {
		struct octets recorded = {q->recorded_len ? r->plan.octets + q->recorded : NULL, q->recorded_len};
		if (recorded.p && d->sent_ns)
			judge(r, d->query, recorded, live);
		return;
	}
	struct half *h = &r->half[d->number];
	if (!h->seen) {
		h->seen = true;
		h->sent = d->sent_ns;
		h->p = d->reply ? malloc(d->len) : NULL;
		if (h->p)
			memcpy(h->p, d->reply, d->len);
		h->n = d->len << 1 | d->target;
		return;
	}
	struct octets first = {h->p, h->n >> 1};
	if (d->sent_ns && h->sent) /* whom nobody asked is not silent */
		judge(r, d->query, h->n & 1 ? live : first, h->n & 1 ? first : live);
	free(h->p);
	h->p = NULL;
	h->seen = false;
}

static void progress(void *ctx, const struct sender_progress *p)
{
	struct run *r = ctx;
	bar_show(&r->bar, p, r->result.late.n ? hist_quantile(&r->result.late, 0.99) : 0, stderr);
}

static int targets(struct run *r, struct diag *d)
{
	const char *text[] = {o.to, o.and_to};
	if (o.trust.ca_file && file_check(o.trust.ca_file, d)) /* libcurl would wait for a FIFO */
		return ERR_SYS;
	for (unsigned i = 0; i < 2 && text[i]; i++, r->n_targets++) {
		int rc = target_parse(&r->target[i], text[i], d);
		rc = rc ? rc : target_check(&r->target[i], text[i], &o.may, d);
		if (rc)
			return rc;
		if (!r->target[i].is_ours && o.cap <= 0)
			o.cap = CAP_ELSEWHERE;
	}
	return 0;
}

static struct sender_conf conf_of(struct run *r)
{
	return (struct sender_conf){.plan = &r->plan, .target = r->target, .n_targets = r->n_targets, .trust = o.trust, .schedule = {o.speed, o.rate, o.ramp, o.duration_ns},
				    .loops = o.loops, .limit_ns = o.duration_ns, .timeout_ns = o.timeout_ns,
				    .max_outstanding = o.outstanding, .rate_cap = o.cap, .all_tcp = o.tcp, .no_ring = o.no_ring, .stop = &stop, .ctx = r,
				    .done = r->compares ? done : NULL, .progress = o.quiet ? NULL : progress};
}

/* What differed once is asked once more; what does not differ then is told apart. */
static int try_again(struct run *r, struct diag *d)
{
	struct plan all = r->plan, few = r->plan;
	struct sender_result second;
	few.query = calloc(RETRIES_MAX, sizeof(*few.query));
	few.n = 0;
	struct defect *defects = r->defect, *few_defects = calloc(RETRIES_MAX, sizeof(*few_defects));
	for (size_t i = 0; few.query && few_defects && i < all.n && few.n < RETRIES_MAX; i++)
		if (defects[i].times == 1) {
			few_defects[few.n] = (struct defect){defects[i].was, 1, i};
			few.query[few.n++] = all.query[i];
		}
	int rc = 0;
	if (few.n && !stop) {
		r->plan = few;
		r->defect = few_defects;
		r->again = true;
		struct sender_conf c = conf_of(r);
		c.schedule = (struct schedule){.speed = 1, .rate = RETRY_RATE};
		c.loops = 1;
		c.limit_ns = 0;
		c.progress = NULL;
		rc = sender_run(&c, &second, d);
		r->plan = all;
		r->defect = defects;
	}
	free(few.query);
	free(few_defects);
	return rc;
}

static bool is_valid(const struct run *r)
{
	for (unsigned i = 0; i < r->n_targets; i++) {
		const struct sender_counts *c = &r->result.target[i];
		if ((double)sender_missed(c) * 100 > o.missed_percent * (double)c->due)
			return false;
	}
	return !r->result.late.n || hist_quantile(&r->result.late, 0.99) <= o.late_ns;
}

static void print_hist(const char *what, const struct hist *h)
{
	if (h->n)
		printf("  %-28s p50 %10.1f  p90 %10.1f  p99 %10.1f  max %10.1f us\n", what, (double)hist_quantile(h, 0.5) / 1e3,
		       (double)hist_quantile(h, 0.9) / 1e3, (double)hist_quantile(h, 0.99) / 1e3, (double)h->max / 1e3);
}

static void print_rcodes(const struct sender_counts *c)
{
	char word[16];
	if (!c->answered)
		return;
	printf("  answers:");
	for (uint16_t i = 0; i < 16; i++)
		if (c->rcode[i])
			printf(" %s %" PRIu64, dns_rcode_str(i, word), c->rcode[i]);
	printf("\n");
}

static void print_text(const struct run *r)
{
	const struct sender_result *s = &r->result;
	printf("%s%s: %.3f s, %" PRIu64 " sockets\n", is_valid(r) ? "valid" : "INVALID", s->stopped ? " (stopped early)" : "",
	       (double)s->elapsed_ns / 1e9, s->sockets);
	if (s->fault[0])
		printf("  %s\n", s->fault);
	print_hist("lateness of sending", &s->late);
	for (unsigned i = 0; i < r->n_targets; i++) {
		const struct sender_counts *c = &s->target[i];
		printf("\n%c: %s\n", 'A' + (int)i, r->target[i].text);
		printf("  sent %" PRIu64 " of %" PRIu64 ", answered %" PRIu64 ", lost %" PRIu64 ", unexpected answers %" PRIu64 ", truncated %" PRIu64 "\n",
		       c->sent, c->due, c->answered, c->timeouts, c->unexpected, c->truncated);
		if (sender_missed(c))
			printf("  not sent: %" PRIu64 " over --max-outstanding, %" PRIu64 " over --rate-cap, %" PRIu64 " without a socket\n",
			       c->missed_full, c->missed_cap, c->missed_socket);
		if (c->again)
			printf("  asked once more on another connection, because the target closed theirs: %" PRIu64 "\n", c->again);
		print_rcodes(c);
		print_hist("answer after intended sending", &c->from_due);
		print_hist("answer after actual sending", &c->from_sent);
	}
	if (r->compares)
		verdicts_print(&r->verdicts, r->n_targets == 2 ? r->target[0].text : "as recorded", r->target[r->n_targets - 1].text, stdout);
}

static void json_hist(struct jout *j, const char *key, const struct hist *h)
{
	jout_open(j, key, '{');
	jout_u64(j, "n", h->n);
	jout_u64(j, "p50", hist_quantile(h, 0.5));
	jout_u64(j, "p90", hist_quantile(h, 0.9));
	jout_u64(j, "p99", hist_quantile(h, 0.99));
	jout_u64(j, "max", h->n ? h->max : 0);
	jout_close(j, '}');
}

static void print_json(const struct run *r)
{
	struct jout j;
	jout_begin(&j, stdout, "nodens-pcap-replay/1");
	jout_bool(&j, "valid", is_valid(r));
	jout_bool(&j, "stopped_early", r->result.stopped);
	jout_f64(&j, "elapsed_s", (double)r->result.elapsed_ns / 1e9);
	jout_u64(&j, "sockets", r->result.sockets);
	if (r->result.fault[0])
		jout_text(&j, "fault", r->result.fault);
	json_hist(&j, "late_ns", &r->result.late);
	jout_open(&j, "targets", '[');
	for (unsigned i = 0; i < r->n_targets; i++) {
		const struct sender_counts *c = &r->result.target[i];
		jout_open(&j, NULL, '{');
		jout_text(&j, "target", r->target[i].text);
		jout_u64(&j, "due", c->due);
		jout_u64(&j, "sent", c->sent);
		jout_u64(&j, "answered", c->answered);
		jout_u64(&j, "lost", c->timeouts);
		jout_u64(&j, "missed", sender_missed(c));
		jout_u64(&j, "asked_again", c->again);
		jout_u64(&j, "unexpected", c->unexpected);
		jout_u64(&j, "truncated", c->truncated);
		jout_open(&j, "rcodes", '{');
		for (uint16_t k = 0; k < 16; k++) {
			char word[16];
			if (c->rcode[k])
				jout_u64(&j, dns_rcode_str(k, word), c->rcode[k]);
		}
		jout_close(&j, '}');
		jout_open(&j, "not_sent", '{');
		jout_u64(&j, "over_max_outstanding", c->missed_full);
		jout_u64(&j, "over_rate_cap", c->missed_cap);
		jout_u64(&j, "without_socket", c->missed_socket);
		jout_close(&j, '}');
		json_hist(&j, "from_intended_ns", &c->from_due);
		json_hist(&j, "from_actual_ns", &c->from_sent);
		jout_close(&j, '}');
	}
	jout_close(&j, ']');
	if (r->compares) {
		jout_open(&j, "compared", '{');
		verdicts_json(&r->verdicts, &j);
		jout_close(&j, '}');
	}
	jout_end(&j);
}

static int write_record(const struct run *r, int n_given, char **given, struct diag *d)
{
	struct result *w;
	const struct sender_counts *c = &r->result.target[0];
	int rc = result_open(&w, o.out, "pcap-replay", metrics, n_given, given, d);
	if (rc)
		return rc;
	result_label(w, LABEL_ENGINE, ENGINE_REPLAY);
	result_num(w, "replay.due", (double)c->due);
	result_num(w, "replay.sent", (double)c->sent);
	result_num(w, "replay.answered", (double)c->answered);
	result_num(w, "replay.lost", (double)c->timeouts);
	result_num(w, "replay.missed", (double)sender_missed(c));
	result_num(w, "replay.asked_again", (double)c->again);
	result_num(w, "replay.valid", is_valid(r));
	result_num(w, "replay.timeout", (double)o.timeout_ns / 1e9);
	result_num(w, "replay.elapsed", (double)r->result.elapsed_ns / 1e9);
	if (r->compares) {
		result_num(w, "compare.defects", (double)verdicts_of(&r->verdicts, CLASS_DEFECT));
		result_num(w, "compare.benign", (double)verdicts_of(&r->verdicts, CLASS_BENIGN));
		result_num(w, "compare.unstable", (double)r->verdicts.unstable);
	}
	result_hist(w, "latency.intended", &c->from_due);
	result_hist(w, "latency.actual", &c->from_sent);
	result_hist(w, "late.all", &r->result.late);
	result_heat(w, &r->result.heat);
	return result_close(w, d);
}

static int verdict_status(const struct run *r)
{
	const struct verdicts *v = &r->verdicts;
	if (!is_valid(r))
		return EXIT_INVALID;
	if (!r->compares || !strcmp(o.fail_on, "none"))
		return EXIT_DONE;
	bool bad = verdicts_of(v, CLASS_DEFECT) > 0;
	if (!strcmp(o.fail_on, "benign"))
		bad |= verdicts_of(v, CLASS_BENIGN) > 0;
	if (!strcmp(o.fail_on, "unstable"))
		bad |= v->unstable > 0;
	return bad ? EXIT_FAILED : EXIT_DONE;
}

static int run_all(struct run *r, int n_given, char **given, struct diag *d)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct sender_conf c = conf_of(r);
	if (r->compares) {
		r->defect = calloc(r->plan.n, sizeof(*r->defect));
		r->half = r->n_targets == 2 ? calloc(r->plan.n * o.loops, sizeof(*r->half)) : NULL;
		if (!r->defect || (r->n_targets == 2 && !r->half))
			return diag_set(d, ERR_NOMEM, "out of memory");
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	r->bar.on_terminal = isatty(STDERR_FILENO);
	int rc = sender_run(&c, &r->result, d);
	bar_end(&r->bar, stderr);
	if (rc == 0 && r->compares)
		rc = try_again(r, d);
	if (rc)
		return rc;
	if (o.json)
		print_json(r);
	else
		print_text(r);
	return o.out ? write_record(r, n_given, given, d) : 0;
}

/* What is wrong with the options; NULL: nothing. */
static const char *nonsense(void)
{
	static const char *const fails[] = {"defect", "benign", "unstable", "none"};
	bool known = false;
	for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++)
		known |= !strcmp(o.fail_on, fails[i]);
	if (!known)
		return "--fail-on: expected defect, benign, unstable or none";
	if (o.speed <= 0)
		return "--speed: expected a factor above 0";
	if (o.rate < 0 || o.cap < 0)
		return "--rate, --rate-cap: expected questions a second";
	if (o.ramp < 0 || (o.ramp > 0 && (o.rate <= 0 || !o.duration_ns)))
		return "--ramp: expected with it --rate above 0, where it begins, and --duration";
	if (o.missed_percent < 0 || o.missed_percent > 100)
		return "--missed: expected a percentage from 0 to 100";
	return o.timeout_ns ? NULL : "--timeout: expected a time above 0";
}

static int send_all(bool compares, int n, char **argv, int n_given, char **given)
{
	struct diag d = {0};
	if (n < 1 || !o.to)
		return verb_usage("expected --to TARGET and a capture or stream");
	if (nonsense())
		return verb_usage("%s", nonsense());
	struct run *r = calloc(1, sizeof(*r));
	if (!r) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	r->compares = compares;
	int rc = targets(r, &d), status = EXIT_USAGE;
	if (rc == 0) {
		status = EXIT_FAILED;
		struct plan_until until = {{o.speed, o.rate, o.ramp, o.duration_ns}, o.duration_ns, o.timeout_ns};
		rc = source_plan(&r->plan, (const char *const *)(argv + 1), (size_t)n, &o.reading, o.duration_ns ? &until : NULL, &d);
	}
	if (rc == 0 && r->plan.n == 0)
		rc = diag_set(&d, ERR_MISSING, "%s: no question in it", argv[1]);
	if (rc == 0 && o.ramp > 0)
		o.loops = schedule_ramp_questions(&(struct schedule){o.speed, o.rate, o.ramp, o.duration_ns}) / r->plan.n + 1;
	rc = rc ? rc : run_all(r, n_given, given, &d);
	if (rc)
		log_error("%s", d.text);
	else
		status = verdict_status(r);
	for (size_t i = 0; r->half && i < r->plan.n * o.loops; i++)
		free(r->half[i].p);
	free(r->half);
	free(r->defect);
	plan_release(&r->plan);
	free(r);
	return status;
}

static int replay(int n, char **argv, int n_given, char **given)
{
	return send_all(false, n, argv, n_given, given);
}

static int compare(int n, char **argv, int n_given, char **given)
{
	return send_all(true, n, argv, n_given, given);
}

const struct verb verb_replay = {"replay", &replay_prog, replay};
const struct verb verb_compare = {"compare", &compare_prog, compare};
