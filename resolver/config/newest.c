/* SPDX-License-Identifier: Apache-2.0 */
/* Which files count depends on flags, and on whether a template is or was there. */
#include "resolver/config/newest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "resolver/config/render.h"

#define KUBEDNS_DIR "/etc/kube-dns"

void config_source_init(struct config_source *s, const struct node_flags *f)
{
	*s = (struct config_source){ .flags = f };
	render_service_env(f->upstream_svc, s->cluster_dns_env, sizeof(s->cluster_dns_env));
	if (flags_ip_parse(f->upstream_svc, &s->cluster_literal) == 0)
		s->cluster_dns = s->cluster_literal.text;
	else
		s->cluster_dns = getenv(s->cluster_dns_env);
}

void config_source_release(struct config_source *s)
{
	free(s->stdin_text);
	s->stdin_text = NULL;
}

const char *config_kubedns_dir(const struct node_flags *f)
{
	if (*f->kubedns_cm)
		return f->kubedns_cm;
	return access(KUBEDNS_DIR, F_OK) == 0 ? KUBEDNS_DIR : NULL;
}

static int stdin_read(struct config_source *s, char **ret, struct diag *d)
{
	if (!s->stdin_text) {
		int rc = file_read_stdin(COREFILE_MAX, &s->stdin_text, NULL, d);
		if (rc < 0)
			return rc;
	}
	*ret = strdup(s->stdin_text);
	return *ret ? 0 : diag_set(d, ERR_NOMEM, "no memory for the Corefile");
}

void config_newest_read(struct config_source *s, bool rendered_before, struct config_newest *ret)
{
	const struct node_flags *f = s->flags;
	const char *dir = config_kubedns_dir(f);
	struct config_newest *n = ret;
	*n = (struct config_newest){ .name = *f->conf ? f->conf : "Corefile" };
	if (strcmp(f->conf, "stdin") == 0) {
		n->corefile_rc = stdin_read(s, &n->corefile, &n->corefile_why);
		return;
	}
	n->rendered = rendered_before || access(f->base_corefile, F_OK) == 0;
	if (n->rendered && !*f->conf)
		n->name = f->base_corefile;
	n->corefile_rc = file_read(n->rendered ? f->base_corefile : n->name, COREFILE_MAX, &n->corefile, NULL,
				   &n->corefile_why);
	if (n->rendered && dir)
		n->kubedns_rc = kubedns_text_read(dir, &n->kubedns, &n->kubedns_why);
}

void config_newest_release(struct config_newest *n)
{
	free(n->corefile);
	kubedns_text_release(&n->kubedns);
}
