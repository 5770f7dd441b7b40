/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes' DNS SLI (sig-scalability, slos/dns_latency.md): a prober looks a service up once a
 * second; its figure is the 99th percentile of the last five minutes; the cluster's is the 99th
 * percentile of those over probers, for a day. Two of them: the server of resolv.conf, and the
 * ClusterIP of kube-dns.
 *
 * What that page leaves open is said here. A lookup is one question of type A over UDP from a new
 * port, asked once. It is lost when no right answer (NOERROR with an address) came within five seconds
 * of when it was due; the drop rate is the lost ones' share. A lost one counts as five seconds in the
 * percentile: left out, the figure would be better the more is lost. Percentiles are by nearest rank.
 */
#ifndef NODENS_SLI_H
#define NODENS_SLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLI_WINDOW     300 /* lookups: five minutes of one a second */
#define SLI_TIMEOUT_NS UINT64_C(5000000000)
#define SLI_LOAD       "sli" /* a scenario's load of this name is the probers' */

struct sli { /* one prober's last lookups at one server; all zero at first */
	uint64_t took_ns[SLI_WINDOW];
	unsigned n, next, n_lost; /* n_lost: of those in the window */
};

/* A lookup that ended. */
void sli_add(struct sli *s, uint64_t took_ns, bool lost);
/* 0 when there was none. */
uint64_t sli_p99_ns(const struct sli *s);
double sli_lost_share(const struct sli *s);

#endif
