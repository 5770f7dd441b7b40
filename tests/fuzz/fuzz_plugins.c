/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, options and answers of any kind before the hooks of every plugin that has
 * some: template and rewrite with expressions, hosts, dns64, acl, loadbalance, any,
 * minimal. A reply that a hook makes is a message; a message that goes into a hook as
 * one comes out as one.
 *
 * Input: which configuration, query type, flags, how many octets of name (labels at
 * dots), then the name; the rest are an answer's counts and records, or a query's
 * options.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/core/core.h"
#include "resolver/corefile/corefile.h"
#include "resolver/plugins/plugin.h"

#define TAIL " forward . 192.0.2.53\n}\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const texts[] = {
	". {\n template IN ANY {\n match \"^(?P<a>[a-z]*)[-.](?P<b>[0-9]+)[.](.*)$\"\n"
	" answer \"{{ .Name }} 60 {{ .Class }} {{ .Type }} {{ .Group.b }}\"\n"
	" answer \"{{ .Name }} 60 IN TXT \\\"{{ .Group.a }} {{ index .Match 3 }} {{ .Zone "
	"}}\\\"\"\n"
	" additional \"{{ index .Match 3 }} 1 IN A 192.0.2.{{ .Group.b }}\"\n fallthrough\n "
	"}\n" TAIL,
	". {\n template IN A {\n match \"^ip-([0-9]+)-([0-9]+)-(.*)\\.$\"\n"
	" answer \"{{ .Name }} 5 IN A 10.{{ parseInt (index .Match 1) 10 8 }}.{{ index .Match 2 }}.{{ index .Match "
	"3 }}\"\n"
	" authority \"{{ .Zone }} 60 IN SOA ns.{{ .Name }} h. ({{ len .Name }} 1 1 1 1)\"\n"
	" ederror 21 \"{{ .Remote }} no\"\n rcode REFUSED\n }\n" TAIL,
	". {\n template IN ANY short {\n match ^(.*)\\.short\\.$\n"
	" answer \"{{ .Name }} 30 IN CNAME {{ index .Match 1 }}.{{ index .Match 1 }}.\"\n }\n" TAIL,
	". {\n rewrite stop name regex (.*)-(a|b)\\.(.*) {2}.{1}.{3} answer auto\n"
	" rewrite continue name suffix .a .{0}.b answer auto\n rewrite name substring xx y\n"
	" rewrite name prefix long very.long.name.that.grows.and.grows.\n rewrite type ANY HINFO\n"
	" rewrite class CH IN\n rewrite ttl regex (.*) 30-60\n" TAIL,
	". {\n rewrite edns0 local set 0xffee {client_ip}\n rewrite edns0 local replace 0xffed "
	"{qname}\n"
	" rewrite edns0 nsid append\n rewrite edns0 subnet set 24 56\n rewrite cname suffix a. b.\n"
	" rewrite cname regex (.*)x\\.(.*) {2}.{1}\n rewrite rcode regex (.*) SERVFAIL NXDOMAIN\n" TAIL,
	". {\n dns64 {\n prefix 64:ff9b::/96\n translate_all\n allow_ipv4\n }\n loadbalance\n "
	"minimal\n"
	" any\n acl {\n filter type TXT net 10.0.0.0/8\n block type MX net *\n allow net *\n "
	"}\n" TAIL,
	". {\n hosts /dev/null {\n 192.0.2.1 a.b *.w\n 2001:db8::1 a.b c\n 0.0.0.0 x\n "
	"fallthrough\n }\n whoami\n" TAIL,
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))
static struct corefile_plan *plan[N_TEXTS];

static const char *no_var(void *ctx, const char *name)
{
	(void)ctx, (void)name;
	return NULL;
}

static bool all_readable(void *ctx, const char *path)
{
	(void)ctx, (void)path;
	return true;
}

static void plans_make(void)
{
	for (size_t i = 0; i < N_TEXTS; i++) {
		struct corefile_env e = {.dns_port = 53,
					 .hostname = "h",
					 .get_var = no_var,
					 .readable = all_readable};
		struct diag d = {""};
		struct corefile *c;

		if (corefile_parse_text(&c, "f", texts[i], strlen(texts[i]), &e, &d) < 0 ||
		    corefile_compile(&plan[i], c, &e, &d) < 0) {
			fprintf(stderr, "configuration %zu: %s\n", i, d.text);
			abort();
		}
		corefile_free(c);
	}
}

/* Labels are what stands between dots; too long ones are cut. */
static void name_make(struct name *n, const uint8_t *b, size_t len)
{
	size_t at = 0;

	n->len = 0;
	while (at < len) {
		const uint8_t *dot = memchr(b + at, '.', len - at);
		size_t l = dot ? (size_t)(dot - b) - at : len - at;

		at += l + 1;
		l = l > 63 ? 63 : l;
		if (!l || n->len + l + 2 > NAME_MAX_WIRE)
			continue;
		n->b[n->len] = (uint8_t)l;
		memcpy(n->b + n->len + 1, b + at - l - 1, l);
		n->len = (uint8_t)(n->len + l + 1);
	}
	n->b[n->len++] = 0;
	name_lower(n->b, n->b);
}

static bool is_message(const uint8_t *msg, size_t len)
{
	struct dns_msg m;

	return dns_msg_parse(&m, msg, len) == 0 && m.end == len;
}

struct run {
	const struct core_zone *z;
	struct plugin_query q;
	struct core_client client;
	struct dns_edns edns;
	uint8_t msg[DNS_MSG_MAX], out[DNS_MSG_MAX], work[DNS_MSG_MAX];
	size_t len;
};

static void asked(struct run *r, const struct plugin_step *s)
{
	struct plugin_query q = r->q;
	struct wire_out o;
	size_t len = 0;

	wire_out_init(&o, r->out, sizeof(r->out));
	if (s->ops->arrive && s->ops->arrive(s, &q, &o, &len) == PLUGIN_REPLY)
		assert(is_message(r->out, o.len));
	q = r->q;
	wire_out_init(&o, r->out, sizeof(r->out));
	if (s->ops->ask && s->ops->ask(s, &q, &o, &len) == PLUGIN_REPLY)
		assert(is_message(r->out, o.len));
	assert(name_check(q.name.b, q.name.len) == q.name.len);
	wire_out_init(&o, r->out, PLUGIN_OPTIONS_MAX);
	if (s->ops->options)
		s->ops->options(s, &r->q, &o);
}

static void answered(struct run *r, const struct plugin_step *s)
{
	bool was = is_message(r->msg, r->len);
	struct plugin_query q = r->q;
	size_t len;

	memcpy(r->work, r->msg, r->len);
	len = s->ops->answered ? s->ops->answered(s, &q, r->work, r->len, sizeof(r->work)) : r->len;
	assert(len <= sizeof(r->work) && (!was || is_message(r->work, len)));
	q = r->q;
	memcpy(r->work, r->msg, r->len);
	len = s->ops->respond ? s->ops->respond(s, &q, r->work, r->len, sizeof(r->work)) : r->len;
	assert(len <= sizeof(r->work) && (!was || is_message(r->work, len)));
	if (!s->ops->reask || !s->ops->reask(s, &r->q, r->msg, r->len))
		return;
	memcpy(r->work, r->msg, r->len);
	len = s->ops->merge(s, &r->q, r->msg, r->len, r->work, r->len, r->out, sizeof(r->out));
	assert(len <= sizeof(r->out) && (!len || !was || is_message(r->out, len)));
}

/* The question as asked, then counts and records from the input. */
static void message_make(struct run *r, const uint8_t *b, size_t len)
{
	struct wire_out o;

	wire_out_init(&o, r->msg, sizeof(r->msg));
	wire_put_header(&o, &(struct dns_header){.id = 1, .flags = DNS_QR, .n_qd = 1});
	wire_put_question(&o, r->q.name.b, r->q.qtype, r->q.qclass);
	for (unsigned i = 0; i < 3 && len > 0; i++, b++, len--)
		r->msg[7 + 2 * i] = *b & 7;
	wire_put_bytes(&o, b, len);
	r->len = o.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	static struct name root;
	size_t n_name;

	if (!plan[0])
		plans_make();
	if (size < 5 || size > 8192)
		return 0;
	memset(&r.q, 0, sizeof(r.q));
	r.z = &plan[data[0] % N_TEXTS]->conf.zone[0];
	root = r.z->origin;
	n_name = data[4] < size - 5 ? data[4] : size - 5;
	name_make(&r.q.name, data + 5, n_name);
	r.client =
		(struct core_client){.addr = {.s6_addr = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}}};
	r.edns = (struct dns_edns){.present = data[3] & 1,
				   .opts = data + 5 + n_name,
				   .opts_len = (uint16_t)(size - 5 - n_name)};
	r.q.client = data[3] & 2 ? NULL : &r.client;
	r.q.edns = &r.edns;
	r.q.qtype = data[2] ? get_be16(data + 1) : data[1];
	r.q.qclass = data[3] & 4 ? DNS_CH : DNS_IN;
	r.q.zone = &root;
	message_make(&r, data + 5 + n_name, size - 5 - n_name);
	for (size_t i = 0; i < r.z->n_steps; i++) {
		asked(&r, r.z->step[i]);
		answered(&r, r.z->step[i]);
	}
	return 0;
}
