/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Setup functions, one a directive; the table that names them is plugins.c.
 */
#ifndef NODENS_PLUGINS_H
#define NODENS_PLUGINS_H

#include "resolver/corefile/setup.h"

int setup_acl(struct cf_setup *s, const struct cf_node *n);
int setup_any(struct cf_setup *s, const struct cf_node *n);
int setup_bind(struct cf_setup *s, const struct cf_node *n);
int setup_bufsize(struct cf_setup *s, const struct cf_node *n);
int setup_cache(struct cf_setup *s, const struct cf_node *n);
int setup_debug(struct cf_setup *s, const struct cf_node *n);
int setup_dns64(struct cf_setup *s, const struct cf_node *n);
int setup_dnstap(struct cf_setup *s, const struct cf_node *n);
int setup_errors(struct cf_setup *s, const struct cf_node *n);
int setup_forward(struct cf_setup *s, const struct cf_node *n);
int setup_health(struct cf_setup *s, const struct cf_node *n);
int setup_hosts(struct cf_setup *s, const struct cf_node *n);
int setup_loadbalance(struct cf_setup *s, const struct cf_node *n);
int setup_log(struct cf_setup *s, const struct cf_node *n);
int setup_loop(struct cf_setup *s, const struct cf_node *n);
int setup_minimal(struct cf_setup *s, const struct cf_node *n);
int setup_noop(struct cf_setup *s, const struct cf_node *n);
int setup_cookies(struct cf_setup *s, const struct cf_node *n);
int setup_nsid(struct cf_setup *s, const struct cf_node *n);
int setup_prometheus(struct cf_setup *s, const struct cf_node *n);
int setup_ready(struct cf_setup *s, const struct cf_node *n);
int setup_reload(struct cf_setup *s, const struct cf_node *n);
int setup_rewrite(struct cf_setup *s, const struct cf_node *n);
int setup_search_path(struct cf_setup *s, const struct cf_node *n);
int setup_template(struct cf_setup *s, const struct cf_node *n);
int setup_timeouts(struct cf_setup *s, const struct cf_node *n);
int setup_whoami(struct cf_setup *s, const struct cf_node *n);

#endif
