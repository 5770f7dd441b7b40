/* SPDX-License-Identifier: Apache-2.0 */
/* Frames straight into the decoder: the first octet picks the link type, two give the
 * frame's length; TCP goes on into streams. What comes out lies within the frame, and
 * the budget is given back. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "pcap-replay/read/decode.h"
#include "pcap-replay/read/tcpstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void message(void *ctx, const struct packet *pk, const uint8_t *msg, size_t len)
{
	(void)pk;
	assert(len >= 1);
	*(uint8_t *)ctx ^= msg[0] ^ msg[len - 1];
}

static void event(void *ctx, const struct packet *pk)
{
	*(uint8_t *)ctx ^= (uint8_t)pk->sport;
}

static void take(struct tcpstreams *ts, const struct packet *pk, uint8_t *seen)
{
	if (pk->proto == IPPROTO_TCP)
		tcpstreams_packet(ts, pk);
	else if (pk->len)
		*seen ^= pk->payload[0] ^ pk->payload[pk->len - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = {1, 113, 276, 101, 12, 14, 228, 229, 0, 108, 239, 9, 50, 51, 105};
	uint8_t seen = 0;
	struct budget b;
	budget_init(&b, 1 << 20);
	struct tcp_sink sink = {&seen, message, event, event};
	struct decoder *dec = decoder_new(&b);
	struct tcpstreams *ts = tcpstreams_new(&b, &sink);
	struct packet pk;
	uint64_t t_ns = NS_PER_S;
	assert(dec && ts);
	while (size > 3) {
		uint32_t n = (uint32_t)(data[1] << 8 | data[2]);
		n = n > size - 3 ? (uint32_t)(size - 3) : n;
		uint8_t *copy = malloc(n ? n : 1); /* its end is the heap's */
		assert(copy);
		for (uint32_t i = 0; i < n; i++)
			copy[i] = data[3 + i];
		struct frame f = {.has_time = true, .t_ns = t_ns += (data[0] >> 4) * 100 * NS_PER_MS, .link = links[data[0] % 15],
				  .data = copy, .caplen = n, .len = n + (data[0] & 1)};
		while (decode_given_up(dec, t_ns, &pk))
			take(ts, &pk, &seen);
		if (decode_frame(dec, &f, 0, &pk) == DECODED)
			take(ts, &pk, &seen);
		free(copy);
		data += 3 + n;
		size -= 3 + n;
	}
	tcpstreams_finish(ts);
	decoder_free(dec);
	tcpstreams_free(ts);
	assert(b.used == 0);
	return 0;
}
