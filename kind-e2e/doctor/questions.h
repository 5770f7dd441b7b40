/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster's DNS is asked, and the answers as one text, a line a question ("dns", tab
 * separated; facts.h has the columns as struct asked). The keys say what a question is for:
 *
 *   replica.N.udp, .tcp   an endpoint itself                 name.fqdn, .tcp, .srv, .ptr, ...
 *   name.search.N         a partial name, suffix by suffix   name.outside, cost.N
 *   repeat.N              the same again                     edns.none, edns.whole, edns.tcp
 *   id.N.KIND             who is there: version.bind, hostname.bind, id.server, NSID
 *   name.aaaa             the other family, by itself
 *   pair                  how many A and AAAA from one socket came back both
 *
 * A name whose answer was cut over UDP is asked over TCP, too, and that answer is the line's.
 * Each question is tried up to DOCTOR_TRIES times, from a new port: which tries were lost is a
 * fact of its own. A server that answers nothing is asked nothing more.
 */
#ifndef NODENS_KIND_E2E_QUESTIONS_H
#define NODENS_KIND_E2E_QUESTIONS_H

#include "kind-e2e/doctor/facts.h"

#define DOCTOR_TRIES 4
#define DOCTOR_FIRST_TRIES 10
#define DOCTOR_PAIRS 20
#define DOCTOR_PAIRS_LOST 5
#define DOCTOR_NX "nodens-doctor-asks-what-is-not"

/* `f` has everything but its dns section. */
void questions_ask(const struct facts *f, uint64_t timeout_ns, struct texts *s);

#endif
