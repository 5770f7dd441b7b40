/* SPDX-License-Identifier: Apache-2.0 */
/* Sums out of a Prometheus text exposition. */
#ifndef NODENS_KIND_E2E_PROM_H
#define NODENS_KIND_E2E_PROM_H

/* The sum of all samples of `name` whose labels contain `label` (such as
 * type="success"; NULL: any). 0 when there is none. */
double prom_sum(const char *text, const char *name, const char *label);

#endif
