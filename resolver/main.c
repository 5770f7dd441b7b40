/* SPDX-License-Identifier: Apache-2.0 */
/* node-cache: a table of contents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "resolver/corefile/corefile.h"
#include "resolver/config/flags.h"
#include "resolver/node/keeper.h"
#include "resolver/observe/log_out.h"
#include "resolver/node/node.h"
#include "resolver/corefile/setup.h"
#include "resolver/supervisor/supervisor.h"

static int check(const struct node_flags *f)
{
	struct corefile_env env;
	corefile_env_defaults(&env);
	env.dns_port = f->dns_port;
	env.lint = true;
	return corefile_check(*f->conf ? f->conf : f->base_corefile, &env, stdout);
}

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As CoreDNS prints it: by name. */
static int plugins(void)
{
	size_t n = 0, max = cf_directive_count();
	const char **name = calloc(max, sizeof(*name));
	if (!name)
		return 1;
	for (size_t i = 0; i < max; i++)
		if (!(cf_directives[i].flags & CF_NOT_HERE))
			name[n++] = cf_directives[i].name;
	qsort(name, n, sizeof(*name), text_cmp);
	puts("Other plugins:");
	for (size_t i = 0; i < n; i++)
		printf("  dns.%s\n", name[i]);
	free(name);
	return 0;
}

static int cleanup(const struct node_flags *f)
{
	struct diag d;
	if (node_cleanup(f, &d) == 0)
		return 0;
	log_error("%s", d.text);
	return 1;
}

int main(int argc, char **argv)
{
	struct node_flags f;
	struct diag d = { "" };
	log_setup("node-cache", LOG_STYLE_BOOT, LOG_LVL_INFO);
	if (flags_parse(&f, argc, argv, &d) < 0) {
		log_line(LOG_LVL_FATAL, "%s", d.text);
		return f.exit_code;
	}
	if (f.help) {
		flags_usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < f.n_warnings; i++)
		log_warn("%s", f.warning[i]);
	if (f.version) {
		printf("node-cache (Nodens) %s\n", opt_version());
		return 0;
	}
	if (f.plugins)
		return plugins();
	if (f.check)
		return check(&f);
	if (f.cleanup)
		return cleanup(&f);
	log_out_unblock_stdio();
	log_info("Starting node-cache image: %s", opt_version());
	return keeper_run(&f, supervisor_run);
}
