/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a replay while it goes on. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "pcap-replay/bar.h"

static char *said;
static size_t n_said;

static void show(struct bar *b, const struct sender_progress *p, uint64_t late_ns)
{
	free(said);
	FILE *f = open_memstream(&said, &n_said);
	cr_assert(f);
	bar_show(b, p, late_ns, f);
	bar_end(b, f);
	fclose(f);
}

Test(bar, a_line_each_time)
{
	struct bar b = {0};
	show(&b, &(struct sender_progress){0, 40 * NS_PER_S, 0, 0, 0, 0}, 0);
	cr_expect_str_eq(said, "pcap-replay:   0 s, 0 %, 0/s, 0 sent, 0 answered, lost 0.00 %, late p99 0 us\n");
	show(&b, &(struct sender_progress){2 * NS_PER_S, 40 * NS_PER_S, 3000, 1485, 15, 0}, 21400);
	cr_expect_str_eq(said, "pcap-replay:   2 s, 5 %, 1500/s, 3000 sent, 1485 answered, lost 1.00 %, late p99 21 us\n");
	show(&b, &(struct sender_progress){3 * NS_PER_S, 40 * NS_PER_S, 3100, 3100, 0, 7}, 0);
	cr_expect_str_eq(said, "pcap-replay:   3 s, 8 %, 100/s, 3100 sent, 3100 answered, lost 0.00 %, not sent 7, late p99 0 us\n");
	free(said);
	said = NULL;
}

Test(bar, on_a_terminal_one_line_with_a_bar_never_longer_than_whole)
{
	struct bar b = {.on_terminal = true};
	show(&b, &(struct sender_progress){NS_PER_S, 4 * NS_PER_S, 10, 10, 0, 0}, 0);
	cr_expect_str_eq(said, "\rpcap-replay:   1 s, [#####...............] 25 %, 10/s, 10 sent, 10 answered, lost 0.00 %, late p99 0 us\x1b[K\n");
	show(&b, &(struct sender_progress){9 * NS_PER_S, 4 * NS_PER_S, 10, 10, 0, 0}, 0);
	cr_expect(strstr(said, "[####################] 100 %"), "%s", said);
	show(&b, &(struct sender_progress){10 * NS_PER_S, 0, 10, 10, 0, 0}, 0);
	cr_expect(strstr(said, "100 %"), "a plan of one question: %s", said);
	free(said);
	said = NULL;
}
