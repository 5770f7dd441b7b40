/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "conntrack-model/snat.h"

#include <arpa/inet.h>
#include <string.h>

#define NODE_IP 0xac120002u /* 172.18.0.2 */
#define PORT_LOW 1024	    /* ports from 1024 on are changed for others from there on */

void snat_init(struct snat *s, const struct snat_conf *c, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->conf = *c;
	rng_seed_stream(&s->rng, seed, 0x736e6174);
}

bool snat_choose(struct snat *s, uint64_t now_ns, struct ct_tuple *reply)
{
	uint32_t ip = htonl(NODE_IP);
	bool raced = false;

	memset(&reply->dst, 0, sizeof(reply->dst));
	reply->dst.s6_addr[10] = reply->dst.s6_addr[11] = 0xff;
	memcpy(&reply->dst.s6_addr[12], &ip, 4);
	if (s->conf.random_fully)
		reply->dport = (uint16_t)(PORT_LOW + rng_below(&s->rng, 65536 - PORT_LOW));
	for (unsigned i = 1; i <= SNAT_RECENT && i <= s->n && !raced; i++) {
		unsigned at = (s->n - i) % SNAT_RECENT;
		if (now_ns - s->recent[at].t_ns >= s->conf.within_ns)
			break;
		raced = memcmp(&s->recent[at].reply, reply, sizeof(*reply)) == 0;
	}
	if (raced) {
		s->n_raced++;
		return true;
	}
	s->recent[s->n % SNAT_RECENT].t_ns = now_ns;
	s->recent[s->n % SNAT_RECENT].reply = *reply;
	s->n++;
	return false;
}
