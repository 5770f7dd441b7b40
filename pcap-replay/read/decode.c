/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that takes layer after layer off, and what a missing layer means. */
#include "pcap-replay/read/decode.h"

#include <stdlib.h>
#include <string.h>

#include "pcap-replay/read/defrag.h"
#include "pcap-replay/read/layers.h"

#define LAYERS_MAX 64 /* three tunnels with everything in each; deeper is somebody's joke */

#define BUCKETS 64

/* Every frame looks up as many keys as it has layers: the rows of a table, in buckets by their
 * key, so that what has no row (most ports) is known at once. */
struct index {
	const struct layer *row[BUCKETS]; /* at a free place from the key's bucket on */
};

struct decoder {
	struct defrag *defrag;
	struct index index[BY_PAYLOAD + 1];
};

const char *decode_verdict_str(enum decode_verdict v)
{
	static const char *const words[N_DECODE] = {
		"decoded", "unknown link type", "not IP", "cut short or malformed",
		"no ports", "fragment, kept", "fragment, lost", "too many layers",
	};
	return words[v];
}

static uint32_t bucket(uint32_t key)
{
	return key * 0x9e3779b1u >> 26;
}

static void index_add(struct index *x, const struct layer *l)
{
	uint32_t at = bucket(l->key);
	while (x->row[at])
		at = (at + 1) % BUCKETS;
	x->row[at] = l;
}

struct decoder *decoder_new(struct budget *b)
{
	static const struct layer *const tables[] = {layers_ip, layers_link, layers_tunnel};
	struct decoder *dec = calloc(1, sizeof(*dec));
	if (dec && !(dec->defrag = defrag_new(b))) {
		free(dec);
		return NULL;
	}
	for (size_t t = 0; dec && t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct layer *l = tables[t]; l->name; l++)
			index_add(&dec->index[l->table], l);
	return dec;
}

void decoder_free(struct decoder *dec)
{
	if (!dec)
		return;
	defrag_free(dec->defrag);
	free(dec);
}

static const struct layer *layer_find(const struct decoder *dec, const struct cursor *c)
{
	const struct index *x = &dec->index[c->table];
	for (uint32_t at = bucket(c->key); x->row[at]; at = (at + 1) % BUCKETS)
		if (x->row[at]->key == c->key)
			return x->row[at];
	return NULL;
}

static enum decode_verdict nobody(const struct cursor *c)
{
	switch (c->table) {
	case BY_LINK:
		return SKIP_LINK;
	case BY_IPPROTO:
		return SKIP_NOT_PORTS;
	default:
		return SKIP_NOT_IP;
	}
}

/* 1: together, c goes on with the whole; otherwise the verdict is in `ret`. */
static bool put_together(struct decoder *dec, struct cursor *c, enum decode_verdict *ret)
{
	struct frag_piece piece = {.id = c->frag_id, .off = c->frag_off, .more = c->more, .cut = c->cut,
				   .proto = (uint8_t)c->key, .data = c->p, .n = c->n};
	const uint8_t *whole;
	size_t len;
	int rc = defrag_add(dec->defrag, c->pk, &piece, &whole, &len);
	if (rc <= 0) {
		*ret = rc < 0 ? SKIP_FRAG_LOST : SKIP_FRAGMENT;
		return false;
	}
	c->p = whole;
	c->n = (uint32_t)len;
	c->cut = false;
	c->is_frag = false;
	return true;
}

static enum decode_verdict peel(struct decoder *dec, struct cursor *c)
{
	for (int depth = 0; depth < LAYERS_MAX; depth++) {
		const struct layer *l = layer_find(dec, c);
		if (!l && c->table == BY_UDP_PORT) { /* replies within an overlay may have its port as the source */
			c->key = c->pk->sport;
			l = layer_find(dec, c);
		}
		if (!l && c->table != BY_UDP_PORT)
			return nobody(c);
		enum decode_verdict v = l ? l->strip(c) : cursor_next(c, BY_PAYLOAD, 0);
		if (v != DECODED)
			return v;
		if (c->is_frag && !put_together(dec, c, &v))
			return v;
		if (c->table == BY_PAYLOAD) {
			c->pk->payload = c->p;
			c->pk->len = c->n;
			c->pk->cut = c->cut;
			return DECODED;
		}
	}
	return SKIP_DEEP;
}

enum decode_verdict decode_frame(struct decoder *dec, const struct frame *f, uint16_t lane, struct packet *ret)
{
	struct cursor c = {.p = f->data, .n = f->caplen, .cut = f->len > f->caplen, .table = BY_LINK, .key = f->link, .pk = ret};
	*ret = (struct packet){.t_ns = f->t_ns, .iface = f->iface, .lane = lane};
	enum decode_verdict v = peel(dec, &c);
	/* a link type inside a tunnel is always Ethernet; SKIP_LINK is the file's own */
	return v == SKIP_LINK && c.has_ip ? SKIP_NOT_IP : v;
}

bool decode_given_up(struct decoder *dec, uint64_t now_ns, struct packet *ret)
{
	struct cursor c = {.table = BY_IPPROTO, .has_ip = true, .pk = ret};
	const uint8_t *first;
	size_t len;
	uint8_t proto;
	while (defrag_given_up(dec->defrag, now_ns, ret, &proto, &first, &len)) {
		c = (struct cursor){.p = first, .n = (uint32_t)len, .cut = true, .table = BY_IPPROTO, .key = proto,
				    .has_ip = true, .pk = ret};
		if (peel(dec, &c) == DECODED) {
			ret->cut = true;
			return true;
		}
	}
	return false;
}
