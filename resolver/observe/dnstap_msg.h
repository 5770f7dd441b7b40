/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnstap messages (dnstap.proto, message Dnstap) and the frames they travel in
 * (Frame Streams: https://farsightsec.github.io/fstrm). The few fields that we
 * send need no protobuf library: each is a tag, a length or a number, and octets.
 */
#ifndef NODENS_DNSTAP_MSG_H
#define NODENS_DNSTAP_MSG_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum dnstap_type { /* Message.Type */
		   DNSTAP_CLIENT_QUERY = 5,
		   DNSTAP_CLIENT_RESPONSE = 6,
		   DNSTAP_FORWARDER_QUERY = 7,
		   DNSTAP_FORWARDER_RESPONSE = 8,
};

struct dnstap_msg {
	enum dnstap_type type;
	uint8_t proto;			/* enum core_proto */
	const char *identity, *version; /* NULL or "": left out */
	const char *extra;
	size_t extra_len;
	const struct in6_addr *query_addr; /* who asked; NULL: not known */
	const struct in6_addr *response_addr;
	uint16_t query_port, response_port;
	uint64_t query_ns, response_ns;	 /* since the epoch; 0: left out */
	const uint8_t *query, *response; /* messages as on the wire; NULL: left out */
	size_t query_len, response_len;
};

/* Octets that any message with these texts and messages fits into. */
size_t dnstap_msg_bound(const struct dnstap_msg *m);
/* A data frame with its length; `buf` has room for dnstap_msg_bound. */
size_t dnstap_msg_put(uint8_t *buf, const struct dnstap_msg *m);

#define DNSTAP_CONTENT "protobuf:dnstap.Dnstap"
enum dnstap_control {
	DNSTAP_ACCEPT = 1,
	DNSTAP_START = 2,
	DNSTAP_STOP = 3,
	DNSTAP_READY = 4,
	DNSTAP_FINISH = 5,
};
#define DNSTAP_CONTROL_MAX 64
/* A control frame of ours; READY, ACCEPT and START name the content. */
size_t dnstap_control_put(uint8_t buf[DNSTAP_CONTROL_MAX], enum dnstap_control c);
/* A whole control frame at the beginning of `buf`? Its length, and what it is;
 * 0: not yet; ERR_PEER: no control frame that makes sense, or an ACCEPT of some
 * other content. */
int dnstap_control_take(const uint8_t *buf, size_t len, enum dnstap_control *ret);

#endif
