/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two generators (load over UDP, load_tcp) share: the options, which
 * question comes next, and the count of what came back. One run a process, so
 * there is one of each.
 */
#ifndef NODENS_BENCH_GEN_H
#define NODENS_BENCH_GEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/base/hist.h"
#include "lib/base/opt.h"

#define GEN_QUERY_MAX 320
#define GEN_LOST_NS   NS_PER_S /* unanswered for so long: lost */

struct gen_opt {
	const char *server, *names;
	uint64_t port, count, outstanding, sockets, seed;
	double rate, seconds;
	bool edns, dnssec;
};
extern struct gen_opt gen_opt;

/* Rows every generator has; the caller's own follow, up to a NULL name. */
int gen_parse(const char *name, const char *about, const struct opt_def *own, int argc, char **argv);

/* The server's address; 0 when --server is none. */
socklen_t gen_server(struct sockaddr_storage *ret);

/* --- questions --- */

int gen_questions_init(void);
void gen_questions_release(void);
/* Writes the next query; its length, or 0 at the stream's end. `ret_due_ns`: when
 * the Kubernetes-like stream wants it sent, from the start. */
size_t gen_question(uint8_t *buf, uint16_t id, uint64_t *ret_due_ns);
bool gen_is_stream(void);

/* --- what came back --- */

struct gen_tally {
	uint64_t sent, answered, lost, truncated, send_errors, rcode[16], octets;
	struct hist hist;
};
extern struct gen_tally gen_tally;

void gen_answered(const uint8_t *msg, size_t len, uint64_t took_ns);
/* The one line of key=value that a run prints. */
void gen_print(double seconds);

#endif
