/* SPDX-License-Identifier: Apache-2.0 */
/* One GET through libcurl: a handle a call, a body in memory up to its limit. */
#include "lib/base/http_get.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"

struct body {
	FILE *out;
	size_t left;
	bool over;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct body *b = arg;
	if (size * n > b->left) {
		b->over = true;
		return 0; /* libcurl gives up */
	}
	b->left -= size * n;
	return fwrite(data, size, n, b->out);
}

static CURLcode fetch(CURL *curl, const struct http_get *g, struct body *b, char *why)
{
	curl_easy_setopt(curl, CURLOPT_URL, g->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!g->use_proxy)
		curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(g->timeout_ns / NS_PER_MS));
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, g->any_status ? 0L : 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, b);
	if (g->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, g->ca_file);
	if (g->bearer) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, g->bearer);
	}
	return curl_easy_perform(curl);
}

int http_get(const struct http_get *g, char **ret_text, long *ret_status, struct diag *d)
{
	char why[CURL_ERROR_SIZE] = "", *text = NULL;
	CURLcode rc = CURLE_FAILED_INIT;

	if (g->ca_file && file_check(g->ca_file, d)) /* the library would wait for a FIFO */
		return ERR_SYS;
	CURL *curl = curl_easy_init();
	size_t len = 0;
	struct body b = { .out = open_memstream(&text, &len), .left = g->max_bytes };

	if (curl && b.out)
		rc = fetch(curl, g, &b, why);
	if (!rc && ret_status)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	curl_easy_cleanup(curl);
	if (b.out)
		fclose(b.out);
	if (rc) {
		free(text);
		if (b.over)
			return diag_set(d, ERR_LIMIT, "%s: more than %zu octets", g->url, g->max_bytes);
		return diag_set(d, ERR_PEER, "%s: %s", g->url, *why ? why : curl_easy_strerror(rc));
	}
	*ret_text = text;
	return 0;
}
