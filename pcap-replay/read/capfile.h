/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture files, frame by frame: pcap (micro- and nanosecond, both byte orders)
 * and pcapng with any mix of interfaces, link types and clock resolutions,
 * which libpcap refuses. Packed files are unpacked on the way (inflow.h).
 * Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 */
#ifndef NODENS_CAPFILE_H
#define NODENS_CAPFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

#define CAPFILE_FRAME_MAX 262144 /* octets; larger is a damaged file */
#define CAPFILE_IFACES_MAX 65536

struct frame {
	bool has_time;       /* simple packet blocks of pcapng have none */
	uint64_t t_ns;       /* since the epoch */
	uint32_t link;       /* LINKTYPE_* number */
	uint32_t iface;      /* pcapng interface index; 0 in pcap */
	const uint8_t *data; /* valid until the next call */
	uint32_t caplen, len;
};

struct capfile;
int capfile_open(struct capfile **ret, const char *path, struct diag *d);
/* 1 and a frame, 0 at the true end, negative for anything else: a damaged or
 * cut file is never mistaken for its end. */
int capfile_next(struct capfile *c, struct frame *ret, struct diag *d);
const char *capfile_format(const struct capfile *c); /* "pcap", "pcap (ns)", "pcapng" */
void capfile_close(struct capfile *c);

#endif
