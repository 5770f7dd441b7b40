/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query stream, `.qs`: one DNS message, or one TCP open or close, a line;
 * tab-separated, integers with the unit in the column's name, `-` for unknown.
 * The first line is "#qs 1" and, tab-separated, the columns' names; readers
 * take columns by name and ignore those they do not know. Lines that start
 * with "# " are remarks; "#! key=value" carries stream facts (point=pod|node|
 * upstream). docs/formats.md is normative.
 */
#ifndef NODENS_QSTREAM_H
#define NODENS_QSTREAM_H

#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "lib/dns/name.h"

enum qs_kind { QS_QUESTION = 'q', QS_REPLY = 'r', QS_OPEN = 'o', QS_CLOSE = 'c' };
enum qs_proto { QS_UDP = 'u', QS_TCP = 't', QS_TLS = 's' };

struct qs_addr { /* v4-mapped IPv6; all zero: unknown */
	struct in6_addr ip;
	uint16_t port;
};

struct qrec {
	uint64_t t_ns; /* since the stream's own zero */
	char kind, proto;
	struct qs_addr client, server;
	int32_t id;      /* -1 unknown */
	struct name qname; /* len 0: unknown */
	int32_t qtype;   /* -1 unknown */
	int32_t flags;   /* the header's second word without opcode and rcode; -1 unknown */
	int32_t rcode;   /* -1 unknown */
	int64_t ttl_s;   /* smallest TTL of the message; -1 unknown */
	int32_t len;     /* octets of the message; -1 unknown */
	const uint8_t *wire; /* the message itself; NULL unknown. From a reader: valid until the next record */
	size_t wire_len;
};
void qrec_clear(struct qrec *r); /* everything unknown */

struct qs_reader;
/* `path` "-" is standard input. Errors name file and line. */
int qs_reader_open(struct qs_reader **ret, const char *path, struct diag *d);
/* 1 and a record, 0 at the end, or a negative code (the stream stays there:
 * a bad line is never the end of the file). */
int qs_reader_next(struct qs_reader *r, struct qrec *ret, struct diag *d);
/* For who sorts what was read: a record earlier than the one before is no error from now on; how many there were. */
void qs_reader_any_order(struct qs_reader *r);
uint64_t qs_reader_went_back(const struct qs_reader *r);
const char *qs_reader_fact(const struct qs_reader *r, const char *key);
void qs_reader_close(struct qs_reader *r);

struct qs_writer;
int qs_writer_open(struct qs_writer **ret, const char *path, struct diag *d);
/* With the column `wire`, which only those need who send the messages again. */
int qs_writer_open_wire(struct qs_writer **ret, const char *path, struct diag *d);
void qs_writer_fact(struct qs_writer *w, const char *key, const char *value); /* before the first record */
void qs_writer_put(struct qs_writer *w, const struct qrec *r);
/* 0, or the first write error. Frees in both cases. */
int qs_writer_close(struct qs_writer *w, struct diag *d);

/* Address helpers shared by all tools. `text` receives "10.0.0.1" or "fd00::1". */
int qs_ip_from_text(struct in6_addr *ret, const char *text);
const char *qs_ip_to_text(const struct in6_addr *ip, char text[INET6_ADDRSTRLEN]);

#endif
