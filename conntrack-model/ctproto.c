/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long an entry lives: UDP's two timeouts and TCP's states, as in
 * nf_conntrack_proto_udp.c and nf_conntrack_proto_tcp.c. Windows, sequence
 * numbers and the retransmission limits of the TCP tracker are left out: DNS
 * connections are short and in order.
 */
#include "conntrack-model/ctable_int.h"

/* What a packet is, by its flags; order of the rows below. */
enum tcp_kind { K_SYN, K_SYNACK, K_FIN, K_ACK, K_RST, K_NONE, K_KINDS };

#define NO CT_NONE
#define SS CT_SYN_SENT
#define SR CT_SYN_RECV
#define ES CT_ESTABLISHED
#define FW CT_FIN_WAIT
#define CW CT_CLOSE_WAIT
#define LA CT_LAST_ACK
#define TW CT_TIME_WAIT
#define CL CT_CLOSE
#define S2 CT_SYN_SENT2
#define IV 100 /* invalid */
#define IG 101 /* let pass, change nothing */

static const uint8_t tcp_next[2][K_KINDS][CT_TCP_STATES] = {
	{
		/* original direction; columns: NO SS SR ES FW CW LA TW CL S2 */
		[K_SYN] = {SS, SS, IG, IG, IG, IG, IG, SS, SS, S2},
		[K_SYNACK] = {IV, IV, IG, IG, IG, IG, IG, IG, IG, SR},
		[K_FIN] = {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
		[K_ACK] = {ES, IV, ES, ES, CW, CW, TW, TW, CL, IV},
		[K_RST] = {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
		[K_NONE] = {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
	},
	{
		/* reply direction */
		[K_SYN] = {IV, S2, IV, IV, IV, IV, IV, SS, IV, S2},
		[K_SYNACK] = {IV, SR, IG, IG, IG, IG, IG, IG, IG, SR},
		[K_FIN] = {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
		[K_ACK] = {IV, IG, SR, ES, CW, CW, TW, TW, CL, IG},
		[K_RST] = {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
		[K_NONE] = {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
	},
};

static enum tcp_kind tcp_kind_of(uint8_t flags)
{
	if (flags & CT_RST)
		return K_RST;
	if (flags & CT_SYN)
		return flags & CT_ACK ? K_SYNACK : K_SYN;
	if (flags & CT_FIN)
		return K_FIN;
	return flags & CT_ACK ? K_ACK : K_NONE;
}

static void refresh(const struct ctable *t, struct ct_entry *e, uint64_t timeout_s)
{
	if (!(e->status & CTS_NAT_CLASH)) /* those have a fixed second */
		e->expires_j = t->now_j + timeout_s * t->conf.hz;
}

bool ct_proto_new(const struct ctable *t, struct ct_entry *e, const struct ct_packet *p)
{
	if (p->tuple.proto == CT_TCP) {
		e->tcp_state = tcp_next[0][tcp_kind_of(p->tcp_flags)][CT_NONE];
		if (e->tcp_state >= CT_TCP_STATES)
			return false;
		refresh(t, e, t->conf.tcp_s[e->tcp_state]);
		return true;
	}
	e->stream_j = (uint32_t)(t->now_j + 2ull * t->conf.hz);
	refresh(t, e, t->conf.udp_s);
	return true;
}

/* A flow becomes a stream, and ASSURED, by a packet later than 2 s after its
 * first one once a reply was seen. Before 5.0 any packet after the reply did. */
static void udp_packet(const struct ctable *t, struct ct_entry *e)
{
	if ((int32_t)((uint32_t)t->now_j - e->stream_j) > 0)
		e->status |= CTS_OLD; /* for good: no entry waits for its next packet as long as 2^31 jiffies */
	bool stream = !t->rules->stream_after_2s || (e->status & CTS_OLD);

	if (!(e->status & CTS_SEEN_REPLY) || !stream) {
		refresh(t, e, t->conf.udp_s);
		return;
	}
	refresh(t, e, t->conf.udp_stream_s);
	if (!(e->status & CTS_NAT_CLASH))
		e->status |= CTS_ASSURED;
}

static enum ct_step tcp_packet(const struct ctable *t, struct ct_entry *e, unsigned dir,
			       uint8_t flags)
{
	enum tcp_kind kind = tcp_kind_of(flags);
	uint8_t old = e->tcp_state, new = tcp_next[dir][kind][old];

	if (new == IG)
		return CT_STEP_KEEP;
	if (new == IV)
		return CT_STEP_INVALID;
	if (kind == K_SYN && (old == CT_TIME_WAIT || old == CT_CLOSE))
		return CT_STEP_REOPEN;
	if (kind == K_RST && !(e->status & CTS_SEEN_REPLY))
		return CT_STEP_KILL;
	if ((e->status & CTS_SEEN_REPLY) && new == CT_ESTABLISHED &&
	    (old == CT_SYN_RECV || old == CT_ESTABLISHED))
		e->status |= CTS_ASSURED;
	e->tcp_state = new;
	refresh(t, e, t->conf.tcp_s[new]);
	return CT_STEP_KEEP;
}

enum ct_step ct_proto_packet(const struct ctable *t, struct ct_entry *e, unsigned dir,
			     const struct ct_packet *p)
{
	enum ct_step step = CT_STEP_KEEP;

	if (p->tuple.proto == CT_TCP)
		step = tcp_packet(t, e, dir, p->tcp_flags);
	else
		udp_packet(t, e);
	if (dir == 1)
		e->status |= CTS_SEEN_REPLY; /* after the packet was judged */
	return step;
}
