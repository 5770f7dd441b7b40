/* SPDX-License-Identifier: Apache-2.0 */
/* Two answers of anything: two octets give the first one's length. An answer is like
 * itself, and a defect is one in both directions. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "pcap-replay/judge/verdicts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct verdicts v;
	if (size < 2)
		return 0;
	size_t n = (size_t)(data[0] << 8 | data[1]);
	n = n > size - 2 ? size - 2 : n;
	struct octets a = {data + 2, n}, b = {data + 2 + n, size - 2 - n};
	assert(compare_answers(a, a, a) == CMP_SAME);
	enum criterion ab = verdicts_add(&v, 0, a, a, b), ba = compare_answers(a, b, a);
	assert((criteria[ab].is == CLASS_DEFECT) == (criteria[ba].is == CLASS_DEFECT));
	return 0;
}
