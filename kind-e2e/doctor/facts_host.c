/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces, counters of sockets, queues and the connection table, and its entries when they were
 * dumped. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/facts.h"
#include "kind-e2e/doctor/gather.h"

static struct link_fact *link_of(struct host_facts *h, const char *name)
{
	for (unsigned i = 0; i < h->n_links; i++)
		if (!strcmp(h->link[i].name, name))
			return &h->link[i];
	return NULL;
}

static void read_links(struct host_facts *h, const struct texts *s)
{
	const char *at = facts_text(s, "links", h->links_why);
	char line[256], name[32], third[ADDR_TEXT], fourth[8];

	while (facts_line(&at, line, sizeof line)) {
		struct addr a;

		if (sscanf(line, "link %31s %45s %7s", name, third, fourth) == 3) {
			if (h->n_links < LINKS_MAX) {
				struct link_fact *l = &h->link[h->n_links++];

				snprintf(l->name, sizeof l->name, "%s", name);
				l->mtu = (unsigned)strtoul(third, NULL, 10);
				l->up = !strcmp(fourth, "up");
			} else {
				h->cut++;
			}
		} else if (sscanf(line, "addr %31s %45s", name, third) == 2 &&
			   facts_addr(third, &a)) {
			if (h->n_addrs < ADDRS_MAX) {
				snprintf(h->addr[h->n_addrs].link, sizeof h->addr[0].link, "%s",
					 name);
				h->addr[h->n_addrs++].addr = a;
			} else {
				h->cut++;
			}
		}
	}
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop ..." */
static void read_netdev(struct host_facts *h, const char *text, unsigned look)
{
	char line[512];

	while (facts_line(&text, line, sizeof line)) {
		char *colon = strchr(line, ':'), *name = line + strspn(line, " ");
		uint64_t rx, tx;
		struct link_fact *l;

		if (!colon)
			continue;
		*colon = '\0';
		l = link_of(h, name);
		if (l && sscanf(colon + 1,
				"%*u %*u %*u %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &rx,
				&tx) == 2)
			l->drops[look] = rx + tx;
	}
}

/* --- tables whose first line names the columns ------------------------------------------- */

static int column_of(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; *head; i++) {
		size_t n;

		head += strspn(head, " \t");
		n = strcspn(head, " \t");
		if (n == len && !strncmp(head, name, len))
			return i;
		head += n;
	}
	return -1;
}

static uint64_t value_at(const char *line, int column, int base)
{
	for (; column > 0; column--) {
		line += strspn(line, " \t");
		line += strcspn(line, " \t");
	}
	return strtoull(line, NULL, base);
}

/* One column of nf_conntrack's statistics, over all processors. */
static uint64_t stat_sum(const char *text, const char *name)
{
	char head[1024], line[1024];
	uint64_t sum = 0;
	int column;

	if (!facts_line(&text, head, sizeof head) || (column = column_of(head, name)) < 0)
		return 0;
	while (facts_line(&text, line, sizeof line))
		sum += value_at(line, column, 16);
	return sum;
}

static uint64_t snmp_udp(const char *text, const char *name)
{
	char head[1024], line[1024];

	while (facts_line(&text, head, sizeof head)) {
		if (strncmp(head, "Udp:", 4) != 0 || !facts_line(&text, line, sizeof line))
			continue;
		return column_of(head, name) < 0 ? 0 : value_at(line, column_of(head, name), 10);
	}
	return 0;
}

static uint64_t softnet_drops(const char *text)
{
	uint64_t sum = 0;
	char line[1024];

	while (facts_line(&text, line, sizeof line))
		sum += value_at(line, 1, 16);
	return sum;
}

static void set(struct counted *c, bool after, uint64_t v)
{
	*(after ? &c->after : &c->before) = v;
}

static void read_counters(struct host_facts *h, const struct texts *s, bool after)
{
	const char *tail = after ? GATHER_AFTER : "";
	char name[TEXT_NAME_MAX];
	const char *text;

	snprintf(name, sizeof name, "nf_conntrack.stat%s", tail);
	text = facts_text(s, name, h->table_why);
	if (text) {
		set(&h->insert_failed, after, stat_sum(text, "insert_failed"));
		set(&h->drop, after, stat_sum(text, "drop"));
		set(&h->early_drop, after, stat_sum(text, "early_drop"));
	}
	snprintf(name, sizeof name, "snmp%s", tail);
	text = facts_text(s, name, h->udp_why);
	if (text) {
		set(&h->udp_rcvbuf_errors, after, snmp_udp(text, "RcvbufErrors"));
		set(&h->udp_in_errors, after, snmp_udp(text, "InErrors"));
	}
	snprintf(name, sizeof name, "softnet%s", tail);
	text = facts_text(s, name, h->softnet_why);
	if (text)
		set(&h->softnet_dropped, after, softnet_drops(text));
	snprintf(name, sizeof name, "netdev%s", tail);
	text = texts_get(s, name, NULL);
	if (text)
		read_netdev(h, text, after);
}

static void read_sysctl(struct host_facts *h, const struct texts *s)
{
	const char *at = texts_get(s, "sysctl", NULL);
	char line[256], key[64];
	uint64_t v;

	while (facts_line(&at, line, sizeof line)) {
		if (sscanf(line, "%63s %" SCNu64, key, &v) != 2)
			continue;
		if (!strcmp(key, "nf_conntrack_max")) {
			h->table_max = v;
			h->has_table = true;
		} else if (!strcmp(key, "nf_conntrack_count")) {
			h->table_entries = v;
		} else if (!strcmp(key, "nf_conntrack_udp_timeout")) {
			h->udp_timeout_s = v;
		} else if (!strcmp(key, "nf_conntrack_udp_timeout_stream")) {
			h->udp_stream_timeout_s = v;
		}
	}
}

void facts_host(struct host_facts *h, const struct texts *s)
{
	const char *kernel = texts_get(s, "kernel", NULL);

	memset(h, 0, sizeof *h);
	if (kernel)
		facts_line(&kernel, h->kernel, sizeof h->kernel);
	h->has_kubelet = texts_get(s, "kubelet", NULL) != NULL;
	read_links(h, s);
	read_sysctl(h, s);
	h->has_second_look = texts_find(s, "snmp" GATHER_AFTER) != NULL;
	read_counters(h, s, false);
	if (h->has_second_look)
		read_counters(h, s, true);
}

/* --- the dump ---------------------------------------------------------------------------- */

/* The first, or with `skip` a later, value of KEY= on the line. */
static bool field(const char *line, const char *key, unsigned skip, char *buf, size_t size)
{
	size_t len = strlen(key);

	for (const char *at = line; (at = strstr(at, key)); at += len) {
		if (at != line && at[-1] != ' ')
			continue;
		if (skip--)
			continue;
		snprintf(buf, size, "%.*s", (int)strcspn(at + len, " \n"), at + len);
		return true;
	}
	return false;
}

static bool is_endpoint(const struct facts *f, const struct addr *a)
{
	for (unsigned i = 0; i < f->api.n_endpoints; i++)
		if (addr_eq(&f->api.endpoint[i].addr, a))
			return true;
	for (unsigned i = 0; i < f->rules.n_targets && !f->api.n_endpoints; i++)
		if (addr_eq(&f->rules.target[i], a))
			return true;
	return false;
}

/* UDP to the Service's address whose replies are to come from where no endpoint is. */
static void judge_stale(struct host_facts *h, const struct facts *f, const char *line)
{
	char dst[ADDR_TEXT], reply[ADDR_TEXT], was[ADDR_TEXT];
	struct addr to, from;

	if (!strstr(line, "udp") || !f->server.family ||
	    (!f->api.n_endpoints && !f->rules.n_targets))
		return;
	if (!field(line, "dst=", 0, dst, sizeof dst) ||
	    !field(line, "src=", 1, reply, sizeof reply))
		return;
	if (!facts_addr(dst, &to) || !facts_addr(reply, &from) || addr_eq(&to, &from) ||
	    !addr_eq(&to, f->api.n_vips ? &f->api.vip[0] : &f->rules.vip[0]) ||
	    is_endpoint(f, &from))
		return;
	if (!h->stale.n++)
		snprintf(h->stale.of, sizeof h->stale.of, "%s", addr_str(&from, was));
}

void facts_table(struct host_facts *h, const struct facts *f, const struct texts *s)
{
	const char *at =
		texts_find(s, "conntrack") ? facts_text(s, "conntrack", h->dump_why) : NULL;
	char line[1024], port[16];

	if (!texts_find(s, "conntrack"))
		snprintf(h->dump_why, sizeof h->dump_why,
			 "the table's entries are read only with --dump");
	while (facts_line(&at, line, sizeof line)) {
		h->dump_entries++;
		if (!field(line, "dport=", 0, port, sizeof port) || strcmp(port, "53") != 0)
			continue;
		h->dump_dns++;
		judge_stale(h, f, line);
	}
}
