/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to set on the node, and the rule behind each number; as lines for sysctl, for
 * kube-proxy's configuration, or as a kustomize patch of its ConfigMap.
 */
#ifndef NODENS_CT_SETTINGS_H
#define NODENS_CT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conntrack-model/ctable.h"
#include "lib/base/err.h"

enum settings_form { SETTINGS_SYSCTL, SETTINGS_KUBE_PROXY, SETTINGS_KUSTOMIZE, N_SETTINGS_FORMS };
extern const char *const settings_form_name[N_SETTINGS_FORMS];
int settings_form_parse(void *ret_int, const char *text, struct diag *d); /* for a table of options */

struct settings {
	uint64_t max;	  /* nf_conntrack_max */
	uint32_t buckets; /* nf_conntrack_buckets */
	uint32_t udp_s;	  /* nf_conntrack_udp_timeout */
	uint64_t bytes;	  /* of kernel memory when full */
	double alert;	  /* share of max that the count stays below between sweeps, with no margin */
	bool not_lower;	  /* see settings_not_lower */
};
/* peak_free: of the count had there been no limit; headroom: the limit over it. */
void settings_make(struct settings *ret, const struct ct_conf *now, uint64_t peak_free, double headroom);
/* The peak is none that the load was seen to need (nothing was predicted, or from a part of it): what
 * stands is no less, and stays where it is more. */
void settings_not_lower(struct settings *s, const struct ct_conf *now, uint64_t peak);
void settings_print(const struct settings *s, const struct ct_conf *now, uint64_t peak_free, double headroom,
		    enum settings_form form, FILE *out);

#endif
