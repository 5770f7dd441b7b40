/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench hits: so many cache hits and nothing else, for counting instructions
 * (tests/bench/callgrind): a number that does not move with the machine.
 *
 *   hits core N    straight through core_query: hits_core is what to count
 *   hits memory N  no hit: N answers of one address are stored, and their size printed
 *   hits loop N    through socket, batch and loop of a worker: count loop_step
 *   hits pause N   N hits with a pause before each, for pauses from none to 5 ms
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/loop.h"
#include "tests/bench/kube/kube.h"

#define NAMES 1000u
#define BATCH 64u

static const char corefile[] =
	"cluster.local:53 {\n errors\n cache {\n success 9984 30\n denial 9984 5\n }\n loop\n bind 127.0.0.1\n"
	" forward . 127.0.0.53:5300 {\n force_tcp\n }\n prometheus :9253\n}\n"
	".:53 {\n errors\n cache 30\n loop\n bind 127.0.0.1\n forward . 127.0.0.53:5300\n prometheus :9253\n}\n";

static struct query {
	uint16_t len;
	uint8_t msg[128];
} query[NAMES];

/* Entries are two seconds old whenever they are asked for: TTLs are patched. */
#define AGE_NS (2 * NS_PER_S)
static uint64_t start_ns;
static struct core *core;
static struct core_stats stats;
static struct driver_stats driver;
/* What was asked and is not answered: a name's own question, and the shield's. */
static struct asked {
	uint32_t id;
	uint8_t msg[512];
	size_t len;
} asked[8];
static unsigned n_asked;

static void on_ask(void *ctx, const struct core_ask *a)
{
	(void)ctx;
	if (n_asked == sizeof(asked) / sizeof(asked[0]))
		abort();
	struct asked *q = &asked[n_asked++];
	q->id = a->id;
	q->len = a->len;
	memcpy(q->msg, a->query, a->len);
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *bytes, size_t len)
{
	(void)ctx;
	(void)c;
	(void)bytes;
	(void)len;
}

/* The upstream's answer: one address. */
static void answer(const struct asked *q)
{
	uint8_t out[512];
	struct dns_msg m;
	struct wire_out o;
	if (dns_msg_parse(&m, q->msg, q->len))
		abort();
	struct dns_header h = {.flags = DNS_QR | DNS_AA | DNS_RD | DNS_RA, .n_qd = 1, .n_an = 1};
	wire_out_init(&o, out, sizeof(out));
	wire_put_header(&o, &h);
	wire_put_question(&o, m.q.name, m.q.qtype, m.q.qclass);
	size_t mark = wire_rr_begin(&o, m.q.name, DNS_A, DNS_IN, 30);
	wire_put_u32(&o, 0x0a000001);
	wire_rr_end(&o, mark);
	core_answer(core, start_ns - AGE_NS, q->id, out, o.len);
}

static void core_make(void)
{
	struct core_ops ops = {.reply = on_reply, .ask = on_ask};
	struct hash_key key = {1, 2};
	struct corefile_plan *plan;
	struct corefile_env env;
	struct corefile *tree;
	struct diag d = {""};
	corefile_env_defaults(&env);
	if (corefile_parse_text(&tree, "hits", corefile, sizeof(corefile) - 1, &env, &d) < 0 || corefile_compile(&plan, tree, &env, &d) < 0 ||
	    core_new(&core, &plan->conf, &ops, &stats, &key, 1, &d) < 0) {
		fprintf(stderr, "hits: %s\n", d.text);
		exit(1);
	}
}

/* Names from 0 to n - 1; the first NAMES are kept as queries. */
static void cache_fill(const struct core_client *cl, unsigned n)
{
	uint8_t out[CORE_UDP_MAX];
	char text[64];
	struct name name;
	size_t len;
	for (unsigned k = 0; k < n; k++) {
		unsigned i = k % NAMES;
		snprintf(text, sizeof(text), "svc%u.ns%u.svc.cluster.local", k, k % KUBE_NAMESPACES);
		if (name_from_text(&name, text))
			abort();
		query[i].len = (uint16_t)dns_query_build(query[i].msg, sizeof(query[i].msg), 0, name.b, DNS_A, DNS_RD, 0, false, false);
		if (core_query(core, start_ns - AGE_NS, cl, query[i].msg, query[i].len, out, &len) == CORE_WAIT) {
			core_tick(core, start_ns - AGE_NS);
			while (n_asked) {
				struct asked last = asked[--n_asked];
				answer(&last);
			}
		}
	}
}

void hits_core(const struct core_client *cl, unsigned n);
__attribute__((noinline)) void hits_core(const struct core_client *cl, unsigned n)
{
	uint8_t out[CORE_UDP_MAX];
	size_t len;
	for (unsigned i = 0; i < n; i++) {
		const struct query *q = &query[i * 7919u % NAMES];
		if (core_query(core, start_ns + i * 1000, cl, q->msg, q->len, out, &len) != CORE_REPLY)
			abort();
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* A hit after a pause, again and again: what the core takes once the processor
 * has forgotten its code and data. */
static void hits_pause(const struct core_client *cl, uint64_t *took, unsigned n, unsigned pause_us)
{
	uint8_t out[CORE_UDP_MAX];
	size_t len;
	for (unsigned i = 0; i < n; i++) {
		const struct query *q = &query[i * 7919u % NAMES];
		if (pause_us)
			usleep(pause_us);
		uint64_t from = clock_mono_ns();
		if (core_query(core, start_ns + i * 1000, cl, q->msg, q->len, out, &len) != CORE_REPLY)
			abort();
		took[i] = clock_mono_ns() - from;
	}
	qsort(took, n, sizeof(*took), by_size);
	printf("pause_us=%-4u hit_ns=%llu p10_ns=%llu p90_ns=%llu\n", pause_us, (unsigned long long)took[n / 2],
	       (unsigned long long)took[n / 10], (unsigned long long)took[n * 9 / 10]);
}

static void hits_pauses(const struct core_client *cl, unsigned n)
{
	static const unsigned pause_us[] = {0, 50, 200, 500, 2000, 5000};
	uint64_t *took = calloc(n, sizeof(*took));
	for (unsigned i = 0; took && i < sizeof(pause_us) / sizeof(pause_us[0]); i++)
		hits_pause(cl, took, n, pause_us[i]);
	free(took);
}

static int socket_local(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		abort();
	return fd;
}

/* Batches are put into the socket beforehand, answers are read afterwards. */
static void hits_loop(unsigned n)
{
	struct udp_listener u;
	struct loop loop;
	struct sockaddr_in to;
	socklen_t to_len = sizeof(to);
	uint8_t buf[512];
	int fd = socket_local(), client = socket_local();
	struct udp_batch *batch = udp_batch_new();
	getsockname(fd, (struct sockaddr *)&to, &to_len);
	if (!batch || loop_init(&loop, NULL) || udp_listener_init(&u, fd, batch, &driver, NULL) || udp_listener_start(&u, &loop, core))
		abort();
	for (unsigned done = 0; done < n; done += BATCH) {
		for (unsigned i = 0; i < BATCH; i++) {
			const struct query *q = &query[(done + i) * 7919u % NAMES];
			sendto(client, q->msg, q->len, 0, (struct sockaddr *)&to, to_len);
		}
		loop_step(&loop, start_ns);
		for (unsigned i = 0; i < BATCH; i++)
			if (recv(client, buf, sizeof(buf), 0) < DNS_HEADER_LEN)
				abort();
	}
	udp_listener_stop(&u);
	udp_listener_release(&u);
	udp_batch_free(batch);
	loop_release(&loop);
	close(fd);
	close(client);
}

/* What an entry takes, all included: message, key, index, eviction's memory. */
static void memory_print(void)
{
	printf("answers=%llu octets=%llu an_answer=%.0f evicted=%llu\n", (unsigned long long)stats.entries_success,
	       (unsigned long long)stats.bytes_used, (double)stats.bytes_used / (double)stats.entries_success, (unsigned long long)stats.evicted);
}

int main(int argc, char **argv)
{
	struct core_client cl = {.proto = CORE_UDP};
	unsigned n = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	if (n == 0) {
		fprintf(stderr, "usage: hits core|loop|pause|memory N\n");
		return 3;
	}
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &cl.addr);
	start_ns = clock_mono_ns();
	core_make();
	cache_fill(&cl, strcmp(argv[1], "memory") ? NAMES : n);
	if (!strcmp(argv[1], "core"))
		hits_core(&cl, n);
	else if (!strcmp(argv[1], "pause"))
		hits_pauses(&cl, n);
	else if (!strcmp(argv[1], "loop"))
		hits_loop(n / BATCH * BATCH);
	else
		memory_print();
	core_free(core);
	return 0;
}
