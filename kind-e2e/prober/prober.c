/* SPDX-License-Identifier: Apache-2.0 */
/* Options, the two servers, one poll loop. */
#include "kind-e2e/prober/prober.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/prober/metrics.h"
#include "kind-e2e/prober/page.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/rng.h"

static struct {
	const char *name, *resolv_conf, *kube_dns, *listen, *out;
	uint64_t interval_ns, duration_ns, port;
} o = {.name = "kubernetes.default.svc.cluster.local.", .resolv_conf = "/etc/resolv.conf", .listen = ":9353",
       .interval_ns = NS_PER_S, .port = 53};

/* clang-format off */
static const struct opt_def defs[] = {
	{"name", 'n', OPT_TEXT, &o.name, "NAME", "the service that is looked up, absolute", 0, 0, NULL},
	{"resolv-conf", 0, OPT_TEXT, &o.resolv_conf, "FILE", "its first nameserver is one that is asked", 0, 0, NULL},
	{"kube-dns", 0, OPT_TEXT, &o.kube_dns, "ADDRESS", "the other: kube-dns' ClusterIP (KUBE_DNS_SERVICE_HOST); none: there is none", 0, 0, NULL},
	{"listen", 0, OPT_TEXT, &o.listen, "ADDRESS:PORT", "where Prometheus finds what was measured", 0, 0, NULL},
	{"out", 'o', OPT_TEXT, &o.out, "DIR", "write a result record at the end", 0, 0, NULL},
	{"duration", 'd', OPT_DURATION, &o.duration_ns, "TIME", "end after this time; else SIGTERM ends it", 0, 0, NULL},
	{"interval", 0, OPT_DURATION, &o.interval_ns, "TIME", "between lookups, 10ms to 1m; the SLI's is a second", 0, 0, NULL},
	{"port", 0, OPT_U64, &o.port, "N", "of the servers", 1, 65535, NULL},
	{0},
};
/* clang-format on */
const struct opt_prog prober_prog = {"kind-e2e prober", "[OPTIONS]",
				     "Measure Kubernetes' DNS SLI: a lookup a second at resolv.conf's server and at kube-dns, for Prometheus.",
				     defs, OPT_GNU};

struct prober {
	struct name name;
	struct target target[PROBER_TARGETS];
	unsigned n;
	struct page_server page;
};

static volatile sig_atomic_t ended;

static void on_signal(int signal)
{
	(void)signal;
	ended = 1;
}

static int add_server(struct prober *p, const char *word, const char *address, struct diag *d)
{
	struct target *t = &p->target[p->n];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t->to;
	/* probers of many nodes do not ask in one instant */
	uint64_t phase_ns = rng_os_u64() % o.interval_ns;

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)o.port);
		t->to_len = sizeof *v4;
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)o.port);
		t->to_len = sizeof *v6;
	} else {
		return diag_set(d, ERR_SYNTAX, "%s: expected an IP address, got '%s'", word, address);
	}
	snprintf(t->server, sizeof t->server, "%s", address);
	target_init(t, word, &p->name, clock_mono_ns() + phase_ns);
	p->n++;
	return 0;
}

/* The first nameserver of resolv.conf. */
static int add_resolv_conf(struct prober *p, struct diag *d)
{
	char *text, *line, *rest, word[64];
	size_t len;
	int rc = file_read(o.resolv_conf, 1 << 16, &text, &len, d);

	if (rc)
		return rc;
	rest = text;
	rc = ERR_MISSING;
	while (rc == ERR_MISSING && (line = strsep(&rest, "\n")))
		if (sscanf(line, " nameserver %63s", word) == 1)
			rc = add_server(p, "resolv_conf", word, d);
	free(text);
	return rc == ERR_MISSING ? diag_set(d, rc, "%s: expected a line 'nameserver ADDRESS'", o.resolv_conf) : rc;
}

static char *make_page(void *ctx)
{
	const struct prober *p = ctx;
	return prober_page(p->target, p->n, p->page.refused);
}

static int set_up(struct prober *p, struct diag *d)
{
	const char *kube_dns = o.kube_dns ? o.kube_dns : getenv("KUBE_DNS_SERVICE_HOST");

	if (o.interval_ns < 10 * NS_PER_MS || o.interval_ns > 60 * NS_PER_S)
		return diag_set(d, ERR_RANGE, "--interval: expected 10ms to 1m");
	if (name_from_text(&p->name, o.name))
		return diag_set(d, ERR_SYNTAX, "--name: '%s' is no name", o.name);
	if (!kube_dns)
		return diag_set(d, ERR_MISSING, "where is kube-dns? KUBE_DNS_SERVICE_HOST is not set, as it is for pods of kube-system; "
						"give --kube-dns ADDRESS, or none");
	int rc = add_resolv_conf(p, d);
	if (!rc && strcmp(kube_dns, "none") != 0)
		rc = add_server(p, "kube_dns", kube_dns, d);
	return rc ? rc : page_open(&p->page, o.listen, make_page, p, d);
}

static void turn(struct prober *p, uint64_t end_ns)
{
	struct pollfd fds[1 + PAGE_CONNS + PROBER_TARGETS * TARGET_SLOTS];
	unsigned n[PROBER_TARGETS], at = 1 + PAGE_CONNS;
	uint64_t now = clock_mono_ns(), next = now + NS_PER_S;

	for (unsigned i = 0; i < p->n; i++) {
		target_turn(&p->target[i], o.interval_ns, now);
		n[i] = target_poll(&p->target[i], fds + at);
		at += n[i];
		if (target_deadline(&p->target[i]) < next)
			next = target_deadline(&p->target[i]);
	}
	next = end_ns < next ? end_ns : next;
	page_poll(&p->page, fds);
	now = clock_mono_ns();
	struct timespec wait = {.tv_nsec = 0};
	if (next > now)
		wait = (struct timespec){(time_t)((next - now) / NS_PER_S), (long)((next - now) % NS_PER_S)};
	if (ppoll(fds, at, &wait, NULL) <= 0)
		return;
	now = clock_mono_ns();
	for (unsigned i = 0, from = 1 + PAGE_CONNS; i < p->n; from += n[i++])
		target_read(&p->target[i], fds + from, n[i], now);
	page_serve(&p->page, fds, now);
}

int prober_cmd(int argc, char **argv)
{
	static struct prober p;
	struct diag d = {""};

	if (set_up(&p, &d)) {
		log_error("%s", d.text);
		return 3;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	uint64_t end = o.duration_ns ? clock_mono_ns() + o.duration_ns : UINT64_MAX;
	log_info("looking %s up at %s%s%s; metrics at %s", o.name, p.target[0].server, p.n > 1 ? " and " : "", p.n > 1 ? p.target[1].server : "",
		 o.listen);
	while (!ended && clock_mono_ns() < end)
		turn(&p, end);
	page_close(&p.page);
	if (o.out && prober_record(p.target, p.n, o.out, argc, argv, &d)) {
		log_error("%s", d.text);
		return 2;
	}
	return 0;
}
