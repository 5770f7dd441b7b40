/* SPDX-License-Identifier: Apache-2.0 */
/* What a node says of its own table: sysctls, counters, the kernel's version. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "conntrack-model/watch.h"
#include "lib/base/file.h"

#define PROC "/proc/sys/net/netfilter/"
#define TEXT_MAX (1u << 20)

/* --- /proc/net/stat/nf_conntrack --- */

static const struct {
	const char *name;
	size_t at;
} columns[] = {
	{"drop", offsetof(struct watch_counters, drop)},
	{"early_drop", offsetof(struct watch_counters, early_drop)},
	{"insert_failed", offsetof(struct watch_counters, insert_failed)},
	{"clashres", offsetof(struct watch_counters, clash_resolve)},
	{"invalid", offsetof(struct watch_counters, invalid)},
	{"chainlength", offsetof(struct watch_counters, chain_too_long)},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define FIELDS_MAX 64

static int find_columns(const char *line, size_t len, int at[N_COLUMNS])
{
	unsigned field = 0;

	for (size_t i = 0; i < N_COLUMNS; i++)
		at[i] = -1;
	for (size_t i = 0; i < len && field < FIELDS_MAX; field++) {
		i += strspn(line + i, " \t");
		size_t n = strcspn(line + i, " \t\n");
		for (size_t k = 0; k < N_COLUMNS; k++)
			if (strlen(columns[k].name) == n && strncmp(columns[k].name, line + i, n) == 0)
				at[k] = (int)field;
		i += n;
		if (line[i] == '\n' || !line[i])
			break;
	}
	return at[0] < 0 || at[1] < 0 ? ERR_SYNTAX : 0; /* every kernel has those */
}

static int add_line(struct watch_counters *c, const char *line, const int at[N_COLUMNS])
{
	const char *p = line;
	int field = 0;

	for (; field < FIELDS_MAX; field++) {
		p += strspn(p, " \t");
		if (*p == '\n' || !*p)
			break;
		char *end;
		errno = 0;
		uint64_t v = strtoull(p, &end, 16);
		if (end == p || errno || !strchr(" \t\n", *end))
			return ERR_SYNTAX;
		for (size_t k = 0; k < N_COLUMNS; k++)
			if (at[k] == field)
				*(uint64_t *)((char *)c + columns[k].at) += v;
		p = end;
	}
	return field ? 1 : 0;
}

int watch_counters_parse(struct watch_counters *ret, const char *text, struct diag *d)
{
	struct watch_counters c = {0};
	int at[N_COLUMNS], rc;
	unsigned n = 0, line_no = 1;
	const char *line = text;

	if (find_columns(line, strcspn(line, "\n"), at) < 0)
		return diag_at(d, ERR_SYNTAX, "/proc/net/stat/nf_conntrack", 1, 0, "no columns drop and early_drop");
	while ((line = strchr(line, '\n')) && *++line) {
		line_no++;
		if ((rc = add_line(&c, line, at)) < 0)
			return diag_at(d, rc, "/proc/net/stat/nf_conntrack", line_no, 0, "expected hexadecimal numbers");
		n += (unsigned)rc;
	}
	if (!n)
		return diag_at(d, ERR_SHORT, "/proc/net/stat/nf_conntrack", line_no, 0, "no processor has a line");
	*ret = c;
	return 0;
}

void watch_counters_add(struct watch_counters *sum, const struct watch_counters *before, const struct watch_counters *now)
{
	for (size_t i = 0; i < N_COLUMNS; i++) {
		uint64_t was = *(const uint64_t *)((const char *)before + columns[i].at);
		uint64_t is = *(const uint64_t *)((const char *)now + columns[i].at);
		uint64_t round = was > is && was - is > 1u << 31 ? is + (1ull << 32) - was : is;
		*(uint64_t *)((char *)sum + columns[i].at) += is >= was ? is - was : round;
	}
}

/* --- sysctls --- */

/* One number; a sysctl that this kernel does not have leaves *ret as it is. */
static int number(const char *name, uint64_t *ret, struct diag *d)
{
	char path[128], *text, *end;
	size_t len;

	snprintf(path, sizeof(path), PROC "%s", name);
	if (access(path, F_OK) < 0)
		return 0;
	int rc = file_read(path, 4096, &text, &len, d);
	if (rc < 0)
		return rc;
	errno = 0;
	uint64_t v = strtoull(text, &end, 10);
	rc = end == text || errno || (*end && *end != '\n') ? diag_set(d, ERR_SYNTAX, "%s: '%.20s' is no number", path, text) : 0;
	free(text);
	if (rc == 0)
		*ret = v;
	return rc;
}

static int seconds(const char *name, uint32_t *ret, struct diag *d)
{
	uint64_t v = *ret;
	int rc = number(name, &v, d);

	*ret = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	return rc;
}

static const struct {
	const char *name;
	enum ct_tcp_state state;
} tcp_names[] = {
	{"nf_conntrack_tcp_timeout_syn_sent", CT_SYN_SENT},	{"nf_conntrack_tcp_timeout_syn_recv", CT_SYN_RECV},
	{"nf_conntrack_tcp_timeout_established", CT_ESTABLISHED}, {"nf_conntrack_tcp_timeout_fin_wait", CT_FIN_WAIT},
	{"nf_conntrack_tcp_timeout_close_wait", CT_CLOSE_WAIT}, {"nf_conntrack_tcp_timeout_last_ack", CT_LAST_ACK},
	{"nf_conntrack_tcp_timeout_time_wait", CT_TIME_WAIT},	{"nf_conntrack_tcp_timeout_close", CT_CLOSE},
};

static int table_read(struct ct_conf *t, unsigned *ret_tells, struct diag *d)
{
	uint64_t buckets = t->buckets, tells = 2;
	int rc = number("nf_conntrack_max", &t->max, d);

	rc = rc ? rc : number("nf_conntrack_buckets", &buckets, d);
	rc = rc ? rc : number("nf_conntrack_events", &tells, d);
	rc = rc ? rc : seconds("nf_conntrack_udp_timeout", &t->udp_s, d);
	rc = rc ? rc : seconds("nf_conntrack_udp_timeout_stream", &t->udp_stream_s, d);
	for (size_t i = 0; i < sizeof(tcp_names) / sizeof(tcp_names[0]); i++)
		rc = rc ? rc : seconds(tcp_names[i].name, &t->tcp_s[tcp_names[i].state], d);
	if (rc == 0 && (buckets < 1 || buckets > 1u << 30))
		rc = diag_set(d, ERR_RANGE, PROC "nf_conntrack_buckets: %" PRIu64 " is no number of buckets", buckets);
	t->buckets = (uint32_t)buckets;
	*ret_tells = (unsigned)tells;
	return rc;
}

/* --- the kernel --- */

unsigned watch_hz_parse(const char *config)
{
	static const char key[] = "CONFIG_HZ=";

	for (const char *p = config; (p = strstr(p, key)); p += sizeof(key) - 1)
		if (p == config || p[-1] == '\n') {
			unsigned long hz = strtoul(p + sizeof(key) - 1, NULL, 10);
			return hz >= 24 && hz <= 10000 ? (unsigned)hz : 0;
		}
	return 0;
}

static unsigned hz_read(const char *release)
{
	static const struct {
		const char *before, *after;
	} places[] = {{"/boot/config-", ""}, {"/lib/modules/", "/config"}, {"/lib/modules/", "/build/.config"}};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[256], *text;
		size_t len;
		snprintf(path, sizeof(path), "%s%s%s", places[i].before, release, places[i].after);
		if (access(path, R_OK) < 0 || file_read(path, TEXT_MAX, &text, &len, NULL) < 0)
			continue;
		unsigned hz = watch_hz_parse(text);
		free(text);
		if (hz)
			return hz;
	}
	return 0;
}

int watch_node_read(struct watch_node *ret, struct diag *d)
{
	struct watch_node n = {.tells = 2};
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (access(PROC "nf_conntrack_count", R_OK) < 0)
		return diag_set(d, ERR_UNSUPPORTED,
				PROC "nf_conntrack_count: %s; this kernel tracks no connections (module nf_conntrack), or /proc is not its own",
				strerror(errno));
	ctable_conf_init(&n.table);
	int rc = table_read(&n.table, &n.tells, d);
	if (rc < 0)
		return rc;
	if (uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 && major < 100 && minor < 256)
		n.table.kernel = CT_KERNEL(major, minor);
	snprintf(n.release, sizeof(n.release), "%.64s", major ? u.release : "?");
	unsigned hz = hz_read(n.release);
	n.hz_known = hz > 0;
	if (hz)
		n.table.hz = hz;
	*ret = n;
	return 0;
}
