/* SPDX-License-Identifier: Apache-2.0 */
/* What all verbs do alike. */
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "pcap-replay/verbs.h"

int verb_usage(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("%s", text);
	return EXIT_USAGE;
}

int verb_end(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("standard output: %s", strerror(errno));
	return EXIT_FAILED;
}

int verb_run(const struct verb *v, int argc, char **argv, int n_given, char **given)
{
	struct diag d = {0};
	char special = 0;
	int n = opt_parse(v->prog, argc, argv, &special, &d);
	if (special == 'h') {
		opt_help(v->prog, stdout);
		return verb_end(EXIT_DONE);
	}
	if (special == 'v') {
		printf("pcap-replay %s\n", opt_version());
		return verb_end(EXIT_DONE);
	}
	if (n < 0)
		return verb_usage("%s", d.text);
	return verb_end(v->run(n, argv, n_given, given));
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int reading_spares(const char *out, const char *const *in, size_t n, struct diag *d)
{
	struct stat o, folder, i;
	char copy[PATH_MAX];
	if (!out || !strcmp(out, "-") || snprintf(copy, sizeof(copy), "%s", out) >= (int)sizeof(copy))
		return 0;
	bool exists = stat(out, &o) == 0 && S_ISREG(o.st_mode), placed = stat(dirname(copy), &folder) == 0;
	for (size_t k = 0; k < n; k++) {
		if (!strcmp(in[k], "-") || stat(in[k], &i))
			continue;
		if (exists && is_same(&o, &i))
			return diag_set(d, ERR_RANGE, "%s is to be read: it cannot be written too", out);
		if (placed && S_ISDIR(i.st_mode) && is_same(&folder, &i))
			return diag_set(d, ERR_RANGE, "%s would be read, as part of %s: write it elsewhere", out, in[k]);
	}
	return 0;
}

int outputs_guard(const char *const *out, size_t n, struct diag *d)
{
	struct stat st;
	bool any = false;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (!out[i] || !strcmp(out[i], "-") || stat(out[i], &st) || !S_ISREG(st.st_mode))
			continue;
		any = true;
		rc = interrupt_file(out[i], d);
	}
	if (any && rc == 0)
		interrupt_begin("pcap-replay");
	return rc;
}

int reading_ports(struct extract_ports *ret, const struct reading *r, struct diag *d)
{
	*ret = (struct extract_ports){.n = 1, .port = {DNS_PORT}};
	if (r->ports.n > EXTRACT_PORTS_MAX)
		return diag_set(d, ERR_LIMIT, "--port: at most %d", EXTRACT_PORTS_MAX);
	for (size_t i = 0; i < r->ports.n; i++) {
		char *end;
		unsigned long v = strtoul(r->ports.item[i], &end, 10);
		if (*end || !isdigit((unsigned char)*r->ports.item[i]) || v < 1 || v > 65535)
			return diag_set(d, ERR_RANGE, "--port %s: expected 1 to 65535", r->ports.item[i]);
		ret->port[i] = (uint16_t)v;
		ret->n = (unsigned)i + 1;
	}
	return 0;
}
