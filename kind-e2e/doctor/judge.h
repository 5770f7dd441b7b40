/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: what is judged, one row each. A judge sees facts and nothing else, says one of five
 * words about its own layer, and leaves to another probe what is another probe's fault:
 *
 *   ok    looked at, and right          note  worth knowing, nothing is wrong
 *   warn  will hurt some day            fail  hurts now
 *   skip  could not be looked at, and why: never a pass
 *
 * A warn or a fail has a remedy: a command to run, or the line to change.
 */
#ifndef NODENS_KIND_E2E_DOCTOR_JUDGE_H
#define NODENS_KIND_E2E_DOCTOR_JUDGE_H

#include "kind-e2e/doctor/cachekind.h"
#include "kind-e2e/doctor/facts.h"

enum status { STATUS_OK, STATUS_NOTE, STATUS_SKIP, STATUS_WARN, STATUS_FAIL };
#define N_STATUS 5

struct patient { /* what all judges look at */
	const struct facts *f;
	struct cache_found cache;
	unsigned dead; /* replicas that do not answer */
	bool silent;   /* nor does the server */
	const char *helpless; /* what it answers to everything, where that helps nobody; or NULL */
	bool nameless; /* the first of all names is not found, which others end with */
};

struct verdict {
	enum status status;
	char words[480], remedy[480];
};
struct probe {
	const char *id;	  /* LAYER.WHAT */
	const char *asks; /* as a question */
	void (*judge)(const struct patient *p, struct verdict *v);
};

extern const struct probe
	*const probe_layers[]; /* a layer each, ended by a NULL id; ends with NULL */
extern const struct probe probes_resolv[], probes_service[], probes_dns[], probes_cache[],
	probes_conntrack[], probes_rules[], probes_net[], probes_proxy[], probes_cni[];

void patient_examine(struct patient *ret, const struct facts *f);
/* Does an interface of this node, other than IPVS', hold the server's address? */
bool patient_holds_server(const struct patient *p, const char **ret_link);
const char *status_word(enum status s);

/* For judges. */
void say(struct verdict *v, enum status s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void remedy(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Says skip when the reason is one. */
bool lacks(struct verdict *v, const char *why);
const struct asked *asked_find(const struct facts *f, const char *key);

#endif
