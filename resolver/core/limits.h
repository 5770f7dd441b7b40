/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of each thing one daemon has: limits that more than one of its rooms
 * must agree on. Who reaches one is told, by a clear error or a counter.
 */
#ifndef NODENS_LIMITS_H
#define NODENS_LIMITS_H

#define CORE_LISTENERS_MAX 64
#define CORE_ZONES_MAX 256     /* server blocks x keys */
#define CORE_UPSTREAMS_MAX 256
#define CORE_FORWARD_TO_MAX 15 /* of one forward; CoreDNS's own limit */
#define CORE_PROBES_MAX 64     /* questions of the `loop` plugin */
#define CORE_UDP_MAX 4096      /* octets of a reply over UDP */
#define CORE_ASK_MAX 840       /* octets of a question to an upstream, with all that plugins put into it */

#endif
