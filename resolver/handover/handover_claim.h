/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of several instances that start at once, where none serves yet, one goes first; the others
 * find it at the hand-over's path later and take over from it. (A node that comes up in the
 * middle of a roll-out starts the old pod and the new one in the same moment.)
 *
 * The claim is a lock on PATH.lock (fcntl(2): it ends with the process, and no child has it).
 */
#ifndef NODENS_HANDOVER_CLAIM_H
#define NODENS_HANDOVER_CLAIM_H

#include <stdbool.h>

/* False: another instance has it, or just gave it up: look again whether that one listens.
 * True with *ret a descriptor; or -1 where no such file can be made, so that nobody can claim. */
bool handover_claim(const char *path, int *ret);
/* We listen, or end. *claim becomes -1; one that is -1 is none. */
void handover_claim_end(const char *path, int *claim);

#endif
