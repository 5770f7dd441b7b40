/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Corefile: text -> tree -> plan. The tree (struct corefile) is the text
 * with snippets, imports and environment variables already put in, and a
 * position at every token. The plan is all that the daemon needs to run:
 * the core's configuration, and what is not the core's business (health
 * addresses, log formats, files to watch). Compiling reads the files that the
 * Corefile names (resolv.conf, hosts), and nothing else of the machine except
 * through the hooks of struct corefile_env.
 *
 * Every fault becomes one line "file:line:col: what was found, what was
 * expected (did you mean ...?)". Reading goes on after a fault where it can, so
 * that a check reports all of them; a load fails with the first.
 */
#ifndef NODENS_COREFILE_H
#define NODENS_COREFILE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "resolver/core/conf.h"

/* --- the tree --- */

struct cf_token {
	const char *text; /* quotes removed, environment expanded */
	const char *file;
	unsigned line, col; /* from 1 */
	bool quoted;	    /* then `{`, `}` and `import` are plain text */
	bool starts_line;
};
struct cf_node {  /* a directive, or a line of its block */
	size_t n; /* tokens, the name included: at least 1 */
	struct cf_token *tok;
	size_t n_nodes;
	struct cf_node *node;
	struct cf_token end; /* closing brace, or the last token: where something is missing */
};
struct cf_server {
	size_t n_keys;
	struct cf_token *key;
	size_t n_nodes;
	struct cf_node *node;
};
struct corefile {
	size_t n_servers;
	struct cf_server *server;
	size_t n_files; /* this file and what it imports, to be watched */
	const char *const *file;
	char digest[65]; /* SHA-256 over the tokens: equal means nothing changed */
	struct cf_report *report;
	struct arena *arena;
};

/* --- the world outside --- */

/* An upstream that was found to lead back to us: left out of the forwards of
 * blocks with this zone. */
struct corefile_loop {
	struct in6_addr addr;
	uint32_t scope_id; /* of link-local ones */
	uint16_t port;
	char zone[NAME_MAX_TEXT];
};

struct corefile_env {
	uint16_t dns_port;    /* of keys without a port: -dns.port */
	uint16_t private_port; /* when every address could be a Service's: 127.0.0.1 there too,
				* for the self-test; 0: never */
	const char *hostname; /* nsid, dnstap identity */
	/* A lint on another machine than the node: missing files and interfaces are
	 * warnings, unfilled __PILLAR__ tokens get sample values. */
	bool lint;
	/* To be served whatever happens: of a file that cannot be read, a host without
	 * address only what needs it is left out, with a warning. */
	bool lenient;
	size_t n_loops;
	const struct corefile_loop *loop;
	void *ctx;
	const char *(*get_var)(void *ctx, const char *name); /* NULL: unset */
	/* Addresses of an interface, how many; 0: no such interface. */
	size_t (*if_addrs)(void *ctx, const char *ifname, struct in6_addr *ret, uint32_t *ret_scope,
			   size_t max);
	bool (*readable)(void *ctx, const char *path);
	/* A whole file: *ret_text is malloc'd and NUL-terminated. `secret`: of TLS,
	 * wanted only to be there. NULL here and below: from the disk. */
	int (*read_file)(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len,
			 struct diag *d);
	/* What read_file gave for `path` is no good: what to use in its place. NULL:
	 * nothing, the fault ends the compilation. */
	int (*refuse)(void *ctx, const char *path, const char *why, char **ret_text, size_t *ret_len);
	/* 0 and the paths, a line each (malloc'd), or what glob(3) returns. */
	int (*glob_files)(void *ctx, const char *pattern, char **ret);
	/* Addresses of a host name, asked at `n` servers (0: the system's own
	 * resolver); how many, 0: none. */
	size_t (*host_addrs)(void *ctx, const char *host, const struct in6_addr *server,
			     const uint16_t *port, size_t n, struct in6_addr *ret, size_t max);
};
/* Port 53, this host's name, environment and interfaces. */
void corefile_env_defaults(struct corefile_env *e);

/* --- the plan --- */

enum { COREFILE_HTTP_MAX = 16, COREFILE_CONSOLIDATE_MAX = 16, COREFILE_LOG_MAX = 16 };

struct corefile_addr {
	bool set;
	struct in6_addr addr; /* v4-mapped; any: in6addr_any */
	uint16_t port;
	uint32_t scope_id;
	const char *text; /* as written */
};
enum corefile_level { COREFILE_ERROR, COREFILE_WARNING, COREFILE_INFO, COREFILE_DEBUG };
struct corefile_consolidate {
	uint64_t period_ns;
	const char *pattern;
	struct cf_regex *regex; /* corefile_regex_match */
	enum corefile_level level;
	bool show_first;
};
enum {
	COREFILE_LOG_SUCCESS = 1,
	COREFILE_LOG_DENIAL = 2,
	COREFILE_LOG_FAILURE = 4,
	COREFILE_LOG_ALL = 7
};
struct corefile_log {
	size_t n_names;
	const struct name *name; /* log only these and what is below */
	const char
		*format;  /* placeholders as CoreDNS's; {common} and {combined} already expanded */
	unsigned classes; /* COREFILE_LOG_* */
	double sample;	  /* share logged, 1.0: all (our option `sample`) */
};
struct corefile_dnstap {
	const char *target; /* path of a unix socket, or "host:port" */
	bool is_tcp, full;
	const char *identity, *version, *extra;
};
struct corefile_block {	   /* a server block; core_zone.block indexes these */
	const char *label; /* its keys as written, joined by blanks */
	const char *file;
	unsigned line;
	uint64_t listeners; /* bit per core listener */
	struct corefile_addr health, ready, prometheus;
	uint64_t lameduck_ns;
	bool ready_continuously;
	bool has_errors, loop, debug;
	size_t n_consolidate, n_logs;
	struct corefile_consolidate consolidate[COREFILE_CONSOLIDATE_MAX];
	struct corefile_log log[COREFILE_LOG_MAX];	 /* first whose names match decides */
	struct corefile_dnstap dnstap;			 /* target NULL: off */
	uint64_t tcp_read_ns, tcp_write_ns, tcp_idle_ns; /* 0: not said */
	int64_t tcp_max_queries;			 /* per connection; -1: unlimited; 0: not said */
	size_t n_plugins;
	const char *const *plugin; /* names in use: coredns_plugin_enabled */
};
struct corefile_upstream { /* beside core_upstream of the same index: the sockets' business */
	uint32_t scope_id;
	bool has_source;
	struct in6_addr source;
	const char *tls_cert, *tls_key, *tls_ca; /* files or NULL */
	uint64_t max_age_ns, expire_ns;		 /* of its connections; 0: no limit, default */
	uint32_t max_idle_conns;		 /* 0: no limit */
	const char *doh_path;			 /* of https://; NULL: another transport */
	bool doh_get;				 /* else POST */
};
enum corefile_file_kind {
	COREFILE_FILE_CONFIG,
	COREFILE_FILE_RESOLV,
	COREFILE_FILE_HOSTS,
	COREFILE_FILE_WEIGHTS,
	COREFILE_FILE_TLS
};
struct corefile_file { /* a change calls for reading everything again */
	const char *path;
	enum corefile_file_kind kind;
	char digest[65];  /* SHA-256 of what was read; "absent". Not of CONFIG, whose tokens count */
};
struct corefile_plan {
	struct core_conf conf;
	const uint32_t *listener_scope; /* per core listener: IPv6 zone index */
	const struct corefile_upstream *upstream;
	size_t n_blocks;
	const struct corefile_block *block;
	size_t n_files;
	const struct corefile_file *file;
	bool has_hosts;
	size_t n_hosts_entries; /* as CoreDNS counts: names to addresses, and back */
	size_t n_warnings;
	const char *const *warning; /* "file:line:col: ..." */
	size_t n_missing;	    /* of these: what lenient left out */
	char digest[65];	    /* of the Corefile's tokens and of the files it names */
	struct arena *arena;
	size_t n_regex;
	struct cf_regex **regex;
};

/* --- from text to plan --- */

int corefile_parse_text(struct corefile **ret, const char *file, const char *text, size_t len,
			const struct corefile_env *e, struct diag *d);
/* "stdin" reads the standard input, as CoreDNS does. */
int corefile_parse_file(struct corefile **ret, const char *path, const struct corefile_env *e,
			struct diag *d);
void corefile_free(struct corefile *c);
/* `c` must outlive nothing: the plan has its own copies. */
int corefile_compile(struct corefile_plan **ret, const struct corefile *c,
		     const struct corefile_env *e, struct diag *d);
void corefile_plan_free(struct corefile_plan *p);
/* The two in one: what the daemon calls at start and at reload. */
int corefile_load(struct corefile_plan **ret, const char *path, const struct corefile_env *e,
		  struct diag *d);
/* Loopback and link-local addresses are never a Service's, nor is "all". */
bool corefile_never_service(const struct in6_addr *a);
/* `node-cache -check`: every error and warning as a line, then a summary line.
 * 0 when there are no errors, else 1. */
int corefile_check(const char *path, const struct corefile_env *e, FILE *out);
/* Does the text contain a match? For `errors { consolidate }`. */
bool corefile_regex_match(const struct cf_regex *r, const char *text, size_t len);

#endif
