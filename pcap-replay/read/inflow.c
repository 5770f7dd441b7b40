/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One window of plain octets, filled in large pieces and handed out in place, and a
 * row of codecs that fill it: each turns packed octets into plain ones through the
 * same three calls, so that adding a format is adding a row. What is not packed is
 * read straight into the window. Concatenated gzip members, zstd and lz4 frames and xz streams are read
 * to the end, as their own tools do.
 */
#include "pcap-replay/read/inflow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PACKED_BYTES 65536
#define WINDOW_BYTES (128 * 1024) /* stays in a core's own cache between the kernel's copy and the parser */

struct inflow;
struct codec {
	const char *name;
	uint8_t magic[4];
	size_t n_magic;
	int (*start)(struct inflow *f);
	/* Consume from in[pos..len), produce into out; returns octets made, or -1.
	 * Sets at_end at the close of a member or frame. */
	long (*step)(struct inflow *f, uint8_t *out, size_t cap);
	void (*stop)(struct inflow *f);
};

struct inflow {
	int fd;
	const char *path;
	const struct codec *codec; /* NULL: plain */
	uint8_t in[PACKED_BYTES];
	size_t pos, len;
	int file_ended, at_end;
	uint8_t *window;     /* plain octets [from..to) of `cap` */
	size_t from, to, cap;
	z_stream gz;
	lzma_stream xz;
	ZSTD_DStream *zstd;
	LZ4F_dctx *lz4;
};

static int gz_start(struct inflow *f)
{
	return inflateInit2(&f->gz, 15 + 16) == Z_OK ? 0 : -1;
}

static long gz_step(struct inflow *f, uint8_t *out, size_t cap)
{
	if (f->at_end && inflateReset(&f->gz) != Z_OK)
		return -1;
	f->gz.next_in = f->in + f->pos;
	f->gz.avail_in = (uInt)(f->len - f->pos);
	f->gz.next_out = out;
	f->gz.avail_out = (uInt)cap;
	int rc = inflate(&f->gz, Z_NO_FLUSH);
	f->pos = f->len - f->gz.avail_in;
	f->at_end = rc == Z_STREAM_END;
	return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? (long)(cap - f->gz.avail_out) : -1;
}

static void gz_stop(struct inflow *f)
{
	inflateEnd(&f->gz);
}

static int xz_start(struct inflow *f)
{
	f->xz = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&f->xz, UINT64_MAX, 0) == LZMA_OK ? 0 : -1;
}

static long xz_step(struct inflow *f, uint8_t *out, size_t cap)
{
	if (f->at_end && lzma_stream_decoder(&f->xz, UINT64_MAX, 0) != LZMA_OK)
		return -1;
	f->xz.next_in = f->in + f->pos;
	f->xz.avail_in = f->len - f->pos;
	f->xz.next_out = out;
	f->xz.avail_out = cap;
	lzma_ret rc = lzma_code(&f->xz, LZMA_RUN);
	f->pos = f->len - f->xz.avail_in;
	f->at_end = rc == LZMA_STREAM_END;
	return rc == LZMA_OK || rc == LZMA_STREAM_END || rc == LZMA_BUF_ERROR ? (long)(cap - f->xz.avail_out) : -1;
}

static void xz_stop(struct inflow *f)
{
	lzma_end(&f->xz);
}

static int zstd_start(struct inflow *f)
{
	f->zstd = ZSTD_createDStream();
	return f->zstd ? 0 : -1;
}

static long zstd_step(struct inflow *f, uint8_t *out, size_t cap)
{
	ZSTD_inBuffer in = {f->in, f->len, f->pos};
	ZSTD_outBuffer o = {out, cap, 0};
	size_t rc = ZSTD_decompressStream(f->zstd, &o, &in);
	f->pos = in.pos;
	f->at_end = rc == 0;
	return ZSTD_isError(rc) ? -1 : (long)o.pos;
}

static void zstd_stop(struct inflow *f)
{
	ZSTD_freeDStream(f->zstd);
}

static int lz4_start(struct inflow *f)
{
	return LZ4F_isError(LZ4F_createDecompressionContext(&f->lz4, LZ4F_VERSION)) ? -1 : 0;
}

static long lz4_step(struct inflow *f, uint8_t *out, size_t cap)
{
	size_t made = cap, used = f->len - f->pos;
	size_t rc = LZ4F_decompress(f->lz4, out, &made, f->in + f->pos, &used, NULL);
	f->pos += used;
	f->at_end = rc == 0;
	return LZ4F_isError(rc) ? -1 : (long)made;
}

static void lz4_stop(struct inflow *f)
{
	LZ4F_freeDecompressionContext(f->lz4);
}

static const struct codec codecs[] = {
	{"gzip", {0x1f, 0x8b}, 2, gz_start, gz_step, gz_stop},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, zstd_start, zstd_step, zstd_stop},
	{"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, lz4_start, lz4_step, lz4_stop},
	{"xz", {0xfd, '7', 'z', 'X'}, 4, xz_start, xz_step, xz_stop},
};

/* At its end, though its writer may hold it open: what has arrived is what there is. A read that waits begins anew,
 * there; one that is about to begin is not too late; and a write that waits is not given up, as it would be if
 * the signal's part were to interrupt calls. */
void inflow_stdin_end(void)
{
	int was = errno, fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		close(fd);
	}
	errno = was;
}

static void on_interrupt(int sig)
{
	(void)sig;
	inflow_stdin_end();
}

/* Who sends down a pipe has come to its end by the same Ctrl-C, or never will. The second one
 * ends the process, as ever. */
static void interrupts_end_input(void)
{
	struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND | SA_RESTART}, before;
	if (!sigaction(SIGINT, NULL, &before) && before.sa_handler == SIG_DFL)
		sigaction(SIGINT, &sa, NULL);
}

void inflow_stdin_ends_by(int sig)
{
	struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
	sigaction(sig, &sa, NULL);
}

static int put_back = -1;

void inflow_stdin_put_back(uint8_t octet)
{
	put_back = octet;
}

/* What one read brings, of a pipe that is less; 0 at the end. */
static long file_read_some(struct inflow *f, uint8_t *buf, size_t cap, struct diag *d)
{
	ssize_t n;
	if (f->fd == STDIN_FILENO && put_back >= 0) {
		*buf = (uint8_t)put_back;
		put_back = -1;
		return 1;
	}
	do
		n = read(f->fd, buf, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return diag_errno(d, "%s", f->path);
	f->file_ended = n == 0;
	return n;
}

static int refill(struct inflow *f, struct diag *d)
{
	long n = file_read_some(f, f->in, sizeof(f->in), d);
	f->pos = 0;
	f->len = n > 0 ? (size_t)n : 0;
	return n < 0 ? (int)n : 0;
}

/* The magic number may come in pieces from a pipe. */
static int first_fill(struct inflow *f, struct diag *d)
{
	while (!f->file_ended && f->len < sizeof(codecs[0].magic)) {
		long n = file_read_some(f, f->in + f->len, sizeof(f->in) - f->len, d);
		if (n < 0)
			return (int)n;
		f->len += (size_t)n;
	}
	f->file_ended = f->len == 0;
	return 0;
}

int inflow_open(struct inflow **ret, const char *path, struct diag *d)
{
	struct inflow *f = calloc(1, sizeof(*f));
	if (!f)
		return diag_set(d, ERR_NOMEM, "%s: out of memory", path);
	f->path = path;
	f->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (f->fd == STDIN_FILENO)
		interrupts_end_input();
	int rc = f->fd >= 0 ? first_fill(f, d) : diag_errno(d, "%s", path);
	for (size_t i = 0; rc == 0 && i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (f->len >= codecs[i].n_magic && !memcmp(f->in, codecs[i].magic, codecs[i].n_magic)) {
			if (codecs[i].start(f))
				rc = diag_set(d, ERR_NOMEM, "%s: %s decoder: out of memory", path, codecs[i].name);
			else
				f->codec = &codecs[i];
		}
	if (rc) {
		inflow_close(f);
		return rc;
	}
	*ret = f;
	return 0;
}

/* Behind a whole member only zeros (tape blocks, some shippers' padding): the end,
 * as gzip sees it. */
static bool only_zeros(struct inflow *f, struct diag *d, int *rc)
{
	if (f->codec->n_magic != 2 || !f->at_end)
		return false;
	for (size_t i = f->pos; i < f->len; i++)
		if (f->in[i])
			return false;
	f->pos = f->len;
	*rc = refill(f, d);
	return true;
}

/* More plain octets into `out`; 0 at the end. */
static long unpack_some(struct inflow *f, uint8_t *out, size_t cap, struct diag *d)
{
	for (;;) {
		int rc = f->pos == f->len && !f->file_ended ? refill(f, d) : 0;
		if (rc)
			return rc;
		if (f->file_ended && f->at_end)
			return 0;
		if (only_zeros(f, d, &rc)) {
			if (rc)
				return rc;
			continue;
		}
		long made = f->codec->step(f, out, cap);
		if (made < 0)
			return diag_set(d, ERR_SYNTAX, "%s: damaged %s data", f->path, f->codec->name);
		if (made == 0 && f->file_ended)
			return diag_set(d, ERR_SHORT, "%s: the %s stream ends early", f->path, f->codec->name);
		if (made > 0)
			return made;
	}
}

static long some(struct inflow *f, uint8_t *out, size_t cap, struct diag *d)
{
	if (f->codec)
		return unpack_some(f, out, cap, d);
	if (f->pos == f->len)
		return f->file_ended ? 0 : file_read_some(f, out, cap, d);
	size_t n = f->len - f->pos < cap ? f->len - f->pos : cap; /* what was looked at for a magic number */
	memcpy(out, f->in + f->pos, n);
	f->pos += n;
	return (long)n;
}

/* Room for n octets from the window's beginning, what is left of it moved there. */
static int window_room(struct inflow *f, size_t n, struct diag *d)
{
	size_t left = f->to - f->from, cap = n > WINDOW_BYTES ? n : WINDOW_BYTES;
	if (f->cap < n) {
		uint8_t *w = malloc(cap);
		if (!w)
			return diag_set(d, ERR_NOMEM, "%s: out of memory", f->path);
		if (left)
			memcpy(w, f->window + f->from, left);
		free(f->window);
		f->window = w;
		f->cap = cap;
	} else if (f->from && left) {
		memmove(f->window, f->window + f->from, left);
	}
	f->from = 0;
	f->to = left;
	return 0;
}

const char *inflow_packing(const uint8_t octets[4])
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (!memcmp(octets, codecs[i].magic, codecs[i].n_magic))
			return codecs[i].name;
	return NULL;
}

long inflow_take(struct inflow *f, size_t n, const uint8_t **ret, struct diag *d)
{
	if (f->to - f->from < n) {
		int rc = window_room(f, n, d);
		if (rc)
			return rc;
		while (f->to < n) {
			long made = some(f, f->window + f->to, f->cap - f->to, d);
			if (made < 0)
				return made;
			if (made == 0)
				break;
			f->to += (size_t)made;
		}
	}
	size_t got = f->to - f->from < n ? f->to - f->from : n;
	*ret = f->window + f->from;
	f->from += got;
	return (long)got;
}

void inflow_close(struct inflow *f)
{
	if (!f)
		return;
	if (f->codec)
		f->codec->stop(f);
	if (f->fd > STDIN_FILENO)
		close(f->fd);
	free(f->window);
	free(f);
}
