/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live capture to a nanosecond pcap file: the one door to libpcap. Says when
 * the first packet can be caught, stops at SIGINT, SIGTERM or after a time, and
 * reports what the kernel dropped.
 */
#ifndef NODENS_CAPTURE_H
#define NODENS_CAPTURE_H

#include <stdint.h>

#include "lib/base/err.h"

struct capture_conf {
	const char *iface;     /* "any" for all: Linux cooked v2, with interface index and direction */
	const char *path;      /* file to write */
	const char *filter;    /* pcap filter; NULL: port 53, fragments, and port 53 behind a tag */
	uint64_t duration_ns;  /* 0: until a signal */
	uint64_t max_bytes;    /* stop when the file has grown to this */
};
struct capture_counts {
	uint64_t captured, dropped_kernel, dropped_iface, bytes;
};
/* `ready` is called once packets are being caught. */
int capture_run(const struct capture_conf *c, void (*ready)(void *), void *ctx, struct capture_counts *ret, struct diag *d);

#endif
