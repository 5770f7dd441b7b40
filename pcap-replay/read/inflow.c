/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One refill loop and a row of codecs: each codec turns packed octets into
 * plain ones through the same three calls, so that adding a format is adding a
 * row. Concatenated gzip members, zstd and lz4 frames and xz streams are read
 * to the end, as their own tools do.
 */
#include "pcap-replay/read/inflow.h"

#include <errno.h>
#include <stdbool.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define PACKED_BYTES 65536

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
	FILE *file;
	const char *path;
	const struct codec *codec; /* NULL: plain */
	uint8_t in[PACKED_BYTES];
	size_t pos, len;
	int file_ended, at_end;
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

static int refill(struct inflow *f, struct diag *d)
{
	f->pos = 0;
	f->len = fread(f->in, 1, sizeof(f->in), f->file);
	if (f->len == 0 && ferror(f->file))
		return diag_errno(d, "%s", f->path);
	f->file_ended = f->len == 0;
	return 0;
}

int inflow_open(struct inflow **ret, const char *path, struct diag *d)
{
	struct inflow *f = calloc(1, sizeof(*f));
	if (!f)
		return diag_set(d, ERR_NOMEM, "%s: out of memory", path);
	f->path = path;
	f->file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	int rc = f->file ? refill(f, d) : diag_errno(d, "%s", path);
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

/* Plain octets straight from the buffer. */
static long plain_step(struct inflow *f, uint8_t *out, size_t cap)
{
	size_t n = f->len - f->pos < cap ? f->len - f->pos : cap;
	memcpy(out, f->in + f->pos, n);
	f->pos += n;
	f->at_end = 1;
	return (long)n;
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

long inflow_read(struct inflow *f, void *buf, size_t n, struct diag *d)
{
	size_t got = 0;
	while (got < n) {
		if (f->pos == f->len && !f->file_ended) {
			int rc = refill(f, d);
			if (rc)
				return rc;
		}
		if (f->file_ended && (f->at_end || !f->codec))
			break;
		int rc = 0;
		if (f->codec && only_zeros(f, d, &rc)) {
			if (rc)
				return rc;
			continue;
		}
		long made = f->codec ? f->codec->step(f, (uint8_t *)buf + got, n - got)
				     : plain_step(f, (uint8_t *)buf + got, n - got);
		if (made < 0)
			return diag_set(d, ERR_SYNTAX, "%s: damaged %s data", f->path, f->codec->name);
		if (made == 0 && f->file_ended)
			return diag_set(d, ERR_SHORT, "%s: the %s stream ends early", f->path, f->codec->name);
		got += (size_t)made;
	}
	return (long)got;
}

void inflow_close(struct inflow *f)
{
	if (!f)
		return;
	if (f->codec)
		f->codec->stop(f);
	if (f->file && f->file != stdin)
		fclose(f->file);
	free(f);
}
