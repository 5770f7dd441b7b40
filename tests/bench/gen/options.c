/* SPDX-License-Identifier: Apache-2.0 */
/* The generators' command line and the final line of key=value. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/dns/wire.h"
#include "tests/bench/gen/gen.h"

#define ROWS_MAX 24

struct gen_opt gen_opt = {.server = "127.0.0.1", .names = "hot", .port = 53, .outstanding = 1000, .sockets = 32, .seed = 1, .seconds = 5};
struct gen_tally gen_tally;

static const struct opt_def common[] = {
	{"server", 0, OPT_TEXT, &gen_opt.server, "ADDR", "address to ask", 0, 0, NULL},
	{"port", 0, OPT_U64, &gen_opt.port, "N", "port", 1, 65535, NULL},
	{"names", 0, OPT_TEXT, &gen_opt.names, "SET", "hot, kube, unique, full (unique, half not there), or r20: answers of 20 records", 0, 0, NULL},
	{"count", 0, OPT_U64, &gen_opt.count, "N", "how many names (hot, r20: 1000), or queries (kube: 300000)", 1, 1u << 30, NULL},
	{"outstanding", 0, OPT_U64, &gen_opt.outstanding, "N", "closed loop: queries under way", 1, 60000, NULL},
	{"seconds", 0, OPT_F64, &gen_opt.seconds, "S", "how long", 0, 0, NULL},
	{"sockets", 0, OPT_U64, &gen_opt.sockets, "N", "sockets, or connections", 1, 1024, NULL},
	{"seed", 0, OPT_U64, &gen_opt.seed, "N", "seed of the stream", 0, 0, NULL},
	{"edns", 0, OPT_BOOL, &gen_opt.edns, NULL, "send an OPT record", 0, 0, NULL},
	{"dnssec", 0, OPT_BOOL, &gen_opt.dnssec, NULL, "and set DO in it", 0, 0, NULL},
};

int gen_parse(const char *name, const char *about, const struct opt_def *own, int argc, char **argv)
{
	struct opt_def defs[ROWS_MAX] = {0};
	struct opt_prog prog = {name, "[options]", about, defs, OPT_GNU};
	size_t n = sizeof(common) / sizeof(*common);
	struct diag d = {0};
	char special;
	memcpy(defs, common, sizeof(common));
	for (; own->name && n + 1 < ROWS_MAX; own++)
		defs[n++] = *own;
	if (opt_parse(&prog, argc, argv, &special, &d) != 0 || special) {
		if (special)
			opt_help(&prog, stdout);
		else
			fprintf(stderr, "%s: %s\n", name, d.text);
		return -1;
	}
	if (!gen_opt.count)
		gen_opt.count = !strcmp(gen_opt.names, "unique") || !strcmp(gen_opt.names, "full") ? UINT64_MAX : !strcmp(gen_opt.names, "kube") ? 300000 : 1000;
	hist_init(&gen_tally.hist);
	return 0;
}

socklen_t gen_server(struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *a4 = (struct sockaddr_in *)ret;
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET6, gen_opt.server, &a6->sin6_addr) == 1) {
		a6->sin6_family = AF_INET6;
		a6->sin6_port = htons((uint16_t)gen_opt.port);
		return sizeof(*a6);
	}
	a4->sin_family = AF_INET;
	a4->sin_port = htons((uint16_t)gen_opt.port);
	return inet_pton(AF_INET, gen_opt.server, &a4->sin_addr) == 1 ? sizeof(*a4) : 0;
}

void gen_answered(const uint8_t *msg, size_t len, uint64_t took_ns)
{
	struct gen_tally *t = &gen_tally;
	hist_record(&t->hist, took_ns);
	t->answered++;
	t->octets += len;
	t->rcode[msg[3] & 15]++;
	t->truncated += (msg[2] & 2) != 0;
}

void gen_print(double seconds)
{
	struct gen_tally *t = &gen_tally;
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	double cpu = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	uint64_t other = t->answered - t->rcode[0] - t->rcode[3] - t->rcode[2];
	printf("sent=%llu answered=%llu lost=%llu seconds=%.3f qps=%.0f noerror=%llu nxdomain=%llu servfail=%llu other=%llu truncated=%llu "
	       "octets=%.0f mean_us=%.1f p50_us=%.1f p95_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f load_cpu_s=%.3f\n",
	       (unsigned long long)t->sent, (unsigned long long)t->answered, (unsigned long long)t->lost, seconds,
	       (double)t->answered / seconds, (unsigned long long)t->rcode[0], (unsigned long long)t->rcode[3],
	       (unsigned long long)t->rcode[2], (unsigned long long)other, (unsigned long long)t->truncated,
	       t->answered ? (double)t->octets / (double)t->answered : 0, hist_mean(&t->hist) / 1e3,
	       (double)hist_quantile(&t->hist, .5) / 1e3, (double)hist_quantile(&t->hist, .95) / 1e3,
	       (double)hist_quantile(&t->hist, .99) / 1e3, (double)hist_quantile(&t->hist, .999) / 1e3,
	       (double)(t->hist.n ? t->hist.max : 0) / 1e3, cpu);
}
