/* SPDX-License-Identifier: Apache-2.0 */
/* What can stand behind `forward .` in a Corefile that we write. */
#ifndef NODENS_CONFIG_TARGET_H
#define NODENS_CONFIG_TARGET_H

#include <stdbool.h>

/* IP, IP:port, [v6]:port, each perhaps after dns:// or tls://, or an existing
 * file in resolv.conf's form. */
bool target_good(const char *text);

#endif
