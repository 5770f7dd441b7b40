/* SPDX-License-Identifier: Apache-2.0 */
/* Query streams: what is written reads back, what is malformed is named. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/record/qstream.h"

#define HEAD "#qs 1\tt_ns\tkind\tqname\tqtype\n"

static char path[64];

static void make_file(const char *text, size_t len)
{
	snprintf(path, sizeof(path), "/tmp/qs-test-XXXXXX");
	int fd = mkstemp(path);
	cr_assert(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
}

static void drop_file(void)
{
	unlink(path);
}

static struct qrec sample(uint64_t t_ns)
{
	struct qrec r;
	qrec_clear(&r);
	r.t_ns = t_ns;
	r.kind = QS_QUESTION;
	r.proto = QS_UDP;
	cr_assert_eq(qs_ip_from_text(&r.client.ip, "10.244.1.2"), 0);
	cr_assert_eq(qs_ip_from_text(&r.server.ip, "fd00::a"), 0);
	r.client.port = 40001;
	r.server.port = 53;
	r.id = 0;
	cr_assert_eq(name_from_text(&r.qname, "a\\.b\\009c.example"), 0);
	r.qtype = 65280;
	r.flags = 256;
	r.len = 47;
	return r;
}

Test(qstream, what_is_written_reads_back, .fini = drop_file)
{
	struct qs_writer *w;
	struct qs_reader *rd;
	struct diag d = { "" };
	struct qrec in[3], out;
	make_file("", 0);
	in[0] = sample(5);
	in[1] = sample(5);
	in[1].kind = QS_REPLY;
	in[1].rcode = 3;
	in[1].ttl_s = 4294967295;
	qrec_clear(&in[2]);
	in[2].t_ns = INT64_MAX;
	in[2].kind = QS_OPEN;
	in[2].proto = QS_TCP;
	cr_assert_eq(qs_writer_open(&w, path, &d), 0, "%s", d.text);
	qs_writer_fact(w, "point", "pod");
	qs_writer_fact(w, "source", "two\nlines");
	for (int i = 0; i < 3; i++)
		qs_writer_put(w, &in[i]);
	cr_assert_eq(qs_writer_close(w, &d), 0, "%s", d.text);
	cr_assert_eq(qs_reader_open(&rd, path, &d), 0, "%s", d.text);
	cr_expect_str_eq(qs_reader_fact(rd, "point"), "pod");
	cr_expect_str_eq(qs_reader_fact(rd, "source"), "two lines");
	cr_expect_null(qs_reader_fact(rd, "zero"));
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(qs_reader_next(rd, &out, &d), 1, "%s", d.text);
		cr_expect_eq(memcmp(&in[i], &out, sizeof(out)), 0, "record %d differs", i);
	}
	cr_expect_eq(qs_reader_next(rd, &out, &d), 0);
	cr_expect_eq(qs_reader_next(rd, &out, &d), 0);
	qs_reader_close(rd);
}

Test(qstream, columns_by_name_remarks_and_line_ends, .fini = drop_file)
{
	static const char text[] = "#qs 1\tcolour\tkind\tt_ns\trcode\tqtype\n"
				   "# a remark\n\n"
				   "blue\tq\t7\t-\taaaa\r\n"
				   "#! point=node\n"
				   "red\tr\t8\tNXDOMAIN\t28";
	struct qs_reader *rd;
	struct qrec r;
	struct diag d = { "" };
	make_file(text, sizeof(text) - 1);
	cr_assert_eq(qs_reader_open(&rd, path, &d), 0, "%s", d.text);
	cr_assert_eq(qs_reader_next(rd, &r, &d), 1, "%s", d.text);
	cr_expect(r.kind == 'q' && r.t_ns == 7 && r.qtype == 28 && r.rcode == -1 && r.qname.len == 0);
	cr_assert_eq(qs_reader_next(rd, &r, &d), 1, "%s", d.text);
	cr_expect(r.kind == 'r' && r.rcode == 3 && r.qtype == 28);
	cr_expect_str_eq(qs_reader_fact(rd, "point"), "node");
	qs_reader_close(rd);
}

struct bad_case {
	char text[160], says[96];
};

ParameterizedTestParameters(qstream, faults_name_their_line)
{
	static struct bad_case cases[] = {
		{ "", "not a query stream" },
		{ "t_ns\tkind\n", "not a query stream" },
		{ "#qs 2\tt_ns\tkind\n", "version 1" },
		{ "#qs 1\tt_ns\n", "t_ns and kind must be there" },
		{ "#qs 1\tt_ns\tkind\tt_ns\n", "column given twice: t_ns" },
		{ "#qs 1\tt_ns\tkind\n#! nothing\n", ":2: expected '#! key=value'" },
		{ HEAD "1\tq\ta.\n", ":2: fewer fields" },
		{ HEAD "1\tq\ta.\tA\t-\n", ":2: more fields" },
		{ HEAD "-1\tq\ta.\tA\n", "column t_ns: expected nanoseconds" },
		{ HEAD "-\tq\ta.\tA\n", "column t_ns" },
		{ HEAD "9223372036854775808\tq\ta.\tA\n", "column t_ns" },
		{ HEAD "1\t-\ta.\tA\n", "column kind: expected one of q r o c, found -" },
		{ HEAD "1\tqq\ta.\tA\n", "column kind" },
		{ HEAD "1\tq\ta..b\tA\n", "column qname: expected a domain name, found a..b" },
		{ HEAD "1\tq\ta.\t65536\n", "column qtype" },
		{ HEAD "1\tq\ta.\tNOSUCH\n", "column qtype" },
		{ HEAD "5\tq\ta.\tA\n\n4\tq\ta.\tA\n", ":4: t_ns is less" },
		{ "#qs 1\tt_ns\tkind\tclient\n1\tq\t10.0.0\n", "column client" },
		{ "#qs 1\tt_ns\tkind\tcport\n1\tq\t65536\n", "column cport" },
		{ "#qs 1\tt_ns\tkind\trcode\n1\tq\tRCODE4096\n", "column rcode" },
		{ "#qs 1\tt_ns\tkind\tttl_s\n1\tq\t4294967296\n", "column ttl_s" },
	};
	return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_case *c, qstream, faults_name_their_line, .fini = drop_file)
{
	struct qs_reader *rd = NULL;
	struct qrec r;
	struct diag d = { "" };
	make_file(c->text, strlen(c->text));
	int rc = qs_reader_open(&rd, path, &d);
	while (!rc && (rc = qs_reader_next(rd, &r, &d)) > 0)
		rc = 0;
	cr_expect_lt(rc, 0, "accepted: %s", c->text);
	cr_expect(strstr(d.text, c->says), "said: %s\nshould say: %s", d.text, c->says);
	if (rd)
		cr_expect_lt(qs_reader_next(rd, &r, &d), 0, "an error is not the end of the stream");
	qs_reader_close(rd);
}

Test(qstream, nul_octets_and_endless_lines, .fini = drop_file)
{
	struct qs_reader *rd;
	struct diag d = { "" };
	char *text = malloc(10000);
	memset(text, '#', 10000);
	memcpy(text, HEAD, strlen(HEAD));
	make_file(text, 10000);
	cr_expect_eq(qs_reader_open(&rd, path, &d), ERR_LIMIT);
	drop_file();
	make_file(HEAD "1\0q", strlen(HEAD) + 3);
	cr_expect_eq(qs_reader_open(&rd, path, &d), ERR_SYNTAX);
	cr_expect_eq(qs_reader_open(&rd, "/nonexistent", &d), ERR_SYS);
	free(text);
}

Test(qstream, a_full_disk_is_reported)
{
	struct qs_writer *w;
	struct diag d = { "" };
	struct qrec r = sample(1);
	cr_assert_eq(qs_writer_open(&w, "/dev/full", &d), 0);
	for (int i = 0; i < 1000; i++)
		qs_writer_put(w, &r);
	cr_expect_eq(qs_writer_close(w, &d), ERR_SYS);
	cr_expect(strstr(d.text, "/dev/full"), "%s", d.text);
}
