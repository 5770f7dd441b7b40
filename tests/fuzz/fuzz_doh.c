/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP/2 server sends to a client of DNS over HTTPS, over memory. The
 * first octet chooses method and piece size, the rest is the server's. Each
 * question ends at most once, and whatever is promised of an answer holds.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "resolver/net/doh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ASKS = 6, ASKS_MAX = 64 };
static struct doh *doh;
static unsigned n_asked, n_ended, seen_max;
static uint8_t ended[ASKS_MAX];

static void ask(void)
{
	uint8_t q[DNS_HEADER_LEN + 5 + 4] = {[2] = 1, [5] = 1, [12] = 1, 'a', 0, 0, 1, 0, 1};

	if (n_asked < ASKS_MAX && doh_ask(doh, (uint16_t)n_asked, q, sizeof(q)) == 0)
		n_asked++;
}

static void ends(uint16_t id)
{
	assert(id < n_asked && !ended[id]);
	ended[id] = 1;
	n_ended++;
	ask(); /* as the core does */
}

static void on_answer(void *ctx, uint16_t id, const uint8_t *msg, size_t len)
{
	(void)ctx;
	assert(len >= DNS_HEADER_LEN && len <= DOH_BODY_MAX && msg[2] & 0x80);
	ends(id);
}

static void on_fail(void *ctx, uint16_t id, enum doh_fault fault, unsigned status)
{
	(void)ctx;
	(void)status;
	assert(fault < DOH_FAULTS);
	ends(id);
}

static bool drain(void)
{
	const uint8_t *b;
	ssize_t n;
	size_t sum = 0;

	while ((n = doh_output(doh, &b)) > 0) {
		sum += b[0];
		sum += b[n - 1];
	}
	seen_max += (unsigned)(sum & 1);
	return n == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct doh_events ev = {.answer = on_answer, .fail = on_fail};
	struct doh_conf conf = {
		.authority = "dns.test", .path = "/dns-query", .get = len && data[0] & 1};
	size_t piece = len && data[0] & 0xfe ? data[0] : len, n;

	n_asked = n_ended = 0;
	memset(ended, 0, sizeof(ended));
	doh = doh_new(&conf, &ev);
	assert(doh);
	for (int i = 0; i < ASKS; i++)
		ask();
	bool alive = drain();
	for (size_t at = 1; alive && at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		alive = doh_input(doh, data + at, n) == 0 && drain();
		if (alive && at == 1)
			doh_reset(doh, 2);
		seen_max = doh_streams_max(doh) & doh_takes_more(doh);
	}
	assert(n_ended <= n_asked);
	doh_goodbye(doh);
	drain();
	doh_free(doh);
	return 0;
}
