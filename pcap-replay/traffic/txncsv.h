/* SPDX-License-Identifier: Apache-2.0 */
/* One row a transaction, for spreadsheets and SQL, in order of closing. */
#ifndef NODENS_TXNCSV_H
#define NODENS_TXNCSV_H

#include <stdio.h>

#include "pcap-replay/traffic/txn.h"

void txncsv_head(FILE *out);
void txncsv_row(FILE *out, const struct txn *t);

#endif
