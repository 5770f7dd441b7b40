/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the shared tables found or taken, and the labels of types and classes. */
#include "resolver/core/stats.h"

#include <string.h>

#include "lib/base/hot.h"
#include "lib/dns/wire.h"

#define EDGE_MIN_NS 250000u /* 0.25 ms */

static const struct {
	uint16_t type;
	const char *label;
} types[STATS_TYPES + 1] = {
	{DNS_A, "A"},	      {DNS_AAAA, "AAAA"},   {DNS_CNAME, "CNAME"}, {DNS_DNSKEY, "DNSKEY"},
	{DNS_DS, "DS"},	      {DNS_MX, "MX"},	    {DNS_NSEC3, "NSEC3"}, {DNS_NSEC, "NSEC"},
	{DNS_NS, "NS"},	      {DNS_PTR, "PTR"},	    {DNS_RRSIG, "RRSIG"}, {DNS_SOA, "SOA"},
	{DNS_SRV, "SRV"},     {DNS_TXT, "TXT"},	    {DNS_HTTPS, "HTTPS"}, {DNS_IXFR, "IXFR"},
	{DNS_AXFR, "AXFR"},   {DNS_ANY, "ANY"},	    {0, "other"},
};

static const uint16_t size_edges[STATS_SIZE_EDGES] = {
	0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16000, 32000, 48000, 64000,
};

HOT unsigned stats_type_index(uint16_t qtype)
{
	unsigned i = 0;

	while (i < STATS_TYPES && types[i].type != qtype)
		i++;
	return i;
}

const char *stats_type_label(unsigned index)
{
	return index <= STATS_TYPES ? types[index].label : "other";
}

HOT void stats_duration_add(struct stats_duration *d, uint64_t ns)
{
	unsigned i = 0;

	while (i < STATS_DURATION_EDGES && ns > (uint64_t)EDGE_MIN_NS << i)
		i++;
	d->bucket[i]++;
	d->sum_ns += ns;
	d->n++;
}

HOT void stats_size_add(struct stats_size *s, uint64_t octets)
{
	unsigned i = 0;

	while (i < STATS_SIZE_EDGES && octets > size_edges[i])
		i++;
	s->bucket[i]++;
	s->sum += octets;
	s->n++;
}

static bool event_is(const struct stats_event *e, const struct stats_event *like)
{
	return e->what == like->what && strcmp(e->server, like->server) == 0 &&
	       strcmp(e->zone, like->zone) == 0 && strcmp(e->type, like->type) == 0 &&
	       strcmp(e->rclass, like->rclass) == 0 && strcmp(e->section, like->section) == 0 &&
	       strcmp(e->text, like->text) == 0;
}

void stats_event_add(struct core_stats *s, const struct stats_event *like, uint64_t n)
{
	uint32_t i = 0;

	while (i < s->n_events && !event_is(&s->event[i], like))
		i++;
	if (i == s->n_events && i < STATS_EVENTS_MAX) {
		s->event[i] = *like;
		s->event[i].n = 0;
		s->n_events++;
	}
	s->event[i < STATS_EVENTS_MAX ? i : STATS_EVENTS_MAX - 1].n += n;
}

const char *stats_class_label(uint16_t qclass)
{
	switch (qclass) {
	case DNS_IN:
		return "IN";
	case DNS_CH:
		return "CH";
	case DNS_HS:
		return "HS";
	case DNS_CLASS_ANY:
		return "ANY";
	default:
		return "other";
	}
}

struct stats_upstream *stats_upstream_of(struct core_stats *s, unsigned upstream)
{
	return &s->upstream[s->upstream_row[upstream < CORE_UPSTREAMS_MAX ? upstream : 0]];
}
