/* SPDX-License-Identifier: Apache-2.0 */
/* What the program can be told to do: a row each, and what rows share. */
#ifndef NODENS_VERBS_H
#define NODENS_VERBS_H

#include "lib/base/opt.h"
#include "pcap-replay/read/extract.h"

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_INVALID = 2, EXIT_USAGE = 3 };

struct verb {
	const char *name;
	const struct opt_prog *prog;
	/* argv[0] is the verb; operands are at argv[1..n_operands], options are in the
	 * row's own table. `given` is the whole command line as it was. */
	int (*run)(int n_operands, char **argv, int n_given, char **given);
};
extern const struct verb verb_summary, verb_capture, verb_extract, verb_replay, verb_compare, verb_convert, verb_find_max;
extern const struct verb verb_before; /* the spelling without a verb */

/* Parses and runs; --help and --version answered. */
int verb_run(const struct verb *v, int argc, char **argv, int n_given, char **given);
/* A wrong command line: says so, returns EXIT_USAGE. */
int verb_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* `status`, or EXIT_FAILED when something could not be written to standard output. */
int verb_end(int status);

/* Options of all that read captures. */
struct reading {
	struct opt_list ports;
	uint64_t memory_bytes;
};
#define READING_DEFAULT {.memory_bytes = BUDGET_DEFAULT_BYTES}
#define READING_OPTIONS(r) \
	{"port", 'p', OPT_LIST, &(r).ports, "N", "port that carries DNS, instead of 53; may be repeated", 0, 0, NULL}, \
	{"memory", 0, OPT_U64, &(r).memory_bytes, "OCTETS", "the most that a capture can make this program hold", 4u << 20, 1ull << 40, NULL}
/* Options of all that send. */
#define TRUST_OPTIONS(t) \
	{"ca", 0, OPT_TEXT, &(t).ca_file, "FILE", "over TLS: certificates that are trusted, instead of the system's", 0, 0, NULL}, \
	{"insecure", 0, OPT_BOOL, &(t).anybody, NULL, "over TLS: whoever answers is trusted", 0, 0, NULL}
/* What is to be written is none of what is to be read, nor in a folder of it: opening it would empty it. `out` may be
 * NULL or "-". 0, or ERR_RANGE and a diag. */
int reading_spares(const char *out, const char *const *in, size_t n, struct diag *d);
/* A stream or table that is cut off looks like a whole one: from here on these files (NULL: none) go when a signal ends
 * the program, until interrupt_files_forget. Only what is a file, and no device or pipe. */
int outputs_guard(const char *const *out, size_t n, struct diag *d);
/* 0, or negative and a diag. */
int reading_ports(struct extract_ports *ret, const struct reading *r, struct diag *d);

#endif
