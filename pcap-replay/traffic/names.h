/* SPDX-License-Identifier: Apache-2.0 */
/* Names, each kept once, lower case, known by a small number. */
#ifndef NODENS_NAMES_H
#define NODENS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define NAMES_MAX  (16u << 20)
#define NAMES_NONE UINT32_MAX

struct names;
struct names *names_new(void);
void names_free(struct names *n);
uint32_t names_intern(struct names *n, const uint8_t *name); /* NAMES_NONE when full */
const uint8_t *names_at(const struct names *n, uint32_t index);
size_t names_count(const struct names *n);

#endif
