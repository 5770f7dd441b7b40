/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs of the whole-daemon target are lists of steps: they are changed a step at a
 * time, for octets out of step mean something else all the way to the end.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/fuzz/daemon/world.h"

#define STEP_LEN 4

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 16) % n);
}

/* Kinds of fuzz_daemon.c by how often they are worth having. */
static void step_make(uint8_t *s)
{
	static const uint8_t often[] = {0, 0, 0, 0, 0, 1, 2,  2,  3,  3,  4,  4,  4,  5,  6,  7, 8,
					8, 8, 8, 9, 9, 9, 10, 11, 11, 11, 12, 12, 12, 13, 14, 15};

	s[0] = (uint8_t)(often[below(sizeof(often))] | (below(4) ? 0 : 0x80));
	for (int i = 1; i < STEP_LEN; i++)
		s[i] = (uint8_t)below(below(2) ? 256 : 16);
}

void steps_make(uint64_t seed, uint8_t *data, size_t n)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	for (size_t i = 0; i < n; i++)
		step_make(data + i * STEP_LEN);
}

#ifdef LIBFUZZER
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max_size, unsigned seed);

static size_t insert(uint8_t *data, size_t size, size_t max, size_t at, const uint8_t *what,
		     size_t len)
{
	if (size + len > max)
		return size;
	memmove(data + at + len, data + at, size - at);
	memcpy(data + at, what, len);
	return size + len;
}

static size_t change_once(uint8_t *data, size_t size, size_t max)
{
	size_t n = size / STEP_LEN, at = n ? below((unsigned)n) * STEP_LEN : 0, len;
	uint8_t s[16 * STEP_LEN];

	switch (n ? below(10) : 0) {
	case 0:
	case 1:
	case 2:
		step_make(s);
		return insert(data, size, max, below(2) ? size : at, s, STEP_LEN);
	case 3:
		len = 1 + below(4);
		for (size_t i = 0; i < len; i++)
			step_make(s + i * STEP_LEN);
		return insert(data, size, max, at, s, len * STEP_LEN);
	case 4: /* again, here or at the end */
		len = (1 + below(8)) * STEP_LEN;
		len = len < size - at ? len : size - at;
		memcpy(s, data + at, len);
		return insert(data, size, max, below(2) ? size : below((unsigned)n) * STEP_LEN, s,
			      len);
	case 5:
		len = (1 + below(below(4) ? 2 : 16)) * STEP_LEN;
		len = len < size - at ? len : size - at;
		memmove(data + at, data + at + len, size - at - len);
		return size - len;
	case 6:
		data[at] ^= 0x80;
		return size;
	case 7:
		step_make(data + at);
		return size;
	case 8:
		data[at + 1 + below(STEP_LEN - 1)] ^= (uint8_t)(1u << below(8));
		return size;
	default:
		data[at + 1 + below(STEP_LEN - 1)] = (uint8_t)below(below(2) ? 256 : 16);
		return size;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	if (below(16) == 0)
		return LLVMFuzzerMutate(data, size, max_size) / STEP_LEN * STEP_LEN;
	size -= size % STEP_LEN;
	for (unsigned n = 1 + below(4); n > 0; n--)
		size = change_once(data, size, max_size);
	return size;
}

/* The beginning of one, a piece of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max_size, unsigned seed)
{
	size_t n, m, at;

	state = seed * 0x9e3779b97f4a7c15ull + 1;
	n = below((unsigned)(a_len / STEP_LEN + 1)) * STEP_LEN;
	at = below((unsigned)(b_len / STEP_LEN + 1)) * STEP_LEN;
	m = (b_len - at) / STEP_LEN * STEP_LEN;
	n = n < max_size ? n : max_size / STEP_LEN * STEP_LEN;
	m = m < max_size - n ? m : (max_size - n) / STEP_LEN * STEP_LEN;
	memcpy(out, a, n);
	memcpy(out + n, b + at, m);
	return n + m;
}
#endif
