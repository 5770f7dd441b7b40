/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages as bytes (RFC 1035 section 4, EDNS: RFC 6891). Reading goes
 * through one bounds-checked cursor whose first error sticks: read ten fields,
 * check once. Writing goes through its twin, which also compresses names
 * (RFC 1035 section 4.1.4). Nothing here allocates, and nothing is asserted
 * about input.
 */
#ifndef NODENS_WIRE_H
#define NODENS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12,
	DNS_HINFO = 13, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33,
	DNS_NAPTR = 35, DNS_DNAME = 39, DNS_OPT = 41, DNS_DS = 43,
	DNS_RRSIG = 46, DNS_NSEC = 47, DNS_DNSKEY = 48, DNS_NSEC3 = 50,
	DNS_SVCB = 64, DNS_HTTPS = 65, DNS_TSIG = 250, DNS_IXFR = 251,
	DNS_AXFR = 252, DNS_ANY = 255, DNS_CAA = 257,
};
enum dns_class { DNS_IN = 1, DNS_CH = 3, DNS_HS = 4, DNS_CLASS_NONE = 254, DNS_CLASS_ANY = 255 };
enum dns_rcode {
	DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4, DNS_REFUSED = 5, DNS_BADVERS = 16, DNS_BADCOOKIE = 23,
};
enum dns_opcode { DNS_QUERY = 0, DNS_IQUERY = 1, DNS_STATUS = 2, DNS_NOTIFY = 4, DNS_UPDATE = 5 };
enum dns_flag { /* bits of the header's second 16-bit word */
	DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100,
	DNS_RA = 0x0080, DNS_Z = 0x0040, DNS_AD = 0x0020, DNS_CD = 0x0010,
};
enum dns_edns_opt { EDNS_NSID = 3, EDNS_ECS = 8, EDNS_EXPIRE = 9, EDNS_COOKIE = 10, EDNS_KEEPALIVE = 11, EDNS_PADDING = 12, EDNS_EDE = 15 };

/* --- reading --- */

/* Compression pointers followed for one name, and through one cursor in all: a
 * name of 127 labels may have as many, and 64 KiB of records with two names each
 * stay well below. More is ERR_LIMIT. */
#define WIRE_NAME_JUMPS_MAX 127
#define WIRE_JUMPS_MAX      65536

struct wire { /* set up with wire_init; `err` is 0 or the first ERR_* */
	const uint8_t *base;
	size_t len, off;
	int err;
	uint32_t jumps; /* pointers followed so far */
};

void wire_init(struct wire *w, const void *base, size_t len);
/* After an error these return 0 or NULL and do not move. */
uint8_t wire_u8(struct wire *w);
uint16_t wire_u16(struct wire *w);
uint32_t wire_u32(struct wire *w);
const uint8_t *wire_bytes(struct wire *w, size_t n);
void wire_skip(struct wire *w, size_t n);
/* A possibly compressed name, expanded. Pointers must go strictly backwards. */
void wire_name(struct wire *w, struct name *ret);
void wire_name_skip(struct wire *w);

struct dns_header {
	uint16_t id, flags; /* flags: the whole second word */
	uint16_t n_qd, n_an, n_ns, n_ar;
};
#define DNS_OPCODE(flags) (((flags) >> 11) & 15)
#define DNS_RCODE(flags)  ((flags) & 15)

void wire_header(struct wire *w, struct dns_header *ret);

struct dns_question { /* points into the message */
	const uint8_t *name; /* uncompressed there, case as sent */
	uint8_t name_len;
	uint16_t qtype, qclass;
};
/* First question; ERR_SYNTAX if its name is compressed (nothing precedes it). */
void wire_question(struct wire *w, struct dns_question *ret);

enum dns_section { DNS_SEC_ANSWER, DNS_SEC_AUTHORITY, DNS_SEC_ADDITIONAL };

struct dns_rr { /* offsets from the message's start */
	size_t off, ttl_off, rdata_off, end;
	uint16_t type, rclass, rdlen;
	uint32_t ttl; /* as sent; RFC 2181 section 8: treat above 2^31-1 as 0 */
};
void wire_rr(struct wire *w, struct dns_rr *ret);
void wire_rr_owned(struct wire *w, struct name *ret_owner, struct dns_rr *ret); /* the same, and whose it is */
/* Is one of the next `n` records of this type (DNS_ANY: of any)? That there are
 * records says nothing: a CNAME alone is no address. `w` stays where it is; false
 * too when they cannot be read up to there. */
bool wire_has_type(const struct wire *w, unsigned n, uint16_t type);

#define DNS_OPTIONS_MAX 100 /* of a message; what follows them is as if it were not there */
struct dns_edns { /* OPT, RFC 6891 section 6.1 */
	bool present, do_bit;
	uint8_t version, ext_rcode;
	uint16_t udp_size;
	const uint8_t *opts; /* option bytes, may be NULL: the first DNS_OPTIONS_MAX options */
	uint16_t opts_len;
};
/* One option by code, or NULL. */
const uint8_t *dns_edns_option(const struct dns_edns *e, uint16_t code, uint16_t *ret_len);

/* A whole message taken apart once: what the tools and the core's slow path
 * use. 0 or the first error; fields before it are valid, so a summary can
 * still say what it was. */
struct dns_msg {
	struct dns_header h;
	struct dns_question q; /* valid when its name is not NULL */
	struct dns_edns edns;
	uint16_t rcode;        /* 12 bits, extended rcode included */
	size_t answer_off;     /* where the records begin */
	size_t end;            /* octets consumed; less than len: trailing bytes */
	uint32_t min_ttl_s;    /* over all records but OPT; UINT32_MAX: none */
};
int dns_msg_parse(struct dns_msg *ret, const void *buf, size_t len);
/* The same for a server's reply: of several OPTs the first counts. (To a query with
 * two the answer is FORMERR, RFC 6891 section 6.1.1; of replies it says nothing, and
 * resolvers take them.) */
int dns_reply_parse(struct dns_msg *ret, const void *buf, size_t len);

/* --- writing --- */

/* Compression targets remembered, and octets compared in search of them for one
 * message: what comes after that is written out in full. Names as long and as
 * alike as can be must not make one message dear. */
#define WIRE_COMPRESS_MAX      64
#define WIRE_COMPRESS_WORK_MAX (2u << 20)
struct wire_out {
	uint8_t *base;
	size_t cap, len;
	int err; /* sticky: ERR_SHORT when full */
	uint32_t work;    /* octets compared so far */
	unsigned n_names; /* compression targets seen so far */
	uint16_t name_at[WIRE_COMPRESS_MAX];
	uint8_t name_len[WIRE_COMPRESS_MAX]; /* of the name that begins there */
};
void wire_out_init(struct wire_out *o, void *buf, size_t cap);
/* Back to an earlier `len`, for a record that did not fit: forgets compression
 * targets beyond it and clears ERR_SHORT. */
void wire_out_rewind(struct wire_out *o, size_t len);
void wire_put_u8(struct wire_out *o, uint8_t v);
void wire_put_u16(struct wire_out *o, uint16_t v);
void wire_put_u32(struct wire_out *o, uint32_t v);
void wire_put_bytes(struct wire_out *o, const void *p, size_t n);
void wire_put_name(struct wire_out *o, const uint8_t *name);       /* compressed */
void wire_put_name_plain(struct wire_out *o, const uint8_t *name); /* never */
void wire_put_header(struct wire_out *o, const struct dns_header *h);
void wire_put_question(struct wire_out *o, const uint8_t *name, uint16_t qtype, uint16_t qclass);
/* Owner, type, class, TTL and an RDLENGTH to be filled by wire_rr_end. Returns
 * the offset to hand to wire_rr_end. */
size_t wire_rr_begin(struct wire_out *o, const uint8_t *owner, uint16_t type, uint16_t rclass, uint32_t ttl_s);
void wire_rr_end(struct wire_out *o, size_t mark);
/* OPT with no options; append options with wire_put_* between begin and end. */
size_t wire_opt_begin(struct wire_out *o, uint16_t udp_size, uint8_t ext_rcode, uint8_t version, bool do_bit);
void wire_opt_end(struct wire_out *o, size_t mark);

/* A plain query: header, question, optional OPT (udp_size 0: none) asking for
 * NSID when `nsid`. Returns its length, or 0 when cap is too small. */
size_t dns_query_build(void *buf, size_t cap, uint16_t id, const uint8_t *name,
		       uint16_t qtype, uint16_t flags, uint16_t udp_size, bool do_bit, bool nsid);

/* Unaligned big-endian access, shared by everyone who patches messages. */
static inline uint16_t get_be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void set_be16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static inline void set_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24); p[1] = (uint8_t)(v >> 16); p[2] = (uint8_t)(v >> 8); p[3] = (uint8_t)v;
}

/* Mnemonics; unknown values print as TYPE65280, CLASS42, RCODE11 (RFC 3597).
 * The returned text is static, or lives in `buf`. */
const char *dns_type_str(uint16_t type, char buf[16]);
const char *dns_class_str(uint16_t rclass, char buf[16]);
const char *dns_rcode_str(uint16_t rcode, char buf[16]);
/* 0 and the value, or ERR_UNKNOWN. Accepts TYPEnnn. */
int dns_type_from_str(const char *s, uint16_t *ret);
int dns_rcode_from_str(const char *s, uint16_t *ret);

#endif
