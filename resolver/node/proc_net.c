/* SPDX-License-Identifier: Apache-2.0 */
/* One or four words, eight digits each. */
#include "resolver/node/proc_net.h"

#include <stdlib.h>
#include <string.h>

bool proc_net_addr(const char *hex, struct in6_addr *ret)
{
	size_t words = strlen(hex) / 8;

	if (strlen(hex) % 8 || (words != 1 && words != 4))
		return false;
	*ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	for (size_t i = 0; i < words; i++) {
		char part[9] = {0};

		memcpy(part, hex + 8 * i, 8);
		ret->s6_addr32[words == 1 ? 3 : i] = (uint32_t)strtoul(part, NULL, 16);
	}
	return true;
}
