/* SPDX-License-Identifier: Apache-2.0 */
/* See the header for the idea; the layout is struct file_head, then records. */
#include "resolver/worker/cache_export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"

#define VERSION   1
#define ROUND     256u             /* entries between two rounds of the loop */
#define ROUND_NS  (200 * NS_PER_US) /* rest after each: others go first */
#define BUFFER    (256u * 1024)
#define RECORD_MAX (sizeof(struct record) + DNS_MSG_MAX + 65535 + 8)

struct file_head {
	char magic[8];
	uint32_t version, record_len;
};
struct record { /* message and EDE data follow; the whole is padded to 8 */
	uint64_t stored_ns, expires_ns, view;
	uint32_t len;
	uint16_t flags, ede_len;
	uint8_t is_do, pad[7];
};

static const struct file_head head = { "NODCACHE", VERSION, sizeof(struct record) };

/* --- out --- */

struct cache_export {
	struct loop *loop;
	struct core *core;
	struct loop_timer timer;
	void (*done)(void *ctx, uint32_t n);
	void *ctx;
	int fd;
	uint32_t n;
	size_t cursor, used;
	uint8_t buffer[BUFFER + RECORD_MAX];
};

static int buffer_write(struct cache_export *e)
{
	for (size_t at = 0; at < e->used;) {
		ssize_t n = write(e->fd, e->buffer + at, e->used - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_SYS;
		at += (size_t)n;
	}
	e->used = 0;
	return 0;
}

static void record_put(struct cache_export *e, const struct core_entry *x)
{
	struct record r = { .stored_ns = x->stored_ns, .expires_ns = x->expires_ns, .view = x->view,
			    .len = (uint32_t)x->len, .flags = x->flags, .is_do = x->is_do,
			    .ede_len = x->ede ? x->ede_len : 0 };
	size_t end = (sizeof(r) + r.len + r.ede_len + 7) & ~(size_t)7;
	uint8_t *p = e->buffer + e->used;
	memcpy(p, &r, sizeof(r));
	memcpy(p + sizeof(r), x->msg, r.len);
	if (r.ede_len)
		memcpy(p + sizeof(r) + r.len, x->ede, r.ede_len);
	memset(p + sizeof(r) + r.len + r.ede_len, 0, end - sizeof(r) - r.len - r.ede_len);
	e->used += end;
	e->n++;
}

static void export_end(struct cache_export *e)
{
	void (*done)(void *, uint32_t) = e->done;
	void *ctx = e->ctx;
	uint32_t n = e->n;
	cache_export_free(e);
	done(ctx, n);
}

static void export_step(struct loop_timer *t)
{
	struct cache_export *e = container_of(t, struct cache_export, timer);
	struct core_entry x;
	bool more = e->core != NULL;
	for (unsigned i = 0; more && i < ROUND; i++) {
		more = core_entry_next(e->core, &e->cursor, &x);
		if (more && x.expires_ns > e->loop->now_ns)
			record_put(e, &x);
		if (e->used >= BUFFER && buffer_write(e) < 0)
			more = false;
	}
	if (!more) {
		buffer_write(e);
		export_end(e);
		return;
	}
	loop_timer_set(e->loop, &e->timer, e->loop->now_ns + ROUND_NS);
}

struct cache_export *cache_export_new(struct loop *loop, struct core *core, int fd,
				      void (*done)(void *ctx, uint32_t n), void *ctx)
{
	struct cache_export *e = malloc(sizeof(*e));
	if (!e)
		return NULL;
	memset(e, 0, offsetof(struct cache_export, buffer));
	e->loop = loop;
	e->core = core;
	e->done = done;
	e->ctx = ctx;
	e->timer.due = export_step;
	e->fd = dup(fd);
	if (e->fd < 0) {
		free(e);
		return NULL;
	}
	memcpy(e->buffer, &head, sizeof(head));
	e->used = sizeof(head);
	loop_timer_set(loop, &e->timer, loop->now_ns);
	return e;
}

void cache_export_free(struct cache_export *e)
{
	if (!e)
		return;
	loop_timer_set(e->loop, &e->timer, T_NEVER);
	close(e->fd);
	free(e);
}

/* --- in --- */

/* The record at `at`, or false at the end or where it breaks off. */
static bool record_get(const uint8_t *base, size_t len, size_t *at, struct core_entry *ret)
{
	struct record r;
	size_t left = len - *at;
	if (left < sizeof(r))
		return false;
	memcpy(&r, base + *at, sizeof(r));
	left -= sizeof(r);
	if (r.len > DNS_MSG_MAX || r.len > left || r.ede_len > left - r.len)
		return false;
	const uint8_t *p = base + *at + sizeof(r);
	*ret = (struct core_entry){ .flags = r.flags, .is_do = r.is_do, .msg = p, .len = r.len,
				    .stored_ns = r.stored_ns, .expires_ns = r.expires_ns, .view = r.view,
				    .ede = r.ede_len ? p + r.len : NULL, .ede_len = r.ede_len };
	size_t step = (sizeof(r) + r.len + r.ede_len + 7) & ~(size_t)7;
	*at = step > len - *at ? len : *at + step;
	return true;
}

uint32_t cache_import(struct core *core, uint64_t now_ns, int fd)
{
	struct core_entry x;
	struct stat st;
	uint32_t n = 0;
	if (!core || fstat(fd, &st) < 0 || (size_t)st.st_size < sizeof(head))
		return 0;
	size_t len = (size_t)st.st_size, at = sizeof(head);
	uint8_t *base = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		return 0;
	if (memcmp(base, &head, sizeof(head)) == 0)
		while (record_get(base, len, &at, &x))
			n += core_entry_put(core, now_ns, &x) == 0;
	munmap(base, len);
	return n;
}
