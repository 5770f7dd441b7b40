/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <string.h>

#include "lib/wire.h"
#include "resolver/log_query.h"
#include "resolver/sockaddr.h"

static uint8_t query[128], reply[256];
static struct core_client client;
static struct core_done done;

static void exchange(uint16_t rcode, unsigned n_an)
{
	struct name n;
	struct wire_out o;
	struct dns_header h = { .id = 4711, .flags = (uint16_t)(DNS_QR | DNS_AA | DNS_RD | DNS_RA | rcode),
				.n_qd = 1, .n_an = (uint16_t)n_an };
	name_from_text(&n, "Www.Example.COM");
	done.query = query;
	done.query_len = dns_query_build(query, sizeof(query), 4711, n.b, DNS_AAAA, DNS_RD, 4096, true, false);
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
	done.start_ns = 1000;
	done.end_ns = 1000 + 188541;
	uint16_t port;
	sockaddr_parse("10.1.2.3:40212", 0, &client.addr, &client.port);
	sockaddr_parse("169.254.20.10", 0, &client.local, &port);
	client.proto = CORE_UDP;
}

Test(log_query, common_and_combined_as_coredns_prints_them)
{
	char line[512];
	exchange(DNS_NOERROR, 1);
	log_query_format(line, sizeof(line),
			 "{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "
			 "{rcode} {>rflags} {rsize} {duration} \"{>opcode}\"", &client, &done);
	cr_assert_str_eq(line, "10.1.2.3:40212 - 4711 \"AAAA IN www.example.com. udp 44 true 4096\" "
			       "NOERROR qr,aa,rd,ra 61 0.000188541s \"0\"");
}

Test(log_query, odd_formats_and_odd_messages)
{
	char line[64];
	exchange(DNS_NXDOMAIN, 0);
	sockaddr_parse("[2001:db8::1]:99", 0, &client.addr, &client.port);
	log_query_format(line, sizeof(line), "{remote} {/meta} {local} {open", &client, &done);
	cr_assert_str_eq(line, "[2001:db8::1] - 169.254.20.10 {open");
	done.query_len = 5;
	done.reply_len = 0;
	log_query_format(line, sizeof(line), "{name} {rcode} {rsize} {>id}", &client, &done);
	cr_assert_str_eq(line, "- - 0 4711");
	char tiny[9];
	exchange(DNS_NOERROR, 0);
	cr_assert_eq(log_query_format(tiny, sizeof(tiny), "{name} {name}", &client, &done), 8);
	cr_assert_str_eq(tiny, "www.exam");
}

Test(log_query, classes)
{
	exchange(DNS_NOERROR, 1);
	cr_assert_eq(log_query_class(reply, done.reply_len), COREFILE_LOG_SUCCESS);
	exchange(DNS_NOERROR, 0);
	cr_assert_eq(log_query_class(reply, done.reply_len), COREFILE_LOG_DENIAL);
	exchange(DNS_NXDOMAIN, 0);
	cr_assert_eq(log_query_class(reply, done.reply_len), COREFILE_LOG_DENIAL);
	exchange(DNS_SERVFAIL, 0);
	cr_assert_eq(log_query_class(reply, done.reply_len), COREFILE_LOG_FAILURE);
	cr_assert_eq(log_query_class(reply, 0), COREFILE_LOG_FAILURE);
}
