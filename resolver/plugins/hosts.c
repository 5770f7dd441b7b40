/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts [FILE [ZONES...]] { INLINE; ttl S; no_reverse; reload D; fallthrough
 * [ZONES...]; fallthrough_unsupported }: A, AAAA and PTR out of a hosts file. A
 * changed file makes the daemon compile anew; nothing is reloaded here.
 */
#include "resolver/plugins/hosts.h"

#include <string.h>

#include "lib/base/clock.h"
#include "resolver/plugins/message.h"
#include "resolver/plugins/plugins.h"

struct hosts {
	struct plugin_step step;
	struct hosts_table table;
	uint32_t ttl_s;
	bool no_reverse, falls_through, falls_unsupported;
	size_t n_zones, n_fall;
	const struct name *zone, *fall; /* n_fall 0: all */
};

static bool hosts_falls(const struct hosts *h, const uint8_t *name)
{
	bool hit = h->n_fall == 0;

	for (size_t i = 0; i < h->n_fall && !hit; i++)
		hit = name_within(name, h->fall[i].b);
	return h->falls_through && hit;
}

static bool hosts_covers(const struct hosts *h, const uint8_t *name)
{
	for (size_t i = 0; i < h->n_zones; i++)
		if (name_within(name, h->zone[i].b))
			return true;
	return false;
}

static enum plugin_verdict ptr_ask(const struct hosts *h, const struct plugin_query *q,
				   struct wire_out *out, size_t *ret_len)
{
	struct in6_addr addr;
	uint16_t n[3] = {0};
	size_t found;
	const struct hosts_entry *e = !h->no_reverse && hosts_reverse(q->name.b, &addr)
					      ? hosts_by_addr(&h->table, &addr, &found)
					      : NULL;

	if (!e)
		return PLUGIN_NEXT;
	reply_begin(out, q);
	for (size_t i = 0; i < found; i++) {
		if (e[i].name[0] == 1 && e[i].name[1] == '*')
			continue;
		size_t mark = wire_rr_begin(out, q->name.b, DNS_PTR, DNS_IN, h->ttl_s);

		wire_put_name(out, e[i].name);
		wire_rr_end(out, mark);
		n[0]++;
	}
	return n[0] ? reply_end(out, DNS_NOERROR, true, n, ret_len) : PLUGIN_NEXT;
}

static enum plugin_verdict hosts_ask(const struct plugin_step *s, struct plugin_query *q,
				     struct wire_out *out, size_t *ret_len)
{
	const struct hosts *h = (const struct hosts *)s;
	bool address = q->qtype == DNS_A || q->qtype == DNS_AAAA;
	uint16_t n[3] = {0};
	size_t found;

	if (q->qclass != DNS_IN)
		return PLUGIN_NEXT;
	if (q->qtype == DNS_PTR) /* an unknown address is always somebody else's */
		return ptr_ask(h, q, out, ret_len);
	if (!hosts_covers(h, q->name.b))
		return PLUGIN_NEXT;
	const struct hosts_entry *e = hosts_by_name(&h->table, q->name.b, &found);

	if (!e || (!address && h->falls_unsupported && hosts_falls(h, q->name.b))) {
		if (hosts_falls(h, q->name.b))
			return PLUGIN_NEXT;
		*ret_len = DNS_SERVFAIL;
		return PLUGIN_RCODE;
	}
	reply_begin(out, q);
	for (size_t i = 0; i < found && address; i++) {
		if (IN6_IS_ADDR_V4MAPPED(&e[i].addr) != (q->qtype == DNS_A))
			continue;
		reply_address(out, q->name.b, &e[i].addr, h->ttl_s);
		n[0]++;
	}
	return reply_end(out, DNS_NOERROR, true, n, ret_len);
}

static const struct plugin_ops ops = {.name = "hosts", .ask = hosts_ask};

struct hosts_options {
	struct hosts *h;
	struct hosts_lines lines;
};

static int hosts_ttl(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct hosts *h = ((struct hosts_options *)to)->h;
	uint64_t ttl = h->ttl_s;
	int err = cf_number(s, &n->tok[1], 1, 65535, &ttl);

	h->ttl_s = (uint32_t)ttl;
	return err;
}

static int hosts_no_reverse(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	((struct hosts_options *)to)->h->no_reverse = true;
	return 0;
}

/* A change is seen at once: nobody waits for that long. */
static int hosts_reload(struct cf_setup *s, const struct cf_node *n, void *to)
{
	uint64_t ns;

	(void)to;
	return cf_duration(s, &n->tok[1], NS_PER_S, 0, 86400 * NS_PER_S, &ns);
}

static int hosts_fallthrough(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct hosts *h = ((struct hosts_options *)to)->h;
	struct name *list = NULL;
	int err = cf_zones(s, n->tok + 1, n->n - 1, &list, &h->n_fall);

	h->falls_through = true;
	h->fall = list;
	return err;
}

static int hosts_unsupported(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	((struct hosts_options *)to)->h->falls_unsupported = true;
	return 0;
}

static const struct cf_option options[] = {
	{"ttl", 1, 1, "SECONDS", hosts_ttl},
	{"no_reverse", 0, 0, "", hosts_no_reverse},
	{"reload", 1, 1, "DURATION", hosts_reload},
	{"fallthrough", 0, CF_MANY, "[ZONES...]", hosts_fallthrough},
	{"fallthrough_unsupported", 0, 0, "", hosts_unsupported},
	{0},
};

/* Not an option and no address, but meant as one. */
static bool looks_like_address(const char *text)
{
	return (*text >= '0' && *text <= '9') || strchr(text, ':');
}

/* A line that begins with an address is inline content, anything else an option. */
static int hosts_block(struct cf_setup *s, const struct cf_node *n, struct hosts_options *o)
{
	struct cf_node rest = *n, *line = NULL;
	int err = 0;

	rest.n_nodes = 0;
	for (size_t i = 0; i < n->n_nodes && err != ERR_NOMEM; i++) {
		const struct cf_node *l = &n->node[i];
		struct in6_addr addr;
		bool is_line = cf_parse_ip(l->tok[0].text, &addr, NULL);

		if (!is_line && looks_like_address(l->tok[0].text)) {
			err = cf_error(s, &l->tok[0],
				       "'%s' is not an address: expected 'ADDRESS NAME...' or an "
				       "option",
				       l->tok[0].text);
		} else if (!is_line) {
			struct cf_node *slot =
				arena_push(s->arena, &line, &rest.n_nodes, sizeof(*slot));

			if (!slot)
				return cf_nomem(s);
			*slot = *l;
		}
		for (size_t k = 1; is_line && k < l->n && err == 0; k++)
			err = hosts_add(s, &o->lines, &addr, l->tok[k].text);
	}
	rest.node = line;
	int more = cf_options(s, &rest, options, o);

	return err ? err : more;
}

static int hosts_file(struct cf_setup *s, const struct cf_node *n, struct hosts_options *o)
{
	const char *path = n->n > 1 ? n->tok[1].text : "/etc/hosts";

	const char *text = cf_read(s, &n->tok[n->n > 1], path, COREFILE_FILE_HOSTS);

	return text ? hosts_read(s, &o->lines, text) : 0;
}

int setup_hosts(struct cf_setup *s, const struct cf_node *n)
{
	struct hosts *h = cf_step_new(s, &ops, sizeof(*h));
	struct hosts_options o = {.h = h};
	struct name *zones = NULL;

	if (!h)
		return ERR_NOMEM;
	h->ttl_s = 3600;
	int err = n->n > 2 ? cf_zones(s, n->tok + 2, n->n - 2, &zones, &h->n_zones) : 0;

	h->zone = zones;
	if (h->n_zones == 0) {
		h->zone = s->b->name;
		h->n_zones = s->b->n_names;
	}
	o.lines.zone = h->zone;
	o.lines.n_zones = h->n_zones;
	int more = hosts_block(s, n, &o);

	if (err == 0)
		err = hosts_file(s, n, &o);
	if (err == 0)
		err = hosts_sort(s, &o.lines, &h->table);
	s->plan->has_hosts = true;
	s->plan->n_hosts_entries += 2 * h->table.n;
	return err ? err : more;
}
