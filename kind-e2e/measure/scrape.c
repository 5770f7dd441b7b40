/* SPDX-License-Identifier: Apache-2.0 */
/* One GET that does not take longer than seconds. */
#include "kind-e2e/measure/scrape.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static size_t on_body(char *data, size_t size, size_t n, void *out)
{
	return fwrite(data, size, n, out);
}

static CURLcode fetch(CURL *curl, const char *url, FILE *out, char *why)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 3000L);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	return curl_easy_perform(curl);
}

int scrape(const char *url, char **ret_text, struct diag *d)
{
	char why[CURL_ERROR_SIZE] = "", *text = NULL;
	CURLcode rc = CURLE_FAILED_INIT;
	CURL *curl = curl_easy_init();
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (curl && out)
		rc = fetch(curl, url, out, why);
	curl_easy_cleanup(curl);
	if (out)
		fclose(out);
	if (rc) {
		free(text);
		return diag_set(d, ERR_PEER, "%s: %s", url, *why ? why : curl_easy_strerror(rc));
	}
	*ret_text = text;
	return 0;
}
