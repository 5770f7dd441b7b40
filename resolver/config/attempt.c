/* SPDX-License-Identifier: Apache-2.0 */
/* Each step hands the next what it needs; the first that fails ends it. */
#include "resolver/config/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "resolver/config/kubedns.h"
#include "resolver/config/reader.h"
#include "resolver/config/render.h"
#include "resolver/net/tls.h"

void config_release(struct config *c)
{
	corefile_plan_free(c->plan);
	free(c->text);
	free(c->name);
	free(c->source);
	kubedns_text_release(&c->kubedns);
	config_texts_release(&c->files);
	*c = (struct config){ 0 };
}

/* --- the text --- */

static int render(const struct config_source *s, const char *template, const struct kubedns_conf *k, char **ret,
		  struct diag *d)
{
	const struct node_flags *f = s->flags;
	const char *ip[FLAGS_LOCALIPS_MAX];
	for (size_t i = 0; i < f->n_localips; i++)
		ip[i] = f->localip[i].text;
	struct render_input in = {
		.template = template, .n_localips = f->n_localips, .localip = ip,
		.cluster_dns = s->cluster_dns, .cluster_dns_env = s->cluster_dns_env,
		.n_upstreams = k->n_upstreams,
		.upstream = (const char *const *)k->upstream,
		.n_stubs = k->n_stubs, .stub = k->stub,
		.local_port = f->dns_port, .prometheus_listen = f->prometheus_listen,
	};
	return render_corefile(&in, ret, d);
}

static int text_make(const struct config_source *s, struct config *c, struct diag *d)
{
	struct kubedns_conf k = { 0 };
	if (!c->rendered) {
		c->text = strdup(c->source);
		return c->text ? 0 : diag_set(d, ERR_NOMEM, "no memory for the Corefile");
	}
	int rc = kubedns_parse(c->kubedns.stubs, c->kubedns.upstreams, &k, d);
	if (rc == 0)
		rc = render(s, c->source, &k, &c->text, d);
	kubedns_release(&k);
	return rc;
}

/* --- the plan --- */

static bool path_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool files_eq(const struct corefile_upstream *a, const struct corefile_upstream *b)
{
	return path_eq(a->tls_ca, b->tls_ca) && path_eq(a->tls_cert, b->tls_cert) && path_eq(a->tls_key, b->tls_key);
}

/* Does the running configuration use these files? Then its connections have them already. */
static bool tls_known(const struct config *last, const struct corefile_upstream *x)
{
	const struct corefile_plan *p = last ? last->plan : NULL;
	for (size_t i = 0; p && i < p->conf.n_upstreams; i++) {
		if (files_eq(&p->upstream[i], x))
			return true;
	}
	return false;
}

/* Upstreams of one block have the same, and a file of CA certificates takes a while. */
static bool tls_tried(const struct corefile_plan *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (files_eq(&p->upstream[k], &p->upstream[i]))
			return true;
	return false;
}

/* Workers meet files that hold no certificate or key when it is too late. */
static int tls_check(const struct corefile_plan *p, const struct config *last, bool lenient, struct diag *stale,
		     struct diag *d)
{
	struct tls_ctx *ctx;
	struct diag why;
	for (size_t i = 0; i < p->conf.n_upstreams; i++) {
		const struct corefile_upstream *x = &p->upstream[i];
		struct tls_conf t = { .server_name = p->conf.upstream[i].tls_name, .ca_file = x->tls_ca,
				      .cert_file = x->tls_cert, .key_file = x->tls_key };
		if ((!x->tls_ca && !x->tls_cert) || tls_tried(p, i))
			continue;
		int rc = tls_ctx_new(&ctx, &t, &why);
		if (rc == 0)
			tls_ctx_free(ctx);
		else if (tls_known(last, x) || lenient)
			*stale = stale->text[0] ? *stale : why;
		else {
			*d = why;
			return rc;
		}
	}
	return 0;
}

static int compile(const struct config_attempt *a, struct config *c, struct config_reader *r, struct diag *d)
{
	const struct config_source *s = a->source;
	struct corefile_env env;
	struct corefile *tree = NULL;
	corefile_env_defaults(&env);
	env.dns_port = s->flags->dns_port;
	env.n_loops = s->loops ? s->loops->n_found : 0;
	env.loop = s->loops ? s->loops->found : NULL;
	env.private_port = s->private_port;
	env.lenient = c->lenient;
	if (s->host_addrs) {
		env.host_addrs = s->host_addrs;
		env.ctx = s->host_ctx; /* the others make nothing of it */
	}
	config_reader_install(r, &env, a->last ? &a->last->files : NULL);
	c->len = strlen(c->text);
	int rc = corefile_parse_text(&tree, c->name, c->text, c->len, &env, d);
	if (rc == 0)
		rc = corefile_compile(&c->plan, tree, &env, d);
	corefile_free(tree);
	if (rc == 0)
		rc = tls_check(c->plan, a->last, c->lenient, &r->stale, d);
	return rc;
}

/* --- both --- */

int config_attempt(const struct config_attempt *a, struct config *ret, struct config_texts *missing,
		   struct diag *stale, struct diag *d)
{
	struct config c = { .rendered = a->rendered, .lenient = a->lenient };
	struct config_reader r = { 0 };
	int rc = 0;
	c.name = strdup(a->name);
	c.source = strdup(a->corefile);
	if (!c.name || !c.source || kubedns_text_copy(a->kubedns, &c.kubedns) < 0)
		rc = diag_set(d, ERR_NOMEM, "no memory for the Corefile");
	if (rc == 0)
		rc = text_make(a->source, &c, d);
	if (rc == 0)
		rc = compile(a, &c, &r, d);
	for (size_t i = 0; i < r.missing.n; i++)
		config_texts_put(missing, r.missing.entry[i].key, "", 0, false);
	config_texts_release(&r.missing);
	c.files = r.seen;
	if (rc < 0) {
		config_release(&c);
		return rc;
	}
	*stale = r.stale;
	if (c.plan->n_missing && !stale->text[0])
		diag_set(stale, 0, "a part of %s is not served until what it needs is there", c.name);
	*ret = c;
	return 0;
}
