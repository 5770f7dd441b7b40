/* SPDX-License-Identifier: Apache-2.0 */
/* TAP and JUnit of one cell with every verdict, one that was skipped and one that broke. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/run/report.h"

static const struct check checks[] = {
	{"a.good", "good is good", 0, NULL, NULL},
	{"a.bad", "<bad> & \"worse\"", 0, NULL, NULL},
	{"a.flaky", "now and then", 0, NULL, NULL},
	{"a.known", "not yet", 0, NULL, "see there"},
	{"a.skipped", "elsewhere", 0, NULL, NULL},
};
static struct findings f[3];

static void fill(void)
{
	static const enum verdict v[] = {VERDICT_PROVED, VERDICT_FAILED, VERDICT_FLAKY,
					 VERDICT_KNOWN, VERDICT_SKIPPED};

	strcpy(f[0].cell, "nftables-cache");
	f[0].done = true;
	for (unsigned i = 0; i < 5; i++)
		f[0].f[f[0].n++] = (struct finding){.check = &checks[i],
						    .verdict = v[i],
						    .passed = 1,
						    .tries = 3,
						    .took_s = 0.25,
						    .words = "found # \"this\" <here>"};
	strcpy(f[1].cell, "ipvs-cache");
	strcpy(f[1].skipped, "no IPVS");
	f[1].done = true;
	strcpy(f[2].cell, "iptables-cache");
}

static const char *written(int (*report)(const char *, const struct findings *, unsigned,
					 struct diag *))
{
	static char text[20000];
	char path[] = "/tmp/report-XXXXXX";
	int fd = mkstemp(path);
	struct diag d = {""};
	size_t n;
	FILE *in;

	fill();
	cr_assert_geq(fd, 0);
	close(fd);
	cr_assert_eq(report(path, f, 3, &d), 0, "%s", d.text);
	in = fopen(path, "r");
	n = fread(text, 1, sizeof text - 1, in);
	text[n] = '\0';
	fclose(in);
	unlink(path);
	return text;
}

#define HAS(text, words) cr_expect(strstr(text, words), "no '%s' in:\n%s", words, text)

Test(report, tap_has_a_plan_and_directives)
{
	const char *tap = written(report_tap);

	HAS(tap, "TAP version 13\n1..7\n");
	HAS(tap, "\nok 1 - nftables-cache a.good\n");
	HAS(tap, "\nnot ok 2 - nftables-cache a.bad\n");
	HAS(tap, "\nok 3 - nftables-cache a.flaky (flaky 1/3)\n");
	HAS(tap, "\nnot ok 4 - nftables-cache a.known # TODO found % \"this\" <here>\n");
	HAS(tap, "\nok 5 - nftables-cache a.skipped # SKIP found");
	HAS(tap, "\nok 6 - ipvs-cache # SKIP no IPVS\n");
	HAS(tap, "\nnot ok 7 - iptables-cache runs to its end\n");
	HAS(tap, "  found: \"found # \\\"this\\\" <here>\"\n");
}

Test(report, junit_counts_and_escapes)
{
	const char *xml = written(report_junit);

	HAS(xml, "<testsuite name=\"nftables-cache\" tests=\"5\" failures=\"1\" errors=\"0\" "
		 "skipped=\"2\"");
	HAS(xml, "<testsuite name=\"ipvs-cache\" tests=\"1\" failures=\"0\" errors=\"0\" "
		 "skipped=\"1\"");
	HAS(xml, "<testsuite name=\"iptables-cache\" tests=\"1\" failures=\"0\" errors=\"1\"");
	HAS(xml, "name=\"a.bad: &#60;bad&#62; &#38; &#34;worse&#34;\" time=\"0.250\"><failure ");
	HAS(xml, "<flakyFailure message=");
	HAS(xml, "<error message=\"the run was ended before\"/>");
}
