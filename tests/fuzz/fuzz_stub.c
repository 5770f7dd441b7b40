/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stubs: octets choose library and options, then what happens to each
 * lookup: a reply of some kind, a broken socket, a stray message, or time
 * passing. Every lookup ends, with all its sockets closed.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/world/stub.h"
#include "lib/dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct input {
	const uint8_t *p;
	size_t len;
};

static uint8_t take(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->p++;
}

struct world {
	bool open[STUB_SLOTS_MAX];
	unsigned last_slot;
	uint8_t last[STUB_QUERY_MAX + 32];
	size_t last_len;
};

/* The last query turned into a reply: TC, a record and the rcode as `kind` says. */
static void reply(struct stub *s, const struct world *w, uint8_t kind, uint64_t now)
{
	uint8_t msg[sizeof(w->last)];
	struct wire_out o;

	memcpy(msg, w->last, w->last_len);
	wire_out_init(&o, msg, sizeof(msg));
	o.len = w->last_len;
	msg[2] |= 0x80 | (kind & 4 ? 2 : 0);
	msg[3] = kind >> 4;
	if (kind & 8 && msg[11] == 0) { /* no OPT in the way */
		uint16_t type = get_be16(msg + w->last_len - 4);

		msg[7] = 1;
		wire_put_u16(&o, 0xc00c);
		wire_put_u16(&o, type);
		wire_put_u16(&o, DNS_IN);
		wire_put_u32(&o, 30);
		wire_put_u16(&o, 1);
		wire_put_u8(&o, 7);
	}
	stub_receive(s, now, w->last_slot, msg, o.len);
}

static void event(struct stub *s, struct world *w, struct input *in, uint64_t *now,
		  uint64_t deadline)
{
	uint8_t kind = take(in);

	switch (kind & 3) {
	case 0:
		*now = deadline;
		stub_expire(s, *now);
		break;
	case 1:
		if (w->last_len > 0)
			reply(s, w, kind, *now);
		break;
	case 2:
		stub_broken(s, *now, (kind >> 2) % (STUB_SLOTS_MAX + 1));
		break;
	default:
		stub_receive(s, *now, (kind >> 2) % (STUB_SLOTS_MAX + 1), in->p, in->len);
		break;
	}
}

static void action(struct world *w, const struct stub_action *a)
{
	if (a->act == STUB_OPEN) {
		assert(!w->open[a->slot]);
		w->open[a->slot] = true;
	} else if (a->act == STUB_CLOSE) {
		assert(w->open[a->slot]);
		w->open[a->slot] = false;
	} else if (a->act == STUB_SEND) {
		assert(w->open[a->slot] && a->len <= sizeof(w->last));
		memcpy(w->last, a->query, a->len);
		w->last_len = a->len;
		w->last_slot = a->slot;
	}
}

static void lookup(const struct stub_conf *c, struct stub_thread *t, struct rng *rng,
		   struct input *in)
{
	struct stub *s = malloc(stub_sizeof());
	struct world w = {.last_len = 0};
	struct stub_outcome out;
	struct stub_action a;
	uint64_t now = 0;

	if (!s || stub_start(s, c, t, rng, "www.example.com", now) != 0)
		abort();
	w.open[0] = c->transport == SCEN_SAME_SOCKET;
	for (;;) {
		stub_next(s, now, &a);
		if (a.act == STUB_DONE)
			break;
		action(&w, &a);
		if (a.act == STUB_WAIT) {
			assert(a.deadline_ns >= now && a.deadline_ns != T_NEVER);
			event(s, &w, in, &now, a.deadline_ns);
		}
	}
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++)
		assert(w.open[i] == (i == 0 && c->transport == SCEN_SAME_SOCKET));
	stub_outcome(s, &out);
	assert((out.result == STUB_OK) == (out.have_a || out.have_aaaa));
	free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};
	uint8_t a = take(&in), b = take(&in);
	struct stub_thread t = {0};
	struct stub_conf c = {.lib = a % 3,
			      .transport = (a >> 2) % 3,
			      .family = (a >> 4) % 3,
			      .n_servers = 1 + (b & 3) % 3,
			      .ndots = b & 4 ? 5 : 1,
			      .attempts = 1 + (b >> 3) % 3,
			      .timeout_ns = NS_PER_S,
			      .single_request = b & 32,
			      .single_request_reopen = b & 64,
			      .rotate = b & 128};
	struct rng rng;

	rng_seed(&rng, 1);
	name_from_text(&c.search[0], "svc.cluster.local");
	name_from_text(&c.search[1], "cluster.local");
	c.n_search = 2;
	for (int i = 0; i < 3; i++)
		lookup(&c, &t, &rng, &in);
	return 0;
}
