/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "resolver/log_query.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/rng.h"
#include "lib/wire.h"
#include "resolver/sockaddr.h"

#define BUFFER_LEN (64u * 1024)
#define CHUNK_LEN  4096u /* PIPE_BUF: a pipe that polls writable takes this much */
#define LINE_LEN   2048u

struct log_query {
	const struct corefile_plan *plan;
	uint64_t *lost;
	struct rng rng; /* sampling: nobody gains by guessing it */
	size_t used;
	char buffer[BUFFER_LEN];
};

/* --- one line --- */

struct text {
	char *b;
	size_t cap, len;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(t->b + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->cap - t->len ? (size_t)n : t->cap - t->len - 1;
}

struct facts { /* the messages taken apart */
	const struct core_client *c;
	const struct core_done *done;
	struct dns_msg q, r;
	bool has_q, has_r;
};

static void add_ip(struct text *t, const struct in6_addr *a)
{
	char full[SOCKADDR_TEXT];
	sockaddr_text(full, a, 0);
	*strrchr(full, ':') = 0;
	add(t, "%s", full); /* IPv6 stays in brackets */
}

static void add_duration(struct text *t, uint64_t ns)
{
	char s[40];
	size_t n = (size_t)snprintf(s, sizeof(s), "%.9f", (double)ns / 1e9);
	while (n > 1 && s[n - 1] == '0')
		n--;
	if (s[n - 1] == '.')
		n--;
	add(t, "%.*ss", (int)n, s);
}

static void add_flags(struct text *t, uint16_t flags)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} of[] = { { DNS_QR, "qr" }, { DNS_AA, "aa" }, { DNS_TC, "tc" }, { DNS_RD, "rd" },
		   { DNS_RA, "ra" }, { DNS_Z, "z" },   { DNS_AD, "ad" }, { DNS_CD, "cd" } };
	const char *comma = "";
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		if (!(flags & of[i].bit))
			continue;
		add(t, "%s%s", comma, of[i].name);
		comma = ",";
	}
}

static void add_name(struct text *t, const uint8_t *name)
{
	uint8_t lower[NAME_MAX_WIRE];
	char text[NAME_MAX_TEXT];
	name_lower(lower, name);
	name_to_text(lower, text, sizeof(text));
	add(t, "%s", text);
}

static void fill_question(struct text *t, const char *word, const struct facts *f)
{
	char buf[16];
	if (!f->has_q)
		add(t, "-");
	else if (strcmp(word, "type") == 0)
		add(t, "%s", dns_type_str(f->q.q.qtype, buf));
	else if (strcmp(word, "class") == 0)
		add(t, "%s", dns_class_str(f->q.q.qclass, buf));
	else if (strcmp(word, "name") == 0)
		add_name(t, f->q.q.name);
	else if (strcmp(word, ">do") == 0)
		add(t, "%s", f->q.edns.do_bit ? "true" : "false");
	else /* >bufsize */
		add(t, "%u", f->q.edns.present && f->q.edns.udp_size > 512 ? f->q.edns.udp_size : 512);
}

static void fill_reply(struct text *t, const char *word, const struct facts *f)
{
	char buf[16];
	if (!f->has_r)
		add(t, "-");
	else if (strcmp(word, "rcode") == 0)
		add(t, "%s", dns_rcode_str(f->r.rcode, buf));
	else
		add_flags(t, f->r.h.flags);
}

static void fill(struct text *t, const char *word, const struct facts *f)
{
	static const char *const proto[] = { [CORE_UDP] = "udp", [CORE_TCP] = "tcp", [CORE_TLS] = "tls" };
	static const char *const question[] = { "type", "class", "name", ">do", ">bufsize", NULL };
	for (int i = 0; question[i]; i++) {
		if (strcmp(word, question[i]) == 0) {
			fill_question(t, word, f);
			return;
		}
	}
	if (strcmp(word, "remote") == 0)
		add_ip(t, &f->c->addr);
	else if (strcmp(word, "local") == 0)
		add_ip(t, &f->c->local);
	else if (strcmp(word, "port") == 0)
		add(t, "%u", f->c->port);
	else if (strcmp(word, "proto") == 0)
		add(t, "%s", proto[f->c->proto]);
	else if (strcmp(word, "size") == 0)
		add(t, "%zu", f->done->query_len);
	else if (strcmp(word, "rsize") == 0)
		add(t, "%zu", f->done->reply_len);
	else if (strcmp(word, "duration") == 0)
		add_duration(t, f->done->end_ns - f->done->start_ns);
	else if (strcmp(word, ">id") == 0)
		add(t, "%u", f->done->query_len >= 2 ? get_be16(f->done->query) : 0);
	else if (strcmp(word, ">opcode") == 0)
		add(t, "%u", f->done->query_len >= 4 ? DNS_OPCODE(get_be16(f->done->query + 2)) : 0);
	else if (strcmp(word, "rcode") == 0 || strcmp(word, ">rflags") == 0)
		fill_reply(t, word, f);
	else
		add(t, "-");
}

size_t log_query_format(char *buf, size_t cap, const char *format, const struct core_client *c,
			const struct core_done *done)
{
	struct text t = { buf, cap, 0 };
	struct facts f = { .c = c, .done = done };
	char word[32];
	f.has_q = dns_msg_parse(&f.q, done->query, done->query_len) == 0 && f.q.h.n_qd > 0;
	f.has_r = done->reply_len && dns_msg_parse(&f.r, done->reply, done->reply_len) == 0;
	while (*format) {
		size_t plain = strcspn(format, "{"), len;
		add(&t, "%.*s", (int)plain, format);
		format += plain;
		if (!*format)
			break;
		len = strcspn(format, "}");
		snprintf(word, sizeof(word), "%.*s", (int)len - 1, format + 1);
		if (!format[len]) { /* no closing brace: plain text */
			add(&t, "%s", format);
			break;
		}
		fill(&t, word, &f);
		format += len + 1;
	}
	return t.len;
}

unsigned log_query_class(const uint8_t *reply, size_t len)
{
	if (len < DNS_HEADER_LEN)
		return COREFILE_LOG_FAILURE;
	unsigned rcode = DNS_RCODE(get_be16(reply + 2));
	if (rcode == DNS_NOERROR)
		return get_be16(reply + 6) ? COREFILE_LOG_SUCCESS : COREFILE_LOG_DENIAL;
	return rcode == DNS_NXDOMAIN ? COREFILE_LOG_DENIAL : COREFILE_LOG_FAILURE;
}

/* --- the buffer --- */

static void chunk_write(struct log_query *l, const char *b, size_t len)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	if (poll(&p, 1, 0) == 1 && p.revents & POLLOUT && write(STDOUT_FILENO, b, len) == (ssize_t)len)
		return;
	for (size_t i = 0; i < len; i++)
		*l->lost += b[i] == '\n';
}

void log_query_flush(struct log_query *l)
{
	if (!l || !l->used)
		return;
	for (size_t at = 0; at < l->used;) {
		size_t len = l->used - at;
		if (len > CHUNK_LEN) { /* whole lines only */
			const char *end = memrchr(l->buffer + at, '\n', CHUNK_LEN);
			len = end ? (size_t)(end + 1 - (l->buffer + at)) : CHUNK_LEN;
		}
		chunk_write(l, l->buffer + at, len);
		at += len;
	}
	l->used = 0;
}

static const struct corefile_log *rule_find(const struct log_query *l, const struct core_done *done)
{
	if (done->zone == UINT16_MAX || !l->plan->conf.zone[done->zone].has_log)
		return NULL;
	const struct corefile_block *b = &l->plan->block[l->plan->conf.zone[done->zone].block];
	struct dns_question q;
	struct wire w;
	wire_init(&w, done->query, done->query_len);
	wire_skip(&w, DNS_HEADER_LEN);
	wire_question(&w, &q);
	for (size_t i = 0; i < b->n_logs; i++)
		for (size_t j = 0; j < b->log[i].n_names; j++)
			if (!w.err && name_within(q.name, b->log[i].name[j].b))
				return &b->log[i];
	return NULL;
}

void log_query_add(struct log_query *l, const struct core_client *c, const struct core_done *done)
{
	const struct corefile_log *rule = rule_find(l, done);
	if (!rule || !(rule->classes & log_query_class(done->reply, done->reply_len)))
		return;
	if (rule->sample < 1.0 && rng_unit(&l->rng) >= rule->sample)
		return;
	if (l->used + LINE_LEN > sizeof(l->buffer))
		log_query_flush(l);
	char *at = l->buffer + l->used;
	size_t n = 7;
	memcpy(at, "[INFO] ", n);
	n += log_query_format(at + n, LINE_LEN - n - 1, rule->format, c, done);
	at[n++] = '\n';
	l->used += n;
}

int log_query_new(struct log_query **ret, const struct corefile_plan *p, uint64_t *lost, struct diag *d)
{
	bool any = false;
	for (size_t i = 0; i < p->n_blocks; i++)
		any |= p->block[i].n_logs > 0;
	*ret = NULL;
	if (!any)
		return 0;
	struct log_query *l = calloc(1, sizeof(*l));
	if (!l)
		return diag_set(d, ERR_NOMEM, "no memory for the query log");
	l->plan = p;
	l->lost = lost;
	rng_seed(&l->rng, rng_os_u64());
	*ret = l;
	return 0;
}

void log_query_free(struct log_query *l)
{
	log_query_flush(l);
	free(l);
}
