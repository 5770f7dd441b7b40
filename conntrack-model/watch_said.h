/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch saw, as words and as a part of its record. */
#ifndef NODENS_CT_WATCH_SAID_H
#define NODENS_CT_WATCH_SAID_H

#include <stdio.h>

#include "conntrack-model/settings.h"
#include "conntrack-model/watch.h"
#include "lib/record/result.h"

struct watch_check { /* entries opened while watched: as the kernel has them, as the model makes them */
	uint64_t kernel_peak, model_peak;
	double kernel_mean, model_mean;
};
struct watch_said {
	const struct watch *w;
	const struct watch_load *load;
	struct watch_check check;
	unsigned times; /* that the watched time was repeated; 0: there was no load */
};
void watch_said_print(const struct watch_said *s, FILE *out);
/* Settings from the highest count that was seen, which is returned: where no load is known. */
uint64_t watch_settings(const struct watch *w, double headroom, struct settings *ret);
void watch_said_write(struct result *r, void *said); /* struct watch_said */

#endif
