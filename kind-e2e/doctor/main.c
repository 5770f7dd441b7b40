/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl-nodens: the doctor as a program of its own, static, so that it runs in any image and on
 * any machine. kubectl finds it in the path and calls it for `kubectl nodens ...`.
 */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/doctor.h"
#include "lib/base/log.h"

static int usage(FILE *out, int status)
{
	fputs("usage: kubectl nodens doctor [OPTIONS]; kubectl nodens doctor --help says more\n",
	      out);
	return status;
}

/* argv[0] is the verb: opt_parse moves operands, of which there are none. */
static int doctor(int argc, char **argv)
{
	struct opt_prog prog = doctor_prog;
	struct diag d = {""};
	char special = 0;
	int n;

	prog.name = "kubectl nodens doctor";
	n = opt_parse(&prog, argc, argv, &special, &d);
	if (special == 'h') {
		opt_help(&prog, stdout);
		return 0;
	}
	if (special == 'v') {
		printf("kubectl-nodens %s\n", opt_version());
		return 0;
	}
	if (n > 0)
		n = diag_set(&d, ERR_UNKNOWN, "unexpected argument '%s'", argv[1]);
	if (n < 0) {
		log_error("%s", d.text);
		return 3;
	}
	return doctor_cmd(argc, argv);
}

int main(int argc, char **argv)
{
	log_setup("kubectl-nodens", LOG_STYLE_TOOL, LOG_LVL_INFO);
	if (argc < 2)
		return usage(stderr, 3);
	if (!strcmp(argv[1], "doctor"))
		return doctor(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--version")) {
		printf("kubectl-nodens %s\n", opt_version());
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return usage(stdout, 0);
	log_error("unknown command '%s'", argv[1]);
	return usage(stderr, 3);
}
