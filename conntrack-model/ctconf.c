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

uint32_t ctable_default_buckets(uint64_t ram_bytes)
{
	const uint64_t gib = 1ull << 30;

	if (ram_bytes > 4 * gib)
		return 262144;
	if (ram_bytes > gib)
		return 65536;
	uint64_t n = ram_bytes / 16384 / 8;
	return n < 1024 ? 1024 : (uint32_t)n;
}

uint64_t ctable_kube_proxy_max(unsigned n_cores)
{
	uint64_t n = 32768ull * n_cores;

	return n < 131072 ? 131072 : n > 1048576 ? 1048576 : n;
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
