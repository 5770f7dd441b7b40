/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of steps by chance whose numbers are known (diary.c):
 *
 *   fuzz_daemon runs FILE      rows of FILE (run, outward, inward) against the daemon of now, as TAP
 *   fuzz_daemon runs N         such rows of N runs
 *   fuzz_daemon run NUMBER     one of them; DAEMON_TRACE=1 prints it
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/daemon/diary.h"
#include "tests/fuzz/daemon/world.h"

#define STEP_LEN  4
#define STEPS_MIN 24
#define STEPS_MAX 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int replay_command(int argc, char **argv);

static void run_one(uint64_t number)
{
	uint8_t data[STEPS_MAX * STEP_LEN];
	size_t n = STEPS_MIN + number * 7 % (STEPS_MAX - STEPS_MIN);

	steps_make(number, data, n);
	data[0] = (uint8_t)number; /* each configuration begins some */
	LLVMFuzzerTestOneInput(data, n * STEP_LEN);
}

static int rows_check(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long number;
	unsigned long long out, in;
	unsigned n = 0, bad = 0;

	if (!f) {
		perror(path);
		return 1;
	}
	while (fscanf(f, "%lu %llx %llx", &number, &out, &in) == 3) {
		const char *what = "";

		run_one(number);
		if (diary_of(DIARY_OUTWARD) != out)
			what = ": what came out of it is not what it was";
		else if (diary_of(DIARY_INWARD) != in)
			what = ": the same came out of it, by other calls";
		n++;
		if (*what)
			printf("not ok %u - run %lu%s\n", ++bad, number, what);
	}
	fclose(f);
	printf("%sok %u - %u of %u runs are what they were\n", bad || !n ? "not " : "", bad + 1, n - bad, n);
	return bad || !n;
}

int replay_command(int argc, char **argv)
{
	if (argc != 3 || strncmp(argv[1], "run", 3) != 0)
		return -1;
	confs_for_runs();
	if (strcmp(argv[1], "run") == 0) {
		run_one(strtoul(argv[2], NULL, 10));
		return 0;
	}
	if (argv[2][strspn(argv[2], "0123456789")])
		return rows_check(argv[2]);
	for (unsigned long i = 0; i < strtoul(argv[2], NULL, 10); i++) {
		run_one(i);
		printf("%lu %016llx %016llx\n", i, (unsigned long long)diary_of(DIARY_OUTWARD),
		       (unsigned long long)diary_of(DIARY_INWARD));
	}
	return 0;
}
