/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP GET through libcurl (its door), from the namespace the process is in. */
#ifndef NODENS_KIND_E2E_SCRAPE_H
#define NODENS_KIND_E2E_SCRAPE_H

#include "lib/base/err.h"

/* The body as text (caller frees). Anything but status 200 is an error. */
int scrape(const char *url, char **ret_text, struct diag *d);

#endif
