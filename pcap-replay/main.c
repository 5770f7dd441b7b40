/* SPDX-License-Identifier: Apache-2.0 */
/* pcap-replay: from a real capture to an answer. Table of contents. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "pcap-replay/verbs.h"

static const struct verb *const verbs[] = {
	&verb_summary, &verb_capture, &verb_extract, &verb_replay, &verb_compare, &verb_convert, &verb_find_max,
};

static void help(FILE *out)
{
	fputs("usage: pcap-replay VERB ...\nFrom a real capture of DNS to an answer.\n\n", out);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(out, "  %-10s %s\n", verbs[i]->name, verbs[i]->prog->about);
	fputs("\n`pcap-replay VERB --help` lists the verb's options, pcap-replay(1) explains them.\n", out);
}

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* A verb misspelt, rather than a file of the old spelling? */
static const char *meant(const char *word)
{
	const char *names[sizeof(verbs) / sizeof(verbs[0]) + 1] = {0};
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		names[i] = verbs[i]->name;
	return strpbrk(word, "./-") ? NULL : err_suggest(word, names);
}

static int run(int argc, char **argv, char **given)
{
	if (argc < 2)
		return verb_usage("expected a verb; see --help");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		help(stdout);
		return verb_end(EXIT_DONE);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("pcap-replay %s\n", opt_version());
		return verb_end(EXIT_DONE);
	}
	const struct verb *v = verb_find(argv[1]);
	if (v)
		return verb_run(v, argc - 1, argv + 1, argc, given);
	if (meant(argv[1]))
		return verb_usage("unknown verb %s (did you mean %s?)", argv[1], meant(argv[1]));
	return verb_run(&verb_before, argc, argv, argc, given);
}

int main(int argc, char **argv)
{
	log_setup("pcap-replay", LOG_STYLE_TOOL, LOG_LVL_INFO);
	/* parsing reorders argv, records tell what was given */
	char **given = calloc((size_t)argc + 1, sizeof(char *));
	if (!given)
		return EXIT_FAILED;
	memcpy(given, argv, (size_t)argc * sizeof(char *));
	int rc = run(argc, argv, given);
	free(given);
	return rc;
}
