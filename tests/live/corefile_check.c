/* SPDX-License-Identifier: Apache-2.0 */
/* corefile_check FILE...: what `node-cache -check` does, without the daemon. */
#include "resolver/corefile/corefile.h"

int main(int argc, char **argv)
{
	struct corefile_env e;
	int rc = 0;

	corefile_env_defaults(&e);
	for (int i = 1; i < argc; i++)
		rc |= corefile_check(argv[i], &e, stdout);
	return rc;
}
