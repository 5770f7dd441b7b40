/* SPDX-License-Identifier: Apache-2.0 */
/* A socket a lookup; the answer must be to the question that was asked. */
#include "kind-e2e/prober/target.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/dns/limits.h"
#include "lib/dns/wire.h"

#define LATE_NS   (100 * NS_PER_MS) /* the prober itself was */
#define QUERY_MAX 300

void target_init(struct target *t, const char *word, const struct name *name, uint64_t first_ns)
{
	t->word = word;
	t->name = name;
	t->next_ns = first_ns;
	hist_init(&t->took);
	for (unsigned i = 0; i < TARGET_SLOTS; i++)
		t->slot[i].fd = -1;
}

static void finish(struct target *t, struct target_slot *s, enum target_result result, uint64_t now_ns)
{
	uint64_t took = now_ns - s->due_ns;
	bool lost = result != TARGET_ANSWERED || took >= SLI_TIMEOUT_NS;

	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	t->result[lost && result == TARGET_ANSWERED ? TARGET_TIMEOUT : result]++;
	sli_add(&t->sli, took, lost);
	hist_record(&t->took, lost ? SLI_TIMEOUT_NS : took);
}

static void begin(struct target *t, uint64_t due_ns, uint64_t now_ns)
{
	struct target_slot *s = NULL, none = {.fd = -1};
	uint8_t query[QUERY_MAX];

	for (unsigned i = 0; i < TARGET_SLOTS && !s; i++)
		if (t->slot[i].fd < 0)
			s = &t->slot[i];
	s = s ? s : &none; /* cannot be while interval * slots exceeds the time-out */
	s->due_ns = due_ns;
	s->id = rng_os_u16();
	t->late += now_ns - due_ns > LATE_NS;
	size_t len = dns_query_build(query, sizeof query, s->id, t->name->b, DNS_A, DNS_RD, 0, false, false);
	s->fd = s == &none ? -1 : socket(t->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&t->to, t->to_len) || send(s->fd, query, len, 0) != (ssize_t)len)
		finish(t, s, TARGET_ERROR, now_ns);
}

void target_turn(struct target *t, uint64_t interval_ns, uint64_t now_ns)
{
	for (unsigned i = 0; i < TARGET_SLOTS; i++)
		if (t->slot[i].fd >= 0 && now_ns >= t->slot[i].due_ns + SLI_TIMEOUT_NS)
			finish(t, &t->slot[i], TARGET_TIMEOUT, now_ns);
	for (; now_ns >= t->next_ns; t->next_ns += interval_ns)
		begin(t, t->next_ns, now_ns);
}

/* Is it the answer, and a right one? -1: not to this question. */
static int judge(const struct target *t, const struct target_slot *s, const uint8_t *msg, size_t len)
{
	struct dns_msg m;

	if (len < 2 || get_be16(msg) != s->id || dns_reply_parse(&m, msg, len) < 0 || !(m.h.flags & DNS_QR) || !m.q.name ||
	    m.q.qtype != DNS_A || !name_eq(m.q.name, t->name->b))
		return -1;
	return m.rcode == DNS_NOERROR && m.h.n_an ? TARGET_ANSWERED : TARGET_ERROR;
}

static void read_slot(struct target *t, struct target_slot *s, uint64_t now_ns)
{
	uint8_t msg[DNS_MSG_MAX];
	ssize_t n;
	int verdict = -1;

	while (verdict < 0 && (n = recv(s->fd, msg, sizeof msg, MSG_DONTWAIT)) >= 0)
		verdict = judge(t, s, msg, (size_t)n);
	if (verdict < 0 && errno != EAGAIN && errno != EINTR)
		verdict = TARGET_ERROR; /* nobody listens there, or there is no way */
	if (verdict >= 0)
		finish(t, s, (enum target_result)verdict, now_ns);
}

unsigned target_poll(const struct target *t, struct pollfd *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TARGET_SLOTS; i++)
		if (t->slot[i].fd >= 0)
			p[n++] = (struct pollfd){t->slot[i].fd, POLLIN, 0};
	return n;
}

void target_read(struct target *t, const struct pollfd *p, unsigned n, uint64_t now_ns)
{
	for (unsigned i = 0, at = 0; i < TARGET_SLOTS && at < n; i++)
		if (t->slot[i].fd >= 0 && t->slot[i].fd == p[at].fd && p[at++].revents)
			read_slot(t, &t->slot[i], now_ns);
}

uint64_t target_deadline(const struct target *t)
{
	uint64_t at = t->next_ns;

	for (unsigned i = 0; i < TARGET_SLOTS; i++)
		if (t->slot[i].fd >= 0 && t->slot[i].due_ns + SLI_TIMEOUT_NS < at)
			at = t->slot[i].due_ns + SLI_TIMEOUT_NS;
	return at;
}

unsigned target_under_way(const struct target *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TARGET_SLOTS; i++)
		n += t->slot[i].fd >= 0;
	return n;
}
