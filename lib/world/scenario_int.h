/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the scenario reader: a mapping's keys are rows of a table, and a row
 * says how its value is read, where it goes and what it accepts. scenario.c
 * holds the tables, scenario_map.c goes by them, scenario_value.c reads single
 * values, scenario_list.c those that are lists.
 */
#ifndef NODENS_SCENARIO_INT_H
#define NODENS_SCENARIO_INT_H

#include "lib/world/scenario.h"
#include "lib/base/yaml_doc.h"

struct reading {
	struct scenario *s;
	struct diag *d;
	bool has_search; /* pods.search was given, if only as an empty list */
};

struct choice { /* a table ends with a NULL word */
	const char *word;
	int value;
};

struct field { /* a table ends with a NULL key */
	const char *key;
	int (*read)(struct reading *r, struct yaml_at n, const struct field *f, void *base);
	size_t off;                   /* of the value within base */
	double min, max;              /* numbers; durations in ns */
	bool required;
	const struct choice *choices; /* read_choice, read_bits */
	const struct field *sub;      /* read_section */
};

/* Text and tables that live as long as the scenario; NULL: no memory. Zeroed. */
void *scen_alloc(struct scenario *s, size_t size);
char *scen_strdup(struct scenario *s, const char *text);

/* Every key known, none twice, none missing; then each row's reader. */
int read_map(struct reading *r, struct yaml_at n, const struct field *fields, void *base);
/* The node's text, or an error that says what was expected instead. */
int read_scalar(struct reading *r, struct yaml_at n, const char *expected, const char **ret);

/* Readers for struct field. Where each stores what is in its name or below. */
int read_section(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_text(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_name(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_unsigned(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_u64(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_number(struct reading *r, struct yaml_at n, const struct field *f, void *base);   /* double */
int read_duration(struct reading *r, struct yaml_at n, const struct field *f, void *base); /* u64 ns */
int read_ttl(struct reading *r, struct yaml_at n, const struct field *f, void *base);      /* u32 s */
int read_rate(struct reading *r, struct yaml_at n, const struct field *f, void *base);     /* double /s */
int read_share(struct reading *r, struct yaml_at n, const struct field *f, void *base);    /* double 0..1 */
int read_ipv4(struct reading *r, struct yaml_at n, const struct field *f, void *base);     /* in_addr */
int read_choice(struct reading *r, struct yaml_at n, const struct field *f, void *base);   /* enum */
int read_bits(struct reading *r, struct yaml_at n, const struct field *f, void *base);     /* unsigned */
int read_delay(struct reading *r, struct yaml_at n, const struct field *f, void *base);    /* scen_delay */
int read_version(struct reading *r, struct yaml_at n, const struct field *f, void *base);

/* Lists; they know their place in the scenario. */
int read_search(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_loads(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_asks(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_events(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_surges(struct reading *r, struct yaml_at n, const struct field *f, void *base);
int read_kernel(struct reading *r, struct yaml_at n, const struct field *f, void *base); /* unsigned: 5.4 is 5004 */
int read_records(struct reading *r, struct yaml_at n, const struct field *f, void *base);
/* names.services: adds that many names and their records. */
int expand_services(struct reading *r, unsigned n_services, unsigned line);
int expand_loads(struct reading *r); /* after the services */
int expand_asks(struct reading *r);  /* after both */
/* The kubelet's search list for a pod of namespace default. */
int default_search(struct reading *r);

#endif
