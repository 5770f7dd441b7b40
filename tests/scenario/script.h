/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a scenario file: lines to tokens ("..." is one token), times,
 * numbers, and complaints that name file and line.
 */
#ifndef NODENS_SCENARIO_SCRIPT_H
#define NODENS_SCENARIO_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"

#define WORDS_MAX 96

struct script {
	const char *path;
	unsigned line;
	char text[8192];
	char *word[WORDS_MAX];
	unsigned n, at; /* words, and the next to be read */
	bool failed;
	char why[1024];
};

/* Keeps the first complaint of a file. */
void script_fail(struct script *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* s->text into s->word[]; a comment ends the line. */
void script_split(struct script *s);

bool word_left(const struct script *s);
/* True when the next word is `w`, which is then read. */
bool word_is(struct script *s, const char *w);

/* The next word, and a complaint that names `what` when there is none or it is
 * something else; what they return then is not to be used. */
const char *word_next(struct script *s, const char *what);
uint64_t number_next(struct script *s, const char *what);
uint64_t duration_next(struct script *s, const char *what); /* ns */
struct name name_word(struct script *s, const char *what);
uint16_t type_word(struct script *s);

/* Octets of `w` in hexadecimal into `buf`; the number of them. */
size_t hex_read(struct script *s, const char *w, uint8_t *buf, size_t cap);

#endif
