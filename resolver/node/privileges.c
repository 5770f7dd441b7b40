/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities cut to a mask that children are bound by too; a worker's user is nobody. */
#include "resolver/node/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "resolver/node/sandbox.h"

/* Keeps of what we have what is in `keep`; the bounding set too, so that a child
 * cannot get it back by exec. */
static int capabilities_keep(uint64_t keep, struct diag *d)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];

	memset(set, 0, sizeof set);
	if (syscall(SYS_capget, &h, set))
		return diag_errno(d, "capget");
	/* Fails without CAP_SETPCAP: then there is little to lose. */
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!(keep >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		set[i].permitted &= (uint32_t)(keep >> 32 * i);
		set[i].effective = set[i].permitted;
		set[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &h, set))
		return diag_errno(d, "capset");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return diag_errno(d, "no_new_privs");
	return 0;
}

static uint64_t effective(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &h, set) ? 0 : set[0].effective | (uint64_t)set[1].effective << 32;
}

/* For workers to be somebody else, also those that replace others. Where one of the
 * two was not given, the other is of no use. */
#define TO_CHANGE_USER (1ull << CAP_SETUID | 1ull << CAP_SETGID)

static bool may_change_user(void)
{
	return !sandbox_none() && (effective() & TO_CHANGE_USER) == TO_CHANGE_USER;
}

int privileges_supervisor(bool keep_net_raw, struct diag *d)
{
	uint64_t keep = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_BIND_SERVICE;

	if (may_change_user())
		keep |= TO_CHANGE_USER;

	/* A process of the same user can then neither trace it nor read its memory,
	 * environment and descriptors. (Sanitizers trace themselves.) */
	if (!sandbox_none())
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return capabilities_keep(keep_net_raw ? keep | 1ull << CAP_NET_RAW : keep, d);
}

bool privileges_net_raw(void)
{
	return effective() >> CAP_NET_RAW & 1;
}

/* Nobody: for what asks who we are, a unix socket's peer above all. The saved user stays,
 * so that the supervisor may end us without CAP_KILL, and so does the one that files
 * ask for: a TLS key may be root's alone. The sandbox that comes after this lets neither
 * be taken up again, nor anything but reading be done with it. */
void privileges_user(void)
{
	if (!may_change_user())
		return;
	/* A user namespace may have no such user: then we stay what we are. */
	if (setgroups(0, NULL) || setresgid(SANDBOX_NOBODY, SANDBOX_NOBODY, 0) || setresuid(SANDBOX_NOBODY, SANDBOX_NOBODY, 0))
		return;
	setfsgid(0);
	setfsuid(0);
}

int privileges_worker(struct diag *d)
{
	int err = capabilities_keep(0, d);

	if (err)
		return err;
	/* Of the supervisor's memory it was not to be read; a core of ours may be. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return sandbox_worker(d);
}
