/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node, or pod, looks like: one struct, filled from the texts (texts.h) and judged by
 * functions that see nothing else. A section that could not be read has `why` set, and whoever
 * judges by it says `skip` with that reason. What outsiders can make long is cut at the limits
 * here, and `cut` says that it was.
 */
#ifndef NODENS_KIND_E2E_FACTS_H
#define NODENS_KIND_E2E_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "kind-e2e/doctor/texts.h"
#include "lib/base/addr.h"

#define FACT_TEXT 256
#define WHY_MAX 200

/* --- resolv.conf ---------------------------------------------------------------------- */

#define NAMESERVERS_MAX 16
#define SEARCH_MAX 40
#define ODD_MAX 16

struct resolv_facts {
	char why[WHY_MAX];
	struct addr server[NAMESERVERS_MAX];
	unsigned n_servers, n_search, search_chars, n_search_lines;
	char search[SEARCH_MAX][FACT_TEXT];
	unsigned ndots, timeout_s, attempts; /* as libc has them when not said */
	bool ndots_said, rotate, use_vc, single_request, no_aaaa;
	char odd[ODD_MAX][96]; /* lines or options nobody understands, with their line number */
	unsigned n_odd, cut;
	unsigned n_cr; /* lines with a carriage return */
	char kubelet_file[FACT_TEXT]; /* what kubelet hands to pods, by its configuration; "": not
					 known */
};

/* --- the machine ---------------------------------------------------------------------- */

#define LINKS_MAX 512
#define ADDRS_MAX 1024

struct link_fact {
	char name[32];
	unsigned mtu;
	bool up;
	uint64_t drops[2]; /* both directions; before, after */
};
struct addr_fact {
	char link[32];
	struct addr addr;
};
struct counted { /* what a counter said before the questions, and after */
	uint64_t before, after;
};
struct host_facts {
	char kernel[64], links_why[WHY_MAX], table_why[WHY_MAX], udp_why[WHY_MAX],
		softnet_why[WHY_MAX];
	struct link_fact link[LINKS_MAX];
	struct addr_fact addr[ADDRS_MAX];
	unsigned n_links, n_addrs, cut;
	bool has_kubelet, has_table, has_second_look;
	uint64_t table_entries, table_max, udp_timeout_s, udp_stream_timeout_s;
	struct counted insert_failed, drop, early_drop; /* of the table */
	struct counted udp_rcvbuf_errors, udp_in_errors, softnet_dropped;
	char dump_why[WHY_MAX]; /* of the entries: only when asked for */
	uint64_t dump_entries, dump_dns;
	struct stale_fact { /* entries whose replies come from an endpoint that is gone */
		uint64_t n;
		char of[FACT_TEXT];
	} stale;
};

/* --- rules ----------------------------------------------------------------------------- */

#define RULES_MAX 256
#define TARGETS_MAX 64

enum dialect { DIALECT_IPTABLES, DIALECT_NFT };
struct notrack_rule { /* for port 53 */
	enum dialect dialect;
	bool output; /* hook: else prerouting */
	bool from;   /* matches the source, sport 53; else the destination */
	bool tcp;
	struct addr addr; /* family 0: not said by an address */
	char owner[64];	  /* comment, or the table's name */
};
struct rules_facts {
	char iptables_why[WHY_MAX], nft_why[WHY_MAX];
	struct notrack_rule notrack[RULES_MAX];
	unsigned n_notrack, cut;
	char forbidden[8][FACT_TEXT]; /* rules that drop or reject port 53 */
	unsigned n_forbidden;
	bool kube_iptables, kube_nft, kube_ipvs, any_ipvs_service;
	bool cilium, calico; /* chains of theirs */
	struct addr vip[2];  /* of kube-dns, as kube-proxy's rules have it; family 0: none */
	struct addr target[TARGETS_MAX]; /* where they lead, UDP */
	unsigned n_targets;
	bool rejects_vip;   /* the Service has no endpoints, by the rules */
	bool stateful_drop; /* a rule drops what is not established on its way out */
};

/* --- the API ---------------------------------------------------------------------------- */

#define ENDPOINTS_MAX 64
#define NAMES_MAX 64
#define VERSIONS_MAX 16

struct endpoint_fact {
	struct addr addr;
	char node[FACT_TEXT], zone[64];
	bool ready;
};
struct api_facts {
	char service_why[WHY_MAX], slices_why[WHY_MAX], pods_why[WHY_MAX], nodes_why[WHY_MAX],
		proxy_why[WHY_MAX], sets_why[WHY_MAX], policies_why[WHY_MAX], version_why[WHY_MAX];
	char service[FACT_TEXT]; /* "kube-dns" */
	struct addr vip[4];
	unsigned n_vips;
	bool udp53, tcp53, nat_exclude; /* ports; Calico's annotation */
	struct endpoint_fact endpoint[ENDPOINTS_MAX];
	unsigned n_endpoints, n_ready;
	unsigned n_pods, restarts, pods_restarted;
	char server_version[48];
	struct {
		char text[48];
		unsigned n;
	} kubelet[VERSIONS_MAX];
	unsigned n_kubelets, n_nodes;
	char proxy_mode[24]; /* as the ConfigMap has it; "": its default */
	struct {
		char name[64], image[FACT_TEXT];
	} set[NAMES_MAX]; /* DaemonSets */
	unsigned n_sets;
	char headless[FACT_TEXT]; /* "name.namespace", of a Service without address; "": none known
				   */
	bool calico_bpf, calico_known, cilium_replaces, cilium_known, cilium_redirect;
	char starving[8][FACT_TEXT]; /* policies that let no DNS out */
	unsigned n_starving, n_policies;
	unsigned cut;
};

/* --- questions --------------------------------------------------------------------------- */

#define ASKED_MAX 400
#define ASKED_KEY 24

struct asked {
	char key[ASKED_KEY]; /* what it is for: questions.h */
	struct addr server;
	char name[FACT_TEXT], type[16], how[16]; /* "udp", "udp+edns", "tcp" */
	unsigned tries;				 /* of which all but the last were lost */
	bool answered;
	char result[24]; /* rcode, or errno's word */
	uint64_t took_us;
	unsigned n_answers, ttl_s, len;
	bool truncated, edns;
	char by[32];
	char data[FACT_TEXT]; /* of the first answers, blanks between; text as it is */
};
struct dns_facts {
	char why[WHY_MAX];
	struct asked q[ASKED_MAX];
	unsigned n, cut;
	unsigned pairs, pairs_whole;
	struct {
		char url[128];
		char page[FACT_TEXT];
	} metrics[4]; /* what told who it is */
	unsigned n_metrics;
};

enum where { AT_NODE, AT_POD, AT_AWAY };
struct facts {
	enum where at;
	char at_why[FACT_TEXT];
	bool at_given;
	char domain[FACT_TEXT];	 /* "cluster.local" */
	char outside[FACT_TEXT]; /* a name that is not the cluster's; "": none is asked */
	char large[FACT_TEXT];	 /* one whose TXT is long; "": the root's NS */
	struct addr server;	 /* whom pods ask; family 0: nobody knows */
	char server_why[FACT_TEXT];
	struct resolv_facts resolv;
	struct host_facts host;
	struct rules_facts rules;
	struct api_facts api;
	struct dns_facts dns;
};

void facts_resolv(struct resolv_facts *r, const struct texts *s);
void facts_host(struct host_facts *h, const struct texts *s);
void facts_table(struct host_facts *h, const struct facts *f, const struct texts *s); /* the dump */
void facts_rules(struct rules_facts *r, const struct texts *s);
void facts_api(struct api_facts *a, const struct texts *s);
/* Where we are, who is asked, which domain: from the sections above, and what was given. */
void facts_place(struct facts *f);
void facts_dns(struct dns_facts *q, const struct texts *s);

/* The reason why a text is not there, into a section's `why`; the text otherwise. */
const char *facts_text(const struct texts *s, const char *name, char why[WHY_MAX]);
/* One line after the other out of `*at`, cut to `size`; false at the end. */
bool facts_line(const char **at, char *buf, size_t size);
bool facts_addr(const char *text, struct addr *ret); /* IPv4 or IPv6, also with /32 behind it */
bool facts_is_local(const struct host_facts *h, const struct addr *a, const char **ret_link);

#endif
