/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of the whole daemon was, in two numbers: diary.c. */
#ifndef NODENS_FUZZ_DIARY_H
#define NODENS_FUZZ_DIARY_H

#include <stddef.h>
#include <stdint.h>

enum diary_side { DIARY_OUTWARD, DIARY_INWARD, DIARY_SIDES };

void diary_begin(void);
/* Something happened now; `octets` may be NULL. With DAEMON_TRACE it is printed, with the number so far. */
void diary(enum diary_side side, const char *what, uint64_t x, uint64_t y, const void *octets, size_t len);
void diary_sum_up(void);
uint64_t diary_of(enum diary_side side);

#endif
