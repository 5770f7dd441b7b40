/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a folder of texts holds, facts are read from it, judged and printed. The input is such a
 * folder:
 * "=NAME" on a line of its own begins a text. The same octets are also taken for a DNS message.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/print.h"
#include "kind-e2e/doctor/rdata.h"

static void fill(struct texts *s, char *at)
{
	while (at && *at) {
		const char *name = *at == '=' ? at + 1 : "resolv.conf";
		char *end = strstr(at, "\n=");
		char *body = *at == '=' ? strchr(at, '\n') : at;

		if (end)
			*end = '\0';
		if (body && body > end && end)
			body = NULL;
		if (body && *at == '=')
			*body++ = '\0';
		if (body)
			texts_take(s, name, strdup(body));
		else
			texts_lack(s, name, "not there");
		at = end ? end + 1 : NULL;
	}
}

static void judge(const struct texts *s)
{
	static struct facts f;
	static struct patient p;
	static struct diagnosis d;
	static FILE *out;

	out = out ? out : fopen("/dev/null", "w");
	assert(out);
	memset(&f, 0, sizeof f);
	facts_resolv(&f.resolv, s);
	facts_host(&f.host, s);
	facts_rules(&f.rules, s);
	facts_api(&f.api, s);
	facts_place(&f);
	facts_table(&f.host, &f, s);
	facts_dns(&f.dns, s);
	patient_examine(&p, &f);
	diagnose(&d, &p);
	for (unsigned i = 0; i < d.n; i++) {
		assert(d.verdict[i].words[0]);
		assert((d.verdict[i].status >= STATUS_WARN) == (d.verdict[i].remedy[0] != '\0'));
	}
	print_words(out, &d, &p, true);
	assert(print_json(out, &d, &p) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct texts s;
	char words[64], *text;
	uint32_t ttl;

	if (size > 1u << 16)
		return 0;
	rdata_text(data, size, words, sizeof words, &ttl);
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	fill(&s, text);
	judge(&s);
	texts_release(&s);
	free(text);
	return 0;
}
