/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's command line: every flag of NodeLocal DNSCache's node-cache in
 * every spelling in circulation (Go syntax), and a few of ours. Manifests name
 * these flags, so none is ever renamed or dropped; the dead ones are accepted.
 */
#ifndef NODENS_FLAGS_H
#define NODENS_FLAGS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/opt.h"

#define FLAGS_LOCALIPS_MAX 16
#define FLAGS_WARNINGS_MAX 8
#define FLAGS_TABLE_MAX    48

/* What turns traffic for the local addresses over to us. */
enum flags_rules {
	RULES_AUTO,     /* nftables when kube-proxy uses it or iptables is missing */
	RULES_IPTABLES, /* rules identical to the original's */
	RULES_NFTABLES, /* table inet nodelocaldns */
	RULES_NONE,
};

/* Who may read /debug/top. */
enum flags_debug_top {
	DEBUG_TOP_NODE, /* processes of this node */
	DEBUG_TOP_ALL,  /* whoever reaches the metrics port */
	DEBUG_TOP_OFF,  /* nothing is counted either */
};

enum flags_intercept {
	INTERCEPT_NOTRACK, /* the addresses are ours; only connection tracking is skipped */
	INTERCEPT_REWRITE, /* the cluster address stays elsewhere (IPVS); packets are rewritten to us */
	INTERCEPT_NONE,
};

struct flags_ip {
	struct in6_addr addr; /* IPv4 as v4-mapped */
	bool is_v4;
	char text[INET6_ADDRSTRLEN]; /* canonical, no brackets */
};

struct node_flags {
	size_t n_localips;
	struct flags_ip localip[FLAGS_LOCALIPS_MAX];
	bool setup_interface, setup_iptables, skip_teardown, reload_with_signal;
	const char *interface_name;
	uint64_t sync_interval_ns;
	const char *metrics_listen;    /* "0.0.0.0:9353" */
	const char *prometheus_listen; /* ":9253": fills __PROMETHEUS__ENDPOINT__ */
	const char *base_corefile;     /* template */
	const char *corefile;          /* dead since the original's beginning: -conf wins */
	const char *conf;              /* rendered Corefile; "" keeps it in memory */
	const char *kubedns_cm;        /* directory; "" = /etc/kube-dns when it exists */
	const char *upstream_svc;      /* Service name, or an IP literal */
	const char *pidfile;
	uint16_t health_port, dns_port;
	bool plugins, version, quiet;

	/* ours */
	bool check, cleanup;
	uint64_t workers;              /* 0: the program chooses */
	enum flags_rules rules;
	enum flags_intercept intercept;
	size_t n_intercept_vips;       /* -intercept-ip: cluster addresses to rewrite */
	struct flags_ip intercept_vip[FLAGS_LOCALIPS_MAX];
	const char *handover;          /* unix socket; "" = off; off too when its directory is missing */
	enum flags_debug_top debug_top;
	uint64_t failopen_ns;          /* rules lapse this long after the last refresh; 0: never */

	/* outcome */
	int exit_code;                 /* when flags_parse fails or help was printed */
	bool help;
	size_t n_warnings;
	char warning[FLAGS_WARNINGS_MAX][160];

	/* raw text of flags that are checked after all are known */
	const char *localip_text, *health_port_text, *dns_port_text, *intercept_text;
};

/* Fills `f` from argv. On failure the diag holds the original's words and
 * f->exit_code its status (2: no such flag or bad value; 1: failed validation). With
 * -h, help is set and 0 returned. Pointers go into argv. `-version`, `-plugins`
 * and `-cleanup` without addresses are for the caller to act upon. */
int flags_parse(struct node_flags *f, int argc, char **argv, struct diag *d);
/* The option table over `f`: for help and for the check of the man page. */
void flags_table(struct node_flags *f, struct opt_def *ret_defs /* [FLAGS_TABLE_MAX] */);
/* Usage as the original prints it for -h. */
void flags_usage(FILE *out);
/* "60", "60ns" (both 60 s: the original multiplies nanoseconds), "1m30s". */
int flags_sync_interval(const char *text, uint64_t *ret_ns);
/* One literal, no brackets, no zone. */
int flags_ip_parse(const char *text, struct flags_ip *ret);
/* Is one of `-localip` of that family? */
bool flags_has_family(const struct node_flags *f, bool v4);

#endif
