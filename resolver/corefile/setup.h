/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directive's setup function works with. It reads one cf_node and writes
 * into the server block being compiled; faults are reported at the token they
 * are in, and it goes on to the next line where it can.
 *
 * A directive is one row of resolver/plugins/plugins.h; an option
 * of a directive is one row of its own table (struct cf_option).
 */
#ifndef NODENS_CF_SETUP_H
#define NODENS_CF_SETUP_H

#include "resolver/core/conf.h"
#include "resolver/corefile/arena.h"
#include "resolver/corefile/corefile.h"
#include "resolver/plugins/plugin.h"

struct cf_bind {
	struct in6_addr addr;
	uint32_t scope_id;
	struct cf_token at;
};
/* A forward target before we know which addresses are our own. */
struct cf_target {
	struct in6_addr addr;
	uint16_t port;
	uint8_t transport; /* enum core_transport */
	uint32_t scope_id;
	const char *tls_name, *doh_path; /* doh_path: of https:// only */
	const char *from_file; /* NULL: written in the Corefile */
	struct cf_token at;
};
struct cf_forward {
	struct core_forward conf;
	struct cf_token at;
	size_t n_targets;
	struct cf_target *target;
	struct corefile_upstream sock; /* source, TLS files, ages: for all its targets */
};
struct cf_block { /* one server block */
	const struct cf_server *src;
	struct corefile_block out;
	size_t n_names; /* zones of its keys, CIDR expanded */
	struct name *name;
	uint16_t *port;	      /* per name */
	struct cf_token *key; /* per name */
	uint64_t *mask;	      /* per name: its listeners; set when all blocks are read */
	size_t n_binds;
	struct cf_bind *bind;
	struct core_zone zone; /* what all its zones have in common */
	bool mark_cluster;     /* search_path { cluster } */
	size_t n_forwards, n_steps;
	struct cf_forward *forward;
	struct plugin_step **step;
	const struct cf_token **seen; /* per row of cf_directives: where it stood first */
};
struct cf_setup {
	const struct corefile_env *env;
	struct arena *arena;
	struct cf_report *report;
	struct corefile_plan *plan;
	struct cf_block *b;
	size_t n_noop_said;
	const char *noop_said[8]; /* reasons given: once each */
	size_t n_regex, n_files, n_blocks;
	struct cf_regex **regex;
	struct corefile_file *file;
	struct cf_block *block;
};

/* --- the table of directives: resolver/plugins/plugins.h --- */

enum {
	CF_REPEATS = 1,	 /* may stand more than once in a block */
	CF_NOT_HERE = 2, /* CoreDNS knows it, this program does not */
};
struct cf_directive { /* rows in execution order */
	const char *name;
	int (*setup)(struct cf_setup *s, const struct cf_node *n);
	unsigned flags;
};
extern const struct cf_directive cf_directives[]; /* ends with a NULL name */
size_t cf_directive_count(void);

/* --- faults --- */

int cf_error(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cf_warn(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An error, or on a lint away from the node a warning; 0 in the latter case. */
int cf_absent(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Something of the world that only a part needs; a warning also where the rest
 * is to be served all the same (corefile_env.lenient). */
int cf_missing(struct cf_setup *s, const struct cf_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int cf_nomem(struct cf_setup *s);

/* --- reading --- */

struct cf_option {
	const char *name;
	unsigned min_args, max_args; /* without the name */
	const char *usage;	     /* "CAPACITY [TTL [MINTTL]]" */
	int (*set)(struct cf_setup *s, const struct cf_node *n, void *to);
};
enum { CF_MANY = 1000 };
/* Between min and max arguments, else an error that shows the usage. */
int cf_args(struct cf_setup *s, const struct cf_node *n, unsigned min, unsigned max,
	    const char *usage);
int cf_no_block(struct cf_setup *s, const struct cf_node *n);
/* Both: of a directive that has no options. */
int cf_args_only(struct cf_setup *s, const struct cf_node *n, unsigned min, unsigned max, const char *usage);
/* Each line of n's block through its row of `table` (ends with a NULL name). */
int cf_options(struct cf_setup *s, const struct cf_node *n, const struct cf_option *table,
	       void *to);
/* "expected one of a, b, c (did you mean 'b'?)"; returns the index or -1. `list` ends with NULL. */
int cf_choice(struct cf_setup *s, const struct cf_token *t, const char *what,
	      const char *const *list);
int cf_number(struct cf_setup *s, const struct cf_token *t, uint64_t min, uint64_t max,
	      uint64_t *ret);
/* bare_unit_ns as in opt_duration: 0 demands a unit. */
int cf_duration(struct cf_setup *s, const struct cf_token *t, uint64_t bare_unit_ns,
		uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns);
int cf_name(struct cf_setup *s, const struct cf_token *t, struct name *ret);
/* A zone or a CIDR block, which may give several names: appended, lower case. */
int cf_zone(struct cf_setup *s, const struct cf_token *t, struct name **list, size_t *n);
int cf_zones(struct cf_setup *s, const struct cf_token *t, size_t n_tokens, struct name **list,
	     size_t *n);
int cf_rcode(struct cf_setup *s, const struct cf_token *t, uint16_t *ret);
int cf_type(struct cf_setup *s, const struct cf_token *t, uint16_t *ret);
/* IP literal, v6 perhaps with %zone; no brackets. */
bool cf_parse_ip(const char *text, struct in6_addr *ret, uint32_t *ret_scope);
/* IP, IP:port, [IP]:port. */
bool cf_parse_ip_port(const char *text, uint16_t default_port, struct in6_addr *ret,
		      uint16_t *ret_port, uint32_t *ret_scope);
/* Where an HTTP listener goes: ":8080", "IP:8080", "[v6]:8080", "localhost:8080". */
int cf_listen_addr(struct cf_setup *s, const struct cf_token *t, struct corefile_addr *ret);
/* "10.0.0.0/8" or an address; v4 becomes v4-mapped with bits + 96. */
bool cf_parse_cidr(const char *text, struct in6_addr *ret, unsigned *ret_bits);
bool cf_cidr_match(const struct in6_addr *net, unsigned bits, const struct in6_addr *addr);
/* "10.96.0.11:53", "[fd00::1]:53"; in the arena. */
const char *cf_addr_text(struct arena *a, const struct in6_addr *addr, uint16_t port);

/* --- writing --- */

/* A zeroed step of `size` octets that begins with struct plugin_step; it runs in
 * the order of the rows. Its memory is the arena's. */
void *cf_step_new(struct cf_setup *s, const struct plugin_ops *ops, size_t size);
/* The block's step with these ops, or NULL. */
void *cf_step_find(struct cf_setup *s, const struct plugin_ops *ops);
/* A file to be watched; its content (NUL-terminated, in the arena) or NULL. */
const char *cf_read(struct cf_setup *s, const struct cf_token *at, const char *path,
		    enum corefile_file_kind kind);
/* What stands in `path`, read before, is no good: the last good content in its
 * place, "" where there was none, or NULL where nobody keeps it (a check). `why`
 * goes to whoever keeps it. */
const char *cf_refuse(struct cf_setup *s, const char *path, const char *why);
/* struct corefile_env's host_addrs, for real. */
size_t corefile_host_addrs(void *ctx, const char *host, const struct in6_addr *server,
			   const uint16_t *port, size_t n, struct in6_addr *ret, size_t max);
struct cf_regex *cf_regex(struct cf_setup *s, const struct cf_token *at, const char *pattern);

#endif
