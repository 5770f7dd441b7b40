/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering is a chain of whole-text substitutions in the original's order. The
 * text grows in an open memory stream; each pass reads one string and writes
 * the next, so that no pass can see half of another's work.
 */
#include "resolver/config/render.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "resolver/config/target.h"

#define TOKEN_UPSTREAM "__PILLAR__UPSTREAM__SERVERS__"
#define TOKEN_CLUSTER  "__PILLAR__CLUSTER__DNS__"
#define TOKEN_LOCAL    "__PILLAR__LOCAL__DNS__"
#define TOKEN_SERVER   "__PILLAR__DNS__SERVER__"
#define TOKEN_PROM     "__PROMETHEUS__ENDPOINT__"

int render_service_env(const char *service, char *ret, size_t size)
{
	static const char suffix[] = "_SERVICE_HOST";
	size_t n = strlen(service);

	if (n + sizeof suffix > size)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++)
		ret[i] = service[i] == '-' ? '_' : (char)toupper((unsigned char)service[i]);
	memcpy(ret + n, suffix, sizeof suffix);
	return 0;
}

/* --- passes: take ownership of `text`, return a new one, NULL on no memory --- */

static char *replace_all(char *text, const char *token, const char *with)
{
	size_t n = 0, tlen = strlen(token), wlen = strlen(with);
	char *ret, *out;

	if (!text)
		return NULL;
	for (const char *p = text; (p = strstr(p, token)); p += tlen)
		n++;
	if (!n)
		return text;
	ret = out = malloc(strlen(text) + n * wlen + 1);
	if (ret) {
		const char *p = text, *hit;

		for (; (hit = strstr(p, token)); p = hit + tlen) {
			out = mempcpy(out, p, (size_t)(hit - p));
			out = mempcpy(out, with, wlen);
		}
		strcpy(out, p);
	}
	free(text);
	return ret;
}

static char *join(const char *const *word, size_t n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = text_open(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? " " : "", word[i]);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* If `p`, just behind "forward . TOKEN", goes on with a block that says only
 * force_tcp, the end of that block; otherwise NULL. */
static const char *force_tcp_block_end(const char *p)
{
	p += strspn(p, " \t");
	if (*p++ != '{')
		return NULL;
	p = skip_space(p);
	if (strncmp(p, "force_tcp", 9))
		return NULL;
	p = skip_space(p + 9);
	return *p == '}' ? p + 1 : NULL;
}

/* Custom upstreams are asked as the client asked: the template's force_tcp is
 * meant for the cluster's own. */
static char *drop_force_tcp(char *text)
{
	static const char head[] = "forward . " TOKEN_UPSTREAM;
	char *hit = text;

	if (!text)
		return NULL;
	while ((hit = strstr(hit, head))) {
		const char *end = force_tcp_block_end(hit += sizeof head - 1);

		if (end)
			memmove(hit, end, strlen(end) + 1);
	}
	return text;
}

/* "TOKEN:8080" can only mean one address. */
static char *replace_local(char *text, const struct render_input *in)
{
	const char *first = in->n_localips ? in->localip[0] : "";
	char with[80], *all = join(in->localip, in->n_localips);

	if (!text || !all) {
		free(text);
		free(all);
		return NULL;
	}
	snprintf(with, sizeof with, strchr(first, ':') ? "[%s]:" : "%s:", first);
	text = replace_all(text, "[" TOKEN_LOCAL "]:", with);
	text = replace_all(text, TOKEN_LOCAL ":", with);
	text = replace_all(text, TOKEN_LOCAL, all);
	free(all);
	return text;
}

/* `health fd00::a:8080`, as the sed recipe writes it for one of our own IPv6
 * addresses, gets the brackets it needs; so do the others that take a port. */
static char *bracket_ports(char *text, const char *ip)
{
	static const char *const directive[] = {"health", "ready", "prometheus"};
	char bare[96], with[96];

	if (!strchr(ip, ':'))
		return text;
	for (size_t i = 0; i < sizeof directive / sizeof *directive; i++) {
		for (const char *port = "0123456789"; *port; port++) {
			snprintf(bare, sizeof bare, "%s %s:%c", directive[i], ip, *port);
			snprintf(with, sizeof with, "%s [%s]:%c", directive[i], ip, *port);
			text = replace_all(text, bare, with);
		}
	}
	return text;
}

static int stub_cmp(const void *a, const void *b)
{
	return strcmp((*(const struct render_stub *const *)a)->domain,
		      (*(const struct render_stub *const *)b)->domain);
}

static void stub_write(FILE *f, const struct render_stub *s, const char *bind, uint16_t port)
{
	fprintf(f, "%s:%u {\n    errors\n    cache 30\n    bind %s\n    forward .", s->domain, port, bind);
	for (size_t i = 0; i < s->n_servers; i++)
		fprintf(f, " %s", s->server[i]);
	fputs("\n}\n", f);
}

static char *append_stubs(char *text, const struct render_input *in)
{
	const struct render_stub **order = calloc(in->n_stubs + 1, sizeof *order);
	char *bind = join(in->localip, in->n_localips), *ret = NULL;
	size_t size = 0;
	FILE *f = text && order && bind ? text_open(&ret, &size) : NULL;

	if (f) {
		size_t len = strlen(text);

		fputs(text, f);
		if (in->n_stubs && len && text[len - 1] != '\n')
			fputc('\n', f);
		for (size_t i = 0; i < in->n_stubs; i++)
			order[i] = &in->stub[i];
		qsort(order, in->n_stubs, sizeof *order, stub_cmp);
		for (size_t i = 0; i < in->n_stubs; i++)
			stub_write(f, order[i], bind, in->local_port);
		if (fclose(f)) {
			free(ret);
			ret = NULL;
		}
	}
	free(order);
	free(bind);
	free(text);
	return ret;
}

static int check_targets(const char *what, const char *const *server, size_t n, struct diag *d)
{
	for (size_t i = 0; i < n; i++) {
		if (!target_good(server[i]))
			return diag_set(d, ERR_SYNTAX, "%s: \"%s\" is neither an IP address (with or without port) nor a file",
					what, server[i]);
	}
	return 0;
}

static int check(const struct render_input *in, struct diag *d)
{
	int err = check_targets("upstreamNameservers", in->upstream, in->n_upstreams, d);

	for (size_t i = 0; !err && i < in->n_stubs; i++) {
		char what[300];

		snprintf(what, sizeof what, "stubDomains: %s", in->stub[i].domain);
		if (!in->stub[i].n_servers)
			err = diag_set(d, ERR_MISSING, "%s: no servers", what);
		else
			err = check_targets(what, in->stub[i].server, in->stub[i].n_servers, d);
	}
	if (!err && !in->cluster_dns && strstr(in->template, TOKEN_CLUSTER))
		err = diag_set(d, ERR_MISSING, "the template asks for " TOKEN_CLUSTER ", but %s is not set: "
			       "the Service of -upstreamsvc must exist before this pod is created",
			       in->cluster_dns_env ? in->cluster_dns_env : "the cluster DNS address");
	return err;
}

int render_corefile(const struct render_input *in, char **ret_text, struct diag *d)
{
	char *text, *upstreams;
	int err = check(in, d);

	if (err)
		return err;
	upstreams = in->n_upstreams ? join(in->upstream, in->n_upstreams) : strdup("/etc/resolv.conf");
	text = upstreams ? strdup(in->template) : NULL;
	if (in->n_upstreams)
		text = drop_force_tcp(text);
	if (text)
		text = replace_all(text, TOKEN_UPSTREAM, upstreams);
	free(upstreams);
	text = replace_all(text, TOKEN_CLUSTER, in->cluster_dns ? in->cluster_dns : "");
	text = replace_local(text, in);
	text = replace_all(text, TOKEN_SERVER, "");
	text = replace_all(text, TOKEN_PROM, in->prometheus_listen ? in->prometheus_listen : ":9253");
	for (size_t i = 0; i < in->n_localips; i++)
		text = bracket_ports(text, in->localip[i]);
	text = append_stubs(text, in);
	if (!text)
		return diag_set(d, ERR_NOMEM, "rendering: out of memory");
	*ret_text = text;
	return 0;
}
