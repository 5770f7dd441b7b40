/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TO word of `forward` stands for: [dns://|tls://]IP[%name][:port],
 * https://IP-or-name[%name][:port][/path], a file with `nameserver` lines, or a host name, looked up once. The files are
 * watched by the daemon, so an upstream that appears in one is used at once.
 */
#include <string.h>

#include "resolver/plugins/forward.h"

enum { HOST_ADDRS_MAX = 8, DOH_PATH_MAX = 255 };
#define DOH_PATH "/dns-query" /* CoreDNS's, and that of RFC 8484's examples */
#define RESOLVED_STUB "/run/systemd/resolve/resolv.conf"

static int target_add(struct cf_setup *s, struct forward_options *o, const struct cf_target *t)
{
	struct cf_forward *f = o->f;
	struct cf_target *slot = arena_push(s->arena, &f->target, &f->n_targets, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = *t;
	if (core_transport_is_tls(t->transport) && t->tls_name && o->tls_name)
		return cf_error(s, &t->at,
				"both tls_servername '%s' and a name in '%s' are set: expected one",
				o->tls_name, t->at.text);
	if (core_transport_is_tls(t->transport) && !t->tls_name)
		slot->tls_name = o->tls_name;
	return 0;
}

/* "nameserver ADDRESS" lines; everything else of the format is not ours. */
static int targets_of_text(struct cf_setup *s, struct forward_options *o, const struct cf_token *at,
			   const char *path, const char *text, size_t *ret_loopback)
{
	struct cf_target t = {.port = DNS_PORT, .from_file = path, .at = *at};
	char word[128];
	int err = 0;

	*ret_loopback = 0;
	for (const char *line = text; line && err == 0;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		line += strspn(line, " \t");
		if (strncmp(line, "nameserver", 10) != 0 || !strchr(" \t", line[10]) ||
		    line[10] == 0)
			continue;
		const char *a = line + 10 + strspn(line + 10, " \t");
		size_t len = strcspn(a, " \t\r\n#;");

		if (len >= sizeof(word))
			continue;
		memcpy(word, a, len);
		word[len] = 0;
		if (!cf_parse_ip(word, &t.addr, &t.scope_id)) {
			cf_warn(s, at, "%s: nameserver '%s' is not an IP address: left out", path,
				word);
			continue;
		}
		*ret_loopback += IN6_IS_ADDR_V4MAPPED(&t.addr) ? t.addr.s6_addr[12] == 127
							       : IN6_IS_ADDR_LOOPBACK(&t.addr);
		err = target_add(s, o, &t);
	}
	return err;
}

static const char *file_empty(struct cf_setup *s, const char *path)
{
	const char *why = arena_printf(s->arena, "%s: expected a line 'nameserver IP'", path);

	return why ? why : path;
}

/* systemd's resolv.conf names its own stub, 127.0.0.53, which may well forward
 * to us; the servers behind it stand in another file. */
static int targets_of_file(struct cf_setup *s, struct forward_options *o, const struct cf_token *at,
			   const char *path)
{
	size_t before = o->f->n_targets, n_loopback;
	const char *file = arena_str(s->arena, path);
	const char *text = file ? cf_read(s, at, path, COREFILE_FILE_RESOLV) : NULL;

	if (!text)
		return 0; /* reported */
	int err = targets_of_text(s, o, at, file, text, &n_loopback);
	size_t n = o->f->n_targets - before;

	if (err == 0 && n == 0 && (text = cf_refuse(s, path, file_empty(s, path))) != NULL) {
		err = targets_of_text(s, o, at, file, text, &n_loopback);
		n = o->f->n_targets - before;
	}
	if (err)
		return err;
	if (n == 0)
		cf_warn(s, at, "no nameserver in %s (yet): it is watched", path);
	if (n == 0 || n_loopback < n || strcmp(path, "/etc/resolv.conf") != 0)
		return 0;
	if (!s->env->readable(s->env->ctx, RESOLVED_STUB))
		return 0;
	cf_warn(s, at, "%s names only this host; the servers of %s are used", path, RESOLVED_STUB);
	o->f->n_targets = before;
	return targets_of_file(s, o, at, RESOLVED_STUB);
}

static int targets_of_host(struct cf_setup *s, struct forward_options *o, const struct cf_token *at,
			   const char *host, const struct cf_target *of)
{
	struct in6_addr a[HOST_ADDRS_MAX];
	struct cf_target t = *of;
	size_t n = 0;
	int err = 0;

	if (s->env->host_addrs && !s->env->lint)
		n = s->env->host_addrs(s->env->ctx, host, o->resolver, o->resolver_port,
				       o->n_resolvers, a, HOST_ADDRS_MAX);
	if (n == 0)
		return cf_missing(
			s, at,
			"not an IP address or file, and no address is known for the name: '%s'",
			at->text);
	for (size_t i = 0; i < n && err == 0; i++) {
		t.addr = a[i];
		t.tls_name =
			core_transport_is_tls(t.transport) && !o->tls_name ? arena_str(s->arena, host) : NULL;
		err = target_add(s, o, &t);
	}
	return err;
}

/* "9.9.9.9%dns.quad9.net:853", "[2620:fe::fe%dns.quad9.net]:853": the part after % is a
 * server name for TLS. */
static const char *tls_name_cut(struct cf_setup *s, const char *text, const char **ret_rest)
{
	const char *percent = strchr(text, '%');
	const char *colon = percent ? strrchr(percent, ':') : NULL;
	const char *name = percent ? percent + 1 : NULL;

	*ret_rest = text;
	if (!percent)
		return NULL;
	bool inside = text[0] == '[' && !memchr(text, ']', (size_t)(percent - text));
	size_t len = colon ? (size_t)(colon - name) : strlen(name);

	*ret_rest = arena_printf(s->arena, "%.*s%s%s", (int)(percent - text), text, inside ? "]" : "",
				 colon ? colon : "");
	return arena_strn(s->arena, name, len - (inside && len && name[len - 1] == ']'));
}

static bool looks_like_host(const char *text)
{
	bool dot = false, letter = false;

	for (const char *c = text; *c; c++) {
		bool ok = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			  (*c >= '0' && *c <= '9') || *c == '-' || *c == '.' || *c == '_';

		dot |= *c == '.' && c > text;
		letter |= ok && (*c | 32) >= 'a' && (*c | 32) <= 'z';
		if (!ok)
			return false;
	}
	return letter && (dot || strcmp(text, "localhost") == 0);
}

/* host or host:port. */
static int host_or_fault(struct cf_setup *s, struct forward_options *o, const struct cf_token *t,
			 const char *text, struct cf_target *target)
{
	const char *colon = strrchr(text, ':');
	struct cf_token p = *t;
	uint64_t v = target->port;

	if (colon) {
		p.text = colon + 1;
		text = arena_strn(s->arena, text, (size_t)(colon - text));
		if (!text)
			return cf_nomem(s);
	}
	if (!looks_like_host(text))
		return cf_error(s, t, "not an IP address or %s: '%s'",
				target->transport == CORE_TO_HTTPS ? "a host's name" : "file", t->text);
	int err = colon ? cf_number(s, &p, 1, 65535, &v) : 0;

	target->port = (uint16_t)v;
	return err ? err : targets_of_host(s, o, t, text, target);
}

/* At the character `at` of the word, for faults within it. */
static struct cf_token token_within(const struct cf_token *t, const char *at)
{
	struct cf_token part = *t;

	part.col += (unsigned)(at - t->text);
	return part;
}

/* RFC 3986 section 3.3: what a path may be made of, percent signs unchecked. */
static const char *path_fault(const char *path)
{
	for (; *path; path++)
		if (*path <= ' ' || *path >= 127 || strchr("\"<>\\^`{|}[]#?", *path))
			return path;
	return NULL;
}

static int https_path(struct cf_setup *s, const struct cf_token *t, const char *path)
{
	const char *bad = path_fault(path);
	struct cf_token at = token_within(t, bad ? bad : path);

	if (bad && *bad == '?')
		return cf_error(s, &at, "a query string in '%s': expected https://IP-or-name[:port][/path]", t->text);
	if (bad)
		return cf_error(s, &at, "'%c' cannot stand in the path of '%s'", *bad, t->text);
	if (strlen(path) > DOH_PATH_MAX)
		return cf_error(s, &at, "the path of '%s' is longer than %d octets", t->text, DOH_PATH_MAX);
	return 0;
}

/* What follows the host's last colon; IPv6 addresses without brackets have none. */
static int https_port(struct cf_setup *s, const struct cf_token *t, const char *text, const char *end)
{
	const char *colon = memchr(text, ':', (size_t)(end - text)), *close = memrchr(text, ']', (size_t)(end - text));
	uint64_t v;

	if (text[0] == '[' && close)
		colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
	if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
		return 0;
	struct cf_token p = token_within(t, colon + 1);

	p.text = arena_strn(s->arena, colon + 1, (size_t)(end - colon - 1));
	return p.text ? cf_number(s, &p, 1, 65535, &v) : cf_nomem(s);
}

/* Checks everything but the host; *ret_rest is IP-or-name[%name][:port]. */
static int https_cut(struct cf_setup *s, const struct cf_token *t, const char *text,
		     struct cf_target *target, const char **ret_rest)
{
	const char *end = text + strcspn(text, "/?"), *at = memchr(text, '@', (size_t)(end - text));
	int err = 0;

	if (at) {
		struct cf_token where = token_within(t, text);

		return cf_error(s, &where, "a user's name in '%s': expected https://IP-or-name[:port][/path]",
				t->text);
	}
	err = *end ? https_path(s, t, end) : 0;
	if (err == 0)
		err = https_port(s, t, text, end);
	if (err)
		return err;
	target->doh_path = *end ? arena_str(s->arena, end) : DOH_PATH;
	*ret_rest = arena_strn(s->arena, text, (size_t)(end - text));
	return target->doh_path && *ret_rest ? 0 : cf_nomem(s);
}

int forward_to(struct cf_setup *s, struct forward_options *o, const struct cf_token *t)
{
	struct cf_target target = {.port = DNS_PORT, .at = *t};
	const char *text = t->text;
	int err = 0;

	if (strncmp(text, "tls://", 6) == 0) {
		target.transport = CORE_TO_TLS;
		target.port = DNS_TLS_PORT;
		text += 6;
	} else if (strncmp(text, "https://", 8) == 0) {
		target.transport = CORE_TO_HTTPS;
		target.port = DNS_HTTPS_PORT;
		err = https_cut(s, t, text + 8, &target, &text);
	} else if (strncmp(text, "dns://", 6) == 0) {
		text += 6;
	} else if (strstr(text, "://")) {
		return cf_error(s, t,
				"'%s' is not supported as a destination protocol in forward: "
				"expected dns://, tls:// or https://",
				t->text);
	}
	if (err)
		return err;
	if (text[0] == 0)
		return cf_error(s, t, "invalid address: '%s'", t->text);
	if (core_transport_is_tls(target.transport))
		target.tls_name = tls_name_cut(s, text, &text);
	if (!text)
		return cf_nomem(s);
	if (cf_parse_ip_port(text, target.port, &target.addr, &target.port, &target.scope_id))
		return target_add(s, o, &target);
	if (!core_transport_is_tls(target.transport) &&
	    (text[0] == '/' || text[0] == '.' || s->env->readable(s->env->ctx, text)))
		return targets_of_file(s, o, t, text);
	return host_or_fault(s, o, t, text, &target);
}
