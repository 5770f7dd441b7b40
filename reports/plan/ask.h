/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan rests on: a few questions, each with a default, a range, and where its answer came
 * from. One row a question: it makes the option, the prompt, the table on the page, and the line
 * of the sensitivity picture.
 */
#ifndef NODENS_REPORTS_ASK_H
#define NODENS_REPORTS_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/opt.h"

/* X(ID, option, words, unit, default (0: derived), lowest, highest, how it varies, how much, asked for) */
/* clang-format off */
#define PLAN_NUMBERS(X) \
	X(NODES,    "nodes",    "nodes",                                          "nodes",     12,  1,    100000, TIMES, 2,   true)  \
	X(PODS,     "pods",     "pods on a node",                                 "pods",      30,  1,    1000,   TIMES, 2,   true)  \
	X(RATE,     "rate",     "lookups a second of a pod",                      "lookups/s", 0.5, 1e-3, 1000,   TIMES, 2,   true)  \
	X(OUTSIDE,  "outside",  "share of lookups for names outside the cluster", "1",         0.3, 0,    1,      PLUS,  0.2, true)  \
	X(SERVICES, "services", "services that are looked up",                    "services",  0,   1,    2000,   TIMES, 2,   false) \
	X(NDOTS,    "ndots",    "ndots of resolv.conf",                           "dots",      5,   1,    15,     PLUS,  3,   false) \
	X(TTL,      "ttl",      "TTL of the cluster's records",                   "s",         30,  1,    3600,   TIMES, 2,   false) \
	X(DELAY,    "delay",    "median time of a cluster-DNS server",            "us",        300, 1,    1e6,    TIMES, 2,   false) \
	X(TAIL,     "tail",     "99th percentile of a cluster-DNS server's time",  "us",        5000, 1,   1e7,    TIMES, 2,   false) \
	X(LOSS,     "loss",     "share of packets lost on the way to cluster DNS","1",         0,   0,    0.5,    PLUS,  0.001, false) \
	X(REPLICAS, "replicas", "cluster-DNS servers",                            "servers",   0,   1,    1000,   TIMES, 2,   false) \
	X(CORES,    "cores",    "cores of a node",                                "cores",     4,   1,    512,    NOT,   0,   false) \
	X(RAM,      "ram",      "memory of a node",                               "GiB",       16,  1,    4096,   NOT,   0,   false)
/* X(ID, option, words, default, the others, asked for) */
#define PLAN_WORDS(X) \
	X(PROXY,  "proxy",  "kube-proxy's mode",        "iptables", "nftables ipvs", true)  \
	X(STUB,   "stub",   "resolver of the pods",     "glibc",    "musl go",       false) \
	X(KERNEL, "kernel", "kernel of the nodes",      "6.1",      "",              false)
/* clang-format on */

#define PLAN_ENUM_N(id, ...) PN_##id,
#define PLAN_ENUM_W(id, ...) PW_##id,
enum plan_number { PLAN_NUMBERS(PLAN_ENUM_N) PN_COUNT };
enum plan_word { PLAN_WORDS(PLAN_ENUM_W) PW_COUNT };
enum plan_vary { VARY_TIMES, VARY_PLUS, VARY_NOT };

struct plan_number_def {
	const char *option, *words, *unit;
	double usual, low, high; /* usual 0: follows from others, unless 0 is an answer */
	enum plan_vary vary;
	double by;
	bool asked;
};
struct plan_word_def {
	const char *option, *words, *usual, *others; /* others "": anything that the engines take */
	bool asked;
};
extern const struct plan_number_def plan_numbers[PN_COUNT];
extern const struct plan_word_def plan_words[PW_COUNT];

struct plan_input {
	double number[PN_COUNT];     /* NAN: not said yet */
	const char *word[PW_COUNT];  /* NULL: not said yet; static, argv's, or in `typed` */
	const char *from[PN_COUNT], *word_from[PW_COUNT]; /* "option", "default", ...; static */
	char typed[PW_COUNT][32];
};

void plan_input_init(struct plan_input *in);
/* What was given by options is checked. ERR_RANGE, ERR_UNKNOWN. */
int plan_input_check(struct plan_input *in, struct diag *d);
/* Prompts on a terminal for what is asked for and not said. An empty line takes the default. */
int plan_input_ask(struct plan_input *in, struct diag *d);
/* What a record says and no option did: of `capacity-report collect`, or of `pcap-replay summary`. */
int plan_input_record(struct plan_input *in, const char *dir, struct diag *d);
/* Defaults, and what follows from others, where nothing else said it. */
void plan_input_complete(struct plan_input *in);

#endif
