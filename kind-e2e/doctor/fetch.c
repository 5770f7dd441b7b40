/* SPDX-License-Identifier: Apache-2.0 */
/* A socket that does not block, TLS over it where the URL says so, and a deadline at each wait. */
#include "kind-e2e/doctor/fetch.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kind-e2e/doctor/fetch_tls.h"
#include "lib/base/clock.h"

struct url {
	bool tls;
	char host[256], port[8]; /* host without brackets */
	const char *path;	 /* within the text it was taken from; "" is "/" */
};

static int url_parse(struct url *ret, const char *text, struct diag *d)
{
	struct url u = {.tls = strncmp(text, "https://", 8) == 0};
	const char *at = text + (u.tls ? 8 : 7), *end, *colon;
	bool bracket;
	size_t len;

	if (!u.tls && strncmp(text, "http://", 7) != 0)
		return diag_set(d, ERR_SYNTAX, "%s: a URL begins with http:// or https://", text);
	bracket = *at == '[';
	end = bracket ? strchr(++at, ']') : at + strcspn(at, ":/");
	len = end ? (size_t)(end - at) : 0;
	if (!len || len >= sizeof u.host)
		return diag_set(d, ERR_SYNTAX, "%s: no host", text);
	memcpy(u.host, at, len);
	colon = end + bracket;
	len = *colon == ':' ? strspn(colon + 1, "0123456789") : 0;
	if (len >= sizeof u.port || (*colon == ':' && !len))
		return diag_set(d, ERR_SYNTAX, "%s: no port behind the colon", text);
	snprintf(u.port, sizeof u.port, "%.*s", len ? (int)len : 3,
		 len ? colon + 1 : (u.tls ? "443" : "80"));
	u.path = colon + (len ? len + 1 : 0);
	if (*u.path && *u.path != '/')
		return diag_set(d, ERR_SYNTAX, "%s: '%s' is no path", text, u.path);
	*ret = u;
	return 0;
}

/* --- the connection --------------------------------------------------------------------- */

static int connect_to(const struct addrinfo *ai, uint64_t until_ns)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t len = sizeof error;

	if (fd < 0)
		return -1;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return fd;
	error = errno;
	if (error == EINPROGRESS) {
		error = tls_wait(fd, POLLOUT, until_ns) ? 0 : errno;
		if (!error)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if (!error)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static int open_fd(const struct url *u, uint64_t until_ns, struct diag *d)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int rc = getaddrinfo(u->host, u->port, &hints, &list), fd = -1;

	if (rc)
		return diag_set(d, ERR_SYS, "%s: %s", u->host, gai_strerror(rc));
	for (const struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_to(ai, until_ns);
	rc = errno;
	freeaddrinfo(list);
	errno = rc;
	return fd >= 0 ? fd : diag_errno(d, "%s port %s", u->host, u->port);
}

/* --- request and answer ------------------------------------------------------------------ */

struct pipe {
	int fd;
	struct tls *tls; /* NULL: plain */
	uint64_t until_ns;
};

/* Like read and write; waits, and 0 from reading is the end. */
static ssize_t pipe_move(const struct pipe *p, void *buf, size_t n, bool out)
{
	for (;;) {
		short events = out ? POLLOUT : POLLIN;
		ssize_t got;

		if (p->tls)
			got = tls_move(p->tls, buf, n, out, &events);
		else
			got = out ? send(p->fd, buf, n, MSG_NOSIGNAL) : recv(p->fd, buf, n, 0);
		if (got >= 0 || (errno != EAGAIN && errno != EINTR))
			return got;
		if (!tls_wait(p->fd, events, p->until_ns))
			return -1;
	}
}

static int send_request(const struct pipe *p, const struct url *u, const struct fetch_who *who)
{
	char *text = NULL;
	size_t len = 0, done = 0;
	FILE *out = open_memstream(&text, &len);
	ssize_t n = -1;

	if (!out)
		return -1;
	fprintf(out, "GET %s HTTP/1.0\r\nHost: %s\r\nAccept: application/json, */*\r\n",
		*u->path ? u->path : "/", u->host);
	if (who && who->token)
		fprintf(out, "Authorization: Bearer %s\r\n", who->token);
	fprintf(out, "User-Agent: nodens\r\nConnection: close\r\n\r\n");
	fclose(out);
	while (done < len && (n = pipe_move(p, text + done, len - done, true)) > 0)
		done += (size_t)n;
	free(text);
	return done == len ? 0 : -1;
}

static int read_all(const struct pipe *p, size_t max, char **ret, size_t *ret_len, struct diag *d)
{
	size_t len = 0, cap = 8192;
	char *text = malloc(cap);
	ssize_t n = 0;

	while (text && (n = pipe_move(p, text + len, cap - len - 1, false)) > 0) {
		len += (size_t)n;
		if (len > max)
			break;
		if (cap - len < 1024) {
			char *more = realloc(text, cap *= 2);

			if (!more)
				free(text);
			text = more;
		}
	}
	if (!text || len > max || n < 0) {
		free(text);
		return !text   ? diag_set(d, ERR_NOMEM, "no memory for the answer")
		       : n < 0 ? diag_errno(d, "reading the answer")
			       : diag_set(d, ERR_LIMIT, "the answer is longer than %zu octets",
					  max);
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

/* The header's "Content-Length", or -1. */
static long said_length(const char *head, const char *end)
{
	static const char key[] = "content-length:";

	for (const char *at = head; at && at < end; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncasecmp(at, key, sizeof key - 1) == 0)
			return strtol(at + sizeof key - 1, NULL, 10);
	}
	return -1;
}

static int judge_answer(char *text, size_t len, struct diag *d)
{
	char *body = strstr(text, "\r\n\r\n");
	char *line_end = strstr(text, "\r\n");
	int status = 0, code;
	long want;

	if (!body || sscanf(text, "HTTP/1.%*1[01] %3d", &status) != 1)
		return diag_set(d, ERR_PEER, "what came is no HTTP answer");
	body += 4;
	want = said_length(text, body);
	*line_end = '\0';
	if (status != 200) {
		code = status == 404			? ERR_MISSING
		       : status == 401 || status == 403 ? ERR_UNSUPPORTED
							: ERR_PEER;
		return diag_set(d, code, "%.80s", text + strcspn(text, " ") + 1);
	}
	len -= (size_t)(body - text);
	if ((want >= 0 && (size_t)want != len) || strlen(body) != len)
		return diag_set(d, ERR_SHORT, "%zu octets came instead of %ld", strlen(body), want);
	memmove(text, body, len + 1);
	return 0;
}

static int talk(const struct pipe *p, const struct url *u, const struct fetch *g, char **ret,
		struct diag *d)
{
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (send_request(p, u, g->who))
		return diag_errno(d, "sending the request");
	rc = read_all(p, g->max, &text, &len, d);
	if (rc)
		return rc;
	rc = judge_answer(text, len, d);
	if (rc)
		free(text);
	else
		*ret = text;
	return rc;
}

int fetch_text(const struct fetch *g, char **ret_text, struct diag *d)
{
	struct pipe p = {.until_ns = clock_mono_ns() + g->limit_ns};
	struct diag inner = {""};
	struct url u;
	int rc = strlen(g->url) < FETCH_URL_MAX
			 ? url_parse(&u, g->url, d)
			 : diag_set(d, ERR_LIMIT, "a URL of more than %d octets", FETCH_URL_MAX);

	if (rc)
		return rc;
	p.fd = open_fd(&u, p.until_ns, &inner);
	rc = p.fd < 0 ? p.fd
	     : u.tls  ? tls_open(&p.tls, u.host, g->who, p.fd, p.until_ns, &inner)
		      : 0;
	rc = rc ? rc : talk(&p, &u, g, ret_text, &inner);
	tls_free(p.tls);
	if (p.fd >= 0)
		close(p.fd);
	return rc ? diag_set(d, rc, "%.200s: %.200s", g->url, inner.text) : 0;
}
