/* SPDX-License-Identifier: Apache-2.0 */
/* An image's layers become a folder, and the folder a root. */
#include "kind-e2e/cell/cell_image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"

/* manifest.json is what `docker load` reads: the layers in their order. */
static const char unpack[] =
	"layers=$(tar -xOf \"$1\" manifest.json | sed 's/.*\"Layers\":\\[//; s/\\].*//' | tr -d '\" ' | tr , ' ')\n"
	"for l in $layers; do tar -xOf \"$1\" \"$l\" | gzip -dc | tar -xf - -C \"$2\"; done\n";

int cell_image_unpack(const char *archive, struct diag *d)
{
	const char *const argv[] = {"sh", "-ec", unpack, "sh", archive, CELL_IMAGE_ROOT, NULL};
	int code;

	if (mkdir(CELL_IMAGE_ROOT, 0755) && errno != EEXIST)
		return diag_errno(d, CELL_IMAGE_ROOT);
	code = proc_run(argv, NULL, NULL, d);
	if (code)
		return code;
	if (access(CELL_IMAGE_ROOT CELL_IMAGE_PROGRAM, X_OK))
		return diag_set(d, ERR_PEER, "%s: no " CELL_IMAGE_PROGRAM " in this image", archive);
	return 0;
}

static void make_folders(const char *path)
{
	char all[4300];

	snprintf(all, sizeof all, "%s", path);
	for (char *at = strchr(all + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(all, 0755);
		*at = '/';
	}
}

static int bind_in(const char *path, unsigned long flags, struct diag *d)
{
	char to[4300];

	snprintf(to, sizeof to, CELL_IMAGE_ROOT "%s", path);
	make_folders(to);
	if ((mkdir(to, 0755) && errno != EEXIST) || mount(path, to, NULL, MS_BIND | flags, NULL))
		return diag_errno(d, "%s", to);
	return 0;
}

static int copy_in(const char *path, struct diag *d)
{
	char to[4300], *text = proc_slurp(path);
	FILE *f;
	bool bad;

	snprintf(to, sizeof to, CELL_IMAGE_ROOT "%s", path);
	make_folders(to);
	f = text ? fopen(to, "we") : NULL;
	bad = !f || fputs(text, f) < 0;
	bad = (f && fclose(f)) || bad;
	free(text);
	return bad ? diag_errno(d, "%s", to) : 0;
}

int cell_image_enter(const char *dir, struct diag *d)
{
	static const char *const folders[] = {"/proc", "/sys", "/dev", NULL};
	int code = 0;

	for (const char *const *f = folders; !code && *f; f++)
		code = bind_in(*f, MS_REC, d);
	code = code ? code : bind_in("/run", 0, d); /* without what is mounted below it */
	code = code ? code : copy_in("/etc/resolv.conf", d);
	code = code ? code : bind_in(dir, MS_REC, d);
	if (!code && (chroot(CELL_IMAGE_ROOT) || chdir("/")))
		code = diag_errno(d, CELL_IMAGE_ROOT);
	if (!code && setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1))
		code = diag_set(d, ERR_NOMEM, "no memory");
	return code;
}
