/* SPDX-License-Identifier: Apache-2.0 */
/* Formats, and the classes of replies, as CoreDNS has them. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "resolver/corefile/corefile.h"
#include "resolver/observe/log_format.h"
#include "resolver/net/sockaddr.h"

static uint8_t query[128], reply[256];
static struct core_client client;
static struct core_done done;

static char line[512];

static const char *print(const char *format, uint64_t took_ns)
{
	struct log_facts facts = {.client = &client, .done = &done, .took_ns = took_ns};
	struct log_format *f;
	cr_assert_eq(log_format_new(&f, format), 0);
	cr_assert_eq(log_format_print(f, &facts, line, sizeof(line)), strlen(line));
	log_format_free(f);
	return line;
}

static void exchange(uint16_t rcode, unsigned n_an)
{
	struct name n;
	struct wire_out o;
	struct dns_header h = {.id = 4711,
			       .flags = (uint16_t)(DNS_QR | DNS_AA | DNS_RD | DNS_RA | rcode),
			       .n_qd = 1,
			       .n_an = (uint16_t)n_an};
	name_from_text(&n, "Www.Example.COM");
	done.query = query;
	done.query_len = dns_query_build(query, sizeof(query), 4711, n.b, DNS_AAAA, DNS_RD, 4096,
					 true, false);
	wire_out_init(&o, reply, sizeof(reply));
	wire_put_header(&o, &h);
	wire_put_question(&o, n.b, DNS_AAAA, DNS_IN);
	for (unsigned i = 0; i < n_an; i++) {
		size_t mark = wire_rr_begin(&o, n.b, DNS_AAAA, DNS_IN, 5);
		wire_put_bytes(&o, query, 16);
		wire_rr_end(&o, mark);
	}
	done.reply = reply;
	done.reply_len = o.len;
	uint16_t port;
	sockaddr_parse("10.1.2.3:40212", 0, &client.addr, &client.port);
	sockaddr_parse("169.254.20.10", 0, &client.local, &port);
	client.proto = CORE_UDP;
}

Test(log_format, common_and_combined_as_coredns_prints_them)
{
	exchange(DNS_NOERROR, 1);
	print("{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "
	      "{rcode} {>rflags} {rsize} {duration} \"{>opcode}\"",
	      188541);
	cr_assert_str_eq(line,
			 "10.1.2.3:40212 - 4711 \"AAAA IN www.example.com. udp 44 true 4096\" "
			 "NOERROR qr,aa,rd,ra 61 0.000188541s \"0\"");
	client.proto = CORE_TCP;
	cr_assert_str_eq(print("{proto} {>bufsize}", 0), "tcp 65535");
}

Test(log_format, durations_have_as_many_decimals_as_they_need)
{
	exchange(DNS_NOERROR, 1);
	cr_assert_str_eq(print("{duration}", 0), "0s");
	cr_assert_str_eq(print("{duration}", 1), "0.000000001s");
	cr_assert_str_eq(print("{duration}", 500000000), "0.5s");
	cr_assert_str_eq(print("{duration}", 2000000000), "2s");
	cr_assert_str_eq(print("{duration}", 12345678901), "12.345678901s");
}

Test(log_format, odd_formats)
{
	exchange(DNS_NXDOMAIN, 0);
	sockaddr_parse("[2001:db8::1]:99", 0, &client.addr, &client.port);
	cr_assert_str_eq(print("{remote} {/meta} {local} {open", 0),
			 "[2001:db8::1] - 169.254.20.10 {open");
	cr_assert_str_eq(print("} { {rcode} } {} {x}{{type}}{TYPE}", 0),
			 "} { NXDOMAIN } {} {x}{AAAA}{TYPE}");
	cr_assert_str_eq(print("{/log/class} {/log/type} {/forward/upstream}", 0),
			 "denial NXDOMAIN -");
	cr_assert_str_eq(print("", 0), "");
}

Test(log_format, what_is_missing_is_a_dash)
{
	exchange(DNS_NOERROR, 0);
	done.query_len = 5;
	done.reply_len = 0;
	cr_assert_str_eq(print("{name} {rcode} {rsize} {>id} {size}", 0), "- - - - 5");
	struct log_facts nobody = {.done = &done};
	struct log_format *f;
	log_format_new(&f, "{remote} {type} x");
	log_format_print(f, &nobody, line, sizeof(line));
	cr_assert_str_eq(line, "- - x");
	log_format_free(f);
}

Test(log_format, what_does_not_fit_is_cut)
{
	struct log_facts facts = {.client = &client, .done = &done};
	struct log_format *f;
	char tiny[9];
	exchange(DNS_NOERROR, 0);
	log_format_new(&f, "{name} {name}");
	cr_assert_eq(log_format_print(f, &facts, tiny, sizeof(tiny)), 8);
	cr_assert_str_eq(tiny, "www.exam");
	log_format_free(f);
}

/* A reply with one record of `type` in its authority section. */
static unsigned class_with(uint16_t rcode, uint16_t type, const char **ret_type)
{
	struct wire_out o;
	exchange(rcode, 0);
	wire_out_init(&o, reply + done.reply_len, sizeof(reply) - done.reply_len);
	size_t mark = wire_rr_begin(&o, (const uint8_t *)"", type, DNS_IN, 5);
	wire_rr_end(&o, mark);
	set_be16(reply + 8, 1);
	return log_class_of(reply, done.reply_len + o.len, ret_type);
}

Test(log_format, classes)
{
	const char *type;
	exchange(DNS_NOERROR, 1);
	cr_assert_eq(log_class_of(reply, done.reply_len, &type), COREFILE_LOG_SUCCESS);
	cr_assert_eq(class_with(DNS_NOERROR, DNS_SOA, &type), COREFILE_LOG_DENIAL);
	cr_assert_str_eq(type, "NODATA");
	cr_assert_eq(class_with(DNS_NOERROR, DNS_NS, &type), COREFILE_LOG_SUCCESS);
	cr_assert_str_eq(type, "DELEGATION");
	exchange(DNS_NOERROR, 0);
	cr_assert_eq(log_class_of(reply, done.reply_len, &type), COREFILE_LOG_SUCCESS,
		     "empty and nothing said");
	exchange(DNS_NXDOMAIN, 0);
	cr_assert_eq(log_class_of(reply, done.reply_len, &type), COREFILE_LOG_DENIAL);
	exchange(DNS_NXDOMAIN, 1);
	cr_assert_eq(log_class_of(reply, done.reply_len, &type), COREFILE_LOG_FAILURE,
		     "as the original");
	exchange(DNS_SERVFAIL, 0);
	cr_assert_eq(log_class_of(reply, done.reply_len, &type), COREFILE_LOG_FAILURE);
	cr_assert_eq(log_class_of(reply, 0, &type), COREFILE_LOG_FAILURE);
	cr_assert_eq(log_class_of(reply, 11, &type), COREFILE_LOG_FAILURE);
	/* one more is promised than there is: what was seen counts */
	cr_assert_eq(class_with(DNS_NOERROR, DNS_NS, &type), COREFILE_LOG_SUCCESS);
	set_be16(reply + 8, 2);
	cr_assert_eq(log_class_of(reply, done.reply_len + 11, &type), COREFILE_LOG_SUCCESS);
	cr_assert_str_eq(type, "DELEGATION");
	exchange(DNS_NOERROR, 1);
	for (int i = 0; i < 2; i++) {
		set_be16(reply + 2, (uint16_t)(DNS_QR | (i ? DNS_NOTIFY : DNS_UPDATE) << 11));
		cr_assert_eq(log_class_of(reply, done.reply_len, &type), COREFILE_LOG_FAILURE);
		cr_assert_str_eq(type, i ? "META" : "UPDATE");
	}
}
