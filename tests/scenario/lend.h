/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that lives no longer than the call it is for, as conf.h has it: each
 * piece in memory of its own, spoilt and freed afterwards. Who keeps a pointer to it shows. */
#ifndef NODENS_SCENARIO_LEND_H
#define NODENS_SCENARIO_LEND_H

#include "resolver/core/conf.h"

struct lent;
/* The copy is in *ret. */
struct lent *conf_lend(const struct core_conf *conf, const struct core_conf **ret);
void conf_take_back(struct lent *l);

#endif
