/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS message, or a TCP connection's begin or end, as a capture shows it. */
#ifndef NODENS_MESSAGE_H
#define NODENS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/wire.h"
#include "pcap-replay/read/packet.h"

enum message_kind { MSG_QUESTION = 'q', MSG_REPLY = 'r', MSG_OPEN = 'o', MSG_CLOSE = 'c' };

struct dmessage {
	struct packet pk;         /* tuple, time, place; its payload is not valid */
	char kind;                /* enum message_kind */
	char proto;               /* 'u' UDP, 't' TCP */
	bool cut;                 /* not all octets were captured */
	const uint8_t *bytes;     /* NULL for open and close */
	size_t len;
	struct dns_msg m;         /* valid as far as `err` allows */
	int err;                  /* of dns_msg_parse */
};

#endif
