/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the other side of a unix socket can send: messages of a hand-over and of
 * a worker, with more descriptors than anybody wants, and a cache in a memory
 * file. No descriptor is left over, texts end, and what was taken into a cache
 * can be handed on whole.
 *
 * First octet: 0 messages (each an octet of what, one of how many descriptors,
 * two of length, the bytes), else a cache file.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/worker/ctl.h"
#include "resolver/net/fdpass.h"
#include "resolver/worker/cache_export.h"
#include "resolver/handover/handover_msg.h"

#define NOW_NS (1000 * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void receive(int fd, bool worker)
{
	static struct handover_msg h;
	static struct ctl_msg c;
	int fds[HANDOVER_FDS_MAX > CTL_FDS_MAX ? HANDOVER_FDS_MAX : CTL_FDS_MAX], rc;
	unsigned n = 0;

	rc = worker ? ctl_recv(fd, &c, fds, &n) : handover_recv(fd, &h, fds, &n);
	assert(rc == 1 || rc == ERR_PEER || (rc == ERR_UNKNOWN && !worker));
	if (rc != 1)
		return;
	assert(n <= (worker ? CTL_FDS_MAX : HANDOVER_FDS_MAX));
	if (worker)
		assert(strlen(c.text) < sizeof(c.text) && strlen(c.file) < sizeof(c.file));
	else
		assert(strlen(h.text) < sizeof(h.text));
	fdpass_close(fds, n);
}

static void messages(const uint8_t *b, size_t len)
{
	int pair[2], gift[FDPASS_MAX], before = lowest_fd();

	for (unsigned i = 0; i < FDPASS_MAX; i++)
		gift[i] = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
		abort();
	while (len >= 4) {
		size_t n = (size_t)(b[2] << 8 | b[3]);

		n = n > len - 4 ? len - 4 : n;
		if (fdpass_send(pair[0], b + 4, n, gift, b[1] < FDPASS_MAX ? b[1] : FDPASS_MAX) == 0)
			receive(pair[1], b[0] & 1);
		b += 4 + n;
		len -= 4 + n;
	}
	close(pair[0]);
	close(pair[1]);
	assert(lowest_fd() == before);
}

static void on_reply(void *ctx, const struct core_client *c, const uint8_t *b, size_t len)
{
	(void)ctx, (void)c, (void)b, (void)len;
}

static struct core *core_make(void)
{
	static struct core_listener l = {.port = 53, .label = "dns://10.0.0.1:53"};
	static struct core_stats stats;
	static struct core_zone z;
	static const struct core_ops ops = {.reply = on_reply};
	static const struct hash_key key;
	struct core_conf conf = {.n_listeners = 1, .n_zones = 1, .listener = &l, .zone = &z,
				 .cache_bytes = 65536, .max_inflight = 8, .max_waiters = 8};
	struct core *core = NULL;

	core_conf_zone_defaults(&z);
	z.listeners = 1;
	z.cache.enabled = true;
	assert(core_new(&core, &conf, &ops, &stats, &key, 1, NULL) == 0);
	return core;
}

static int file_of(const uint8_t *b, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, b, len) != (ssize_t)len)
		abort();
	return fd;
}

static void exported(void *ctx, uint32_t n)
{
	*(uint32_t *)ctx = n;
}

/* Out of one core and into another. */
static void hand_on(struct core *from, uint32_t n_left)
{
	struct loop loop = {.now_ns = NOW_NS};
	struct core *to = core_make();
	int fd = file_of(NULL, 0);
	uint32_t n = UINT32_MAX;

	assert(cache_export_new(&loop, from, fd, exported, &n));
	while (n == UINT32_MAX) {
		struct loop_timer *t = loop.timers;

		assert(t);
		loop_timer_set(&loop, t, T_NEVER);
		t->due(t);
	}
	assert(n == n_left && cache_import(to, NOW_NS, fd) == n);
	core_free(to);
	close(fd);
}

static void cache(const uint8_t *b, size_t len)
{
	struct core *core = core_make();
	struct core_entry e;
	size_t cursor = 0;
	uint32_t n = 0;
	int fd = file_of(b, len);

	cache_import(core, NOW_NS, fd);
	close(fd);
	while (core_entry_next(core, &cursor, &e)) {
		struct dns_msg m;

		assert(dns_msg_parse(&m, e.msg, e.len) == 0 && m.h.n_qd == 1 && e.expires_ns > NOW_NS);
		n++;
	}
	hand_on(core, n);
	core_free(core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len)
		return 0;
	if (data[0])
		cache(data + 1, len - 1);
	else
		messages(data + 1, len - 1);
	return 0;
}
