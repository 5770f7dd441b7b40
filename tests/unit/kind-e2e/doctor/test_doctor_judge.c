/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in, verdicts out: what no lab can be made to show, and where the borders between verdicts
 * lie. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/print.h"

static struct texts s;
static struct facts f;
static struct patient p;
static struct diagnosis d;

static void set_up(void)
{
	memset(&s, 0, sizeof s);
	memset(&f, 0, sizeof f);
}

static void tear_down(void)
{
	texts_release(&s);
}

TestSuite(doctor_judge, .init = set_up, .fini = tear_down);

static void put(const char *name, const char *body)
{
	texts_take(&s, name, strdup(body));
}

/* The verdict of one probe over what was put; its words in `d`. */
static const struct verdict *verdict(enum where at, const char *id)
{
	f.at = at;
	f.at_given = true;
	facts_resolv(&f.resolv, &s);
	facts_host(&f.host, &s);
	facts_rules(&f.rules, &s);
	facts_api(&f.api, &s);
	facts_place(&f);
	facts_table(&f.host, &f, &s);
	facts_dns(&f.dns, &s);
	patient_examine(&p, &f);
	diagnose(&d, &p);
	for (unsigned i = 0; i < d.n; i++)
		if (!strcmp(d.probe[i]->id, id))
			return &d.verdict[i];
	cr_assert_fail("there is no probe %s", id);
	return NULL;
}

#define IS(at, id, word)                                                                           \
	do {                                                                                       \
		const struct verdict *v_ = verdict(at, id);                                        \
		cr_assert_str_eq(status_word(v_->status), word, "%s: %s", id, v_->words);          \
	} while (0)

Test(doctor_judge, nothing_seen_is_never_right)
{
	verdict(AT_NODE, "dns.server");
	for (unsigned i = 0; i < d.n; i++)
		if (strncmp(d.probe[i]->id, "resolv.cost", 11) != 0)
			cr_expect(d.verdict[i].status == STATUS_SKIP, "%s: %s: %s", d.probe[i]->id,
				  status_word(d.verdict[i].status), d.verdict[i].words);
}

Test(doctor_judge, every_warning_has_a_remedy_and_every_skip_a_reason)
{
	put("resolv.conf", "nameserver 127.0.0.53\noptions rotate timeout:0 odd\n");
	put("sysctl", "nf_conntrack_max 100\nnf_conntrack_count 95\nnf_conntrack_udp_timeout "
		      "600\nnf_conntrack_udp_timeout_stream 900\n");
	put("api-nodes",
	    "{\"items\":[{\"status\":{\"nodeInfo\":{\"kubeletVersion\":\"v1.33.0\"}}}]}");
	verdict(AT_NODE, "dns.server");
	for (unsigned i = 0; i < d.n; i++) {
		cr_expect(d.verdict[i].words[0], "%s says nothing", d.probe[i]->id);
		cr_expect((d.verdict[i].status >= STATUS_WARN) == (d.verdict[i].remedy[0] != '\0'),
			  "%s: %s", d.probe[i]->id, d.verdict[i].words);
	}
}

Test(doctor_judge, full_table)
{
	put("sysctl", "nf_conntrack_max 100\nnf_conntrack_count 69\n");
	IS(AT_NODE, "conntrack.full", "ok");
	IS(AT_POD, "conntrack.full", "skip");
	put("sysctl", "nf_conntrack_max 100\nnf_conntrack_count 70\n");
	IS(AT_NODE, "conntrack.full", "warn");
	put("sysctl", "nf_conntrack_max 100\nnf_conntrack_count 90\n");
	IS(AT_NODE, "conntrack.full", "fail");
}

#define STAT                                                                                       \
	"entries  clashres found new invalid ignore delete chainlength insert insert_failed drop " \
	"early_drop\n"

/* What was lost before is worth a note; what is lost meanwhile, a warning. */
Test(doctor_judge, losses_of_the_table)
{
	put("sysctl", "nf_conntrack_max 100\nnf_conntrack_count 1\n");
	put("nf_conntrack.stat",
	    STAT "1 0 0 0 0 0 0 0 0 00000000 0 0\n1 0 0 0 0 0 0 0 0 00000000 0 0\n");
	put("nf_conntrack.stat.after",
	    STAT "1 0 0 0 0 0 0 0 0 00000000 0 0\n1 0 0 0 0 0 0 0 0 00000000 0 0\n");
	put("snmp.after", "");
	IS(AT_NODE, "conntrack.lost", "ok");
	put("nf_conntrack.stat",
	    STAT "1 0 0 0 0 0 0 0 0 0000000f 0 0\n1 0 0 0 0 0 0 0 0 00000001 0 0\n");
	put("nf_conntrack.stat.after",
	    STAT "1 0 0 0 0 0 0 0 0 0000000f 0 0\n1 0 0 0 0 0 0 0 0 00000001 0 0\n");
	IS(AT_NODE, "conntrack.lost", "note");
	cr_assert_eq(f.host.insert_failed.before, 16);
	put("nf_conntrack.stat.after",
	    STAT "1 0 0 0 0 0 0 0 0 00000010 0 0\n1 0 0 0 0 0 0 0 0 00000001 0 0\n");
	IS(AT_NODE, "conntrack.lost", "warn");
}

#define UDP(errors)                                                                                \
	"Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 9 0 0 9 " errors "\n"

Test(doctor_judge, sockets)
{
	put("snmp", UDP("5"));
	put("snmp.after", UDP("5"));
	IS(AT_NODE, "net.drops-sockets", "note");
	put("snmp.after", UDP("6"));
	IS(AT_NODE, "net.drops-sockets", "warn");
}

static void node_version(const char *v)
{
	char text[200];

	snprintf(text, sizeof text,
		 "{\"items\":[{\"status\":{\"nodeInfo\":{\"kubeletVersion\":\"%s\"}}}]}", v);
	put("api-nodes", text);
}

Test(doctor_judge, versions)
{
	static const char *const rows[][2] = {{"v1.31.9", "ok"},
					      {"v1.32.0", "warn"},
					      {"v1.36.4-gke.1", "warn"},
					      {"v1.37.0", "ok"}};

	for (unsigned i = 0; i < 4; i++) {
		node_version(rows[i][0]);
		IS(AT_POD, "proxy.version", rows[i][1]);
	}
}

Test(doctor_judge, all_faults_of_a_version_are_named)
{
	node_version("v1.32.0");
	IS(AT_POD, "proxy.version", "warn");
	cr_expect(strstr(verdict(AT_POD, "proxy.version")->words, "last endpoint"));
	cr_expect(strstr(verdict(AT_POD, "proxy.version")->words, "whole connection table"));
	cr_expect(strstr(verdict(AT_POD, "proxy.version")->remedy, "#129982"));
}

Test(doctor_judge, a_fault_of_one_mode_is_no_fault_of_another)
{
	node_version("v1.31.9");
	put("api-kube-proxy", "{\"data\":{\"config.conf\":\"mode: nftables\\n\"}}");
	IS(AT_POD, "proxy.version", "warn");
	put("api-kube-proxy", "{\"data\":{\"config.conf\":\"mode: iptables\\n\"}}");
	IS(AT_POD, "proxy.version", "ok");
}

Test(doctor_judge, kernels)
{
	static const char *const rows[][2] = {{"6.1.0-31-cloud-amd64", "ok"},
					      {"6.15.7", "warn"},
					      {"6.15.8-x", "ok"},
					      {"6.16.0", "warn"},
					      {"6.17.9+", "warn"},
					      {"6.17.10", "ok"},
					      {"7.0-rc1", "ok"},
					      {"", "skip"}};

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		put("kernel", rows[i][0]);
		IS(AT_NODE, "net.kernel", rows[i][1]);
	}
}

#define SLICE(ends)                                                                                \
	"{\"items\":[{\"metadata\":{\"labels\":{\"kubernetes.io/service-name\":\"kube-dns\"}},"    \
	"\"endpoints\":[" ends "]}]}"
#define END(ip, node)                                                                              \
	"{\"addresses\":[\"" ip "\"],\"nodeName\":\"" node "\",\"conditions\":{\"ready\":true}}"
#define CHAINS(a, b)                                                                               \
	"*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SEP-A -j DNAT --to-destination " a                  \
	":53\n-A KUBE-SEP-B -j "                                                                   \
	"DNAT --to-destination " b ":53\n-A KUBE-SERVICES -d 10.96.0.10/32 -j "                    \
	"KUBE-SVC-TCOU7JCQXEZGVUNU\n-A KUBE-SVC-TCOU7JCQXEZGVUNU -j KUBE-SEP-A\n-A "               \
	"KUBE-SVC-TCOU7JCQXEZGVUNU -j KUBE-SEP-B\n"

/* kube-proxy that is late: in both directions. */
Test(doctor_judge, rules_behind_the_api)
{
	put("iptables", CHAINS("10.0.0.1", "10.0.0.2"));
	put("api-slices", SLICE(END("10.0.0.1", "a") "," END("10.0.0.2", "b")));
	IS(AT_NODE, "proxy.endpoints", "ok");
	IS(AT_NODE, "service.spread", "ok");
	put("api-slices", SLICE(END("10.0.0.1", "a") "," END("10.0.0.3", "a")));
	IS(AT_NODE, "proxy.endpoints", "fail");
	IS(AT_NODE, "service.spread", "warn");
	put("api-slices", SLICE(END("10.0.0.1", "a")));
	IS(AT_NODE, "proxy.endpoints", "fail");
}

#define POLICY(ns, spec)                                                                           \
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"" ns "\"},\"spec\":{" spec "}}"
#define DENY "\"podSelector\":{},\"policyTypes\":[\"Egress\"]"
#define ALLOW(rule) "\"podSelector\":{},\"policyTypes\":[\"Egress\"],\"egress\":[" rule "]"

Test(doctor_judge, policies)
{
	static const char *const rows[][2] = {
		{"{\"items\":[]}", "ok"},
		{"{\"items\":[" POLICY("a", DENY) "]}", "warn"},
		{"{\"items\":[" POLICY("a", DENY) "," POLICY(
			 "a", ALLOW("{\"ports\":[{\"port\":53,\"protocol\":\"UDP\"}]}")) "]}",
		 "ok"},
		/* another namespace's does not help, nor does TCP alone */
		{"{\"items\":[" POLICY("a", DENY) "," POLICY(
			 "b", ALLOW("{\"ports\":[{\"port\":53,\"protocol\":\"UDP\"}]}")) "]}",
		 "warn"},
		{"{\"items\":[" POLICY("a", ALLOW("{\"ports\":[{\"port\":53}]}")) "]}", "warn"},
		{"{\"items\":[" POLICY("a", ALLOW("{\"ports\":[{\"port\":1,\"endPort\":100,"
						  "\"protocol\":\"UDP\"}]}")) "]}",
		 "ok"},
		{"{\"items\":[" POLICY("a", ALLOW("{}")) "]}", "ok"},
		{"{\"items\":[" POLICY("a",
				       "\"podSelector\":{},\"policyTypes\":[\"Ingress\"]") "]}",
		 "ok"},
	};

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		put("api-policies", rows[i][0]);
		IS(AT_POD, "cni.policies", rows[i][1]);
	}
}

/* --- whose cache it is ---------------------------------------------------------------------- */

#define ANSWER(key, server)                                                                        \
	key "\t" server "\tkubernetes.default.svc.cluster.local."                                  \
	    "\tA\tudp\t1\tNOERROR\t99\t1\t5\t70\t--\t-\t10.96.0.1\n"

static void recognised(enum where at, enum cache_kind kind, bool in_path)
{
	verdict(at, "cache.path");
	cr_assert_eq(p.cache.kind, kind, "%s", cache_kind_name(p.cache.kind));
	cr_assert_eq(p.cache.in_path, in_path);
}

Test(doctor_judge, local_dns_of_aks)
{
	put("resolv.conf", "search default.svc.cluster.local svc.cluster.local\nnameserver "
			   "169.254.10.11\noptions ndots:5\n");
	put("dns", ANSWER("name.fqdn", "169.254.10.11"));
	recognised(AT_POD, CACHE_AKS, true);
}

/* From a pod the way of the ClusterIP cannot be seen, unless both say the same name. */
Test(doctor_judge, a_cache_seen_from_a_pod)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n");
	put("dns", ANSWER("name.fqdn", "10.96.0.10") ANSWER("id.1.nsid", "169.254.20.10"));
	recognised(AT_POD, CACHE_NODELOCAL, false);
	IS(AT_POD, "cache.path", "skip");
}

/* A node has link-local addresses of others. */
Test(doctor_judge, an_address_that_is_no_caches)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.96.0.10\n");
	put("links", "link pod-id-link0 1500 up\naddr pod-id-link0 169.254.170.23\n");
	put("dns", ANSWER("name.fqdn", "10.96.0.10") "id.1.nsid\t169.254.170.23\tx.\tA\tudp+"
						     "edns\t1\ttimeout\t9\t0\t0\t0\t--\t-\t-\n");
	recognised(AT_NODE, CACHE_NONE, false);
	cr_assert(!cache_dead_address(&f));
}

/* Where iptables is the old one, iptables-legacy-save prints the same once more. */
Test(doctor_judge, the_same_rules_printed_twice)
{
	static const char rule[] =
		"*raw\n-A PREROUTING -d 10.96.0.10/32 -p udp --dport 53 -j NOTRACK\n";
	char text[200];

	put("links", "link nodelocaldns 1500 up\naddr nodelocaldns 10.96.0.10\n");
	put("iptables", rule);
	put("iptables-legacy", rule);
	IS(AT_NODE, "rules.twice", "ok");
	snprintf(text, sizeof text, "# Generated by iptables-save v1.8.9 (nf_tables)\n%s", rule);
	put("iptables", text);
	IS(AT_NODE, "rules.twice", "warn");
}

Test(doctor_judge, a_headless_service_without_pods)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.96.0.10\n");
	put("dns",
	    ANSWER("name.fqdn", "10.96.0.10") "name.headless\t10.96.0.10\tx."
					      "\tA\tudp\t1\tNXDOMAIN\t9\t0\t0\t0\t--\t-\t-\n");
	IS(AT_POD, "dns.headless", "note");
	put("dns",
	    ANSWER("name.fqdn", "10.96.0.10") "name.headless\t10.96.0.10\tx."
					      "\tA\tudp\t1\tSERVFAIL\t9\t0\t0\t0\t--\t-\t-\n");
	IS(AT_POD, "dns.headless", "fail");
}

/* A cache answers SERVFAIL for a cluster DNS that is not there. */
Test(doctor_judge, no_endpoint_behind_a_cache_is_told_once)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.96.0.10\n");
	put("dns", "name.fqdn\t10.96.0.10\tx.\tA\tudp\t1\tSERVFAIL\t9\t0\t0\t0\t--\t-\t-\n"
		   "name.nx\t10.96.0.10\ty.\tA\tudp\t1\tSERVFAIL\t9\t0\t0\t0\t--\t-\t-\n");
	put("api-services", "{\"items\":[]}");
	put("api-slices", "{\"items\":[]}");
	IS(AT_POD, "dns.server", "fail"); /* no Service: nothing else says why */
	put("api-services", "{\"items\":[{\"metadata\":{\"name\":\"kube-dns\",\"namespace\":\"kube-system\"},\"spec\":{\"clusterIP\":\"10.96.0.10\"}}]}");
	IS(AT_POD, "service.endpoints", "fail");
	IS(AT_POD, "dns.server", "skip");
	put("dns", ANSWER("name.fqdn", "10.96.0.10") /* which is cached */
		   "name.aaaa\t10.96.0.10\tx.\tAAAA\tudp\t1\tSERVFAIL\t9\t0\t0\t0\t--\t-\t-\n"
		   "name.nx\t10.96.0.10\ty.\tA\tudp\t1\tSERVFAIL\t9\t0\t0\t0\t--\t-\t-\n");
	IS(AT_POD, "dns.nxdomain", "skip");
	IS(AT_POD, "dns.aaaa", "skip");
	put("api-slices", SLICE(END("10.0.0.1", "a") "," END("10.0.0.2", "b")));
	IS(AT_POD, "dns.nxdomain", "fail");
	IS(AT_POD, "dns.aaaa", "fail");
}

/* As EKS Auto Mode has it. */
Test(doctor_judge, no_service_but_answers)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 172.20.0.10\n");
	put("dns", ANSWER("name.fqdn", "172.20.0.10"));
	put("api-services", "{\"items\":[]}");
	put("api-slices", "{\"items\":[]}");
	IS(AT_POD, "service.exists", "note");
	IS(AT_POD, "service.endpoints", "skip");
	put("dns", "");
	IS(AT_POD, "service.exists", "fail");
}

Test(doctor_judge, node_local_of_gke)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.96.0.10\n");
	put("iptables", "*raw\n-A PREROUTING -d 10.96.0.10/32 -p udp --dport 53 -j NOTRACK\n");
	put("links", "link nodelocaldns 1500 down\naddr nodelocaldns 169.254.20.10\naddr "
		     "nodelocaldns 10.96.0.10\n");
	put("api-daemonsets", "{\"items\":[{\"metadata\":{\"name\":\"node-local-dns\"},\"spec\":{"
			      "\"template\":{\"spec\":{\"containers\":[{\"image\":"
			      "\"gke.gcr.io/k8s-dns-node-cache:1.26.7\"}]}}}}]}");
	put("dns", ANSWER("name.fqdn", "10.96.0.10"));
	recognised(AT_NODE, CACHE_GKE, true);
}

Test(doctor_judge, original_that_is_passed_by)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.96.0.10\n");
	put("iptables", CHAINS("10.0.0.1", "10.0.0.2"));
	put("links", "link nodelocaldns 1500 down\naddr nodelocaldns 169.254.20.10\naddr "
		     "nodelocaldns 10.96.0.10\n");
	put("dns", ANSWER("name.fqdn",
			  "10.96.0.10") "metrics\thttp://169.254.20.10:9253/metrics\tnodecache \n");
	recognised(AT_NODE, CACHE_NODELOCAL, false);
	IS(AT_NODE, "cache.path", "fail");
}

/* A cache that holds its rules back while it hangs: not in the path, whatever stands there. */
Test(doctor_judge, a_cache_that_hangs)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.96.0.10\n");
	put("iptables", CHAINS("10.0.0.1", "10.0.0.2") "*raw\n-A PREROUTING -d 10.96.0.10/32 -p "
						       "udp --dport 53 -j NOTRACK\n");
	put("links", "link nodelocaldns 1500 down\naddr nodelocaldns 169.254.20.10\naddr "
		     "nodelocaldns 10.96.0.10\n");
	put("dns", ANSWER("name.fqdn", "10.96.0.10") "id.1.nsid\t169.254.20.10\tx.\tA\tudp+"
						     "edns\t1\ttimeout\t9\t0\t0\t0\t--\t-\t-\n");
	recognised(AT_NODE, CACHE_NODELOCAL, false);
	IS(AT_NODE, "cache.alive", "fail");
	IS(AT_NODE, "cache.path", "skip");
	IS(AT_NODE, "rules.leaked", "ok");
}

/* What replies of a stopped instance need stays for a while, and sends nobody anywhere. */
Test(doctor_judge, rules_that_sleep)
{
	put("iptables", "*raw\n-A OUTPUT -s 10.96.0.10/32 -p udp --sport 53 -j NOTRACK\n");
	put("links", "link lo 65536 up\n");
	IS(AT_NODE, "rules.both-ways", "note");
	IS(AT_NODE, "rules.leaked", "ok");
}

/* Ubuntu's stub on a node is right as long as kubelet hands out another file. */
Test(doctor_judge, the_stub_of_a_node)
{
	put("resolv.conf", "nameserver 127.0.0.53\n");
	IS(AT_POD, "resolv.loopback", "fail");
	IS(AT_NODE, "resolv.loopback", "fail");
	put("kubelet", "resolvConf: \"/run/systemd/resolve/resolv.conf\"");
	IS(AT_NODE, "resolv.loopback", "ok");
	cr_assert_str_eq(f.resolv.kubelet_file, "/run/systemd/resolve/resolv.conf");
	put("kubelet", "resolvConf: /etc/resolv.conf");
	IS(AT_NODE, "resolv.loopback", "fail");
}

Test(doctor_judge, a_core_dns_on_the_node)
{
	put("resolv.conf", "search svc.cluster.local\nnameserver 10.100.0.10\n");
	put("links", "link lo 65536 up\naddr dummy0 10.100.0.10\n");
	put("dns", ANSWER("name.fqdn", "10.100.0.10") "metrics\thttp://10.100.0.10:9253/metrics\t "
						      "coredns_build_info{version=\"1.12.1\"} 1\n");
	recognised(AT_NODE, CACHE_COREDNS, true);
}

/* --- what comes from outside is bounded ------------------------------------------------------- */

Test(doctor_judge, answers_that_are_none_are_skips)
{
	static const char *const rows[] = {
		"", "[]", "{", "{\"items\":7}", "{\"items\":[7,null,{}]}", "null"};

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		put("api-nodes", rows[i]);
		IS(AT_POD, "proxy.version", "skip");
	}
}

Test(doctor_judge, more_than_there_is_room_for)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (unsigned i = 0; i < 5000; i++)
		fprintf(out, "-A PREROUTING -d 10.%u.%u.1/32 -p udp --dport 53 -j NOTRACK\n",
			i / 200, i % 200);
	fclose(out);
	len = 0;
	{
		char *whole;

		cr_assert(asprintf(&whole, "*raw\n%s", text) > 0);
		texts_take(&s, "iptables", whole);
	}
	free(text);
	verdict(AT_NODE, "rules.both-ways");
	cr_assert_eq(f.rules.n_notrack, RULES_MAX);
	cr_assert_eq(f.rules.cut, 5000 - RULES_MAX);
}
