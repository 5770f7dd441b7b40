/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "resolver/render.h"

#define COREFILE_MAX (16u << 20)
#define KUBEDNS_DIR  "/etc/kube-dns"

void config_source_init(struct config_source *s, const struct node_flags *f)
{
	*s = (struct config_source){ .flags = f };
}

void config_source_release(struct config_source *s)
{
	kubedns_release(&s->kubedns);
	free(s->stdin_text);
	s->stdin_text = NULL;
}

const char *config_kubedns_dir(const struct node_flags *f)
{
	if (*f->kubedns_cm)
		return f->kubedns_cm;
	return access(KUBEDNS_DIR, F_OK) == 0 ? KUBEDNS_DIR : NULL;
}

static void __attribute__((format(printf, 2, 3))) trouble(struct config_source *s, const char *fmt, ...)
{
	char text[640];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->trouble)
		s->trouble(s->ctx, text);
}

/* --- from the template --- */

/* A ConfigMap that cannot be used leaves the last good one in force, which at
 * start is the empty one; a later good one is taken. */
static void kubedns_refresh(struct config_source *s)
{
	const char *dir = config_kubedns_dir(s->flags);
	struct kubedns_conf fresh = { 0 };
	struct diag d = { "" };
	if (!dir)
		return;
	if (kubedns_load(dir, &fresh, &d) < 0) {
		trouble(s, "Invalid config: %s", d.text);
		return;
	}
	kubedns_release(&s->kubedns);
	s->kubedns = fresh;
}

static int render(struct config_source *s, const char *template, char **ret, struct diag *d)
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
		.n_upstreams = s->kubedns.n_upstreams,
		.upstream = (const char *const *)s->kubedns.upstream,
		.n_stubs = s->kubedns.n_stubs, .stub = s->kubedns.stub,
		.local_port = f->dns_port, .prometheus_listen = f->prometheus_listen,
	};
	return render_corefile(&in, ret, d);
}

static int text_render(struct config_source *s, char **ret, struct diag *d)
{
	char *template;
	int rc = file_read(s->flags->base_corefile, COREFILE_MAX, &template, NULL, d);
	if (rc < 0)
		return rc;
	kubedns_refresh(s);
	const char *warning = render_warning(template);
	if (warning)
		log_warn("%s: %s", s->flags->base_corefile, warning);
	rc = render(s, template, ret, d);
	free(template);
	return rc;
}

/* The file on disk is for people and for other tools: ours is in memory, so
 * that a read-only file system only costs a message. */
static void rendered_write(struct config_source *s, const struct config *c)
{
	const char *path = s->flags->conf;
	char *old = NULL;
	struct diag d;
	if (!*path || strcmp(path, "stdin") == 0)
		return;
	if (file_read(path, COREFILE_MAX, &old, NULL, &d) == 0 && strcmp(old, c->text) == 0) {
		free(old);
		return;
	}
	free(old);
	if (file_write_atomic(path, c->text, c->len, &d) < 0)
		trouble(s, "%s", d.text);
}

/* --- without one --- */

static int text_stdin(struct config_source *s, char **ret, struct diag *d)
{
	if (!s->stdin_text) {
		int rc = file_read("/dev/stdin", COREFILE_MAX, &s->stdin_text, NULL, d);
		if (rc < 0)
			return rc;
	}
	*ret = strdup(s->stdin_text);
	return *ret ? 0 : diag_set(d, ERR_NOMEM, "no memory for the Corefile");
}

static int text_get(struct config_source *s, struct config *c, struct diag *d)
{
	const struct node_flags *f = s->flags;
	const char *name = *f->conf ? f->conf : "Corefile";
	int rc;
	if (strcmp(f->conf, "stdin") == 0) {
		rc = text_stdin(s, &c->text, d);
	} else if (access(f->base_corefile, F_OK) == 0) {
		c->rendered = true;
		if (!*f->conf)
			name = f->base_corefile;
		rc = text_render(s, &c->text, d);
	} else {
		rc = file_read(name, COREFILE_MAX, &c->text, NULL, d);
	}
	if (rc == 0 && !(c->name = strdup(name)))
		rc = diag_set(d, ERR_NOMEM, "no memory for the Corefile");
	return rc;
}

int config_read(struct config_source *s, struct config *ret, struct diag *d)
{
	struct config c = { 0 };
	struct corefile_env env;
	struct corefile *tree = NULL;
	int rc = text_get(s, &c, d);
	if (rc == 0) {
		c.len = strlen(c.text);
		corefile_env_defaults(&env);
		env.dns_port = s->flags->dns_port;
		env.n_loops = s->loops ? s->loops->n_found : 0;
		env.loop = s->loops ? s->loops->found : NULL;
		env.private_port = s->private_port;
		rc = corefile_parse_text(&tree, c.name, c.text, c.len, &env, d);
	}
	if (rc == 0)
		rc = corefile_compile(&c.plan, tree, &env, d);
	corefile_free(tree);
	if (rc < 0) {
		config_release(&c);
		return rc;
	}
	if (c.rendered)
		rendered_write(s, &c);
	*ret = c;
	return 0;
}

void config_release(struct config *c)
{
	corefile_plan_free(c->plan);
	free(c->text);
	free(c->name);
	*c = (struct config){ 0 };
}

size_t config_files(const struct config_source *s, const struct config *c, const char **ret, size_t max)
{
	const char *dir = config_kubedns_dir(s->flags);
	size_t n = 0;
	if (strcmp(s->flags->conf, "stdin") != 0 && n + 1 < max)
		ret[n++] = c->rendered || !c->name ? s->flags->base_corefile : c->name;
	if (dir && n + 1 < max)
		ret[n++] = dir;
	for (size_t i = 0; c->plan && i < c->plan->n_files && n + 1 < max; i++)
		ret[n++] = c->plan->file[i].path;
	ret[n] = NULL;
	return n;
}
