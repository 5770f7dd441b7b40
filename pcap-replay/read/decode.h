/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a captured frame to a UDP or TCP payload: layers (layers.h) taken off one
 * after another, fragments put together again. Every frame that does not get
 * through is counted under a reason; none of them ends the capture.
 */
#ifndef NODENS_DECODE_H
#define NODENS_DECODE_H

#include "pcap-replay/read/budget.h"
#include "pcap-replay/read/capfile.h"
#include "pcap-replay/read/packet.h"

const char *decode_verdict_str(enum decode_verdict v);

struct decoder; /* holds fragments in progress */
struct decoder *decoder_new(struct budget *b);
void decoder_free(struct decoder *dec);
enum decode_verdict decode_frame(struct decoder *dec, const struct frame *f, uint16_t lane, struct packet *ret);
/* A datagram whose first fragment has waited too long for its rest at `now_ns`
 * (T_NEVER: nothing more comes): the part that is there, marked as cut. False when
 * there is none. */
bool decode_given_up(struct decoder *dec, uint64_t now_ns, struct packet *ret);

#endif
