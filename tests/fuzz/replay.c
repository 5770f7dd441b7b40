/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds a fuzz target its corpus without libFuzzer, so that every ordinary run
 * repeats what fuzzing once found. Arguments are files; without any, it takes
 * every file of tests/fuzz/corpus/<target>/, each also cut short at every length
 * (long ones at 256 lengths) and with single octets flipped. Each input lies in a
 * block of its own size, so that a sanitizer sees the first octet read beyond it.
 * Under libFuzzer, which brings its own main, this file is empty.
 */
#ifndef LIBFUZZER
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
/* A target whose inputs take long may say how many variants of each are enough. */
extern const size_t replay_variants __attribute__((weak));
/* One that has commands of its own: exit status, or -1 when `argv` is none of them. */
int replay_command(int argc, char **argv) __attribute__((weak));

#define INPUT_MAX (1u << 20)
#define VARIANTS_MAX 256

static unsigned long n_inputs;

static void feed(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	if (!exact)
		abort();
	memcpy(exact, data, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	n_inputs++;
}

static void feed_variants(uint8_t *data, size_t len)
{
	size_t step = len / (&replay_variants ? replay_variants : VARIANTS_MAX) + 1;

	feed(data, len);
	for (size_t n = 0; n < len; n += step)
		feed(data, n);
	for (size_t i = 0; i < len; i += step) {
		uint8_t was = data[i];

		data[i] = (uint8_t)(was ^ 0xff);
		feed(data, len);
		data[i] = (uint8_t)(was + 1);
		feed(data, len);
		data[i] = was;
	}
}

static int feed_file(const char *path, int variants)
{
	static uint8_t buf[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	size_t len;

	if (!f) {
		perror(path);
		return 1;
	}
	len = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	if (variants)
		feed_variants(buf, len);
	else
		feed(buf, len);
	return 0;
}

/* "build/gcc/tests/fuzz/fuzz_wire" -> "tests/fuzz/corpus/wire" */
static void corpus_of(const char *program, char *dir, size_t cap)
{
	const char *base = strrchr(program, '/');

	base = base ? base + 1 : program;
	if (strncmp(base, "fuzz_", 5) == 0)
		base += 5;
	snprintf(dir, cap, "tests/fuzz/corpus/%s", base);
}

static int feed_corpus(const char *dir)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort), bad = 0, n_files = 0;
	char path[1024];

	if (n < 0) {
		perror(dir);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
			bad |= feed_file(path, 1);
			n_files++;
		}
		free(list[i]);
	}
	free(list);
	if (n_files == 0)
		fprintf(stderr, "%s: empty\n", dir);
	return bad || n_files == 0;
}

int main(int argc, char **argv)
{
	char dir[512];
	int bad = replay_command ? replay_command(argc, argv) : -1;

	if (bad >= 0)
		return bad;
	bad = 0;
	corpus_of(argv[0], dir, sizeof(dir));
	if (argc == 1)
		bad = feed_corpus(dir);
	for (int i = 1; i < argc; i++)
		bad |= feed_file(argv[i], 0);
	printf("%lu inputs\n", n_inputs);
	return bad;
}
#endif
