/* SPDX-License-Identifier: Apache-2.0 */
/* Link and addresses through route netlink: look, then change only what differs. */
#include "resolver/node/iface.h"

#include "lib/base/first.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* linux/if_addr.h of Debian 12 has it, older headers do not. Kernels before
 * 5.18 ignore the attribute, and then only `added` tells. */
#ifndef IFA_PROTO
#define IFA_PROTO 11
#endif
#define OUR_PROTO 0x6e

struct link {
	int index; /* 0: no such interface */
	char kind[16];
};

static void link_seen(void *ctx, const struct nlmsghdr *h)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct nl_attr a[IFLA_LINKINFO + 1], info[IFLA_INFO_KIND + 1];
	struct link *l = ctx;

	if (h->nlmsg_type != RTM_NEWLINK)
		return;
	nl_parse(h, sizeof *ifi, a, IFLA_LINKINFO + 1);
	nl_parse_nest(a[IFLA_LINKINFO], info, IFLA_INFO_KIND + 1);
	l->index = ifi->ifi_index;
	strncpy(l->kind, nl_text(info[IFLA_INFO_KIND]), sizeof l->kind - 1);
}

/* By name, or where that is NULL by index. */
static int link_get(struct netlink *route, const char *name, int index, struct link *ret, struct diag *d)
{
	struct ifinfomsg *ifi;
	struct nl_buf b;
	int err;

	*ret = (struct link){0};
	nl_init(&b);
	ifi = nl_begin(&b, RTM_GETLINK, 0, sizeof *ifi);
	ifi->ifi_index = index;
	if (name)
		nl_put_text(&b, IFLA_IFNAME, name);
	err = netlink_send(route, &b, link_seen, ret, name ? name : "an interface", d);
	return err && netlink_errno(route) == ENODEV ? 0 : err;
}

static int link_find(struct netlink *route, const char *name, struct link *ret, struct diag *d)
{
	return link_get(route, name, 0, ret, d);
}

static int link_create(struct netlink *route, const char *name, struct diag *d)
{
	struct nl_buf b;
	size_t info;
	int err;

	nl_init(&b);
	nl_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(&b, IFLA_IFNAME, name);
	info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_text(&b, IFLA_INFO_KIND, "dummy");
	nl_end(&b, info);
	err = netlink_send(route, &b, NULL, NULL, "creating the interface", d);
	if (err && netlink_errno(route) == EOPNOTSUPP)
		return diag_set(d, ERR_UNSUPPORTED, "this kernel has no dummy interfaces: create \"%s\" of any type "
				"beforehand, or use -setupinterface=false", name);
	return err;
}

/* Which of the wanted addresses the interface has, and which of them are ours. */
struct present {
	const struct flags_ip *ip;
	size_t n;
	int index;
	uint64_t have, ours;
	struct flags_ip stray[FLAGS_LOCALIPS_MAX]; /* ours as well, and not wanted */
	size_t n_strays;
};

static void stray_note(struct present *p, bool v4, const struct nl_attr *addr, unsigned prefix_len)
{
	struct flags_ip ip = {.is_v4 = v4};
	size_t skip = v4 ? 12 : 0;

	if (p->n_strays == FLAGS_LOCALIPS_MAX || addr->len != 16 - skip || prefix_len != addr->len * 8)
		return;
	memcpy(ip.addr.s6_addr + skip, addr->data, addr->len);
	inet_ntop(v4 ? AF_INET : AF_INET6, addr->data, ip.text, sizeof ip.text);
	p->stray[p->n_strays++] = ip;
}

static void addr_seen(void *ctx, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct present *p = ctx;
	struct nl_attr a[IFA_PROTO + 1], addr;
	bool wanted = false;
	uint8_t proto;

	if (h->nlmsg_type != RTM_NEWADDR || (int)ifa->ifa_index != p->index)
		return;
	nl_parse(h, sizeof *ifa, a, IFA_PROTO + 1);
	addr = a[IFA_LOCAL].data ? a[IFA_LOCAL] : a[IFA_ADDRESS];
	proto = a[IFA_PROTO].len == 1 ? *(const uint8_t *)a[IFA_PROTO].data : 0;
	for (size_t i = 0; i < p->n; i++) {
		size_t skip = p->ip[i].is_v4 ? 12 : 0, len = 16 - skip;

		if (p->ip[i].is_v4 != (ifa->ifa_family == AF_INET) || addr.len != len || ifa->ifa_prefixlen != len * 8 ||
		    memcmp(addr.data, p->ip[i].addr.s6_addr + skip, len))
			continue;
		wanted = true;
		p->have |= 1ull << i;
		if (proto == OUR_PROTO)
			p->ours |= 1ull << i;
	}
	if (!wanted && proto == OUR_PROTO)
		stray_note(p, ifa->ifa_family == AF_INET, &addr, ifa->ifa_prefixlen);
}

static int addr_list(struct netlink *route, struct present *p, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	return netlink_send(route, &b, addr_seen, p, "listing addresses", d);
}

static int addr_change(struct netlink *route, uint16_t type, int index, const struct flags_ip *ip, struct diag *d)
{
	size_t skip = ip->is_v4 ? 12 : 0;
	struct ifaddrmsg *ifa;
	struct nl_buf b;
	int err;

	nl_init(&b);
	ifa = nl_begin(&b, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof *ifa);
	ifa->ifa_family = ip->is_v4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = ip->is_v4 ? 32 : 128;
	ifa->ifa_index = (unsigned)index;
	ifa->ifa_scope = ip->is_v4 ? RT_SCOPE_UNIVERSE : 0;
	nl_put(&b, IFA_LOCAL, ip->addr.s6_addr + skip, 16 - skip);
	nl_put(&b, IFA_ADDRESS, ip->addr.s6_addr + skip, 16 - skip);
	if (type == RTM_NEWADDR) {
		if (!ip->is_v4) /* nobody else can have it: no waiting for a duplicate */
			nl_put_u32(&b, IFA_FLAGS, IFA_F_NODAD | IFA_F_PERMANENT);
		nl_put_u8(&b, IFA_PROTO, OUR_PROTO);
	}
	err = netlink_send(route, &b, NULL, NULL, ip->text, d);
	if (err && type == RTM_NEWADDR && netlink_errno(route) == EEXIST)
		return 0;
	if (err && type == RTM_DELADDR && netlink_errno(route) == EADDRNOTAVAIL)
		return 0;
	return err;
}

int iface_ensure(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n,
		 bool *ret_changed, struct diag *d)
{
	struct present p = {.ip = ip, .n = n};
	struct link l;
	int err = link_find(route, i->name, &l, d);

	*ret_changed = false;
	if (!err && !l.index) {
		err = link_create(route, i->name, d);
		if (!err)
			err = link_find(route, i->name, &l, d);
		i->created |= !err;
		*ret_changed = true;
	}
	p.index = l.index;
	if (!err)
		err = addr_list(route, &p, d);
	for (size_t k = 0; !err && k < n; k++) {
		if (p.have & 1ull << k)
			continue;
		err = addr_change(route, RTM_NEWADDR, l.index, &ip[k], d);
		if (!err) {
			i->added |= 1ull << k;
			*ret_changed = true;
		}
	}
	return err;
}

static int link_delete(struct netlink *route, const struct link *l, const char *name, struct diag *d)
{
	struct ifinfomsg *ifi;
	struct nl_buf b;
	int err;

	nl_init(&b);
	ifi = nl_begin(&b, RTM_DELLINK, 0, sizeof *ifi);
	ifi->ifi_index = l->index;
	err = netlink_send(route, &b, NULL, NULL, name, d);
	return err && netlink_errno(route) == ENODEV ? 0 : err;
}

int iface_undo(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n, struct diag *d)
{
	struct link l;
	int err = link_find(route, i->name, &l, d), first = 0;

	if (err || !l.index)
		return err;
	if (i->created)
		return link_delete(route, &l, i->name, d);
	for (size_t k = 0; k < n; k++) {
		if (i->added & 1ull << k) {
			err = addr_change(route, RTM_DELADDR, l.index, &ip[k], diag_first(first, d));
			first = err_first(first, err);
		}
	}
	i->added = 0;
	return first;
}

int iface_remove(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n, struct diag *d)
{
	struct present p = {.ip = ip, .n = n};
	struct link l;
	int err = link_find(route, i->name, &l, d), first = 0;

	if (err || !l.index)
		return err;
	if (!strcmp(l.kind, "dummy"))
		return link_delete(route, &l, i->name, d);
	p.index = l.index;
	err = addr_list(route, &p, d);
	if (err)
		return err;
	for (size_t k = 0; k < n; k++) {
		if ((p.have & (p.ours | i->added)) & 1ull << k) {
			err = addr_change(route, RTM_DELADDR, l.index, &ip[k], d);
			first = err_first(first, err);
		}
	}
	for (size_t k = 0; i->all && k < p.n_strays; k++) {
		err = addr_change(route, RTM_DELADDR, l.index, &p.stray[k], d);
		first = err_first(first, err);
	}
	i->added = 0;
	return first;
}

/* --- what earlier instances left --- */

#define ALL_MAX 64

/* Addresses of the whole host that may be an earlier instance's. */
struct all {
	const struct flags_ip *ip;
	size_t n_ips, n;
	int index;        /* our interface */
	bool mark_kept;   /* one of ours bears the mark */
	struct {
		struct flags_ip ip;
		int index;
		bool marked, wanted;
	} one[ALL_MAX];
	int watched;      /* an interface whose addresses are counted */
	size_t n_watched; /* but for those that the kernel gives itself */
};

static bool in_list(const struct flags_ip *ip, size_t n, const struct in6_addr *addr)
{
	for (size_t k = 0; k < n; k++) {
		if (IN6_ARE_ADDR_EQUAL(&ip[k].addr, addr))
			return true;
	}
	return false;
}

static void any_seen(void *ctx, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct nl_attr a[IFA_PROTO + 1], addr;
	struct all *x = ctx;
	struct flags_ip ip = {.is_v4 = ifa->ifa_family == AF_INET, .addr = {.s6_addr = {[10] = 0xff, [11] = 0xff}}};
	size_t skip = ip.is_v4 ? 12 : 0;
	bool marked, wanted;

	if (h->nlmsg_type != RTM_NEWADDR)
		return;
	nl_parse(h, sizeof *ifa, a, IFA_PROTO + 1);
	addr = a[IFA_LOCAL].data ? a[IFA_LOCAL] : a[IFA_ADDRESS];
	if (addr.len != 16 - skip)
		return;
	memcpy(ip.addr.s6_addr + skip, addr.data, addr.len);
	x->n_watched += (int)ifa->ifa_index == x->watched && (ip.is_v4 || !IN6_IS_ADDR_LINKLOCAL(&ip.addr));
	marked = a[IFA_PROTO].len == 1 && *(const uint8_t *)a[IFA_PROTO].data == OUR_PROTO;
	wanted = in_list(x->ip, x->n_ips, &ip.addr);
	if ((int)ifa->ifa_index == x->index)
		x->mark_kept |= marked && wanted;
	if (x->n == ALL_MAX || ifa->ifa_prefixlen != addr.len * 8 || (!marked && (int)ifa->ifa_index != x->index))
		return;
	inet_ntop(ifa->ifa_family, addr.data, ip.text, sizeof ip.text);
	x->one[x->n].ip = ip;
	x->one[x->n].index = (int)ifa->ifa_index;
	x->one[x->n].wanted = wanted;
	x->one[x->n++].marked = marked;
}

static int all_list(struct netlink *route, struct all *x, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	return netlink_send(route, &b, any_seen, x, "listing addresses", d);
}

/* A dummy that has no address any more was for ours. */
static int link_sweep(struct netlink *route, int index, struct diag *d)
{
	struct all x = {.watched = index};
	struct link l;
	int err = all_list(route, &x, d);

	if (!err && x.n_watched == 0)
		err = link_get(route, NULL, index, &l, d);
	if (err || x.n_watched || !l.index || strcmp(l.kind, "dummy"))
		return err;
	return link_delete(route, &l, "an interface that an earlier instance left", d);
}

int iface_sweep(struct iface *i, struct netlink *route, const struct flags_ip *ip, size_t n, struct strays *s, struct diag *d)
{
	struct all x = {.ip = ip, .n_ips = n};
	struct link l;
	int err = link_find(route, i->name, &l, d), first = 0;

	if (err || !l.index)
		return err;
	x.index = l.index;
	err = all_list(route, &x, d);
	for (size_t k = 0; !err && k < x.n; k++) {
		bool here = x.one[k].index == l.index;
		bool theirs = x.one[k].marked || (here && !x.mark_kept && !strcmp(l.kind, "dummy"));

		/* On another interface ours is one too many. */
		if (!theirs || (here && x.one[k].wanted) || (!x.one[k].wanted && strays_held(s, &x.one[k].ip.addr)))
			continue;
		err = addr_change(route, RTM_DELADDR, x.one[k].index, &x.one[k].ip, diag_first(first, d));
		if (!err && !here)
			err = link_sweep(route, x.one[k].index, diag_first(first, d));
		first = err_first(first, err);
		err = 0;
	}
	return err_first(err, first);
}
