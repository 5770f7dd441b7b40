/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer lies where other programs find it too. */
#ifndef NODENS_TRAFFIC_JOUT_H
#define NODENS_TRAFFIC_JOUT_H

#include "lib/base/jout.h"

#endif
