/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line of pcap-replay asks for. */
#ifndef NODENS_PCAP_OPTIONS_H
#define NODENS_PCAP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/opt.h"
#include "pcap-replay/traffic/extract.h"

struct options {
	const char *file;                 /* capture to read */
	bool summary;
	const char *qs, *csv, *out, *point;
	const char *capture, *write, *filter;
	uint64_t duration_ns, max_bytes;
	struct extract_ports ports;
};
enum options_verdict { OPTIONS_READ, OPTIONS_CAPTURE, OPTIONS_HELP, OPTIONS_BAD };

enum options_verdict options_parse(struct options *ret, int argc, char **argv, struct diag *d);
/* A copy of argv before parsing reorders it; the caller frees the array. */
char **options_keep_args(int argc, char **argv);
extern const struct opt_prog options_prog; /* for the man page check */

#endif
