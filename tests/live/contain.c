/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container runtime does last: a root directory, the capabilities of the
 * manifest and no others, no new privileges, and then the program.
 *   contain ROOT CAPABILITIES(hex) PROGRAM [ARGUMENT...]
 */
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 125;
}

int main(int argc, char **argv)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];
	uint64_t caps;

	if (argc < 4) {
		fprintf(stderr, "usage: contain ROOT CAPABILITIES PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	caps = strtoull(argv[2], NULL, 16);
	if (chroot(argv[1]) || chdir("/"))
		return fail(argv[1]);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (!(caps >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return fail("bounding set");
	}
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		set[i] = (struct __user_cap_data_struct){.permitted = (uint32_t)(caps >> 32 * i),
							 .effective = (uint32_t)(caps >> 32 * i)};
	if (syscall(SYS_capset, &h, set))
		return fail("capset");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail("no_new_privs");
	execv(argv[3], argv + 3);
	return fail(argv[3]);
}
