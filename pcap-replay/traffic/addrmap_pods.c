/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kubelet's answer to ListPods, as octets, to addresses and names. Of protobuf
 * (protobuf.dev, "Encoding") only what a reader needs that knows five fields and
 * passes over all others: keys, varints, lengths. Field numbers are those of
 * k8s.io/api/core/v1/generated.proto and k8s.io/kubelet/pkg/apis/pods/v1alpha1/api.proto,
 * where a pod is octets within the list.
 */
#include "pcap-replay/traffic/addrmap_pods.h"

#include <string.h>

#include "pcap-replay/traffic/addrmap_int.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };
enum field {
	LIST_POD = 1,
	POD_METADATA = 1, POD_SPEC = 2, POD_STATUS = 3,
	META_NAME = 1, META_NAMESPACE = 3,
	SPEC_NODE_NAME = 10, SPEC_HOST_NETWORK = 11,
	STATUS_POD_IP = 6, STATUS_POD_IPS = 12,
	POD_IP_IP = 1,
};

struct message {
	const uint8_t *at, *end;
	bool bad; /* not protobuf from here on */
};

struct value {
	uint32_t field;
	uint64_t number;    /* of a varint */
	struct cell octets; /* of what has a length; else empty, never NULL */
};

static uint64_t varint(struct message *m)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (m->at == m->end)
			break;
		uint8_t b = *m->at++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	m->bad = true;
	return 0;
}

static const uint8_t *skip(struct message *m, uint64_t n)
{
	const uint8_t *p = m->at;
	if (n > (uint64_t)(m->end - m->at)) {
		m->bad = true;
		return m->end;
	}
	m->at += n;
	return p;
}

/* false: the end, or `bad`. */
static bool next(struct message *m, struct value *ret)
{
	if (m->bad || m->at == m->end)
		return false;
	uint64_t key = varint(m);
	*ret = (struct value){.field = key >> 3 > UINT32_MAX ? 0 : (uint32_t)(key >> 3), .octets = {"", 0}};
	switch (key & 7) {
	case WIRE_VARINT:
		ret->number = varint(m);
		break;
	case WIRE_64:
		skip(m, 8);
		break;
	case WIRE_32:
		skip(m, 4);
		break;
	case WIRE_LEN:
		ret->octets.len = varint(m);
		ret->octets.at = (const char *)skip(m, ret->octets.len);
		break;
	default: /* groups went out of use before Kubernetes began */
		m->bad = true;
	}
	m->bad |= ret->field == 0;
	return !m->bad;
}

static struct message inner(const struct value *v)
{
	const uint8_t *at = (const uint8_t *)v->octets.at;
	return (struct message){at, at + v->octets.len, false};
}

#define IPS_MAX 8 /* one of each family, says the API */

struct pod {
	struct cell name, namespace, node, ip[IPS_MAX];
	unsigned n_ips;
	bool host_network;
};

static bool metadata(struct pod *p, struct message m)
{
	for (struct value v; next(&m, &v);) {
		if (v.field == META_NAME)
			p->name = v.octets;
		else if (v.field == META_NAMESPACE)
			p->namespace = v.octets;
	}
	return !m.bad;
}

static bool spec(struct pod *p, struct message m)
{
	for (struct value v; next(&m, &v);) {
		if (v.field == SPEC_NODE_NAME)
			p->node = v.octets;
		else if (v.field == SPEC_HOST_NETWORK)
			p->host_network = v.number;
	}
	return !m.bad;
}

static void ip(struct pod *p, const struct cell *text)
{
	if (text->len && p->n_ips < IPS_MAX)
		p->ip[p->n_ips++] = *text;
}

static bool status(struct pod *p, struct message m)
{
	bool bad = false;
	for (struct value v; next(&m, &v);) {
		if (v.field == STATUS_POD_IP)
			ip(p, &v.octets);
		if (v.field != STATUS_POD_IPS)
			continue;
		struct message one = inner(&v);
		for (struct value w; next(&one, &w);)
			if (w.field == POD_IP_IP)
				ip(p, &w.octets);
		bad |= one.bad;
	}
	return !m.bad && !bad;
}

/* A pod in the host's network has the node's address, which is nobody's but the node's. */
static int pod_add(struct addrmap *map, const struct pod *p)
{
	const struct cell none = {"", 0};
	bool is_node = p->host_network && p->node.len;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < p->n_ips; i++) {
		struct in6_addr addr;
		bool again = false;
		for (unsigned k = 0; k < i; k++) /* podIP is the first of podIPs */
			again |= p->ip[k].len == p->ip[i].len && !memcmp(p->ip[k].at, p->ip[i].at, p->ip[i].len);
		if (again)
			continue;
		if (!p->name.len || !addrmap_ip(&addr, &p->ip[i]))
			return ERR_SYNTAX;
		rc = is_node ? addrmap_add(map, &addr, ADDRMAP_NODE, &none, &p->node)
			     : addrmap_add(map, &addr, ADDRMAP_POD, &p->namespace, &p->name);
	}
	return rc;
}

static int pod(struct addrmap *map, struct message m)
{
	struct pod p = {.name = {"", 0}, .namespace = {"", 0}, .node = {"", 0}};
	bool ok = true;
	for (struct value v; next(&m, &v);) {
		if (v.field == POD_METADATA)
			ok &= metadata(&p, inner(&v));
		else if (v.field == POD_SPEC)
			ok &= spec(&p, inner(&v));
		else if (v.field == POD_STATUS)
			ok &= status(&p, inner(&v));
	}
	return ok && !m.bad ? pod_add(map, &p) : ERR_SYNTAX;
}

int addrmap_parse_pods(struct addrmap **ret, const char *what, const void *octets, size_t len, struct diag *d)
{
	struct addrmap *map = addrmap_new();
	struct message m = {octets, (const uint8_t *)octets + len, false};
	unsigned number = 0;
	int rc = map ? 0 : ERR_NOMEM;
	for (struct value v; rc == 0 && next(&m, &v);)
		if (v.field == LIST_POD) {
			number++;
			rc = pod(map, inner(&v));
		}
	if (rc == 0 && m.bad)
		rc = ERR_SYNTAX;
	if (rc) {
		addrmap_free(map);
		return diag_set(d, rc, rc == ERR_NOMEM ? "%s: out of memory" : "%s: pod %u of the kubelet's list cannot be read", what, number);
	}
	addrmap_ready(map);
	*ret = map;
	return 0;
}
