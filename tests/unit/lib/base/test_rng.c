/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded numbers repeat and have the shape they claim; the kernel's are not shared by a fork. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/rng.h"

Test(rng, xoshiro256starstar_reference_values)
{
	/* State 1,2,3,4: first outputs of the authors' C code, as also used by
	 * other implementations' tests. */
	static const uint64_t want[] = {11520u, 0u, 1509978240u, 1215971899390074240u};
	struct rng r = {{1, 2, 3, 4}};

	for (int i = 0; i < 4; i++)
		cr_assert_eq(rng_u64(&r), want[i], "output %d", i);
}

Test(rng, seeds_repeat_and_streams_differ)
{
	struct rng a, b, c, d;

	rng_seed_stream(&a, 7, 1);
	rng_seed_stream(&b, 7, 1);
	rng_seed_stream(&c, 7, 2);
	rng_seed_stream(&d, 1, 7);
	for (int i = 0; i < 100; i++) {
		uint64_t v = rng_u64(&a);

		cr_assert_eq(v, rng_u64(&b));
		cr_assert_neq(v, rng_u64(&c));
		cr_assert_neq(v, rng_u64(&d));
	}
}

Test(rng, below_covers_its_range_evenly)
{
	unsigned count[7] = {0};
	struct rng r;

	rng_seed(&r, 1);
	for (int i = 0; i < 70000; i++)
		count[rng_below(&r, 7)]++;
	for (int i = 0; i < 7; i++)
		cr_assert(count[i] > 9600 && count[i] < 10400, "%d: %u", i, count[i]);
	cr_assert_eq(rng_below(&r, 1), 0);
}

Test(rng, unit_and_exponential_have_their_means)
{
	double unit = 0, expo = 0;
	struct rng r;
	int n = 100000;

	rng_seed(&r, 2);
	for (int i = 0; i < n; i++) {
		double u = rng_unit(&r);

		cr_assert(u >= 0 && u < 1);
		unit += u;
		u = rng_exp(&r, 5);
		cr_assert(u >= 0);
		expo += u;
	}
	cr_assert_float_eq(unit / n, 0.5, 0.01);
	cr_assert_float_eq(expo / n, 5, 0.1);
}

Test(rng, zipf_shares_follow_rank)
{
	struct zipf *z = zipf_new(100, 1.0);
	unsigned count[100] = {0};
	struct rng r;

	cr_assert_not_null(z);
	rng_seed(&r, 3);
	for (int i = 0; i < 100000; i++) {
		size_t k = zipf_draw(z, &r);

		cr_assert_lt(k, 100);
		count[k]++;
	}
	/* The harmonic number H(100) is 5.187: rank 1 has 19.3 %, rank 10 1.93 %. */
	cr_assert(count[0] > 18700 && count[0] < 19900, "%u", count[0]);
	cr_assert(count[9] > 1750 && count[9] < 2110, "%u", count[9]);
	zipf_free(z);
	zipf_free(NULL);
	cr_assert_null(zipf_new(0, 1));
}

Test(rng, zipf_of_exponent_zero_is_uniform)
{
	struct zipf *z = zipf_new(4, 0);
	unsigned count[4] = {0};
	struct rng r;

	rng_seed(&r, 4);
	for (int i = 0; i < 40000; i++)
		count[zipf_draw(z, &r)]++;
	for (int i = 0; i < 4; i++)
		cr_assert(count[i] > 9500 && count[i] < 10500);
	zipf_free(z);
}

Test(rng, kernel_bytes_of_any_length)
{
	uint8_t a[2000] = {0}, b[2000] = {0};

	rng_os_bytes(a, sizeof(a));
	rng_os_bytes(b, sizeof(b));
	cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
	cr_assert_neq(rng_os_u64(), rng_os_u64());
}

Test(rng, a_forked_child_draws_other_numbers)
{
	uint64_t mine, childs = 0;
	int fd[2], status;
	pid_t pid;

	rng_os_u16(); /* the buffer is filled before the fork */
	cr_assert_eq(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		uint64_t v = rng_os_u64();

		_exit(write(fd[1], &v, sizeof(v)) != sizeof(v));
	}
	mine = rng_os_u64();
	cr_assert_eq(read(fd[0], &childs, sizeof(childs)), (ssize_t)sizeof(childs));
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	cr_assert_neq(mine, childs);
}
