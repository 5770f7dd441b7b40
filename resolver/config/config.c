/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "lib/base/file.h"
#include "resolver/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resolver/net/tls.h"
#include "resolver/config/render.h"

#define COREFILE_MAX (16u << 20)
#define KUBEDNS_DIR  "/etc/kube-dns"

void config_source_init(struct config_source *s, const struct node_flags *f)
{
	*s = (struct config_source){ .flags = f };
}

void config_source_release(struct config_source *s)
{
	free(s->stdin_text);
	s->stdin_text = NULL;
}

void config_refused_release(struct config_refused *r)
{
	config_texts_release(&r->missing);
}

const char *config_kubedns_dir(const struct node_flags *f)
{
	if (*f->kubedns_cm)
		return f->kubedns_cm;
	return access(KUBEDNS_DIR, F_OK) == 0 ? KUBEDNS_DIR : NULL;
}

/* --- reading what people write --- */

static int stdin_read(struct config_source *s, char **ret, struct diag *d)
{
	if (!s->stdin_text) {
		int rc = file_read("/dev/stdin", COREFILE_MAX, &s->stdin_text, NULL, d);
		if (rc < 0)
			return rc;
	}
	*ret = strdup(s->stdin_text);
	return *ret ? 0 : diag_set(d, ERR_NOMEM, "no memory for the Corefile");
}

/* Both parts as they are now, or why they are not. */
struct newest {
	const char *name;
	bool rendered;
	int corefile_rc, kubedns_rc;
	char *source;
	struct kubedns_text kubedns;
	struct diag corefile_why, kubedns_why;
};

static void newest_read(struct config_source *s, const struct config *last, struct newest *n)
{
	const struct node_flags *f = s->flags;
	const char *dir = config_kubedns_dir(f);
	struct kubedns_conf probe;
	*n = (struct newest){ .name = *f->conf ? f->conf : "Corefile" };
	if (strcmp(f->conf, "stdin") == 0) {
		n->corefile_rc = stdin_read(s, &n->source, &n->corefile_why);
		return;
	}
	/* A template that is gone is no reason to take our own rendering for a Corefile. */
	n->rendered = (last && last->rendered) || access(f->base_corefile, F_OK) == 0;
	if (n->rendered && !*f->conf)
		n->name = f->base_corefile;
	n->corefile_rc = file_read(n->rendered ? f->base_corefile : n->name, COREFILE_MAX, &n->source, NULL,
				   &n->corefile_why);
	if (!n->rendered || !dir)
		return;
	n->kubedns_rc = kubedns_text_read(dir, &n->kubedns, &n->kubedns_why);
	if (n->kubedns_rc == 0)
		n->kubedns_rc = kubedns_parse(n->kubedns.stubs, n->kubedns.upstreams, &probe, &n->kubedns_why);
	if (n->kubedns_rc == 0)
		kubedns_release(&probe);
}

static void newest_release(struct newest *n)
{
	free(n->source);
	kubedns_text_release(&n->kubedns);
}

/* --- one attempt --- */

static int render(const struct config_source *s, const char *template, const struct kubedns_conf *k, char **ret,
		  struct diag *d)
{
	const struct node_flags *f = s->flags;
	const char *ip[FLAGS_LOCALIPS_MAX];
	char env[256] = "";
	struct flags_ip literal;
	for (size_t i = 0; i < f->n_localips; i++)
		ip[i] = f->localip[i].text;
	render_service_env(f->upstream_svc, env, sizeof(env));
	const char *cluster = flags_ip_parse(f->upstream_svc, &literal) == 0 ? literal.text : getenv(env);
	struct render_input in = {
		.template = template, .n_localips = f->n_localips, .localip = ip,
		.cluster_dns = cluster, .cluster_dns_env = env,
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

static bool path_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Does the running configuration use these files? Then its connections have them already. */
static bool tls_known(const struct config *last, const struct corefile_upstream *x)
{
	const struct corefile_plan *p = last ? last->plan : NULL;
	for (size_t i = 0; p && i < p->conf.n_upstreams; i++) {
		const struct corefile_upstream *o = &p->upstream[i];
		if (path_eq(o->tls_ca, x->tls_ca) && path_eq(o->tls_cert, x->tls_cert) &&
		    path_eq(o->tls_key, x->tls_key))
			return true;
	}
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
		if (!x->tls_ca && !x->tls_cert)
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

/* What the attempts of one config_read share. */
struct trial {
	struct config_source *source;
	const struct config *last;
	const struct newest *newest;
	struct config_refused *why;
};

static int compile(const struct trial *t, struct config *c, struct config_reader *r, struct diag *d)
{
	const struct config_source *s = t->source;
	struct corefile_env env;
	struct corefile *tree = NULL;
	corefile_env_defaults(&env);
	env.dns_port = s->flags->dns_port;
	env.n_loops = s->loops ? s->loops->n_found : 0;
	env.loop = s->loops ? s->loops->found : NULL;
	env.private_port = s->private_port;
	env.lenient = c->lenient;
	config_reader_install(r, &env, t->last ? &t->last->files : NULL);
	c->len = strlen(c->text);
	int rc = corefile_parse_text(&tree, c->name, c->text, c->len, &env, d);
	if (rc == 0)
		rc = corefile_compile(&c->plan, tree, &env, d);
	corefile_free(tree);
	if (rc == 0)
		rc = tls_check(c->plan, t->last, c->lenient, &r->stale, d);
	return rc;
}

static int try_one(const struct trial *t, const char *source, const struct kubedns_text *k, bool lenient,
		   struct config *ret, struct diag *d)
{
	struct config c = { .rendered = t->newest->rendered, .lenient = lenient };
	struct config_reader r = { 0 };
	int rc = 0;
	c.name = strdup(t->newest->name);
	c.source = strdup(source);
	if (!c.name || !c.source || (k && kubedns_text_copy(k, &c.kubedns) < 0))
		rc = diag_set(d, ERR_NOMEM, "no memory for the Corefile");
	if (rc == 0)
		rc = text_make(t->source, &c, d);
	if (rc == 0)
		rc = compile(t, &c, &r, d);
	for (size_t i = 0; i < r.missing.n; i++)
		config_texts_put(&t->why->missing, r.missing.entry[i].key, "", 0, false);
	config_texts_release(&r.missing);
	c.files = r.seen;
	if (rc < 0) {
		config_release(&c);
		return rc;
	}
	t->why->part[CONFIG_FILES] = r.stale;
	if (c.plan->n_missing && !r.stale.text[0])
		diag_set(&t->why->part[CONFIG_FILES], 0, "a part of %s is not served until what it needs is there",
			 c.name);
	*ret = c;
	return 0;
}

/* --- the order --- */

static bool text_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool kubedns_same(const struct kubedns_text *a, const struct kubedns_text *b)
{
	return text_eq(a->stubs, b->stubs) && text_eq(a->upstreams, b->upstreams);
}

/* The newest Corefile with one or the other ConfigMap. */
static int try_newest(const struct trial *t, const struct kubedns_text *old, bool lenient, struct config *ret,
		      struct diag *d)
{
	const struct newest *n = t->newest;
	struct diag *kubedns_why = &t->why->part[CONFIG_KUBEDNS], both;
	int rc = ERR_MISSING;
	if (n->kubedns_rc == 0) {
		rc = try_one(t, n->source, &n->kubedns, lenient, ret, &both);
		if (rc == 0 || kubedns_same(&n->kubedns, old)) {
			*d = rc < 0 ? both : *d;
			return rc;
		}
	}
	rc = try_one(t, n->source, old, lenient, ret, d);
	if (rc == 0)
		*kubedns_why = n->kubedns_rc == 0 ? both : n->kubedns_why;
	return rc;
}

/* The running Corefile with one or the other ConfigMap. */
static int try_last(const struct trial *t, struct config *ret, struct diag *d)
{
	const struct newest *n = t->newest;
	struct diag *kubedns_why = &t->why->part[CONFIG_KUBEDNS];
	if (n->kubedns_rc == 0 && try_one(t, t->last->source, &n->kubedns, t->last->lenient, ret, kubedns_why) == 0) {
		kubedns_why->text[0] = 0;
		return 0;
	}
	if (n->kubedns_rc != 0)
		*kubedns_why = n->kubedns_why;
	return try_one(t, t->last->source, &t->last->kubedns, t->last->lenient, ret, d);
}

int config_read(struct config_source *s, const struct config *last, bool keep_corefile, struct config *ret,
		struct config_refused *why, struct diag *d)
{
	static const struct kubedns_text none;
	const struct kubedns_text *old = last ? &last->kubedns : &none;
	struct newest n;
	struct trial t = { s, last, &n, why };
	struct diag first = { "" };
	*why = (struct config_refused){ 0 };
	newest_read(s, last, &n);
	int rc = n.corefile_rc;
	if (rc < 0) {
		first = n.corefile_why;
		why->unread = true;
	} else if (!keep_corefile) {
		rc = try_newest(&t, old, false, ret, &first);
		if (rc < 0 && rc != ERR_NOMEM && (!last || last->lenient))
			rc = try_newest(&t, old, true, ret, d);
	}
	if (last && (rc < 0 || keep_corefile)) {
		why->part[CONFIG_COREFILE] = first;
		rc = try_last(&t, ret, d);
	} else if (rc < 0) {
		*d = first;
	}
	newest_release(&n);
	return rc;
}

/* --- beside --- */

int config_rendered_write(const struct config_source *s, const struct config *c, struct diag *d)
{
	const char *path = s->flags->conf;
	char *old = NULL;
	struct diag ignored;
	if (!c->rendered || !*path || strcmp(path, "stdin") == 0)
		return 0;
	bool same = file_read(path, COREFILE_MAX, &old, NULL, &ignored) == 0 && strcmp(old, c->text) == 0;
	free(old);
	return same ? 0 : file_write_atomic(path, c->text, c->len, d);
}

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

size_t config_files(const struct config_source *s, const struct config *c, const struct config_refused *why,
		    const char **ret, size_t max)
{
	const char *dir = config_kubedns_dir(s->flags);
	size_t n = 0;
	if (strcmp(s->flags->conf, "stdin") != 0 && n + 1 < max)
		ret[n++] = c->rendered || !c->name ? s->flags->base_corefile : c->name;
	if (dir && n + 1 < max)
		ret[n++] = dir;
	for (size_t i = 0; c->plan && i < c->plan->n_files && n + 1 < max; i++)
		ret[n++] = c->plan->file[i].path;
	for (size_t i = 0; i < why->missing.n && n + 1 < max; i++)
		ret[n++] = why->missing.entry[i].key;
	ret[n] = NULL;
	return n;
}
