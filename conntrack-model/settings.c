/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "conntrack-model/settings.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define STEP 4096

const char *const settings_form_name[N_SETTINGS_FORMS] = {"sysctl", "kube-proxy", "kustomize"};

int settings_form_parse(void *ret_int, const char *text, struct diag *d)
{
	for (int i = 0; i < N_SETTINGS_FORMS; i++) {
		if (strcmp(text, settings_form_name[i]) != 0)
			continue;
		*(int *)ret_int = i;
		return 0;
	}
	return diag_set(d, ERR_UNKNOWN, "'%s': expected sysctl, kube-proxy or kustomize", text);
}

static uint64_t steps_up(double n)
{
	uint64_t steps = (uint64_t)ceil(n / STEP);

	return (steps ? steps : 1) * STEP;
}

void settings_make(struct settings *ret, const struct ct_conf *now, uint64_t peak_free, double headroom)
{
	ret->max = steps_up((double)peak_free * headroom);
	ret->udp_s = now->udp_s;
	/* One bucket an entry is what the kernel itself starts with: chains of two when full, and
	 * what is lost then is exp(-16 E / H) of new flows. Many more buckets make "full" abrupt. */
	ret->buckets = 1024;
	while (ret->buckets < ret->max && ret->buckets < 1u << 30)
		ret->buckets *= 2;
	ret->bytes = ctable_bytes(ret->max, ret->buckets);
	ret->alert = (double)peak_free / (double)ret->max;
}

void settings_not_lower(struct settings *s, const struct ct_conf *now, uint64_t peak)
{
	s->not_lower = true;
	s->max = s->max < now->max ? now->max : s->max;
	s->buckets = s->buckets < now->buckets ? now->buckets : s->buckets;
	s->bytes = ctable_bytes(s->max, s->buckets);
	s->alert = (double)peak / (double)s->max;
}

static void print_rules(const struct settings *s, const struct ct_conf *now, uint64_t peak_free, double headroom,
			FILE *out)
{
	if (s->not_lower) {
		fprintf(out, "# max: as it is, or %" PRIu64 " entries at the peak of what was seen, times %.3g, if that is more:\n"
			     "#   not all was seen, and nothing here says that less would do\n", peak_free, headroom);
	} else {
		fprintf(out, "# max: %" PRIu64 " entries at the peak without a limit, times %.3g, in steps of %d\n", peak_free,
			headroom, STEP);
		fprintf(out, "#   that is this load alone: what else the node has comes on top (--other), before a limit is lowered\n");
		fprintf(out, "# buckets: the power of two that is no less than max, as the kernel starts with\n");
	}
	if (now->buckets > 4 * s->max)
		fprintf(out, "#   %u as now is %.1f times max: a full table would lose exp(-16 max / buckets) = %.0f %% of new flows\n",
			now->buckets, (double)now->buckets / (double)s->max,
			100 * exp(-16 * (double)s->max / now->buckets));
	fprintf(out, "# memory when full: %.1f MiB; alert above %.0f %% of max: the count swings that far by itself\n",
		(double)s->bytes / (1 << 20), 100 * s->alert);
}

static void print_kube_proxy(const struct settings *s, const char *indent, FILE *out)
{
	fprintf(out, "%sconntrack:\n", indent);
	fprintf(out, "%s  min: %" PRIu64 "\n", indent, s->max);
	fprintf(out, "%s  maxPerCore: 1  # kube-proxy takes the larger of min and this times cores: the usual 32768 would win on few cores\n",
		indent);
	fprintf(out, "%s  udpTimeout: %us\n", indent, s->udp_s);
}

void settings_print(const struct settings *s, const struct ct_conf *now, uint64_t peak_free, double headroom,
		    enum settings_form form, FILE *out)
{
	fprintf(out, "\n");
	print_rules(s, now, peak_free, headroom, out);
	switch (form) {
	case SETTINGS_KUBE_PROXY:
		fprintf(out, "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n");
		print_kube_proxy(s, "", out);
		break;
	case SETTINGS_KUSTOMIZE:
		fprintf(out, "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n"
			     "- target: {kind: ConfigMap, name: kube-proxy, namespace: kube-system}\n  patch: |-\n"
			     "    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: kube-proxy}\n    data:\n"
			     "      config.conf: |-\n"
			     "        # the whole of the file stands here in a patch: these lines among yours\n");
		print_kube_proxy(s, "        ", out);
		break;
	default:
		fprintf(out, "# kube-proxy writes its own max over this when it starts, up to 1.36 also a lower one (maxPerCore, min)\n");
		fprintf(out, "net.netfilter.nf_conntrack_max = %" PRIu64 "\n", s->max);
		fprintf(out, "net.netfilter.nf_conntrack_buckets = %u\n", s->buckets);
		fprintf(out, "net.netfilter.nf_conntrack_udp_timeout = %u\n", s->udp_s);
		break;
	}
}
