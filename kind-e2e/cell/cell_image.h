/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of `make image` as a container runs it: its layers in a folder of the sandbox's, and
 * the daemon with that as its root, the sandbox's /proc, /sys, /dev and /run in it, so that what is
 * measured is the image's own program with the image's own iptables, nft and libraries.
 */
#ifndef NODENS_KIND_E2E_CELL_IMAGE_H
#define NODENS_KIND_E2E_CELL_IMAGE_H

#include "lib/base/err.h"

#define CELL_IMAGE_ROOT "/run/e2e-image" /* the sandbox's own, gone with it */
#define CELL_IMAGE_PROGRAM "/node-cache"

/* Unpacks what `docker load` would take (gzipped layers); once a sandbox. ERR_PEER when there is no daemon in it. */
int cell_image_unpack(const char *archive, struct diag *d);
/* This process and its children have it as their root from now on; needs a mount namespace of their
 * own. `dir` keeps its name in there; /etc/resolv.conf is copied. */
int cell_image_enter(const char *dir, struct diag *d);

#endif
