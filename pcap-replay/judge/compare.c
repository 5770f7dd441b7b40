/* SPDX-License-Identifier: Apache-2.0 */
/* Criteria in order of weight, so that the worst is the highest number. */
#include "pcap-replay/judge/compare.h"

#include "lib/dns/wire.h"
#include "pcap-replay/judge/canon.h"

const char *const class_names[N_CLASSES] = {"same", "expected", "benign", "defect"};

const struct criterion_row criteria[N_CMP] = {
	[CMP_SAME] = {"same", "no difference", CLASS_SAME},
	[CMP_TTL_LESS] = {"ttl-less", "TTLs are less: a cache counts down", CLASS_EXPECTED},
	[CMP_EDNS_SIZE] = {"edns-size", "another EDNS buffer size: each hop's own", CLASS_EXPECTED},
	[CMP_SPELLING] = {"spelling", "the question is spelt otherwise than asked", CLASS_EXPECTED},
	[CMP_COPIED] = {"copied", "RD or CD, which are the question's, on one side", CLASS_BENIGN},
	[CMP_AA] = {"aa", "authoritative on one side", CLASS_BENIGN},
	[CMP_RA] = {"ra", "recursion available on one side", CLASS_BENIGN},
	[CMP_AD] = {"ad", "authenticated on one side", CLASS_BENIGN},
	[CMP_EDNS] = {"edns", "EDNS, or its bit DO, on one side", CLASS_BENIGN},
	[CMP_AUTHORITY] = {"authority", "another authority section", CLASS_BENIGN},
	[CMP_TTL_MORE] = {"ttl-more", "TTLs are more", CLASS_BENIGN},
	[CMP_TC] = {"tc", "truncated on one side", CLASS_DEFECT},
	[CMP_ANSWER] = {"answer", "other records", CLASS_DEFECT},
	[CMP_NODATA] = {"nodata", "records on one side, none on the other", CLASS_DEFECT},
	[CMP_RCODE] = {"rcode", "another rcode", CLASS_DEFECT},
	[CMP_QUESTION] = {"question", "the question is missing on one side, or the opcode is another: stubs drop that", CLASS_DEFECT},
	[CMP_UNREADABLE] = {"unreadable", "one side's answer cannot be read", CLASS_DEFECT},
	[CMP_SILENT_A] = {"silent-a", "only B answered", CLASS_BENIGN},
	[CMP_SILENT_B] = {"silent-b", "only A answered", CLASS_DEFECT},
};

static void worse(enum criterion *c, bool differs, enum criterion by)
{
	if (differs && by > *c)
		*c = by;
}

static void compare_flags(enum criterion *c, const struct canon *a, const struct canon *b)
{
	uint16_t d = a->flags ^ b->flags;
	worse(c, d & (DNS_RD | DNS_CD), CMP_COPIED);
	worse(c, d & DNS_AA, CMP_AA);
	worse(c, d & DNS_RA, CMP_RA);
	worse(c, d & DNS_AD, CMP_AD);
	worse(c, d & DNS_TC, CMP_TC);
	worse(c, a->edns != b->edns || a->do_bit != b->do_bit, CMP_EDNS);
	worse(c, a->edns && b->edns && a->udp_size != b->udp_size, CMP_EDNS_SIZE);
	worse(c, a->same_spelling != b->same_spelling, CMP_SPELLING);
	/* who could not read the question need not repeat it */
	worse(c, a->opcode != b->opcode || (a->has_question != b->has_question && (a->rcode | b->rcode) != DNS_FORMERR), CMP_QUESTION);
}

/* Record by record: one that a cache has counted down does not hide another that it has not. */
static void compare_ttls(enum criterion *c, const struct canon_set *a, const struct canon_set *b)
{
	for (size_t i = 0; i < a->n; i++) {
		worse(c, b->record[i].ttl < a->record[i].ttl, CMP_TTL_LESS);
		worse(c, b->record[i].ttl > a->record[i].ttl, CMP_TTL_MORE);
	}
}

enum criterion compare_answers(struct octets asked, struct octets ra, struct octets rb)
{
	struct canon a, b;
	enum criterion c = CMP_SAME;
	if (!ra.p || !rb.p)
		return ra.p ? CMP_SILENT_B : rb.p ? CMP_SILENT_A : CMP_SAME;
	canon_read(&a, ra.p, ra.n, asked.p, asked.n);
	canon_read(&b, rb.p, rb.n, asked.p, asked.n);
	if (!a.readable || !b.readable)
		return a.readable == b.readable ? CMP_SAME : CMP_UNREADABLE;
	compare_flags(&c, &a, &b);
	worse(&c, a.rcode != b.rcode, CMP_RCODE);
	if (!canon_set_eq(&a.answer, &b.answer)) {
		/* what was cut off is not there to compare */
		bool cut = (a.flags | b.flags) & DNS_TC;
		worse(&c, !cut, !a.answer.n != !b.answer.n ? CMP_NODATA : CMP_ANSWER);
		return c;
	}
	compare_ttls(&c, &a.answer, &b.answer);
	if (canon_set_eq(&a.authority, &b.authority))
		compare_ttls(&c, &a.authority, &b.authority);
	else
		worse(&c, true, CMP_AUTHORITY);
	return c;
}
