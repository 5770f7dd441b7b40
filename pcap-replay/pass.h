/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over captures that feeds whatever was asked for. */
#ifndef NODENS_PASS_H
#define NODENS_PASS_H

#include "pcap-replay/traffic/qsout.h"
#include "pcap-replay/verbs.h"

struct pass_conf {
	const char *const *paths;
	size_t n_paths;
	const struct reading *reading;
	bool summary, json;    /* to standard output */
	const char *qs, *csv, *pcap; /* files, "-" for standard output; NULL: not wanted */
	const char *out;       /* result record */
	const char *point;     /* fact of the query stream; NULL: not told */
	enum qsout_view view;
	const char *domain;    /* also what a node cache would have made of it, in a cluster of this domain; NULL: no */
	const char *map;       /* names of addresses: a file; NULL: none */
	bool wire;             /* the stream has the messages' octets */
	int n_given;
	char **given;          /* command line, for the record */
};
/* An exit status; has said what was wrong. Whatever could be read is shown, also when
 * a file turns out to be damaged. */
int pass_run(const struct pass_conf *c);

#endif
