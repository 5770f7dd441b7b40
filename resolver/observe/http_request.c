/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says, and how a response begins (RFC 9112). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "resolver/observe/http_int.h"

const char *http_status_words(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

void http_head_write(struct http_conn *c, int status, const char *type, size_t len)
{
	int n = snprintf(c->head, sizeof(c->head), "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n",
			 status, http_status_words(status), type ? type : "text/plain; charset=utf-8", len,
			 c->close_after ? "Connection: close\r\n" : "");
	c->head_len = n > 0 && (size_t)n < sizeof(c->head) ? (size_t)n : 0;
}

/* Does the header `name` (with colon) hold the word, in any case? */
static bool header_has(const char *headers, const char *name, const char *word)
{
	size_t n = strlen(name);
	for (const char *line = headers; line; line = strstr(line, "\r\n")) {
		line += line[0] == '\r' ? 2 : 0;
		if (strncasecmp(line, name, n) != 0)
			continue;
		const char *end = strstr(line, "\r\n"), *hit = strcasestr(line + n, word);
		return hit && (!end || hit < end);
	}
	return false;
}

static int request_split(struct http_conn *c, char *text)
{
	char *save, *headers = strstr(text, "\r\n");
	*headers = 0;
	headers += 2;
	char *method = strtok_r(text, " ", &save), *target = strtok_r(NULL, " ", &save);
	char *version = strtok_r(NULL, " ", &save);
	if (!method || !target || !version || strncmp(version, "HTTP/1.", 7) || target[0] != '/')
		return 400;
	c->head_only = strcmp(method, "HEAD") == 0;
	if (strcmp(version, "HTTP/1.0") == 0)
		c->close_after |= !header_has(headers, "connection:", "keep-alive");
	else
		c->close_after |= header_has(headers, "connection:", "close");
	if (!c->head_only && strcmp(method, "GET") != 0)
		return 405;
	if (header_has(headers, "transfer-encoding:", "chunked"))
		c->close_after = true; /* its body would be taken for a request */
	char *query = strchr(target, '?');
	if (query)
		*query++ = 0;
	c->rq = (struct http_request){ .path = target, .query = query ? query : "", .head = c->head_only,
				       .mask = c->listener ? c->listener->mask : c->mask,
				       .from_node = c->from_node };
	return 1;
}

int http_request_parse(struct http_conn *c)
{
	c->in[c->in_len] = 0;
	c->head_only = false;
	char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (!end) {
		c->used = c->in_len;
		return c->in_len < HTTP_REQUEST_MAX ? 0 : 431;
	}
	c->used = (size_t)(end + 4 - c->in);
	end[2] = 0; /* the last header keeps its line end */
	return memchr(c->in, 0, c->used - 4) ? 400 : request_split(c, c->in);
}
