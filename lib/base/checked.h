/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds that check themselves, for tests: those with the address sanitizer, and any with
 * -DNODENS_CHECK. What has been released is spoilt there, so that whoever reads it, or takes it
 * again and does not fill it, is seen. Other builds have nothing of this.
 */
#ifndef NODENS_CHECKED_H
#define NODENS_CHECKED_H

#if defined(__SANITIZE_ADDRESS__) || defined(NODENS_CHECK)
#define CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECKED 1
#endif
#endif
#ifndef CHECKED
#define CHECKED 0
#endif

#if CHECKED
#include <string.h>
#define SPOIL(p, len) ((void)memset((p), 0xa5, (len)))
#else
#define SPOIL(p, len) ((void)(p))
#endif

#endif
