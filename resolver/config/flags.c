/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row a flag in flags_table; checks that need a whole command line follow
 * the parse. The words and exit codes of failed checks are the original's,
 * because people search for them.
 */
#include "resolver/config/flags.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

static const char ABOUT[] = "DNS cache on a Kubernetes node, in place of NodeLocal DNSCache.";

static int choice(const char *text, const char *const *words, const char *what, int *ret,
		  struct diag *d)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(text, words[i])) {
			*ret = i;
			return 0;
		}
	}
	return diag_set(d, ERR_UNKNOWN, "-%s takes one of %s, not '%s'", what,
			!strcmp(what, "rules") ? "auto, iptables, nftables, none"
					       : "notrack, rewrite, none",
			text);
}

static int rules_parse(void *value, const char *text, struct diag *d)
{
	static const char *const words[] = {"auto", "iptables", "nftables", "none", NULL};
	int i, err = choice(text, words, "rules", &i, d);

	if (!err)
		*(enum flags_rules *)value = (enum flags_rules)i;
	return err;
}

static int debug_top_parse(void *value, const char *text, struct diag *d)
{
	static const char *const words[] = {"node", "all", "off", NULL};
	int i, err = choice(text, words, "debug-top", &i, d);

	if (!err)
		*(enum flags_debug_top *)value = (enum flags_debug_top)i;
	return err;
}

static int intercept_parse(void *value, const char *text, struct diag *d)
{
	static const char *const words[] = {"notrack", "rewrite", "none", NULL};
	int i, err = choice(text, words, "intercept", &i, d);

	if (!err)
		*(enum flags_intercept *)value = (enum flags_intercept)i;
	return err;
}

int flags_sync_interval(const char *text, uint64_t *ret_ns)
{
	char *end;
	unsigned long long n;
	uint64_t ns;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (end != text && *text != '-' && *text != '+' && !errno &&
	    (*end == '\0' || !strcmp(end, "ns"))) {
		/* The original multiplies the nanoseconds by a second, so "30ns"
		 * is how its users spell half a minute. */
		if (n < 1 || n > 365ull * 86400)
			return ERR_RANGE;
		*ret_ns = n * NS_PER_S;
		return 0;
	}
	if (opt_duration(text, 0, &ns))
		return ERR_SYNTAX;
	if (ns < 100 * NS_PER_MS)
		return ERR_RANGE;
	*ret_ns = ns;
	return 0;
}

static int sync_parse(void *value, const char *text, struct diag *d)
{
	int err = flags_sync_interval(text, value);

	if (err)
		diag_set(d, err, "invalid value \"%s\" for flag -syncinterval: seconds or a duration "
			 "of at least 100ms expected", text);
	return err;
}

void flags_table(struct node_flags *f, struct opt_def *ret_defs)
{
	const struct opt_def rows[] = {
		{"localip", 0, OPT_TEXT, &f->localip_text, "IP,...", "addresses to serve, comma separated; either family, also mixed; required", 0, 0, NULL},
		{"setupinterface", 0, OPT_BOOL, &f->setup_interface, NULL, "create and repair the interface that holds the addresses (default true)", 0, 0, NULL},
		{"interfacename", 0, OPT_TEXT, &f->interface_name, "NAME", "its name (default nodelocaldns); one that exists is used, of whatever type", 0, 0, NULL},
		{"syncinterval", 0, OPT_CUSTOM, &f->sync_interval_ns, "SECONDS", "between checks of rules and interface (default 60); also 60ns, 1m30s", 0, 0, sync_parse},
		{"metrics-listen-address", 0, OPT_TEXT, &f->metrics_listen, "ADDR", "second /metrics listener (default 0.0.0.0:9353)", 0, 0, NULL},
		{"setupiptables", 0, OPT_BOOL, &f->setup_iptables, NULL, "install and repair the packet filter rules (default true)", 0, 0, NULL},
		{"basecorefile", 0, OPT_TEXT, &f->base_corefile, "FILE", "template (default /etc/coredns/Corefile.base)", 0, 0, NULL},
		{"corefile", 0, OPT_TEXT, &f->corefile, "FILE", "accepted, without effect: -conf decides", 0, 0, NULL},
		{"conf", 0, OPT_TEXT, &f->conf, "FILE", "where the rendered Corefile is written and read", 0, 0, NULL},
		{"kubednscm", 0, OPT_TEXT, &f->kubedns_cm, "DIR", "mounted kube-dns ConfigMap (default /etc/kube-dns if it exists)", 0, 0, NULL},
		{"upstreamsvc", 0, OPT_TEXT, &f->upstream_svc, "NAME", "Service of the cluster DNS, by its environment variable, or an address (default kube-dns)", 0, 0, NULL},
		{"health-port", 0, OPT_TEXT, &f->health_port_text, "PORT", "port of the health rules (default 8080)", 0, 0, NULL},
		{"skipteardown", 0, OPT_BOOL, &f->skip_teardown, NULL, "leave rules and interface at exit", 0, 0, NULL},
		{"reloadwithsignal", 0, OPT_BOOL, &f->reload_with_signal, NULL, "accepted: a change is always applied at once", 0, 0, NULL},
		{"prometheus-listen-address", 0, OPT_TEXT, &f->prometheus_listen, "ADDR", "fills __PROMETHEUS__ENDPOINT__ of the template (default :9253)", 0, 0, NULL},
		{"pidfile", 0, OPT_TEXT, &f->pidfile, "FILE", "written once DNS is served, removed at exit", 0, 0, NULL},
		{"dns.port", 0, OPT_TEXT, &f->dns_port_text, "PORT", "port of rules, stub domains and server blocks without one (default 53)", 0, 0, NULL},
		{"p", 0, OPT_TEXT, &f->dns_port_text, "PORT", "the same", 0, 0, NULL},
		{"plugins", 0, OPT_BOOL, &f->plugins, NULL, "list the plugins and exit", 0, 0, NULL},
		{"version", 0, OPT_BOOL, &f->version, NULL, "print the version and exit", 0, 0, NULL},
		{"quiet", 0, OPT_BOOL, &f->quiet, NULL, "no banner at start", 0, 0, NULL},
		{"check", 0, OPT_BOOL, &f->check, NULL, "read the Corefile of -conf, say what is wrong with it, and exit", 0, 0, NULL},
		{"cleanup", 0, OPT_BOOL, &f->cleanup, NULL, "remove rules and interface of any earlier instance, and exit", 0, 0, NULL},
		{"workers", 0, OPT_U64, &f->workers, "N", "processes that answer (default 0: the program chooses)", 0, 64, NULL},
		{"rules", 0, OPT_CUSTOM, &f->rules, "KIND", "auto, iptables, nftables or none (default auto: what kube-proxy uses)", 0, 0, rules_parse},
		{"intercept", 0, OPT_CUSTOM, &f->intercept, "HOW", "notrack, rewrite or none (default notrack); rewrite is for IPVS", 0, 0, intercept_parse},
		{"intercept-ip", 0, OPT_TEXT, &f->intercept_text, "IP,...", "cluster addresses that -intercept rewrite takes over (default KUBE_DNS_SERVICE_HOST)", 0, 0, NULL},
		{"handover", 0, OPT_TEXT, &f->handover, "PATH", "unix socket over which a new instance takes over from this one (default /run/nodelocaldns/handover.sock, where that directory exists); empty: off", 0, 0, NULL},
		{"failopen", 0, OPT_DURATION, &f->failopen_ns, "TIME", "rules lapse by themselves this long after the last passed self-test (default 1500ms); 0: never", 0, 0, NULL},
		{"debug-top", 0, OPT_CUSTOM, &f->debug_top, "WHO", "who may read /debug/top of the metrics ports: node, all or off (default node)", 0, 0, debug_top_parse},
		{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
	};

	_Static_assert(sizeof rows / sizeof *rows <= FLAGS_TABLE_MAX, "flags_table");
	memcpy(ret_defs, rows, sizeof rows);
}

static void defaults(struct node_flags *f)
{
	*f = (struct node_flags){
		.setup_interface = true,
		.setup_iptables = true,
		.interface_name = "nodelocaldns",
		.sync_interval_ns = 60 * NS_PER_S,
		.metrics_listen = "0.0.0.0:9353",
		.prometheus_listen = ":9253",
		.base_corefile = "/etc/coredns/Corefile.base",
		.corefile = "/etc/Corefile",
		.conf = "",
		.kubedns_cm = "",
		.upstream_svc = "kube-dns",
		.pidfile = "",
		.handover = "/run/nodelocaldns/handover.sock",
		.failopen_ns = 1500 * NS_PER_MS,
		.localip_text = "",
		.health_port_text = "8080",
		.dns_port_text = "53",
		.intercept_text = "",
	};
}

static void __attribute__((format(printf, 2, 3))) warn(struct node_flags *f, const char *fmt, ...)
{
	va_list ap;

	if (f->n_warnings == FLAGS_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(f->warning[f->n_warnings++], sizeof f->warning[0], fmt, ap);
	va_end(ap);
}

int flags_ip_parse(const char *text, struct flags_ip *ret)
{
	struct flags_ip ip = {.is_v4 = false};
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		ip.is_v4 = true;
		ip.addr.s6_addr[10] = ip.addr.s6_addr[11] = 0xff;
		memcpy(ip.addr.s6_addr + 12, &v4, 4);
		inet_ntop(AF_INET, &v4, ip.text, sizeof ip.text);
	} else if (inet_pton(AF_INET6, text, &ip.addr) == 1) {
		ip.is_v4 = IN6_IS_ADDR_V4MAPPED(&ip.addr);
		if (ip.is_v4)
			inet_ntop(AF_INET, ip.addr.s6_addr + 12, ip.text, sizeof ip.text);
		else
			inet_ntop(AF_INET6, &ip.addr, ip.text, sizeof ip.text);
	} else {
		return ERR_SYNTAX;
	}
	*ret = ip;
	return 0;
}

static bool ip_known(const struct flags_ip *list, size_t n, const struct flags_ip *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (IN6_ARE_ADDR_EQUAL(&list[i].addr, &ip->addr))
			return true;
	}
	return false;
}

/* Comma list of addresses. A trailing comma is what the documented sed recipe
 * leaves behind, and spaces come from folded YAML: both are forgiven aloud. */
static int ip_list(struct node_flags *f, const char *flag, const char *text, struct flags_ip *list,
		   size_t *ret_n, struct diag *d)
{
	size_t n = 0;

	while (*text) {
		size_t len = strcspn(text, ",");
		const char *next = text[len] ? text + len + 1 : text + len;
		char word[64];
		struct flags_ip ip;

		while (len && strchr(" \t\n\r", *text))
			text++, len--;
		while (len && strchr(" \t\n\r", text[len - 1]))
			len--;
		if (!len) {
			warn(f, "-%s: an empty element is ignored", flag);
		} else {
			snprintf(word, sizeof word, "%.*s", (int)len, text);
			if (len >= sizeof word || flags_ip_parse(word, &ip))
				return diag_set(d, ERR_SYNTAX, "invalid %s specified: \"%.*s\" is not an IP address",
						flag, (int)len, text);
			if (ip_known(list, n, &ip))
				warn(f, "-%s: %s is given twice", flag, ip.text);
			else if (n == FLAGS_LOCALIPS_MAX)
				return diag_set(d, ERR_LIMIT, "-%s: more than %d addresses", flag, FLAGS_LOCALIPS_MAX);
			else
				list[n++] = ip;
		}
		if (next[-1] == ',' && !*next)
			warn(f, "-%s: trailing comma ignored", flag);
		text = next;
	}
	*ret_n = n;
	return 0;
}

static int port_parse(const char *flag, const char *text, uint16_t *ret, struct diag *d)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > 65535)
		return diag_set(d, ERR_RANGE, "invalid %s specified: \"%s\" is not a port number", flag, text);
	*ret = (uint16_t)n;
	return 0;
}

static size_t count_family(const struct flags_ip *list, size_t n, bool is_v4)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += list[i].is_v4 == is_v4;
	return found;
}

/* Rewriting needs an address of ours that nobody asks directly, or replies
 * could not be told apart: the last -localip of the family. */
static int check_intercept(struct node_flags *f, struct diag *d)
{
	const char *env = getenv("KUBE_DNS_SERVICE_HOST");
	int err;

	if (f->intercept != INTERCEPT_REWRITE)
		return 0;
	err = ip_list(f, "intercept-ip", *f->intercept_text ? f->intercept_text : env ? env : "",
		      f->intercept_vip, &f->n_intercept_vips, d);
	if (err)
		return err;
	if (!f->n_intercept_vips)
		return diag_set(d, ERR_MISSING, "-intercept rewrite needs -intercept-ip, or KUBE_DNS_SERVICE_HOST in the environment");
	for (size_t i = 0; i < f->n_intercept_vips; i++) {
		bool v4 = f->intercept_vip[i].is_v4;

		if (count_family(f->intercept_vip, f->n_intercept_vips, v4) > 1)
			return diag_set(d, ERR_LIMIT, "-intercept-ip takes one address a family");
		if (count_family(f->localip, f->n_localips, v4) < 2)
			return diag_set(d, ERR_MISSING, "-intercept rewrite of %s needs two -localip of that family: "
					"one for pods that ask us directly, and a last one for rewritten packets",
					f->intercept_vip[i].text);
		if (ip_known(f->localip, f->n_localips, &f->intercept_vip[i]))
			return diag_set(d, ERR_EXISTS, "-intercept rewrite: %s may not be a -localip too", f->intercept_vip[i].text);
	}
	return 0;
}

static int check(struct node_flags *f, struct diag *d)
{
	int err;

	if ((err = ip_list(f, "localip", f->localip_text, f->localip, &f->n_localips, d)) ||
	    (err = port_parse("health-port", f->health_port_text, &f->health_port, d)) ||
	    (err = port_parse("dns.port", f->dns_port_text, &f->dns_port, d)))
		return err;
	if (!f->n_localips && !f->check && !f->cleanup && !f->version && !f->plugins)
		return diag_set(d, ERR_MISSING, "invalid localip specified: -localip is required");
	if (!*f->interface_name || strlen(f->interface_name) >= 16 || strpbrk(f->interface_name, "/ \t:"))
		return diag_set(d, ERR_SYNTAX, "invalid interfacename specified: \"%s\"", f->interface_name);
	if (f->failopen_ns && f->failopen_ns < 300 * NS_PER_MS)
		return diag_set(d, ERR_RANGE, "-failopen takes 0 or at least 300ms");
	if (f->rules == RULES_NONE)
		f->setup_iptables = false;
	return check_intercept(f, d);
}

static struct opt_prog program(const struct opt_def *defs)
{
	return (struct opt_prog){
		.name = "node-cache",
		.usage = "-localip IP,... [-conf FILE] [flags]",
		.about = ABOUT,
		.defs = defs,
		.dialect = OPT_GO,
	};
}

int flags_parse(struct node_flags *f, int argc, char **argv, struct diag *d)
{
	struct opt_def defs[FLAGS_TABLE_MAX];
	struct opt_prog p = program(defs);
	char special = 0;
	int n, err;

	defaults(f);
	flags_table(f, defs);
	n = opt_parse(&p, argc, argv, &special, d);
	f->exit_code = 2;
	if (n < 0)
		return n;
	if (special == 'h') {
		f->help = true;
		f->exit_code = 0;
		return 0;
	}
	f->exit_code = 1;
	if (n > 0)
		return diag_set(d, ERR_SYNTAX, "extra command line arguments: [%s%s]", argv[1], n > 1 ? " ..." : "");
	err = check(f, d);
	if (!err)
		f->exit_code = 0;
	return err;
}

void flags_usage(FILE *out)
{
	struct node_flags f;
	struct opt_def defs[FLAGS_TABLE_MAX];
	struct opt_prog p = program(defs);

	defaults(&f);
	flags_table(&f, defs);
	opt_help(&p, out);
}

bool flags_has_family(const struct node_flags *f, bool v4)
{
	for (size_t i = 0; i < f->n_localips; i++)
		if (f->localip[i].is_v4 == v4)
			return true;
	return false;
}
