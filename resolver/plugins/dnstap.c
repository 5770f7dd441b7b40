/* SPDX-License-Identifier: Apache-2.0 */
/* dnstap SOCKET [full] [WRITEBUFFER] [QUEUE] { identity version extra skipverify } */
#include <arpa/inet.h>
#include <string.h>

#include "resolver/plugins/plugins.h"

static int text_of(struct cf_setup *s, const struct cf_node *n, const char **to)
{
	*to = arena_str(s->arena, n->tok[1].text);
	return *to ? 0 : cf_nomem(s);
}

static int dnstap_identity(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return text_of(s, n, &((struct corefile_dnstap *)to)->identity);
}

static int dnstap_version(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return text_of(s, n, &((struct corefile_dnstap *)to)->version);
}

static int dnstap_extra(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return text_of(s, n, &((struct corefile_dnstap *)to)->extra);
}

static int dnstap_tls(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	cf_warn(s, &n->tok[0], "'%s' does nothing: dnstap goes to a unix socket or plain TCP",
		n->tok[0].text);
	return 0;
}

static const struct cf_option options[] = {
	{"identity", 1, 1, "TEXT", dnstap_identity},  {"version", 1, 1, "TEXT", dnstap_version},
	{"extra", 1, 1, "TEXT", dnstap_extra},	      {"skipverify", 0, 0, "", dnstap_tls},
	{"tls", 0, 3, "[CERT KEY] [CA]", dnstap_tls}, {0},
};

/* "HOST:PORT"; the daemon wants an address, so a name is looked up now. */
static int tcp_target(struct cf_setup *s, const struct cf_token *t, const char *text,
		      const char **ret)
{
	const char *colon = strrchr(text, ':'), *open = text[0] == '[' ? text + 1 : text;
	const char *end = colon && open > text && colon[-1] == ']' ? colon - 1 : colon;
	char ip[INET6_ADDRSTRLEN];
	struct in6_addr a;
	struct in_addr v4;
	struct cf_token port = *t;
	uint64_t v;

	if (!colon || end <= open)
		return cf_error(s, t, "'%s' has no %s", t->text, colon ? "address" : "port");
	port.text = colon + 1;
	int err = cf_number(s, &port, 1, 65535, &v);
	const char *host = arena_strn(s->arena, open, (size_t)(end - open));

	if (err || !host)
		return err ? err : cf_nomem(s);
	*ret = arena_str(s->arena, text);
	if (inet_pton(AF_INET6, host, &a) == 1 || inet_pton(AF_INET, host, &v4) == 1)
		return *ret ? 0 : cf_nomem(s);
	if (s->env->lint || !s->env->host_addrs ||
	    s->env->host_addrs(s->env->ctx, host, NULL, NULL, 0, &a, 1) == 0) {
		*ret = NULL;
		return cf_missing(s, t, "no address is known for the name of the collector: '%s'", host);
	}
	inet_ntop(AF_INET6, &a, ip, sizeof(ip));
	*ret = arena_printf(s->arena, "[%s]:%s", ip, colon + 1);
	return *ret ? 0 : cf_nomem(s);
}

static int dnstap_target(struct cf_setup *s, const struct cf_token *t, struct corefile_dnstap *d)
{
	const char *text = t->text;

	if (strncmp(text, "tls://", 6) == 0)
		return cf_error(s, t,
				"'%s': dnstap over TLS is not supported: expected a path, unix:// "
				"or tcp://",
				text);
	if (strncmp(text, "tcp://", 6) == 0) {
		d->is_tcp = true; /* target NULL: its name has no address (yet) */
		return tcp_target(s, t, text + 6, &d->target);
	} else if (strncmp(text, "unix://", 7) == 0) {
		text += 7;
	} else if (strstr(text, "://")) {
		return cf_error(s, t, "unknown scheme in '%s': expected a path, unix:// or tcp://",
				text);
	}
	if (text[0] == 0)
		return cf_error(s, t, "'%s' names no socket", t->text);
	d->target = arena_str(s->arena, text);
	return d->target ? 0 : cf_nomem(s);
}

int setup_dnstap(struct cf_setup *s, const struct cf_node *n)
{
	struct corefile_dnstap d = {
		.identity = arena_str(s->arena, s->env->hostname), .version = "", .extra = ""};
	int err = cf_args(s, n, 1, 4, "SOCKET [full] [WRITEBUFFER] [QUEUE]");

	if (err)
		return err;
	if (strcmp(n->tok[1].text, "listen") == 0)
		return cf_error(s, &n->tok[1],
				"'dnstap listen' is not supported: name the socket of a collector "
				"to connect to");
	err = dnstap_target(s, &n->tok[1], &d);
	for (size_t i = 2; i < n->n && err == 0; i++) {
		uint64_t v;

		if (strcmp(n->tok[i].text, "full") == 0)
			d.full = true;
		else
			err = cf_number(s, &n->tok[i], 1, 4096, &v);
	}
	int more = cf_options(s, n, options, &d);

	if (err == 0 && more == 0)
		s->b->out.dnstap = d;
	return err ? err : more;
}
