/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOT marks what a cache hit runs through. Compiler and linker put these functions
 * side by side (.text.hot), so that a query after a pause, when the processor has
 * forgotten everything, fetches few pages and lines. make bench-pause shows what it
 * is worth, against a build with CPPFLAGS='-DNODENS_HOT_H -DHOT='.
 */
#ifndef NODENS_HOT_H
#define NODENS_HOT_H

#define HOT __attribute__((hot))

#endif
