/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers a table starts from: the kernel's defaults, and kube-proxy's.
 */
#include "conntrack-model/ctable.h"
#include "lib/base/clock.h"

static const struct ct_conf defaults = {
	.max = 262144,
	.buckets = 262144,
	.hz = 250,
	.kernel = CT_KERNEL(6, 18),
	.udp_s = 30,
	.udp_stream_s = 120,
	.tcp_s =
		{
			[CT_SYN_SENT] = 120,
			[CT_SYN_RECV] = 60,
			[CT_ESTABLISHED] = 432000,
			[CT_FIN_WAIT] = 120,
			[CT_CLOSE_WAIT] = 60,
			[CT_LAST_ACK] = 30,
			[CT_TIME_WAIT] = 120,
			[CT_CLOSE] = 10,
			[CT_SYN_SENT2] = 120,
		},
	.gc_first_ns = T_NEVER,
	.seed = 1,
	.gc_bucket_ns = 15,
	.gc_entry_ns = 60,
	.gc_evict_ns = 400,
};

void ctable_conf_init(struct ct_conf *c)
{
	*c = defaults;
}

/* Newest first. 5.4 and 5.10 are taken as their stable releases are since autumn 2021,
 * when the gc of 5.15 went back into them; the longer chains went back from 6.3 to 5.15. */
static const struct ct_rules rules[] = {
	{CT_KERNEL(5, 19), true, true, true, 50, 1, 262144, 65536, 1024},
	{CT_KERNEL(5, 15), true, true, false, 50, 1, 262144, 65536, 1024},
	{CT_KERNEL(5, 7), true, true, false, 0, 4, 65536, 16384, 32},
	{CT_KERNEL(5, 0), true, false, false, 0, 4, 65536, 16384, 32},
	{0, false, false, false, 0, 4, 65536, 16384, 32},
};

const struct ct_rules *ct_rules_of(unsigned kernel)
{
	const struct ct_rules *r = rules;

	while (r->since > kernel)
		r++;
	return r;
}

void ctable_conf_kernel(struct ct_conf *c, unsigned kernel, uint64_t ram_bytes)
{
	const struct ct_rules *r = ct_rules_of(kernel);
	const uint64_t gib = 1ull << 30;
	uint64_t by_ram = ram_bytes / 16384 / 8;

	c->kernel = kernel;
	c->buckets = ram_bytes > 4 * gib ? r->buckets_4g : ram_bytes > gib ? r->buckets_1g : (uint32_t)by_ram;
	if (c->buckets < r->buckets_min)
		c->buckets = r->buckets_min;
	c->max = (uint64_t)r->max_factor * c->buckets;
	if (!r->stream_after_2s)
		c->udp_stream_s = 180;
}

void ctable_conf_kube_proxy(struct ct_conf *c, unsigned n_cores)
{
	uint64_t n = 32768ull * n_cores;

	c->max = n < 131072 ? 131072 : n > 1048576 ? 1048576 : n;
	if (c->buckets < c->max / 4)
		c->buckets = (uint32_t)(c->max / 4);
	c->tcp_s[CT_ESTABLISHED] = 86400;
	c->tcp_s[CT_CLOSE_WAIT] = 3600;
}

uint64_t ctable_bytes(uint64_t n_entries, uint64_t n_buckets)
{
	return n_entries * CT_BYTES_ENTRY + n_buckets * CT_BYTES_BUCKET;
}

void ct_tuple_invert(struct ct_tuple *ret, const struct ct_tuple *t)
{
	*ret = (struct ct_tuple){.src = t->dst,
				 .dst = t->src,
				 .sport = t->dport,
				 .dport = t->sport,
				 .proto = t->proto,
				 .netns = t->netns,
				 .zone = t->zone};
}
