/* SPDX-License-Identifier: Apache-2.0 */
/* The file with our number, there while we serve. */
#ifndef NODENS_SUPERVISOR_PIDFILE_H
#define NODENS_SUPERVISOR_PIDFILE_H

#include <stdbool.h>

/* "": none is wanted. A failure is said, and costs nothing else. True: it is there. */
bool pidfile_write(const char *path);

#endif
