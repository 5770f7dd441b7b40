/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of a query stream as one table: name, how a field becomes part of
 * a record, how it is written. Reader and writer both walk it.
 */
#ifndef NODENS_QSTREAM_INT_H
#define NODENS_QSTREAM_INT_H

#include "lib/record/qstream.h"

#define QS_LINE_MAX    4096   /* without the wire column */
#define QS_WIRE_LINE_MAX (QS_LINE_MAX + 2 * 65535)
#define QS_COLUMNS_MAX 64 /* in a file; those unknown to us included */
#define QS_FACTS_MAX   32
#define QS_FIELD_MAX   NAME_MAX_TEXT

struct qs_column { /* the table ends with a NULL name */
	const char *name, *form; /* form: what is accepted, for diagnostics */
	/* 0 or negative; never called for "-" */
	int (*parse)(struct qrec *r, const char *field);
	/* Text into buf, or "-"; NULL: `wire`, which is as long as a message. */
	void (*print)(const struct qrec *r, char buf[QS_FIELD_MAX]);
};
extern const struct qs_column qs_columns[];

#endif
