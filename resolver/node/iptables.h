/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The iptables dialect: per local address the original's twelve rules, same
 * order, same comments, so that each program can clean up after the other. What
 * the original does with 24 processes a minute is one `iptables-save` and, only
 * when something differs, one `iptables-restore --noflush` transaction.
 *
 * With gates, five more rules an address stand above those twelve: packets for an
 * address that was not put into a set, or seen, lately pass the NOTRACK rules by, and
 * so do replies over TCP (resolver/node/nft_table.c says why not those over UDP). So the rules
 * lapse with nobody left to remove them (resolver/node/gates.h).
 *
 * Planning is pure text work over what iptables-save printed; running is apart.
 */
#ifndef NODENS_NODE_IPTABLES_H
#define NODENS_NODE_IPTABLES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "resolver/config/flags.h"
#include "resolver/node/netlink.h"
#include "resolver/node/node_types.h"
#include "resolver/node/strays.h"

#define IPTABLES_COMMENT_SKIP  "NodeLocal DNS Cache: skip conntrack"
#define IPTABLES_COMMENT_ALLOW "NodeLocal DNS Cache: allow DNS traffic"
#define IPTABLES_COMMENT_GATE  "NodeLocal DNS Cache: unless alive"
#define IPTABLES_RULES_PER_IP  12
#define IPTABLES_GATES_PER_IP  5

enum ipt_table { IPT_RAW, IPT_FILTER, IPT_TABLES };
enum ipt_chain { IPT_PREROUTING, IPT_INPUT, IPT_OUTPUT, IPT_CHAINS };
enum ipt_target { IPT_NOTRACK, IPT_ACCEPT };

struct ipt_rule {
	uint8_t table, chain, target;
	uint8_t gate;        /* enum node_gate: only when the address is not alive there */
	bool tcp, by_source; /* -s ADDR --sport PORT instead of -d ADDR --dport PORT */
	uint16_t port;
	enum node_path path; /* what its packet counter means */
	uint32_t hold_s;     /* of gates that say it themselves (NODE_GATE_RECENT), else 0 */
	struct in6_addr addr;
};

/* One family's part. */
struct ipt_conf {
	const struct flags_ip *ip; /* of both families: those of the other are passed over */
	size_t n_ips;
	bool v4;
	uint16_t port, health_port;
	enum node_gate gate;
	const char *gate_name;
	uint32_t hold_s;
	uint64_t deadline_ns;      /* for all programs together; 0: none */
	struct netlink *netfilter; /* NULL: rules that the program does not print stay unseen */
	struct strays *strays;     /* for IPT_SWEEP, else unused */
	bool keep;                 /* IPT_SWEEP: rules for `ip` are ours and stay */
};

/* What is wanted for one address: the twelve, and then the gates if any;
 * returns how many. */
size_t iptables_wanted(const struct ipt_conf *c, const struct flags_ip *ip,
		       struct ipt_rule ret[IPTABLES_RULES_PER_IP + IPTABLES_GATES_PER_IP]);

/* One "-A ..." line of iptables-save, perhaps with "[packets:bytes] " before. */
struct ipt_line {
	enum ipt_table table;
	const char *spec;  /* behind "-A ", up to the end of the line */
	size_t len;
	uint64_t packets, bytes;
	bool commented;    /* carries one of our comments */
	bool bare;         /* carries none at all */
	bool exact;        /* `rule` says all there is to say, apart from the gate's name */
	struct ipt_rule rule;
};
bool iptables_line_parse(enum ipt_table table, const char *line, size_t len, struct ipt_line *ret);

enum ipt_intent {
	IPT_ENSURE,  /* insert what is missing, drop duplicates */
	IPT_REMOVE,  /* delete what is ours for these addresses */
	IPT_CLEANUP, /* delete whatever carries our comments, and uncommented NOTRACKs of these addresses */
	IPT_SWEEP,   /* delete what an instance before left: `strays` and `keep` say what that is */
};
/* Whether `intent`, which is not IPT_ENSURE, deletes this line. IPT_SWEEP looks for sockets. */
bool iptables_line_doomed(const struct ipt_line *l, const struct ipt_conf *c, enum ipt_intent intent);
struct ipt_plan {
	char *text;        /* input for iptables-restore --noflush; NULL when nothing is to do */
	size_t inserts, deletes;
};
/* `saved`: what iptables-save printed for raw and filter. One family at a time. */
int iptables_plan(const char *saved, const struct ipt_conf *c, enum ipt_intent intent, struct ipt_plan *ret,
		  struct diag *d);
enum ipt_part {
	IPT_ALL,
	/* What turns questions over to us. What lets replies over UDP go untracked stays, and
	 * what lets packets through a filter. */
	IPT_TURNING_OVER,
};
/* Likewise, unseen: deletes one of each that is wanted. For who put them there. */
int iptables_plan_drop(const struct ipt_conf *c, enum ipt_part part, struct ipt_plan *ret, struct diag *d);
/* Adds what matching rules counted; add_to->stand turns false when one is missing. */
void iptables_count(const char *saved, const struct ipt_conf *c, struct node_counters *add_to);

/* --- running --- */
enum ipt_fault { IPT_FAULT_NONE, IPT_FAULT_OTHER, IPT_FAULT_LOCK };
bool iptables_present(bool v4);
/* First line of `iptables --version`. */
void iptables_version(char *ret, size_t size);
int iptables_apply(const struct ipt_conf *c, enum ipt_intent intent, bool *ret_changed, enum ipt_fault *ret_fault,
		   struct diag *d);
/* What stood when we last looked goes, in one program that looks at nothing;
 * fails, and may have done nothing, when a rule is missing. iptables_apply with
 * IPT_REMOVE sees to the rest. */
int iptables_drop(const struct ipt_conf *c, enum ipt_part part, struct diag *d);
int iptables_counters(const struct ipt_conf *c, struct node_counters *add_to, struct diag *d);

#endif
