/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the processors' time was, a lookup: as the lab's records have it, and as a simulation makes it. */
#include "sim/answer/spent.h"

int spent_in(struct spent *ret, const struct record *r, struct diag *d)
{
	double lookups, warmup, asked, queries = 0, missed = 0;

	if (!record_num(r, "pods.cpu_s", &ret->pods) || !record_num(r, "servers.cpu_s", &ret->servers))
		return diag_set(d, ERR_MISSING, "--processors: the records do not say whose the processors' time was (pods.cpu_s)");
	if (!record_num(r, "lookups.total", &lookups) || !record_num(r, "lookups.warmup", &warmup) || !record_num(r, "queries.sent", &asked) ||
	    lookups + warmup < 1 || asked < 1)
		return diag_set(d, ERR_MISSING, "--processors: the records do not count lookups and questions");
	if (!record_num(r, "cache.cpu_s", &ret->cache) || !record_num(r, "cache.queries", &queries) || !record_num(r, "cache.misses", &missed))
		ret->cache = 0;
	double all = lookups + warmup;
	double pods_slept = -1, cache_slept = -1, worker;
	if (record_num(r, "cache.worker_cpu_s", &worker)) /* what its other processes do is done aside */
		ret->cache = worker;
	record_num(r, "pods.sleeps", &pods_slept);
	record_num(r, "cache.worker_sleeps", &cache_slept);
	*ret = (struct spent){ret->pods * 1e9 / all, ret->cache * 1e9 / all, ret->servers * 1e9 / all, asked / all, missed / all,
			      pods_slept / all, cache_slept / all};
	return 0;
}

int spent_over_tcp(struct spent *ret, const struct sim_ask *a, enum scen_proxy proxy, enum sim_cache cache, struct diag *d)
{
	char name[32], dir[4200];

	*ret = (struct spent){0};
	for (size_t i = 0; i < a->tcp.n; i++) {
		double *to = (double *)ret, n = (double)a->tcp.n;
		struct spent one;
		struct record *r;
		snprintf(dir, sizeof(dir), "%s/%s", a->tcp.item[i], sim_cell_str(proxy, cache, name));
		int code = record_load(&r, dir, d);
		if (code)
			return code;
		code = spent_in(&one, r, d);
		record_free(r);
		if (code)
			return code;
		for (size_t k = 0; k < sizeof(one) / sizeof(double); k++)
			to[k] += ((const double *)&one)[k] / n;
	}
	return 0;
}

void spent_by(struct spent *ret, const struct sim_result *r)
{
	double all = (double)(r->total + r->warmup);

	*ret = (struct spent){(double)r->pods_cpu_ns / all, (double)r->cache_cpu_ns / all, (double)r->servers_cpu_ns / all,
			      (double)r->queries / all, (double)r->cache_misses / all, (double)r->pods_sleeps / all,
			      (double)r->cache_sleeps / all};
}
