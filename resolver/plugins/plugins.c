/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of plugins.h as the table that a Corefile is read by. */
#include "resolver/plugins/plugins.h"

#define ROW_OURS(word, setup, flags) {#word, setup_##setup, flags},
#define ROW_NOT_HERE(word) {#word, NULL, CF_NOT_HERE},

const struct cf_directive cf_directives[] = {
	PLUGIN_DIRECTIVES(ROW_OURS, ROW_NOT_HERE)
	{0},
};

size_t cf_directive_count(void)
{
	return sizeof(cf_directives) / sizeof(cf_directives[0]) - 1;
}
