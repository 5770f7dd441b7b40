/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directive says comes through into the plan, word by word; what it must not say
 * is refused where it stands. One row a word: `said` is looked for in plan_text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/fixtures/corefile_util.h"

static const char *addr_put(char *to, const struct in6_addr *a)
{
	inet_ntop(AF_INET6, a, to, INET6_ADDRSTRLEN);
	return to;
}

static void place_print(FILE *f, const char *what, const struct corefile_addr *a)
{
	char ip[INET6_ADDRSTRLEN];

	if (a->set)
		fprintf(f, "%s %s %u %u '%s'\n", what, addr_put(ip, &a->addr), a->port, a->scope_id, a->text);
}

static void block_print(FILE *f, const struct corefile_block *b)
{
	fprintf(f, "block '%s' %s:%u listeners %llx lameduck %llu ready_cont %d errors %d loop %d debug %d\n", b->label,
		b->file, b->line, (unsigned long long)b->listeners, (unsigned long long)b->lameduck_ns, b->ready_continuously,
		b->has_errors, b->loop, b->debug);
	place_print(f, "health", &b->health);
	place_print(f, "ready", &b->ready);
	place_print(f, "prometheus", &b->prometheus);
	for (size_t i = 0; i < b->n_consolidate; i++)
		fprintf(f, "consolidate %llu '%s' %d %d\n", (unsigned long long)b->consolidate[i].period_ns, b->consolidate[i].pattern,
			b->consolidate[i].level, b->consolidate[i].show_first);
	for (size_t i = 0; i < b->n_logs; i++) {
		char name[NAME_MAX_TEXT] = "";

		fprintf(f, "log %x %.2f '%s'", b->log[i].classes, b->log[i].sample, b->log[i].format);
		for (size_t k = 0; k < b->log[i].n_names; k++) {
			name_to_text(b->log[i].name[k].b, name, sizeof(name));
			fprintf(f, " %s", name);
		}
		fprintf(f, "\n");
	}
	if (b->dnstap.target)
		fprintf(f, "dnstap '%s' tcp %d full %d '%s' '%s' '%s'\n", b->dnstap.target, b->dnstap.is_tcp, b->dnstap.full,
			b->dnstap.identity, b->dnstap.version, b->dnstap.extra);
	fprintf(f, "tcp read %llu write %llu idle %llu queries %lld\nplugins", (unsigned long long)b->tcp_read_ns,
		(unsigned long long)b->tcp_write_ns, (unsigned long long)b->tcp_idle_ns, (long long)b->tcp_max_queries);
	for (size_t i = 0; i < b->n_plugins; i++)
		fprintf(f, " %s", b->plugin[i]);
	fprintf(f, ".\n");
}

static void zone_print(FILE *f, const struct core_zone *z)
{
	char name[NAME_MAX_TEXT];

	name_to_text(z->origin.b, name, sizeof(name));
	fprintf(f, "zone %s cookies %d nsid '%s' log %d errors %d metrics %d bufsize %u steps", name, z->cookies, z->nsid ? z->nsid : "",
		z->has_log, z->has_errors, z->has_metrics, z->bufsize);
	for (size_t i = 0; i < z->n_steps; i++)
		fprintf(f, " %s", z->step[i]->ops->name);
	fprintf(f, ".\n");
	for (size_t i = 0; i < z->n_forward; i++) {
		const struct core_forward *o = &z->forward[i];

		name_to_text(o->from.b, name, sizeof(name));
		fprintf(f, "forward %s to", name);
		for (size_t k = 0; k < o->n_to; k++)
			fprintf(f, " %u", o->to[k]);
		fprintf(f, " policy %d tcp %d udp %d\n", o->policy, o->force_tcp, o->prefer_udp);
	}
}

static const char *plan_text(const struct corefile_plan *p)
{
	static const char *const transports[] = {"auto", "udp", "tcp", "tls", "https"};
	static char *text;
	char ip[2][INET6_ADDRSTRLEN];
	size_t len;

	free(text);
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; i < p->n_blocks; i++)
		block_print(f, &p->block[i]);
	for (size_t i = 0; i < p->conf.n_zones; i++)
		zone_print(f, &p->conf.zone[i]);
	for (size_t i = 0; i < p->conf.n_listeners; i++)
		fprintf(f, "listener %s %u scope %u\n", addr_put(ip[0], &p->conf.listener[i].addr), p->conf.listener[i].port,
			p->listener_scope[i]);
	for (size_t i = 0; i < p->conf.n_upstreams; i++) {
		const struct core_upstream *c = &p->conf.upstream[i];
		const struct corefile_upstream *u = &p->upstream[i];

		fprintf(f, "upstream %s %u transport %s '%s' name '%s' scope %u source %s cert '%s' key '%s' ca '%s' doh '%s' get %d\n",
			addr_put(ip[0], &c->addr), c->port, transports[c->transport], c->label, c->tls_name ? c->tls_name : "", u->scope_id,
			u->has_source ? addr_put(ip[1], &u->source) : "-", u->tls_cert ? u->tls_cert : "", u->tls_key ? u->tls_key : "",
			u->tls_ca ? u->tls_ca : "", u->doh_path ? u->doh_path : "", u->doh_get);
	}
	for (size_t i = 0; i < p->n_files; i++)
		fprintf(f, "file %s %d\n", p->file[i].path, p->file[i].kind);
	fprintf(f, "hosts %d %zu\n", p->has_hosts, p->n_hosts_entries);
	for (size_t i = 0; i < p->n_warnings; i++)
		fprintf(f, "warning %s\n", p->warning[i]);
	fclose(f);
	return text;
}

static char pem[] = "/tmp/plugin-words-XXXXXX";

static void setup(void)
{
	int fd = mkstemp(pem);

	cr_assert_eq(write(fd, "x", 1), 1);
	close(fd);
}

static void teardown(void)
{
	unlink(pem);
}

TestSuite(plugin_words, .init = setup, .fini = teardown, .timeout = 60);

/* @P stands for a file that can be read. */
static void file_put(char *to, size_t cap, const char *from)
{
	size_t n = 0;

	for (; *from && n + sizeof(pem) < cap; from++)
		if (from[0] == '@' && from[1] == 'P') {
			strcpy(to + n, pem);
			n += strlen(pem);
			from++;
		} else {
			to[n++] = *from;
		}
	to[n] = 0;
}

#define COMMON "{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" {rcode} {>rflags} {rsize} {duration}"

Test(plugin_words, come_through)
{
	static const struct {
		const char *directive, *said;
	} cases[] = {
		{"cookies", "cookies 1"},
		{"whoami", "cookies 0 nsid '' log 0 errors 0 metrics 0"},
		{"nsid", "nsid 'node-1'"},
		{"nsid a b", "nsid 'a b'"},
		{"debug", "debug 1"},
		{"loop", "loop 1"},
		{"errors", "errors 1 loop"},
		{"errors {\n stacktrace\n}", "errors 1 loop"},
		{"errors {\n consolidate 5m ^a warning\n consolidate 1ms b info show_first\n consolidate 24h c\n consolidate 1s d show_first\n}",
		 "consolidate 300000000000 '^a' 1 0\nconsolidate 1000000 'b' 2 1\nconsolidate 86400000000000 'c' 0 0\nconsolidate 1000000000 'd' 0 1\n"},
		{"log", "log 7 1.00 '" COMMON "' ."},
		{"log a.org b.org \"{name}\"", "log 7 1.00 '{name}' a.org. b.org.\n"},
		{"log \"x {common} y\"", "log 7 1.00 'x " COMMON " y' .\n"},
		{"log \"{combined}\"", "'" COMMON " \"{>opcode}\"' .\n"},
		{"log {\n class success\n sample 1%\n}", "log 1 0.01 "},
		{"log {\n class denial\n class error\n sample 100%\n}", "log 6 1.00 "},
		{"log {\n class all\n sample 0%\n}", "log 7 0.00 "},
		{"log \"{nonsense}\"", "warning f:2:5: unknown placeholder {nonsense} in the log format stays as it is\n"},
		{"log \"{>nonsense}\"", "unknown placeholder {>nonsense} in"},
		{"dnstap /run/x.sock", "dnstap '/run/x.sock' tcp 0 full 0 'node-1' '' ''\n"},
		{"dnstap unix:///run/x.sock full 1 4096 {\n identity a\n version b\n extra c\n}", "dnstap '/run/x.sock' tcp 0 full 1 'a' 'b' 'c'\n"},
		{"dnstap tcp://192.0.2.1:6000", "dnstap '192.0.2.1:6000' tcp 1 full 0"},
		{"dnstap tcp://[fd00::1]:6000", "dnstap '[fd00::1]:6000' tcp 1"},
		{"dnstap tcp://[::1]:6000", "dnstap '[::1]:6000' tcp 1"},
		{"dnstap tcp://dns.example.net:6000", "dnstap '[::ffff:198.51.100.1]:6000' tcp 1"},
		{"dnstap /x {\n skipverify\n}", "warning f:3:2: 'skipverify' does nothing: dnstap goes to a unix socket or plain TCP\n"},
		{"dnstap /x {\n tls a b c\n}", "warning f:3:2: 'tls' does nothing"},
		{"prometheus", "prometheus ::ffff:127.0.0.1 9153 0 'localhost:9153'\n"},
		{"prometheus", "metrics 1"},
		{"prometheus :9253", "prometheus :: 9253 0 ':9253'\n"},
		{"prometheus 192.0.2.1:1 {\n tls a b\n}", "prometheus ::ffff:192.0.2.1 1 0 '192.0.2.1:1'\n"},
		{"prometheus :1 {\n tls a b\n}", "warning f:3:2: options of 'prometheus' (TLS for metrics) are not used"},
		{"health", "health :: 8080 0 ':8080'\n"},
		{"health [fd00::1]:81 {\n lameduck 5s\n}", "health fd00::1 81 0 '[fd00::1]:81'\n"},
		{"health {\n lameduck 5s\n}", "lameduck 5000000000 "},
		{"ready", "ready :: 8181 0 ':8181'\n"},
		{"ready localhost:99", "ready ::ffff:127.0.0.1 99 0 "},
		{"timeouts {\n read 1s\n write 2s\n idle 3s\n}", "tcp read 1000000000 write 2000000000 idle 3000000000 queries 0\n"},
		{"timeouts {\n write 86400\n maxtcpqueries 7\n}", "tcp read 0 write 86400000000000 idle 0 queries 7\n"},
		{"timeouts {\n maxtcpqueries -1\n}", "queries -1\n"},
		{"whoami", "hosts 0 0\n"},
		{"bufsize", "bufsize 1232"},
		{"bufsize 512", "bufsize 512"},
		{"loop\nbufsize 700\nany\nwhoami\nminimal", "steps any minimal whoami.\n"},
		{"loop\nbufsize 700\nwhoami", "plugins bufsize loop forward whoami.\n"},
		{"bind 192.0.2.5 192.0.2.6 192.0.2.5", "listener ::ffff:192.0.2.5 53 scope 0\nlistener ::ffff:192.0.2.6 53 scope 0\nupstream"},
		{"bind eth0", "listener ::ffff:192.0.2.1 53 scope 0\nlistener fe80::1 53 scope 3\nupstream"},
		{"bind eth0 {\n except 192.0.2.1\n}", "forward . to 0 policy 0 tcp 0 udp 0\nlistener fe80::1 53 scope 3\nupstream"},
		{"bind eth0 192.0.2.9 {\n except eth0\n}", "udp 0\nlistener ::ffff:192.0.2.9 53 scope 0\nupstream"},
		{"forward x.org 192.0.2.1", "forward x.org. to 0 "},
		{"forward 10.0.0.0/8 192.0.2.1", "forward 10.in-addr.arpa. to 0 "},
		{"forward 10.0.0.0/15 192.0.2.1", "warning f:2:9: '10.0.0.0/15' expands to 2 zones; only the first is used, as in CoreDNS\n"},
		{"forward x.org 192.0.2.1:5353 [fd00::1]:54 192.0.2.1:5353", "upstream ::ffff:192.0.2.1 5353 transport auto '192.0.2.1:5353' name '' scope 0 source - cert '' key '' ca '' doh '' get 0\n"
		 "upstream fd00::1 54 transport auto '[fd00::1]:54' "},
		{"forward x.org dns://192.0.2.1", "upstream ::ffff:192.0.2.1 53 transport auto "},
		{"forward x.org tls://192.0.2.1", "upstream ::ffff:192.0.2.1 853 transport tls '192.0.2.1:853' name '' "},
		{"forward x.org tls://192.0.2.1%a.org:99", "upstream ::ffff:192.0.2.1 99 transport tls '192.0.2.1:99' name 'a.org' "},
		{"forward x.org tls://[fd00::1%a.org]:99", "upstream fd00::1 99 transport tls '[fd00::1]:99' name 'a.org' "},
		{"forward x.org tls://[fd00::1%a.org]", "upstream fd00::1 853 transport tls '[fd00::1]:853' name 'a.org' "},
		{"forward x.org tls://[fd00::1]%a.org:99", "upstream fd00::1 99 transport tls '[fd00::1]:99' name 'a.org' "},
		{"forward x.org https://192.0.2.1", "443 transport https '192.0.2.1:443' name '' scope 0 source - cert '' key '' ca '' doh '/dns-query' get 0\n"},
		{"forward x.org https://[fd00::1]%a.org", "upstream fd00::1 443 transport https '[fd00::1]:443' name 'a.org' "},
		{"forward x.org https://[fd00::1]%a.org:99/a:b", "upstream fd00::1 99 transport https '[fd00::1]:99' name 'a.org' "},
		{"forward x.org https://[fd00::1]:8443/a:b", "upstream fd00::1 8443 transport https '[fd00::1]:8443' name '' "},
		{"forward x.org https://fd00::1/a:b", "upstream fd00::1 443 transport https '[fd00::1]:443' name '' "},
		{"forward x.org https://192.0.2.1:8443/q {\n doh_method GET\n}", "8443 transport https '192.0.2.1:8443' name '' scope 0 source - cert '' key '' ca '' doh '/q' get 1\n"},
		{"forward x.org tls://192.0.2.1 {\n tls_servername b.org\n tls @P\n}", "name 'b.org' scope 0 source - cert '' key '' ca '/tmp/plugin-words-"},
		{"forward x.org tls://192.0.2.1 {\n tls @P @P\n}", "cert '/tmp/plugin-words-"},
		{"forward x.org tls://192.0.2.1 {\n tls @P @P\n}", "ca '' doh"},
		{"forward x.org tls://192.0.2.1 {\n tls @P @P @P\n}", "ca '/tmp/plugin-words-"},
		{"forward x.org tls://dns.example.net", "upstream ::ffff:198.51.100.1 853 transport tls '198.51.100.1:853' name 'dns.example.net' "},
		{"forward x.org dns.example.net:77 {\n resolver 192.0.2.3\n}", "upstream ::ffff:198.51.100.2 77 transport auto '198.51.100.2:77' name '' scope 0 "},
		{"forward x.org tls://dns.example.net {\n tls_servername b.org\n}", "853 transport tls '198.51.100.1:853' name 'b.org' "},
		{"forward x.org dns.example.net {\n tls_servername b.org\n}", "53 transport auto '198.51.100.1:53' name '' "},
		{"forward x.org 192.0.2.1 {\n source_address fd00::9\n}", "source fd00::9 "},
		{"forward x.org fe80::1%3", "upstream fe80::1 53 transport auto '[fe80::1]:53' name '' scope 3 "},
		{"forward x.org 192.0.2.1 {\n force_tcp\n}", "policy 0 tcp 1 udp 0\n"},
		{"forward x.org 192.0.2.1 {\n prefer_udp\n policy sequential\n}", "policy 2 tcp 0 udp 1\n"},
		{"forward x.org 192.0.2.1 {\n prefer_udp\n force_tcp\n policy round_robin\n}", "policy 1 tcp 1 udp 1\n"},
		{"forward x.org 192.0.2.1 {\n prefer_udp\n force_tcp\n}", "warning f:2:1: force_tcp takes precedence over prefer_udp\n"},
		{"template IN A {\n upstream\n answer \"a. 60 IN A 192.0.2.1\"\n}", "warning f:3:2: 'upstream' is not needed: a CNAME's target is always looked up\n"},
		{"template IN A {\n answer \"a. 60 IN A 192.0.2.1.1\"\n}", "warning f:3:9: 'a. 60 IN A 192.0.2.1.1' never makes a record: its data does not fit its type\n"},
		{"rewrite edns0 local set 1 {a/b}", "warning f:2:27: '{a/b}': there is no metadata here, the rule does nothing\n"},
		{"rewrite edns0 subnet set 24 56", "warning f:2:15: answers are kept for all clients alike"},
		{"rewrite edns0 local set 1 {client_port}", "warning f:2:15: answers are kept for all clients alike"},
	};
	char directive[600], text[900];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_put(directive, sizeof(directive), cases[i].directive);
		snprintf(text, sizeof(text), ". {\n%s\nforward . 192.0.2.53\n}\n", directive);
		struct corefile_plan *p = plan_of(text);

		cr_expect(strstr(plan_text(p), cases[i].said), "%s\nsaid\n%s, not\n%s", directive, plan_text(p), cases[i].said);
		corefile_plan_free(p);
	}
}

/* Whole Corefiles, and where and what the first fault is. */
Test(plugin_words, are_refused)
{
	static const char *const cases[][2] = {
		{"forward . https://[::1]:", "is not a number: expected 1 to 65535"},
		{"forward . https://[::1]:0/q", "0 is out of range: expected 1 to 65535"},
		{"forward . https://[::1]:x", "'x' is not a number"},
		{"dnstap tls://192.0.2.1:1", "f:2:8: 'tls://192.0.2.1:1': dnstap over TLS is not supported: expected a path, unix:// or tcp://"},
		{"dnstap udp://x", "f:2:8: unknown scheme in 'udp://x': expected a path, unix:// or tcp://"},
		{"dnstap unix://", "f:2:8: 'unix://' names no socket"},
		{"dnstap \"\"", "f:2:8: '' names no socket"},
		{"dnstap listen", "f:2:8: 'dnstap listen' is not supported: name the socket of a collector to connect to"},
		{"dnstap tcp://192.0.2.1", "f:2:8: 'tcp://192.0.2.1' has no port"},
		{"dnstap tcp://:1", "f:2:8: 'tcp://:1' has no address"},
		{"dnstap tcp://[]:1", "f:2:8: 'tcp://[]:1' has no address"},
		{"dnstap tcp://nowhere.test:1", "f:2:8: no address is known for the name of the collector: 'nowhere.test'"},
		{"dnstap /x full full 1 2", "f:2:23: unexpected '2'"},
		{"errors {\n consolidate 1s a loud\n}", "f:3:19: unknown level 'loud'"},
		{"errors {\n consolidate 1s a error twice\n}", "f:3:25: unknown option of 'consolidate' 'twice'"},
		{"errors {\n consolidate 1s (\n}", "f:3:17: "},
		{"errors file", "f:2:8: invalid log file: 'file': expected stdout"},
		{"log {\n class some\n}", "f:3:8: unknown class 'some'"},
		{"log {\n sample 5\n}", "f:3:9: '5' is not a percentage: expected one like 1%"},
		{"log {\n sample %\n}", "f:3:9: '%' is not a percentage"},
		{"log a..b", "f:2:5: "},
		{"timeouts", "timeouts block with no timeouts specified: expected read, write or idle"},
		{"timeouts {\n}", "timeouts block with no timeouts specified"},
		{"timeouts {\n write 999ms\n}", "f:3:8: "},
		{"timeouts {\n idle 86401\n}", "f:3:7: "},
		{"bind eth0 {\n except eth0\n}", "f:2:1: bind: 'except' leaves no address"},
		{"bind eth9", "f:2:6: not a valid IP address or existing interface name: 'eth9'"},
		{"bind 192.0.2.1:53", "f:2:6: not a valid IP address or existing interface name: '192.0.2.1:53' (a port belongs to the server block's key)"},
		{"bind", "f:2:1: Wrong argument count or unexpected line ending after 'bind'"},
		{"loop {\n x\n}", "f:3:2: unexpected 'x': 'loop' has no options"},
		{"forward x.org", "f:2:9: Wrong argument count or unexpected line ending after 'x.org'"},
		{"forward a..b 192.0.2.1", "f:2:9: "},
		{"forward x.org ftp://192.0.2.1", "f:2:15: 'ftp://192.0.2.1' is not supported as a destination protocol in forward: expected dns://, tls:// or https://"},
		{"forward x.org tls://", "f:2:15: invalid address: 'tls://'"},
		{"forward x.org https://u@192.0.2.1", "f:2:23: a user's name in 'https://u@192.0.2.1': expected https://IP-or-name[:port][/path]"},
		{"forward x.org https://192.0.2.1/a?b", "f:2:34: a query string in 'https://192.0.2.1/a?b': expected https://IP-or-name[:port][/path]"},
		{"forward x.org https://192.0.2.1/a<b", "f:2:34: '<' cannot stand in the path of 'https://192.0.2.1/a<b'"},
		{"forward x.org https://192.0.2.1:0/a", "f:2:33: "},
		{"forward x.org https://[fd00::1]:70000/a", "f:2:33: "},
		{"forward x.org https://nothost/", "f:2:15: not an IP address or a host's name: 'https://nothost/'"},
		{"forward x.org tls://nothost", "f:2:15: not an IP address or file: 'tls://nothost'"},
		{"forward x.org nowhere.test", "f:2:15: not an IP address or file, and no address is known for the name: 'nowhere.test'"},
		{"forward x.org dns.example.net:0", "f:2:15: "},
		{"forward x.org dns.example.net:65536", "f:2:15: "},
		{"forward x.org 192.0.2.1 {\n max_age 10s\n expire 11s\n}", "f:2:1: max_age (10s) must not be less than expire (11s)"},
		{"forward x.org 192.0.2.1 {\n failover NOERROR\n}", "f:3:11: NOERROR cannot be used in failover"},
		{"forward x.org 192.0.2.1 {\n next BADVERS BADKEY 4000\n}", "f:3:"},
		{"forward x.org 192.0.2.1 {\n policy some\n}", "f:3:9: unknown policy 'some'"},
		{"forward x.org 192.0.2.1 {\n health_check 1s domain\n}", "f:3:18: 'domain' needs a name after it"},
		{"template IN A {\n match (\n}", "f:3:8: "},
		{"template IN A {\n answer \"a. IN A {{ if true }}1\"\n}", "f:3:9: '{{ if }}' without '{{ end }}' in"},
		{"template IN A {\n answer \"a. IN A {{ .Name\"\n}", "f:3:9: '{{' without '}}' in"},
		{"template IN A {\n answer \"a. IN A {{ end }}\"\n}", "there is no {{ if }} it belongs to"},
		{"template IN A {\n answer \"a. IN A {{ end x }}\"\n}", "f:3:9: "},
		{"template IN A {\n answer \"a. IN A {{ if true }}{{ else }}{{ else }}{{ end }}\"\n}", "a second else"},
		{"template IN A {\n answer \"a. IN A {{ if true }}{{ else x }}{{ end }}\"\n}", "f:3:9: "},
		{"template IN A {\n answer \"a. IN A {{ $x = 1 }}\"\n}", "a variable that is not set before, by {{ $x := ... }}"},
		{"template IN A {\n answer \"a. IN A {{ $x := 1 }}{{ $x = `a` }}\"\n}", "values of different types"},
		{"template IN A {\n answer \"a. IN A {{ $x }}\"\n}", "a variable that is not set before, by {{ $x := ... }}"},
		{"template IN A {\n answer \"{{ $a := 1 }}{{ $b := 1 }}{{ $c := 1 }}{{ $d := 1 }}{{ $e := 1 }}{{ $f := 1 }}{{ $g := 1 }}{{ $h := 1 }}{{ $i := 1 }}a. IN A 192.0.2.1\"\n}",
		 "more than 8 variables"},
		{"template IN A {\n answer \"a. IN A {{ len (print (len (.Name) }}\"\n}", "'(' without ')'"},
		{"template IN A {\n answer \"a. IN A {{ len `x }}\"\n}", "f:3:9: "},
		{"template IN A {\n answer \"a. IN A {{ .Name | .Zone }}\"\n}", "expected a function after '|'"},
		{"template IN A {\n answer \"a. IN A {{ len .Name .Zone }}\"\n}", "a function with too many arguments"},
		{"template IN A {\n answer \"a. IN A {{ eq .Name }}\"\n}", "a function with too few arguments"},
		{"template IN A {\n answer \"a. IN A {{ len }}\"\n}", "a function with too few arguments"},
		{"template IN A {\n answer \"a. IN A {{ len 5 }}\"\n}", "len takes a string"},
		{"template IN A {\n answer \"a. IN A {{ .Match }}\"\n}", "of .Match and .Group only index takes something"},
		{"template IN A {\n answer \"a. IN A {{ print .Match }}\"\n}", "of .Match and .Group only index takes something"},
		{"template IN A {\n answer \"a. IN A {{ index .Match `1` }}\"\n}", "expected index .Match N or index .Group \"x\""},
		{"template IN A {\n answer \"a. IN A {{ index .Group 1 }}\"\n}", "expected index .Match N or index .Group \"x\""},
		{"template IN A {\n answer \"a. IN A {{ index .Match 16 }}\"\n}", "there are at most 15 groups"},
		{"template IN A {\n answer \"a. IN A {{ print (not (eq (print `a`) `b`)) }}\"\n}", "print and printf cannot stand inside one another: set a variable"},
		{"template IN A {\n answer \"a. IN A {{ printf .Name }}\"\n}", "printf needs its format as a string"},
		{"template IN A {\n answer \"a. IN A {{ printf `%65d` 1 }}\"\n}", "printf: a width above 64"},
		{"template IN A {\n answer \"a. IN A {{ printf `%` }}\"\n}", "printf knows %s, %v, %d, %x, %X and %%"},
		{"template IN A {\n answer \"a. IN A {{ printf `%f` 1 }}\"\n}", "printf knows %s, %v, %d, %x, %X and %%"},
		{"template IN A {\n answer \"a. IN A {{ printf `%s` }}\"\n}", "printf has fewer values than its format"},
		{"template IN A {\n answer \"a. IN A {{ printf `%%` `a` }}\"\n}", "printf has more values than its format"},
		{"template IN A {\n answer \"a. IN A {{ printf `%d` `a` }}\"\n}", "printf: a value that is not of its format's type"},
		{"template IN A {\n answer \"a. IN A {{ printf `%s` 1 }}\"\n}", "printf: a value that is not of its format's type"},
		{"template IN A {\n answer \"a. IN A {{ parseInt .Name 1 8 }}\"\n}", "expected parseInt TEXT BASE BITS, BASE from 2 to 36, BITS up to 64"},
		{"template IN A {\n answer \"a. IN A {{ parseInt .Name 37 8 }}\"\n}", "expected parseInt TEXT"},
		{"template IN A {\n answer \"a. IN A {{ parseInt .Name 10 65 }}\"\n}", "expected parseInt TEXT"},
		{"template IN A {\n answer \"a. IN A {{ parseInt 5 10 64 }}\"\n}", "expected parseInt TEXT"},
		{"template IN A {\n answer \"a. IN A {{ eq 1 true }}\"\n}", "values of different types"},
		{"template IN A {\n answer \"a. IN A {{ and 1 `a` }}\"\n}", "values of different types"},
		{"template IN A {\n answer \"a. IN A 192.0.2.1\" \"a. IN NOTYPE x\"\n}", "'a. IN NOTYPE x' is not a record we can make: expected 'name [ttl] IN type data'"},
		{"rewrite name a", "f:2:9: "},
		{"rewrite", "f:2:1: no rule type specified for rewrite"},
		{"rewrite edns0 local", "f:2:9: an edns0 rule is: edns0 local|nsid|subnet set|append|replace|unset ..."},
		{"rewrite edns0 nsid set x", "f:2:24: unexpected 'x': edns0 nsid takes no data"},
		{"rewrite edns0 other set", "unknown kind of option 'other'"},
		{"rewrite edns0 local put 1 a", "unknown action 'put'"},
		{"rewrite edns0 local set 1", "an edns0 local rule is: local ACTION CODE DATA"},
		{"rewrite edns0 local unset 1 a", "an edns0 local unset rule is: local unset CODE"},
		{"rewrite edns0 local set x a", "'x' is not an option code: expected 0 to 65535 or 0x...."},
		{"rewrite edns0 local set -1 a", "'-1' is not an option code"},
		{"rewrite edns0 local set 1x a", "'1x' is not an option code"},
		{"rewrite edns0 local set 10 a", "cookies (10) are the connection's own (RFC 7873)"},
		{"rewrite edns0 local set 1 0x123", "'0x123' has half an octet: expected an even number of digits"},
		{"rewrite edns0 local set 1 0x12zz", "'0x12zz' is not hexadecimal"},
		{"rewrite edns0 local set 1 {other}", "unknown variable '{other}'"},
		{"rewrite edns0 subnet set 24", "an edns0 subnet rule is: subnet ACTION V4BITS V6BITS, or subnet unset"},
		{"rewrite edns0 subnet unset 24 24", "an edns0 subnet rule is: subnet ACTION V4BITS V6BITS, or subnet unset"},
	};
	char directive[600], text[900];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_put(directive, sizeof(directive), cases[i][0]);
		snprintf(text, sizeof(text), ". {\n%s\n}\n", directive);
		struct diag d;
		struct corefile_plan *p = plan_try(text, &d);

		cr_expect(!p && strstr(d.text, cases[i][1]), "%s\nsaid\n%s\nnot\n%s", directive, p ? "nothing" : d.text, cases[i][1]);
		corefile_plan_free(p);
	}
}

/* As many as a block takes, and one more. */
Test(plugin_words, how_many)
{
	static const struct {
		const char *head, *one, *tail, *words;
		int max;
	} cases[] = {
		{". {\n", "log\n", "}\n", "more than 16 'log' in a block", 16},
		{". {\n errors {\n", "consolidate 1s a\n", "}\n}\n", "more than 16 'consolidate'", 16},
		{". {\n template IN A {\n", "match a\n", "answer \"a. IN A 192.0.2.1\"\n }\n}\n", "more than 32 regular expressions", 32},
		{". {\n template IN A {\n answer \"a. IN A ", "{{ if true }}", "1{{ end }}\"\n}\n}\n", "nested too deep", -1},
		{". {\n template IN A {\n answer \"a. IN A {{ print ", "(", "1)\n}}\"\n}\n}\n", "nested too deep", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int more = cases[i].max < 0; more < 2; more++) {
			char *text = NULL;
			size_t len;
			FILE *f = open_memstream(&text, &len);
			struct diag d;

			fprintf(f, "%s", cases[i].head);
			for (int k = 0; k < (cases[i].max < 0 ? 200 : cases[i].max + more); k++)
				fprintf(f, "%s", cases[i].one);
			fprintf(f, "%s", cases[i].tail);
			fclose(f);
			struct corefile_plan *p = plan_try(text, &d);

			if (more)
				cr_expect(!p && strstr(d.text, cases[i].words), "%zu: %s", i, p ? "taken" : d.text);
			else
				cr_expect(p, "%zu: %s", i, d.text);
			corefile_plan_free(p);
			free(text);
		}
	}
}
