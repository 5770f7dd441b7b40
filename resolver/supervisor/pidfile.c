/* SPDX-License-Identifier: Apache-2.0 */
/* Written like any file that others read: whole or not at all. */
#include "resolver/supervisor/pidfile.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"

bool pidfile_write(const char *path)
{
	char text[32];
	struct diag d;
	if (!*path)
		return false;
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (file_write_atomic(path, text, (size_t)n, &d) == 0)
		return true;
	log_error("pidfile: %s", d.text);
	return false;
}
