/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line through texts, facts and probes to the words. */
#include "kind-e2e/doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind-e2e/doctor/api.h"
#include "kind-e2e/doctor/gather.h"
#include "kind-e2e/doctor/print.h"
#include "kind-e2e/doctor/questions.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/dns/name.h"

static struct options {
	struct api_conf api;
	const char *at, *server, *domain, *outside, *large, *resolv_conf, *host, *from, *collect;
	uint64_t timeout_ns;
	bool json, all, strict, dump, list, no_api;
} opt = {.outside = "example.com", .resolv_conf = "/etc/resolv.conf", .timeout_ns = NS_PER_S};

/* clang-format off */
static const struct opt_def defs[] = {
	{"json", 'j', OPT_BOOL, &opt.json, NULL, "write JSON (schema nodens-doctor/1) instead of words", 0, 0, NULL},
	{"all", 'a', OPT_BOOL, &opt.all, NULL, "also say what is right", 0, 0, NULL},
	{"strict", 0, OPT_BOOL, &opt.strict, NULL, "exit status 1 for warnings, too", 0, 0, NULL},
	{"list-probes", 0, OPT_BOOL, &opt.list, NULL, "say what probes there are, and look at nothing", 0, 0, NULL},
	{"at", 0, OPT_TEXT, &opt.at, "WHERE", "node, pod or away, instead of guessing it", 0, 0, NULL},
	{"server", 0, OPT_TEXT, &opt.server, "ADDRESS", "whom pods ask, instead of finding it out", 0, 0, NULL},
	{"domain", 0, OPT_TEXT, &opt.domain, "DOMAIN", "the cluster's, instead of the search list's", 0, 0, NULL},
	{"outside", 0, OPT_TEXT, &opt.outside, "NAME", "a name outside the cluster to look up; none: no such question", 0, 0, NULL},
	{"large", 0, OPT_TEXT, &opt.large, "NAME", "a name whose TXT is longer than 512 octets, instead of the root's NS", 0, 0, NULL},
	{"timeout", 0, OPT_DURATION, &opt.timeout_ns, "TIME", "how long one try of a question may take", 0, 0, NULL},
	{"dump", 0, OPT_BOOL, &opt.dump, NULL, "read the connection table's entries, for which the kernel walks all of it", 0, 0, NULL},
	{"resolv-conf", 0, OPT_TEXT, &opt.resolv_conf, "FILE", "judge this file", 0, 0, NULL},
	{"host", 0, OPT_TEXT, &opt.host, "DIR", "the node's root is mounted here: its files and its programs", 0, 0, NULL},
	{"kubeconfig", 0, OPT_TEXT, &opt.api.kubeconfig, "FILE", "the API by this file", 0, 0, NULL},
	{"context", 0, OPT_TEXT, &opt.api.context, "NAME", "of the kubeconfig, instead of its current one", 0, 0, NULL},
	{"api-url", 0, OPT_TEXT, &opt.api.url, "URL", "the API's server", 0, 0, NULL},
	{"token-file", 0, OPT_TEXT, &opt.api.token_file, "FILE", "the API's bearer token", 0, 0, NULL},
	{"ca-file", 0, OPT_TEXT, &opt.api.ca_file, "FILE", "certificates to believe the API's server by", 0, 0, NULL},
	{"no-api", 0, OPT_BOOL, &opt.no_api, NULL, "do not ask the API", 0, 0, NULL},
	{"collect", 0, OPT_TEXT, &opt.collect, "DIR", "also write all that was looked at into this folder", 0, 0, NULL},
	{"from", 0, OPT_TEXT, &opt.from, "DIR", "judge such a folder, and look at nothing", 0, 0, NULL},
	{0},
};
/* clang-format on */
const struct opt_prog doctor_prog = {
	"kind-e2e doctor", "[--json] [OPTIONS]",
	"Look at a node, a pod or a cluster, reading only, and say what is wrong with its DNS.",
	defs, OPT_GNU};

static int set_at(struct facts *f, struct diag *d)
{
	static const char *const words[] = {"node", "pod", "away"};

	for (unsigned i = 0; opt.at && i < 3; i++)
		if (!strcmp(opt.at, words[i])) {
			f->at = (enum where)i;
			f->at_given = true;
			return 0;
		}
	return opt.at ? diag_set(d, ERR_UNKNOWN, "--at takes node, pod or away, not '%s'", opt.at)
		      : 0;
}

static int set_name(char *to, const char *option, const char *name, struct diag *d)
{
	struct name n;
	size_t len;

	if (!name)
		return 0;
	if (name_from_text(&n, name))
		return diag_set(d, ERR_SYNTAX, "--%s: '%s' is no name", option, name);
	len = strlen(name);
	snprintf(to, FACT_TEXT, "%.*s", (int)(len - (len > 1 && name[len - 1] == '.')), name);
	return 0;
}

static int set_given(struct facts *f, struct diag *d)
{
	int rc = set_at(f, d);

	if (!rc && opt.server && !facts_addr(opt.server, &f->server))
		rc = diag_set(d, ERR_SYNTAX, "--server: '%s' is no address", opt.server);
	/* the one that was asked for must be there; a pod's own that is not is a finding */
	if (!rc && !opt.from && !opt.host && strcmp(opt.resolv_conf, "/etc/resolv.conf") != 0 && access(opt.resolv_conf, R_OK))
		rc = diag_errno(d, "--resolv-conf %s", opt.resolv_conf);
	rc = rc ? rc : set_name(f->domain, "domain", opt.domain, d);
	rc = rc ? rc : set_name(f->large, "large", opt.large, d);
	return rc || !strcmp(opt.outside, "none") ? rc
						  : set_name(f->outside, "outside", opt.outside, d);
}

/* --- what was given on the command line is part of the case: "options" keeps it ----------- */

static void keep_options(struct texts *s)
{
	char *body;

	if (asprintf(&body, "at %s\nserver %s\ndomain %s\noutside %s\nlarge %s\n",
		     opt.at ? opt.at : "-", opt.server ? opt.server : "-",
		     opt.domain ? opt.domain : "-", opt.outside, opt.large ? opt.large : "-") > 0)
		texts_take(s, "options", body);
}

static void recall_options(const struct texts *s)
{
	static char kept[5][FACT_TEXT];
	const struct {
		const char *key, **to;
	} rows[] = {{"at", &opt.at},
		    {"server", &opt.server},
		    {"domain", &opt.domain},
		    {"outside", &opt.outside},
		    {"large", &opt.large}};
	const char *at = texts_get(s, "options", NULL);
	char line[FACT_TEXT + 16], key[16], value[FACT_TEXT];

	while (facts_line(&at, line, sizeof line))
		for (unsigned i = 0; i < 5; i++)
			if (sscanf(line, "%15s %255s", key, value) == 2 &&
			    !strcmp(key, rows[i].key) && strcmp(value, "-") != 0) {
				snprintf(kept[i], sizeof kept[i], "%s", value);
				*rows[i].to = kept[i];
			}
}

/* --- the two ways to texts ---------------------------------------------------------------- */

static void read_facts(struct facts *f, const struct texts *s)
{
	facts_resolv(&f->resolv, s);
	facts_host(&f->host, s);
	facts_rules(&f->rules, s);
	facts_api(&f->api, s);
	facts_place(f);
	facts_table(&f->host, f, s);
}

/* Tokens and certificates are read before, from this program's own root. */
static int enter_host(struct diag *d)
{
	if (!opt.host)
		return 0;
	if (chroot(opt.host) || chdir("/"))
		return diag_errno(d, "--host %s: chroot (it takes CAP_SYS_CHROOT)", opt.host);
	return 0;
}

static int look(struct texts *s, struct facts *f, struct diag *d)
{
	struct gather_conf conf = {opt.resolv_conf, opt.dump};
	struct api api = {.why = "the API is not asked (--no-api)"};
	int rc = opt.no_api ? 0 : api_open(&api, &opt.api, d);

	rc = rc ? rc : enter_host(d);
	if (!rc) {
		keep_options(s);
		gather(s, &conf);
		api_gather(&api, s);
		read_facts(f, s);
		questions_ask(f, opt.timeout_ns, s);
		gather_again(s);
		facts_host(&f->host, s);
		facts_table(&f->host, f, s);
	}
	api_release(&api);
	return rc;
}

static int recall(struct texts *s, struct facts *f, struct diag *d)
{
	int rc = texts_load(s, opt.from, d);

	if (rc)
		return rc;
	if (!texts_find(s, "resolv.conf"))
		return diag_set(
			d, ERR_MISSING,
			"%s: there is no resolv.conf in it: not a folder that --collect wrote",
			opt.from);
	recall_options(s);
	rc = set_given(f, d);
	if (!rc)
		read_facts(f, s);
	return rc;
}

int doctor_cmd(int argc, char **argv)
{
	static struct texts s;
	static struct facts f;
	static struct patient p;
	static struct diagnosis found;
	struct diag d = {""};
	int rc;

	(void)argc;
	(void)argv;
	if (opt.list) {
		print_probes(stdout);
		return 0;
	}
	rc = opt.from ? recall(&s, &f, &d) : set_given(&f, &d);
	rc = rc || opt.from ? rc : look(&s, &f, &d);
	if (!rc && opt.collect)
		rc = texts_save(&s, opt.collect, &d);
	if (rc) {
		texts_release(&s);
		log_error("%s", d.text);
		return 3;
	}
	facts_dns(&f.dns, &s);
	patient_examine(&p, &f);
	diagnose(&found, &p);
	texts_release(&s);
	if (opt.json && print_json(stdout, &found, &p))
		return 3;
	if (!opt.json)
		print_words(stdout, &found, &p, opt.all);
	if (!found.count[STATUS_FAIL] && !found.count[STATUS_WARN] && !found.count[STATUS_NOTE] && !found.count[STATUS_OK]) {
		log_error("nothing could be looked at: that is no verdict"); /* and a pipeline should not take it for one */
		return 2;
	}
	return found.count[STATUS_FAIL] || (opt.strict && found.count[STATUS_WARN]);
}
