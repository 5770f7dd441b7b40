/* SPDX-License-Identifier: Apache-2.0 */
/* What all verbs do alike. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int reading_ports(struct extract_ports *ret, const struct reading *r, struct diag *d)
{
	*ret = (struct extract_ports){.n = 1, .port = {DNS_PORT}};
	if (r->ports.n > EXTRACT_PORTS_MAX)
		return diag_set(d, ERR_LIMIT, "--port: at most %d", EXTRACT_PORTS_MAX);
	for (size_t i = 0; i < r->ports.n; i++) {
		char *end;
		unsigned long v = strtoul(r->ports.item[i], &end, 10);
		if (*end || v < 1 || v > 65535)
			return diag_set(d, ERR_RANGE, "--port %s: expected 1 to 65535", r->ports.item[i]);
		ret->port[i] = (uint16_t)v;
		ret->n = (unsigned)i + 1;
	}
	return 0;
}
