/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of an address's sockets gets a query (SO_ATTACH_REUSEPORT_CBPF, filter.rst):
 * a classic filter that the kernel runs on the datagram, its payload first, the
 * network header at SKF_NET_OFF. What it returns is the place of the socket in the
 * group, in order of opening.
 */
#include <linux/filter.h>
#include <sys/socket.h>

#include "lib/dns/wire.h"
#include "resolver/net/listen_udp.h"

#define STEER_MIX  0x9e3779b1u
#define NAME_WORDS 5
#define NAME_CASE  0x20202020u /* the letters' case does not count; what else it merges does no harm */
#define SRC_V4     12          /* where the source address is in the header */
#define SRC_V6     8

enum { M_NAME, M_CLIENT }; /* the filter's own memory */

struct prog {
	struct sock_filter f[96];
	unsigned n;
};

static void op(struct prog *p, uint16_t code, uint32_t k)
{
	p->f[p->n++] = (struct sock_filter)BPF_STMT(code, k);
}

/* acc = ((acc ^ word) * MIX), the word being in A. */
static void mix(struct prog *p, uint32_t memory)
{
	op(p, BPF_MISC | BPF_TAX, 0);
	op(p, BPF_LD | BPF_MEM, memory);
	op(p, BPF_ALU | BPF_XOR | BPF_X, 0);
	op(p, BPF_ALU | BPF_MUL | BPF_K, STEER_MIX);
	op(p, BPF_ST, memory);
}

/* As many words of the name as there are. */
static void name_hash(struct prog *p)
{
	unsigned ends[NAME_WORDS];
	op(p, BPF_LD | BPF_IMM, 0);
	op(p, BPF_ST, M_NAME);
	for (unsigned i = 0; i < NAME_WORDS; i++) {
		unsigned at = DNS_HEADER_LEN + 4 * i;
		op(p, BPF_LD | BPF_W | BPF_LEN, 0);
		ends[i] = p->n;
		op(p, BPF_JMP | BPF_JGE | BPF_K, at + 4);
		op(p, BPF_LD | BPF_W | BPF_ABS, at);
		op(p, BPF_ALU | BPF_OR | BPF_K, NAME_CASE);
		mix(p, M_NAME);
	}
	for (unsigned i = 0; i < NAME_WORDS; i++)
		p->f[ends[i]].jf = (uint8_t)(p->n - ends[i] - 1);
}

static void client_hash(struct prog *p, uint32_t seed)
{
	const uint32_t net = (uint32_t)SKF_NET_OFF;
	op(p, BPF_LD | BPF_IMM, seed);
	op(p, BPF_ST, M_CLIENT);
	op(p, BPF_LD | BPF_B | BPF_ABS, net);
	op(p, BPF_ALU | BPF_RSH | BPF_K, 4);
	unsigned is_v6 = p->n;
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 6);
	op(p, BPF_LD | BPF_W | BPF_ABS, net + SRC_V4);
	mix(p, M_CLIENT);
	unsigned over = p->n;
	op(p, BPF_JMP | BPF_JA, 0);
	p->f[is_v6].jf = 0;
	p->f[is_v6].jt = (uint8_t)(p->n - is_v6 - 1);
	for (unsigned i = 0; i < 4; i++) {
		op(p, BPF_LD | BPF_W | BPF_ABS, net + SRC_V6 + 4 * i);
		mix(p, M_CLIENT);
	}
	p->f[over].k = p->n - over - 1;
}

/* The upper bits of a hash, as a number below n. */
static void reduce(struct prog *p, uint32_t memory, unsigned n)
{
	op(p, BPF_LD | BPF_MEM, memory);
	op(p, BPF_ALU | BPF_RSH | BPF_K, 16);
	op(p, BPF_ALU | BPF_MOD | BPF_K, n);
}

int udp_socket_steer(int fd, unsigned n_workers, unsigned n_queues, uint32_t seed)
{
	struct prog p = { .n = 0 };
	name_hash(&p);
	client_hash(&p, seed);
	reduce(&p, M_NAME, n_workers);
	op(&p, BPF_ST, M_NAME);
	reduce(&p, M_CLIENT, n_queues);
	op(&p, BPF_ALU | BPF_MUL | BPF_K, n_workers);
	op(&p, BPF_MISC | BPF_TAX, 0);
	op(&p, BPF_LD | BPF_MEM, M_NAME);
	op(&p, BPF_ALU | BPF_ADD | BPF_X, 0);
	op(&p, BPF_RET | BPF_A, 0);
	struct sock_fprog prog = { .len = (unsigned short)p.n, .filter = p.f };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog)) < 0 ? ERR_SYS : 0;
}
