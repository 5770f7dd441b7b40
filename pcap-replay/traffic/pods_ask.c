/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One unary call of gRPC over HTTP/2 without TLS (grpc.io, "gRPC over HTTP2"), by libcurl:
 * a POST of one message with its flag and length before it, and an answer of the same
 * form, whose real status stands in a trailer. An empty request is five zero octets.
 */
#include "pcap-replay/traffic/pods_ask.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"

#define URL        "http://localhost/v1alpha1.Pods/ListPods"
#define TIMEOUT_MS 10000L
#define PREFIX     5 /* flag: compressed; length of four octets */

struct answer {
	uint8_t *body;
	size_t len, cap, max;
	bool over;
	int grpc_status;   /* -1: none came */
	char message[160]; /* percent-encoded, as it came */
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	size_t more = size * n;
	if (more > a->max - a->len) {
		a->over = true;
		return 0;
	}
	if (a->len + more > a->cap) {
		uint8_t *bigger = realloc(a->body, (a->len + more) * 2);
		if (!bigger)
			return 0;
		a->body = bigger;
		a->cap = (a->len + more) * 2;
	}
	memcpy(a->body + a->len, data, more);
	a->len += more;
	return more;
}

/* The value of a header or trailer of that name, in `text` and without its end of line; NULL: another. */
static const char *value_of(const char *name, const char *line, size_t len, char *text, size_t cap)
{
	size_t n = strlen(name);
	if (len < n + 1 || strncasecmp(line, name, n) || line[n] != ':')
		return NULL;
	for (line += n + 1, len -= n + 1; len && *line == ' '; len--)
		line++;
	while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	len = len < cap - 1 ? len : cap - 1;
	memcpy(text, line, len);
	text[len] = '\0';
	return text;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	char number[8];
	if (value_of("grpc-status", line, size * n, number, sizeof(number)))
		a->grpc_status = atoi(number);
	value_of("grpc-message", line, size * n, a->message, sizeof(a->message));
	return size * n;
}

static CURLcode call(CURL *curl, const char *path, struct curl_slist *headers, struct answer *a, char *why)
{
	static const char nothing[PREFIX] = {0};
	curl_easy_setopt(curl, CURLOPT_URL, URL);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, nothing);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)PREFIX);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, a);
	return curl_easy_perform(curl);
}

static int judge(const char *path, struct answer *a, long http_status, struct diag *d)
{
	if (a->grpc_status < 0)
		return diag_set(d, ERR_PEER, "%s: HTTP status %ld and no gRPC status: expected a kubelet's Pods API", path, http_status);
	if (a->grpc_status > 0)
		return diag_set(d, ERR_PEER, "%s: the kubelet says no: gRPC status %d %s", path, a->grpc_status, a->message);
	if (a->len < PREFIX || a->body[0] != 0 || get_be32(a->body + 1) != a->len - PREFIX)
		return diag_set(d, ERR_PEER, "%s: expected one gRPC message, not compressed", path);
	return 0;
}

int pods_ask(const char *path, size_t max_bytes, uint8_t **ret, size_t *ret_len, struct diag *d)
{
	char why[CURL_ERROR_SIZE] = "";
	struct answer a = {.max = max_bytes + PREFIX, .grpc_status = -1};
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/grpc");
	struct curl_slist *all = headers ? curl_slist_append(headers, "TE: trailers") : NULL;
	CURL *curl = curl_easy_init();
	CURLcode got = CURLE_OUT_OF_MEMORY;
	long http_status = 0;
	if (curl && all)
		got = call(curl, path, all, &a, why);
	if (got == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http_status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	int rc = a.over ? diag_set(d, ERR_LIMIT, "%s: more than %zu octets of pods", path, max_bytes)
		 : got  ? diag_set(d, ERR_PEER, "%s: %s", path, *why ? why : curl_easy_strerror(got))
			: judge(path, &a, http_status, d);
	if (rc) {
		free(a.body);
		return rc;
	}
	memmove(a.body, a.body + PREFIX, a.len - PREFIX);
	*ret = a.body;
	*ret_len = a.len - PREFIX;
	return 0;
}
