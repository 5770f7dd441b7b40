/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a query stream: no crash, and what is read once is written and
 * read again the same. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/record/qstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reader opens paths; a memory file has one. */
static int memory_file(char path[40])
{
	int fd = memfd_create("qs", MFD_CLOEXEC);
	assert(fd >= 0);
	snprintf(path, 40, "/proc/self/fd/%d", fd);
	return fd;
}

static void compare(struct qs_reader *a, struct qs_reader *b)
{
	struct qrec ra, rb;
	int rc;
	while ((rc = qs_reader_next(a, &ra, NULL)) > 0) {
		int again = qs_reader_next(b, &rb, NULL);
		assert(again == 1);
		assert(ra.wire_len == rb.wire_len && (!ra.wire_len || !memcmp(ra.wire, rb.wire, ra.wire_len)));
		ra.wire = rb.wire = NULL; /* each reader's own */
		assert(!memcmp(&ra, &rb, sizeof(ra)));
	}
}

static void rewrite(const char *from, const char *to)
{
	struct qs_reader *r;
	struct qs_writer *w;
	struct qrec rec;
	if (qs_reader_open(&r, from, NULL))
		return;
	int rc = qs_writer_open_wire(&w, to, NULL);
	assert(!rc);
	while (qs_reader_next(r, &rec, NULL) > 0)
		qs_writer_put(w, &rec);
	rc = qs_writer_close(w, NULL);
	assert(!rc);
	qs_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char in[40], out[40];
	int in_fd = memory_file(in), out_fd = memory_file(out);
	struct qs_reader *a, *b;
	if (write(in_fd, data, size) == (ssize_t)size) {
		rewrite(in, out);
		if (!qs_reader_open(&a, in, NULL)) {
			int rc = qs_reader_open(&b, out, NULL);
			assert(!rc);
			compare(a, b);
			qs_reader_close(b);
			qs_reader_close(a);
		}
	}
	close(in_fd);
	close(out_fd);
	return 0;
}
