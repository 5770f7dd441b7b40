/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoreDNS's log formats: text with placeholders like {remote} or {>id}, read
 * once and then filled in for each query without looking at a word again. An
 * unknown placeholder stays as it is written; {/label} we know nothing of is "-".
 */
#ifndef NODENS_LOG_FORMAT_H
#define NODENS_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns/wire.h"
#include "resolver/core/core.h"

struct log_format;

/* What is printed. The caller sets the first four; the rest is read from the
 * messages when a placeholder first needs it. */
struct log_facts {
	const struct core_client *client; /* NULL: nobody asked */
	const struct core_done *done;
	uint64_t took_ns;
	const char *upstream; /* label of who answered, or NULL */
	bool is_read, has_q, has_r;
	struct dns_msg q, r;
};

/* The format's text is copied. 0 or ERR_NOMEM. */
int log_format_new(struct log_format **ret, const char *text);
void log_format_free(struct log_format *f);
/* Without a newline; cut when it does not fit. Returns the length, at most
 * cap - 1, and ends with a NUL. */
size_t log_format_print(const struct log_format *f, struct log_facts *facts, char *buf, size_t cap);

/* Class and type of a reply, as CoreDNS's log plugin sorts them: COREFILE_LOG_*,
 * and "NOERROR", "NODATA", "NXDOMAIN", "DELEGATION", "SERVERERROR", ... */
unsigned log_class_of(const uint8_t *reply, size_t len, const char **ret_type);

#endif
