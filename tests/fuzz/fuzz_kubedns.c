/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConfigMap values by anybody: the first line is upstreamNameservers, the rest
 * stubDomains. What is accepted renders, or is refused with words.
 */
#include <stdlib.h>
#include <string.h>

#include "resolver/config/kubedns.h"
#include "resolver/config/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char template[] = "a {\n forward . __PILLAR__UPSTREAM__SERVERS__ {\n force_tcp\n }\n}\n";
	static const char *const ip[] = {"fd00::a"};
	struct kubedns_conf conf;
	struct diag d = {""};
	char *text = malloc(size + 1), *corefile, *rest;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	rest = strchr(text, '\n');
	if (rest)
		*rest++ = '\0';
	if (!kubedns_parse(rest, text, &conf, &d)) {
		struct render_input in = {
			.template = template, .localip = ip, .n_localips = 1, .local_port = 53,
			.n_upstreams = conf.n_upstreams, .upstream = (const char *const *)conf.upstream,
			.n_stubs = conf.n_stubs, .stub = conf.stub,
		};

		if (!render_corefile(&in, &corefile, &d))
			free(corefile);
		else if (!d.text[0])
			abort();
		kubedns_release(&conf);
	} else if (!d.text[0]) {
		abort();
	}
	free(text);
	return 0;
}
