/* SPDX-License-Identifier: Apache-2.0 */
/* libpcap's loop, with signals turned into an end that still counts what was dropped. */
#include "pcap-replay/read/capture.h"

#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "pcap-replay/read/confine.h"

/* Only the first fragment of a datagram has ports: the others are caught as what they
 * are. On "any" (Linux cooked) libpcap compiles no test for a tag. */
#define FILTER_IP "port 53 or (ip[6:2] & 0x1fff != 0) or ip6[6] = 44"

#define BUFFER_BYTES (32 * 1024 * 1024)
#define POLL_MS      100 /* the ring hands over a block at the latest after this */

struct live {
	pcap_t *pcap;
	pcap_dumper_t *dump;
	int signals;
};

static int live_open(struct live *l, const struct capture_conf *c, struct diag *d)
{
	char err[PCAP_ERRBUF_SIZE];
	struct bpf_program prog;
	bool any = !strcmp(c->iface, "any");
	const char *filter = c->filter ? c->filter : any ? FILTER_IP : FILTER_IP " or (vlan and port 53)";
	l->pcap = pcap_create(c->iface, err);
	if (!l->pcap)
		return diag_set(d, ERR_SYS, "%s: %s", c->iface, err);
	pcap_set_snaplen(l->pcap, 262144);
	pcap_set_promisc(l->pcap, 0);
	pcap_set_buffer_size(l->pcap, BUFFER_BYTES);
	pcap_set_timeout(l->pcap, POLL_MS);
	pcap_set_tstamp_precision(l->pcap, PCAP_TSTAMP_PRECISION_NANO);
	if (pcap_activate(l->pcap) < 0)
		return diag_set(d, ERR_SYS, "%s: %s", c->iface, pcap_geterr(l->pcap));
	if (any)
		pcap_set_datalink(l->pcap, DLT_LINUX_SLL2);
	if (pcap_compile(l->pcap, &prog, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return diag_set(d, ERR_SYNTAX, "filter '%s': %s", filter, pcap_geterr(l->pcap));
	int rc = pcap_setfilter(l->pcap, &prog);
	pcap_freecode(&prog);
	if (rc < 0 || pcap_setnonblock(l->pcap, 1, err) < 0)
		return diag_set(d, ERR_SYS, "%s: %s", c->iface, pcap_geterr(l->pcap));
	l->dump = pcap_dump_open(l->pcap, c->path);
	if (!l->dump)
		return diag_set(d, ERR_SYS, "%s: %s", c->path, pcap_geterr(l->pcap));
	return 0;
}

static int signals_open(struct diag *d)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? diag_errno(d, "signalfd") : fd;
}

static void live_close(struct live *l)
{
	if (l->dump)
		pcap_dump_close(l->dump);
	if (l->pcap)
		pcap_close(l->pcap);
	if (l->signals >= 0)
		close(l->signals);
}

/* Packets until told to stop; then once more what the ring still holds. */
static int live_loop(struct live *l, const struct capture_conf *c, struct capture_counts *ret, struct diag *d)
{
	uint64_t end = c->duration_ns ? clock_mono_ns() + c->duration_ns : T_NEVER;
	struct pollfd fds[2] = {{.fd = pcap_get_selectable_fd(l->pcap), .events = POLLIN},
				{.fd = l->signals, .events = POLLIN}};
	for (bool last = false;;) {
		int n = pcap_dispatch(l->pcap, -1, pcap_dump, (u_char *)l->dump);
		if (n < 0)
			return diag_set(d, ERR_SYS, "%s: %s", c->iface, pcap_geterr(l->pcap));
		ret->captured += (uint64_t)n;
		if (ferror(pcap_dump_file(l->dump))) /* pcap_dump itself is silent */
			return diag_errno(d, "%s", c->path);
		ret->bytes = (uint64_t)pcap_dump_ftell(l->dump);
		if (last && n == 0)
			return 0;
		if (n == 0 && poll(fds, 2, POLL_MS) > 0 && fds[1].revents)
			last = true;
		last |= clock_mono_ns() >= end || (c->max_bytes && ret->bytes >= c->max_bytes);
		if (last && n == 0)
			poll(fds, 1, 2 * POLL_MS); /* the block being filled is handed over by its timer */
	}
}

int capture_run(const struct capture_conf *c, void (*ready)(void *), void *ctx, struct capture_counts *ret, struct diag *d)
{
	struct live l = {.signals = -1};
	struct pcap_stat st;
	memset(ret, 0, sizeof(*ret));
	l.signals = signals_open(d);
	int rc = l.signals < 0 ? l.signals : live_open(&l, c, d);
	rc = rc ? rc : confine_capture(d);
	if (rc == 0) {
		ready(ctx);
		rc = live_loop(&l, c, ret, d);
		if (pcap_stats(l.pcap, &st) == 0) {
			ret->dropped_kernel = st.ps_drop;
			ret->dropped_iface = st.ps_ifdrop;
		}
		if (rc == 0 && pcap_dump_flush(l.dump) < 0)
			rc = diag_errno(d, "%s", c->path);
	}
	live_close(&l);
	return rc;
}
