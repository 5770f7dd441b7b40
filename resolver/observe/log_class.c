/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of reply it is, read from the message alone: which log lines are
 * wanted is decided by it as well as printed, with no format at hand.
 */
#include "resolver/corefile/corefile.h"
#include "resolver/observe/log_format.h"

/* What an empty NOERROR is, its authority section tells. */
static unsigned empty_class(struct wire *w, unsigned n_ns, const char **ret_type)
{
	bool has_ns = false;

	for (unsigned i = 0; i < n_ns; i++) {
		struct dns_rr rr;

		wire_rr(w, &rr);
		if (w->err)
			break;
		if (rr.type == DNS_SOA) {
			*ret_type = "NODATA";
			return COREFILE_LOG_DENIAL;
		}
		has_ns |= rr.type == DNS_NS;
	}
	*ret_type = has_ns ? "DELEGATION" : "NOERROR";
	return COREFILE_LOG_SUCCESS;
}

unsigned log_class_of(const uint8_t *reply, size_t len, const char **ret_type)
{
	struct dns_header h;
	struct dns_question q = {0};
	struct wire w;

	wire_init(&w, reply, len);
	wire_header(&w, &h);
	*ret_type = "OTHERERROR";
	if (w.err)
		return COREFILE_LOG_FAILURE;
	if (h.n_qd)
		wire_question(&w, &q);
	unsigned rcode = DNS_RCODE(h.flags), opcode = DNS_OPCODE(h.flags);

	if (opcode == DNS_UPDATE || opcode == DNS_NOTIFY || q.qtype == DNS_AXFR ||
	    q.qtype == DNS_IXFR) {
		*ret_type = opcode == DNS_UPDATE ? "UPDATE" : "META";
		return COREFILE_LOG_FAILURE;
	}
	if (rcode == DNS_NOERROR && h.n_an) {
		*ret_type = "NOERROR";
		return COREFILE_LOG_SUCCESS;
	}
	if (rcode == DNS_NOERROR)
		return empty_class(&w, h.n_ns, ret_type);
	if (rcode == DNS_NXDOMAIN && !h.n_an) {
		*ret_type = "NXDOMAIN";
		return COREFILE_LOG_DENIAL;
	}
	if (rcode == DNS_SERVFAIL || rcode == DNS_NOTIMP)
		*ret_type = "SERVERERROR";
	return COREFILE_LOG_FAILURE;
}
