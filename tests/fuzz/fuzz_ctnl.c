/* SPDX-License-Identifier: Apache-2.0 */
/* Conntrack netlink's events: whatever octets come, entries are of one family and the walk ends. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kernel/ct_netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void each(enum ctnl_what what, const struct ctnl_entry *e, void *arg)
{
	size_t *n = arg;

	assert(what == CTNL_NEW || what == CTNL_UPDATE || what == CTNL_DESTROY);
	assert(!e->src.family || e->src.family == AF_INET || e->src.family == AF_INET6);
	assert(!e->reply_src.family || e->reply_src.family == AF_INET || e->reply_src.family == AF_INET6);
	assert(e->has_status || !e->status);
	assert(e->has_tcp_state || !e->tcp_state);
	++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	void *buf = malloc(len ? len : 1); /* netlink hands out aligned messages; the end is exact */
	size_t n = 0;

	assert(buf);
	memcpy(buf, data, len);
	assert(ctnl_parse(buf, len, each, &n) == n);
	free(buf);
	return 0;
}
