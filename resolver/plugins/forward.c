/* SPDX-License-Identifier: Apache-2.0 */
/* forward FROM TO... { options }: docs/corefile.md has the table. */
#include "resolver/plugins/forward.h"

#include <string.h>

#include "lib/base/clock.h"
#include "resolver/plugins/plugins.h"

static struct core_forward *conf_of(void *to)
{
	return &((struct forward_options *)to)->f->conf;
}

static int forward_except(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct core_forward *f = conf_of(to);
	struct name *list = NULL;
	size_t n_list = 0;

	for (size_t i = 0; i < f->n_except; i++) { /* a second line adds */
		struct name *slot = arena_push(s->arena, &list, &n_list, sizeof(*slot));

		if (!slot)
			return cf_nomem(s);
		*slot = f->except[i];
	}
	int err = cf_zones(s, n->tok + 1, n->n - 1, &list, &n_list);

	f->except = list;
	f->n_except = n_list;
	return err;
}

static int forward_force_tcp(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	conf_of(to)->force_tcp = true;
	return 0;
}

static int forward_prefer_udp(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	conf_of(to)->prefer_udp = true;
	return 0;
}

static int forward_expire(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return cf_duration(s, &n->tok[1], 0, 0, 86400 * NS_PER_S, &conf_of(to)->expire_ns);
}

static int forward_max_age(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return cf_duration(s, &n->tok[1], 0, 0, 86400 * NS_PER_S, &conf_of(to)->max_age_ns);
}

static int forward_read_timeout(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return cf_duration(s, &n->tok[1], 0, NS_PER_MS, 60 * NS_PER_S,
			   &conf_of(to)->read_timeout_ns);
}

static int forward_budget(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return cf_duration(s, &n->tok[1], 0, 10 * NS_PER_MS, 60 * NS_PER_S,
			   &conf_of(to)->budget_ns);
}

static int number_u32(struct cf_setup *s, const struct cf_node *n, uint32_t *to)
{
	uint64_t v;
	int err = cf_number(s, &n->tok[1], 0, UINT32_MAX, &v);

	if (err == 0)
		*to = (uint32_t)v;
	return err;
}

static int forward_max_idle(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return number_u32(s, n, &((struct forward_options *)to)->f->sock.max_idle_conns);
}

static int forward_max_fails(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return number_u32(s, n, &conf_of(to)->max_fails);
}

static int forward_max_attempts(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return number_u32(s, n, &conf_of(to)->max_connect_attempts);
}

static int forward_max_concurrent(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return cf_number(s, &n->tok[1], 0, INT64_MAX, &conf_of(to)->max_concurrent);
}

static int forward_hedge(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct cf_token t = n->tok[1];
	size_t len = strlen(t.text);
	uint64_t v;

	if (strcmp(t.text, "off") == 0) {
		conf_of(to)->hedge_percent = 0;
		return 0;
	}
	if (len < 2 || t.text[len - 1] != '%')
		return cf_error(s, &t, "'%s' is not a percentage: expected one like 5%%, or off",
				t.text);
	t.text = arena_strn(s->arena, t.text, len - 1);
	int err = t.text ? cf_number(s, &t, 0, 100, &v) : cf_nomem(s);

	if (err == 0)
		conf_of(to)->hedge_percent = (unsigned)v;
	return err;
}

static const char *tls_file(struct cf_setup *s, const struct cf_token *t)
{
	cf_read(s, t, t->text, COREFILE_FILE_TLS); /* without it no connection will stand */
	return arena_str(s->arena, t->text);
}

static int forward_tls(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct corefile_upstream *u = &((struct forward_options *)to)->f->sock;

	if (n->n >= 3) {
		u->tls_cert = tls_file(s, &n->tok[1]);
		u->tls_key = tls_file(s, &n->tok[2]);
	}
	if (n->n == 2 || n->n == 4)
		u->tls_ca = tls_file(s, &n->tok[n->n - 1]);
	return 0;
}

static int forward_tls_name(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct forward_options *o = to;

	o->tls_name = arena_str(s->arena, n->tok[1].text);
	return o->tls_name ? 0 : cf_nomem(s);
}

static int forward_policy(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const kinds[] = {"random", "round_robin", "sequential",
					    NULL}; /* enum core_policy */
	int k = cf_choice(s, &n->tok[1], "policy", kinds);

	if (k < 0)
		return ERR_SYNTAX;
	conf_of(to)->policy = (enum core_policy)k;
	return 0;
}

static int forward_health(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const words[] = {"no_rec", "domain", NULL};
	struct core_forward *f = conf_of(to);
	int err = cf_duration(s, &n->tok[1], 0, 0, 3600 * NS_PER_S, &f->health_ns);

	for (size_t i = 2; i < n->n && err == 0; i++) {
		int k = cf_choice(s, &n->tok[i], "option of 'health_check'", words);

		if (k < 0)
			return ERR_SYNTAX;
		if (k == 0)
			f->health_no_rec = true;
		else if (++i == n->n)
			err = cf_error(s, &n->tok[i - 1], "'domain' needs a name after it");
		else
			err = cf_name(s, &n->tok[i], &f->health_domain);
	}
	return err;
}

static int rcode_bits(struct cf_setup *s, const struct cf_node *n, bool noerror_allowed,
		      uint32_t *bits)
{
	for (size_t i = 1; i < n->n; i++) {
		uint16_t rcode;
		int err = cf_rcode(s, &n->tok[i], &rcode);

		if (err)
			return err;
		if (rcode > 31)
			return cf_error(s, &n->tok[i], "'%s' cannot be used here", n->tok[i].text);
		if (rcode == DNS_NOERROR && !noerror_allowed)
			return cf_error(s, &n->tok[i], "NOERROR cannot be used in failover");
		*bits |= 1u << rcode;
	}
	return 0;
}

static int forward_next(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return rcode_bits(s, n, true, &conf_of(to)->next_rcodes);
}

static int forward_failover(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return rcode_bits(s, n, false, &conf_of(to)->failover_rcodes);
}

static int forward_nodata(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	conf_of(to)->next_on_nodata = true;
	return 0;
}

static int forward_failfast(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)s;
	(void)n;
	conf_of(to)->failfast_all_unhealthy = true;
	return 0;
}

static int forward_source(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct corefile_upstream *u = &((struct forward_options *)to)->f->sock;

	u->has_source = cf_parse_ip(n->tok[1].text, &u->source, NULL);
	return u->has_source ? 0
			     : cf_error(s, &n->tok[1], "'%s' is not an IP address", n->tok[1].text);
}

static int forward_resolver(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct forward_options *o = to;

	for (size_t i = 1; i < n->n; i++) {
		if (o->n_resolvers >= FORWARD_RESOLVERS_MAX)
			return cf_error(s, &n->tok[i], "more than %d resolvers",
					FORWARD_RESOLVERS_MAX);
		if (!cf_parse_ip_port(n->tok[i].text, DNS_PORT, &o->resolver[o->n_resolvers],
				      &o->resolver_port[o->n_resolvers], NULL))
			return cf_error(s, &n->tok[i],
					"'%s' is not an address: expected IP or IP:port",
					n->tok[i].text);
		o->n_resolvers++;
	}
	return 0;
}

static int forward_doh(struct cf_setup *s, const struct cf_node *n, void *to)
{
	static const char *const methods[] = {"POST", "GET", NULL};
	int k = cf_choice(s, &n->tok[1], "method", methods);

	if (k < 0)
		return ERR_SYNTAX;
	((struct forward_options *)to)->f->sock.doh_get = k == 1;
	return 0;
}

static const struct cf_option options[] = {
	{"except", 1, CF_MANY, "NAMES...", forward_except},
	{"force_tcp", 0, 0, "", forward_force_tcp},
	{"prefer_udp", 0, 0, "", forward_prefer_udp},
	{"expire", 1, 1, "DURATION", forward_expire},
	{"max_age", 1, 1, "DURATION", forward_max_age},
	{"max_idle_conns", 1, 1, "NUMBER", forward_max_idle},
	{"max_fails", 1, 1, "NUMBER", forward_max_fails},
	{"max_connect_attempts", 1, 1, "NUMBER", forward_max_attempts},
	{"max_concurrent", 1, 1, "NUMBER", forward_max_concurrent},
	{"read_timeout", 1, 1, "DURATION", forward_read_timeout},
	{"tls", 0, 3, "[CERT KEY] [CA]", forward_tls},
	{"tls_servername", 1, 1, "NAME", forward_tls_name},
	{"policy", 1, 1, "random|round_robin|sequential", forward_policy},
	{"health_check", 1, 4, "DURATION [no_rec] [domain FQDN]", forward_health},
	{"next", 1, CF_MANY, "RCODE...", forward_next},
	{"next_on_nodata", 0, 0, "", forward_nodata},
	{"failover", 1, CF_MANY, "RCODE...", forward_failover},
	{"failfast_all_unhealthy_upstreams", 0, 0, "", forward_failfast},
	{"source_address", 1, 1, "IP", forward_source},
	{"resolver", 1, FORWARD_RESOLVERS_MAX, "IP[:PORT]...", forward_resolver},
	{"doh_method", 1, 1, "GET|POST", forward_doh},
	{"budget", 1, 1, "DURATION", forward_budget},
	{"hedge", 1, 1, "PERCENT%|off", forward_hedge},
	{0},
};

static int forward_from(struct cf_setup *s, const struct cf_token *t, struct core_forward *f)
{
	struct name *list = NULL;
	size_t n = 0;
	int err = cf_zone(s, t, &list, &n);

	if (err)
		return err;
	if (n > 1)
		cf_warn(s, t, "'%s' expands to %zu zones; only the first is used, as in CoreDNS",
			t->text, n);
	f->from = list[0];
	return 0;
}

static void forward_check(struct cf_setup *s, const struct forward_options *o,
			  const struct cf_node *n)
{
	const struct core_forward *f = &o->f->conf;

	if (f->max_age_ns && f->max_age_ns < f->expire_ns)
		cf_error(s, &n->tok[0], "max_age (%llus) must not be less than expire (%llus)",
			 (unsigned long long)(f->max_age_ns / NS_PER_S),
			 (unsigned long long)(f->expire_ns / NS_PER_S));
	if (f->force_tcp && f->prefer_udp)
		cf_warn(s, &n->tok[0], "force_tcp takes precedence over prefer_udp");
}

int setup_forward(struct cf_setup *s, const struct cf_node *n)
{
	struct cf_forward f = {.at = n->tok[0]};
	struct forward_options o = {.f = &f};
	int err = cf_args(s, n, 2, CF_MANY, "FROM TO...");

	if (err)
		return err;
	core_conf_forward_defaults(&f.conf);
	err = forward_from(s, &n->tok[1], &f.conf);
	int more = cf_options(s, n, options, &o);

	forward_check(s, &o, n);
	for (size_t i = 2; i < n->n; i++) {
		int e = forward_to(s, &o, &n->tok[i]);

		err = e ? e : err;
	}
	struct cf_forward *slot =
		arena_push(s->arena, &s->b->forward, &s->b->n_forwards, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = f;
	return err ? err : more;
}
