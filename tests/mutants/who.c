/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tests run a line, for tests/mutants/run.
 *
 *   who add BLOCKS MAP NAME      appends to standard output a row: NAME, a tab, and for each
 *                                block 1 when the test whose map that is ran it, else 0
 *   who runs BLOCKS ROWS LIST    prints the lines of LIST (file, line, ... between tabs), each
 *                                with the names of the rows that run it behind it
 *
 * BLOCKS is what the traced library has, as `addr2line -a` tells it of every call of the
 * tracer: an address, then file:line, in the order of addresses. A line that begins no block
 * belongs to the last two that begin above it in its file (the last may be what an `if` in between
 * returns), or to the first one there is: a table in front of all code.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS_MAX = 200000, ROWS_MAX = 10000, LINE_MAX_LEN = 4096, LINES_MAX = 10000 };

struct block {
	uint64_t address;
	char *file;
	unsigned line;
};
static struct block blocks[BLOCKS_MAX];
static size_t n_blocks;

static void fail(const char *path)
{
	fprintf(stderr, "who: %s: %s\n", path, errno ? strerror(errno) : "not what it should be");
	exit(2);
}

static FILE *file_open(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		fail(path);
	return f;
}

static void blocks_read(const char *path)
{
	FILE *f = file_open(path);
	char text[LINE_MAX_LEN];

	while (fgets(text, sizeof(text), f)) {
		struct block *b = &blocks[n_blocks];
		char *colon = NULL;

		b->address = strtoull(text, NULL, 16);
		if (n_blocks == BLOCKS_MAX || !fgets(text, sizeof(text), f) ||
		    !(colon = strrchr(text, ':')))
			fail(path);
		*colon = 0;
		b->line = (unsigned)strtoul(colon + 1, NULL, 10);
		b->file = n_blocks && !strcmp(b[-1].file, text) ? b[-1].file : strdup(text);
		n_blocks++;
	}
	fclose(f);
}

/* The tracer noted where its caller goes on, which is behind the call's own address. */
static void add(const char *path, const char *name)
{
	FILE *f = file_open(path);
	uint8_t *map;
	long size;

	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	map = malloc((size_t)size + 1);
	if (!map || fread(map, 1, (size_t)size, f) != (size_t)size)
		fail(path);
	fclose(f);
	printf("%s\t", name);
	for (size_t i = 0; i < n_blocks; i++) {
		uint64_t end = i + 1 < n_blocks ? blocks[i + 1].address : (uint64_t)size - 1;
		uint64_t at = blocks[i].address + 1;

		putchar(at <= end && memchr(map + at, 1, end - at + 1) ? '1' : '0');
	}
	putchar('\n');
}

struct row {
	char *name, *runs;
};
static struct row rows[ROWS_MAX];
static size_t n_rows;

static void rows_read(const char *path)
{
	FILE *f = file_open(path);
	char *text = NULL;
	size_t cap = 0;

	for (; getline(&text, &cap, f) > 0; text = NULL, n_rows++) {
		char *tab = strchr(text, '\t');

		if (n_rows == ROWS_MAX || !tab || strlen(tab + 1) < n_blocks)
			fail(path);
		*tab = 0;
		rows[n_rows] = (struct row){.name = text, .runs = tab + 1};
	}
	fclose(f);
}

static bool ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n >= m && !strcmp(path + n - m, end);
}

/* The last line up to `line` that begins a block of the file; 0: there is none. */
static unsigned begin_of(const char *file, unsigned line)
{
	unsigned begins = 0;

	for (size_t i = 0; i < n_blocks; i++)
		if (blocks[i].line <= line && blocks[i].line > begins && ends_with(blocks[i].file, file))
			begins = blocks[i].line;
	return begins;
}

/* The blocks that a line belongs to, by their places in a row. */
static size_t blocks_of(const char *file, unsigned line, size_t *at)
{
	unsigned begins = begin_of(file, line), before = begins;
	size_t n = 0;

	if (!begins) {
		for (begins = line + 1; begins < line + LINES_MAX && begin_of(file, begins) != begins; begins++)
			;
		before = begins;
	} else if (begins < line) {
		before = begin_of(file, begins - 1);
	}
	for (size_t i = 0; i < n_blocks; i++)
		if ((blocks[i].line == begins || blocks[i].line == before) && ends_with(blocks[i].file, file))
			at[n++] = i;
	return n;
}

static void runs(const char *list)
{
	static size_t at[BLOCKS_MAX];
	FILE *f = file_open(list);
	char text[LINE_MAX_LEN], file[LINE_MAX_LEN];
	unsigned line;

	while (fgets(text, sizeof(text), f)) {
		size_t n;

		text[strcspn(text, "\n")] = 0;
		if (sscanf(text, "%s %u", file, &line) != 2)
			fail(list);
		n = blocks_of(file, line, at);
		printf("%s\t", text);
		for (size_t r = 0; r < n_rows; r++) {
			size_t i = 0;

			while (i < n && rows[r].runs[at[i]] != '1')
				i++;
			if (i < n)
				printf("%s ", rows[r].name);
		}
		printf("\n");
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	bool adds = argc == 5 && !strcmp(argv[1], "add");

	if (!adds && (argc != 5 || strcmp(argv[1], "runs"))) {
		fprintf(stderr, "usage: who add BLOCKS MAP NAME | who runs BLOCKS ROWS LIST\n");
		return 2;
	}
	blocks_read(argv[2]);
	if (adds) {
		add(argv[3], argv[4]);
	} else {
		rows_read(argv[3]);
		runs(argv[4]);
	}
	return 0;
}
