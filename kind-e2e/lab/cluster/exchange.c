/* SPDX-License-Identifier: Apache-2.0 */
/* One question and one reply over a socket of its own, three tries, by address and port alone. */
#include "kind-e2e/lab/cluster/exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/dns/wire.h"

#define TRIES 3

static int parse_line(struct exchange_question *q, char *line, const char *path, unsigned n,
		      struct diag *d)
{
	char name[256], type[24], rest[2];
	int fields;

	line[strcspn(line, "#\n")] = 0;
	fields = sscanf(line, "%255s %23s %1s", name, type, rest);
	if (fields <= 0)
		return 0;
	if (fields != 2 || name_from_text(&q->name, name) || dns_type_from_str(type, &q->type))
		return diag_at(d, ERR_SYNTAX, path, n, 0,
			       "expected NAME TYPE, such as 'a.example. A'");
	snprintf(q->text, sizeof q->text, "%s %s", name, type);
	return 1;
}

int exchange_list_read(struct exchange_list *ret, const char *path, struct diag *d)
{
	FILE *f = strcmp(path, "-") ? file_open(path, d) : stdin;
	struct exchange_list l = {NULL, 0};
	char line[1024];
	int rc = 0;

	if (!f)
		return ERR_SYS;
	for (unsigned n = 1; rc >= 0 && fgets(line, sizeof line, f); n++) {
		struct exchange_question *more = realloc(l.q, (l.n + 1) * sizeof *more);

		if (!more) {
			rc = diag_set(d, ERR_NOMEM, "%s: no memory", path);
			break;
		}
		l.q = more;
		rc = parse_line(&l.q[l.n], line, path, n, d);
		l.n += rc > 0;
	}
	if (f != stdin)
		fclose(f);
	if (rc >= 0 && !l.n)
		rc = diag_set(d, ERR_MISSING, "%s: no question in it", path);
	if (rc < 0) {
		free(l.q);
		return rc;
	}
	*ret = l;
	return 0;
}

void exchange_list_free(struct exchange_list *l)
{
	free(l->q);
	l->q = NULL;
	l->n = 0;
}

int exchange_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
		     struct diag *d)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(DNS_PORT);
		*ret_len = sizeof *v4;
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(DNS_PORT);
		*ret_len = sizeof *v6;
		return 0;
	}
	return diag_set(d, ERR_SYNTAX, "'%s' is no IPv4 or IPv6 address", text);
}

static bool read_all(int fd, uint8_t *buf, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = recv(fd, buf + have, len - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static bool over_tcp(int fd, const uint8_t *query, size_t len, uint8_t *buf, size_t *ret_len)
{
	uint8_t head[2];

	set_be16(head, (uint16_t)len);
	if (send(fd, head, 2, MSG_MORE | MSG_NOSIGNAL) != 2 ||
	    send(fd, query, len, MSG_NOSIGNAL) != (ssize_t)len || !read_all(fd, head, 2))
		return false;
	*ret_len = get_be16(head);
	return read_all(fd, buf, *ret_len);
}

static bool over_udp(int fd, const uint8_t *query, size_t len, uint8_t *buf, size_t *ret_len)
{
	ssize_t n;

	if (send(fd, query, len, 0) != (ssize_t)len)
		return false;
	n = recv(fd, buf, DNS_MSG_MAX, 0);
	*ret_len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool answers(const uint8_t *query, const uint8_t *reply, size_t len,
		    const struct exchange_question *q)
{
	struct dns_msg m;

	return !dns_reply_parse(&m, reply, len) && get_be16(query) == m.h.id &&
	       (m.h.flags & DNS_QR) && m.q.name && name_eq(m.q.name, q->name.b) &&
	       m.q.qtype == q->type;
}

static bool try_once(const struct sockaddr_storage *to, socklen_t to_len,
		     const struct exchange_how *how, const uint8_t *query, size_t len, uint8_t *buf,
		     size_t *ret_len)
{
	struct timeval tv = {(time_t)(how->timeout_ns / NS_PER_S),
			     (suseconds_t)(how->timeout_ns % NS_PER_S / NS_PER_US)};
	int fd = socket(to->ss_family, (how->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	bool good;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv); /* connect, too */
	good = !connect(fd, (const struct sockaddr *)to, to_len) &&
	       (how->tcp ? over_tcp : over_udp)(fd, query, len, buf, ret_len);
	close(fd);
	return good;
}

int exchange(const char *server, const struct exchange_question *q, const struct exchange_how *how,
	     uint8_t *buf, size_t *ret_len, struct diag *d)
{
	static uint16_t id;
	struct sockaddr_storage to;
	uint8_t query[512];
	socklen_t to_len;
	size_t len;
	int rc = exchange_address(server, &to, &to_len, d);

	if (rc)
		return rc;
	len = dns_query_build(query, sizeof query, ++id, q->name.b, q->type, DNS_RD, how->udp_size,
			      false, false);
	for (unsigned i = 0; i < TRIES; i++)
		if (try_once(&to, to_len, how, query, len, buf, ret_len) &&
		    answers(query, buf, *ret_len, q))
			return 0;
	return diag_set(d, ERR_TIMEOUT, "%s gave no answer to it, %d times", server, TRIES);
}
