/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with a two-octet length (RFC 7766, RFC 7858), told apart by their ids. */
#include "lib/dns/wire.h"
#include "resolver/net/upool_conn.h"

static int dns_open(struct upool_conn *c)
{
	(void)c;
	return 0;
}

static void dns_close(struct upool_conn *c)
{
	(void)c;
}

static unsigned dns_room(const struct upool_conn *c)
{
	(void)c;
	return CONN_FULL;
}

static int dns_put(struct upool_conn *c, uint16_t id, const uint8_t *msg, size_t len)
{
	int rc = stream_put(&c->stream, msg, len);
	if (rc == 0)
		set_be16(c->stream.out + c->stream.out_off + c->stream.out_len - len, id);
	return rc;
}

static bool message(void *ctx, const uint8_t *msg, size_t len)
{
	struct upool_conn *c = ctx;
	upool_heard(c);
	if (len < DNS_HEADER_LEN || !(msg[2] & 0x80) || !upool_answered(c, get_be16(msg), msg, len))
		upool_stray(c);
	return !c->dead;
}

static enum stream_status dns_read(struct upool_conn *c)
{
	return stream_read(&c->stream, upool_conn_all(c)->scratch, message, c);
}

static long dns_flush(struct upool_conn *c)
{
	return stream_flush(&c->stream);
}

const struct upool_framing upool_framing_dns = {
	.scheme = "tls",
	.open = dns_open,
	.close = dns_close,
	.room = dns_room,
	.put = dns_put,
	.read = dns_read,
	.flush = dns_flush,
};
