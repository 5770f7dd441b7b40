/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which question comes next. Names asked for again and again are built once: the
 * generator must not be the limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "tests/bench/gen/gen.h"
#include "tests/bench/kube/kube.h"

#define UDP_SIZE 1232

struct ready_query {
	uint16_t len;
	uint8_t msg[126];
};

static struct {
	struct ready_query *ready; /* hot and r20 */
	struct kube_stream *kube;
	struct rng rng;
	uint64_t unique;
} st;

static uint16_t udp_size(void)
{
	return gen_opt.edns || gen_opt.dnssec ? UDP_SIZE : 0;
}

static int ready_build(void)
{
	bool r20 = !strcmp(gen_opt.names, "r20");
	char text[128];
	struct name name;
	st.ready = calloc(gen_opt.count, sizeof(*st.ready));
	for (unsigned i = 0; st.ready && i < gen_opt.count; i++) {
		struct ready_query *r = &st.ready[i];
		if (r20)
			snprintf(text, sizeof(text), "r20.u%u.bench.test", i);
		else
			snprintf(text, sizeof(text), "svc%u.ns%u.svc.cluster.local", i % KUBE_SERVICES, i % KUBE_NAMESPACES);
		if (name_from_text(&name, text))
			return -1;
		r->len = (uint16_t)dns_query_build(r->msg, sizeof(r->msg), 0, name.b, DNS_A, DNS_RD, udp_size(), gen_opt.dnssec, false);
	}
	return st.ready ? 0 : -1;
}

int gen_questions_init(void)
{
	rng_seed(&st.rng, gen_opt.seed);
	if (!strcmp(gen_opt.names, "unique") || !strcmp(gen_opt.names, "full"))
		return 0;
	if (strcmp(gen_opt.names, "kube"))
		return ready_build();
	st.kube = kube_stream_new(gen_opt.seed, gen_opt.rate > 0 ? gen_opt.rate : 10000, gen_opt.count);
	return st.kube ? 0 : -1;
}

void gen_questions_release(void)
{
	kube_stream_free(st.kube);
	free(st.ready);
}

bool gen_is_stream(void)
{
	return st.kube;
}

/* Of "full" every second name does not exist. */
static size_t unique_name(struct name *ret)
{
	char text[128];
	unsigned long long n = st.unique++ % gen_opt.count;
	bool missing = n % 2 && gen_opt.names[0] == 'f';
	snprintf(text, sizeof(text), "u%llu-%llu.bench.%s", (unsigned long long)gen_opt.seed, n, missing ? "missing" : "test");
	return name_from_text(ret, text) ? 0 : 1;
}

size_t gen_question(uint8_t *buf, uint16_t id, uint64_t *ret_due_ns)
{
	struct kube_query q = {.qtype = DNS_A};
	if (st.ready) {
		const struct ready_query *r = &st.ready[rng_below(&st.rng, gen_opt.count)];
		memcpy(buf, r->msg, r->len);
		set_be16(buf, id);
		return r->len;
	}
	if (st.kube ? !kube_stream_next(st.kube, &q) : !unique_name(&q.name))
		return 0;
	*ret_due_ns = q.t_ns;
	return dns_query_build(buf, GEN_QUERY_MAX, id, q.name.b, q.qtype, DNS_RD, udp_size(), gen_opt.dnssec, false);
}
