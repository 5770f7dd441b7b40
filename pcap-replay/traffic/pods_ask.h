/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a kubelet which pods it runs: its Pods API (KEP-4188; the feature gate PodsAPI is
 * alpha and off in Kubernetes 1.36, beta and on in 1.37), gRPC on a socket of the file
 * system, /var/lib/kubelet/pods-api/pods-api.sock.
 */
#ifndef NODENS_PODS_ASK_H
#define NODENS_PODS_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* The octets of ListPods' answer, at most `max_bytes` (caller frees). ERR_PEER: nobody there, not a
 * kubelet's, or it says no: its words are in the diag. */
int pods_ask(const char *socket_path, size_t max_bytes, uint8_t **ret, size_t *ret_len, struct diag *d);

#endif
