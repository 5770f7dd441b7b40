/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was run on a kernel, and what it did. Runs that were made at once shared one hash
 * and one gc, so they are one group here: whoever walks a bucket frees what is dead in
 * it, of all namespaces. Two things are read off the runs themselves: how old each load
 * was when its clock started (the first count over the rate), and when the first sweep
 * came, where one can be seen. Nothing is fitted.
 */
#include "conntrack-model/validate_int.h"
#include "lib/base/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define UNSEEN (-1)

/* --- loads --- */

static const struct truth_load occ_50[] = {{SYNTH_UDP_NEW, 50, 0.2, 0}};
static const struct truth_load occ_200[] = {{SYNTH_UDP_NEW, 200, 0.1, 0}};
static const struct truth_load occ_1000[] = {{SYNTH_UDP_NEW, 1000, 0.3, 0}};
static const struct truth_load occ_3000[] = {{SYNTH_UDP_NEW, 3000, 0.2, 0}};
static const struct truth_load occ_3000_h32768[] = {{SYNTH_UDP_NEW, 3000, 0.8, 0}};
static const struct truth_load nft_1000[] = {{SYNTH_UDP_NEW, 1000, 0.2, 0}};
static const struct truth_load full_1024[] = {{SYNTH_UDP_NEW, 400, 0.2, 0}};

/* Six at once; of two (150 and 400) no file tells their age. */
static const struct truth_load wide[] = {
	{SYNTH_UDP_NEW, 100, 3.1, 0}, {SYNTH_UDP_NEW, 120, 3.7, 0}, {SYNTH_UDP_NEW, 150, 3.2, 0},
	{SYNTH_UDP_NEW, 200, 2.9, 0}, {SYNTH_UDP_NEW, 400, 3.2, 0}, {SYNTH_UDP_NEW, 1600, 3.2, 0},
};
/* Five at once. */
static const struct truth_load plain[] = {
	{SYNTH_UDP_NEW, 100, 0.26, 0}, {SYNTH_UDP_NEW, 200, 0.48, 0},  {SYNTH_UDP_NEW, 400, 0.40, 0},
	{SYNTH_UDP_NEW, 800, 0.34, 0}, {SYNTH_UDP_NEW, 1600, 0.48, 0},
};
/* Five at once, each beside flows that are ASSURED and silent. */
static const struct truth_load assured[] = {
	{SYNTH_UDP_NEW, 200, 0.27, 3072}, {SYNTH_UDP_NEW, 200, 0.34, 3584}, {SYNTH_UDP_NEW, 200, 0.34, 3840},
	{SYNTH_UDP_NEW, 200, 0.35, 4000}, {SYNTH_UDP_NEW, 200, 0.35, 4090},
};
/* Six at once; the two of TCP had equal addresses. */
static const struct truth_load clean[] = {
	{SYNTH_UDP_STREAM, 50, 1.2, 0}, {SYNTH_UDP_ONE_POD, 200, 1.1, 0}, {SYNTH_TCP, 50, 1.1, 0, 9},
	{SYNTH_TCP_ONE, 50, 1.1, 0},    {SYNTH_TCP_RST, 50, 1.1, 0, 9},	  {SYNTH_UDP_ONE_POD, 1000, 1.1, 0},
};

/* Beside 20,000 flows that each ask every 5 s: their packets walk the hash as well. */
static const struct truth_load busy[] = {{SYNTH_UDP_NEW, 250, 5, 0}};

/* Beside four clients of 25 connections a second, each waiting for the one before. */
static const struct truth_load fulltcp[] = {{SYNTH_UDP_NEW, 50, 0.16, 0}};

enum { OCC_50, OCC_200, OCC_1000, OCC_3000, OCC_3000_H, NFT_1000, FULL_1024, WIDE, PLAIN, ASSURED, CLEAN, BUSY, FULLTCP };
static const struct truth_group groups[] = {
	[OCC_50] = {262144, 262144, UNSEEN, 101, 1, occ_50, COUNT(occ_50)},
	[OCC_200] = {262144, 262144, UNSEEN, 101, 1, occ_200, COUNT(occ_200)},
	[OCC_1000] = {262144, 262144, UNSEEN, 101, 1, occ_1000, COUNT(occ_1000)},
	[OCC_3000] = {262144, 262144, UNSEEN, 101, 1, occ_3000, COUNT(occ_3000)},
	[OCC_3000_H] = {262144, 32768, UNSEEN, 101, 1, occ_3000_h32768, COUNT(occ_3000_h32768)},
	[NFT_1000] = {262144, 262144, 39.5, 45, 1, nft_1000, COUNT(nft_1000)},
	[FULL_1024] = {4096, 1024, UNSEEN, 58, 1, full_1024, COUNT(full_1024)},
	[WIDE] = {4096, 262144, 37.5, 60, 4, wide, COUNT(wide)},
	[PLAIN] = {4096, 4096, 61.5, 58, 1, plain, COUNT(plain)},
	[ASSURED] = {4096, 4096, 15.5, 58, 8, assured, COUNT(assured)},
	[CLEAN] = {262144, 262144, 49.5, 170, 1, clean, COUNT(clean)},
	[BUSY] = {.max = 262144, .buckets = 262144, .first_sweep_s = 60, .load_s = 190, .n_seeds = 1,
		  .load = busy, .n_loads = COUNT(busy), .other = 20000, .other_rate = 0.2},
	[FULLTCP] = {.max = 4096, .buckets = 4096, .first_sweep_s = 81.5, .load_s = 150, .n_seeds = 8,
		     .load = fulltcp, .n_loads = COUNT(fulltcp), .callers = 4, .caller_rate = 25},
};

/* --- runs --- */

#define OCCUPIED(file, group_, load_, from, until, lo, mean_, hi)                                                      \
	{                                                                                                              \
		.name = file, .kind = TRUTH_OCCUPANCY, .group = &groups[group_], .load = load_, .from_s = from,       \
		.until_s = until, .tolerance = 0.02, .measured = {.min = lo, .mean = mean_, .max = hi }                \
	}
#define LOST(file, group_, load_, lost_, early)                                                                        \
	{                                                                                                              \
		.name = file, .kind = TRUTH_LOSS, .group = &groups[group_], .load = load_, .from_s = 30,              \
		.until_s = 55, .tolerance = 0.10, .measured = {.lost = lost_, .early_per_s = early }                   \
	}

static const struct truth_case cases[] = {
	OCCUPIED("occ_new_50", OCC_50, 0, 45, 100, 1508, 1953, 2403),
	OCCUPIED("occ_new_200", OCC_200, 0, 45, 100, 6034, 7797, 9545),
	OCCUPIED("occ_new_1000", OCC_1000, 0, 45, 100, 30371, 38359, 45746),
	OCCUPIED("occ_new_3000", OCC_3000, 0, 45, 100, 92560, 108258, 123908),
	OCCUPIED("occ_new_3000_hash32768", OCC_3000_H, 0, 45, 100, 91184, 96963, 98295),
	OCCUPIED("nft_1000", NFT_1000, 0, 20, 39, 20195, 29135, 37714),
	OCCUPIED("clean_stream3x1.5s_50", CLEAN, 0, 112, 168, 5658, 6940, 8059),
	OCCUPIED("clean_onepod_eph_200", CLEAN, 1, 112, 168, 7200, 10136, 12331),
	OCCUPIED("clean_tcp_fin_50", CLEAN, 2, 112, 168, 5255, 6186, 7014),
	OCCUPIED("clean_tcp_persist_50", CLEAN, 3, 112, 168, 1, 1, 1),
	{.name = "busy_20000", .kind = TRUTH_PEAK, .group = &groups[BUSY], .from_s = 125, .until_s = 190,
	 .tolerance = 0.02, .measured = {.max = 37327}}, /* 37,697 and 36,957 before two sweeps */
	OCCUPIED("full_h4096_r100", PLAIN, 0, 35, 55, 3025, 3031, 3036),
	OCCUPIED("full_h262144_r100", WIDE, 0, 39, 55, 3098, 3492, 3693),
	LOST("full_h1024_r400", FULL_1024, 0, 0, 370.6),
	LOST("full_h4096_r200", PLAIN, 1, 0, 101.0),
	LOST("full_h4096_r400", PLAIN, 2, 0.0001, 368.1),
	LOST("full_h4096_r800", PLAIN, 3, 0.0, 795.1),
	LOST("full_h4096_r1600", PLAIN, 4, 0.0, 1596.8),
	LOST("full_h4096_r200_assured3072", ASSURED, 0, 0.0128, 196.2),
	LOST("full_h4096_r200_assured3584", ASSURED, 1, 0.1196, 176.1),
	LOST("full_h4096_r200_assured4000", ASSURED, 3, 0.678, 64.4),
	LOST("full_h4096_r200_assured4090", ASSURED, 4, 0.9784, 4.3),
	LOST("full_h262144_r120", WIDE, 1, 0.0937, 2.0),
	LOST("full_h262144_r200", WIDE, 3, 0.3070, 12.8),
	LOST("full_h262144_r1600", WIDE, 5, 0.7709, 335.2),
	/* Of UDP, while TIME_WAIT fills the table; then as the first of it runs out. */
	{.name = "fulltcp_h4096", .kind = TRUTH_LOSS, .group = &groups[FULLTCP], .from_s = 30, .until_s = 120,
	 .tolerance = 0.40, .early_tolerance = 0.05, .measured = {.lost = 0.136, .early_per_s = 44.7}},
	{.name = "fulltcp_h4096, from 120 s on", .kind = TRUTH_LOSS, .group = &groups[FULLTCP], .from_s = 120, .until_s = 149,
	 .tolerance = 0.25, .early_tolerance = 0.10, .measured = {.lost = 0.0827, .early_per_s = 30.7}},
};
_Static_assert(COUNT(cases) <= VALIDATE_ROWS_MAX, "rows");

const struct truth_case *truth_cases(size_t *ret_n)
{
	*ret_n = COUNT(cases);
	return cases;
}
