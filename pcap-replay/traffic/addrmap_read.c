/* SPDX-License-Identifier: Apache-2.0 */
/* A file is read, a kubelet's socket is asked. */
#include "pcap-replay/traffic/addrmap_read.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "pcap-replay/traffic/addrmap_pods.h"
#include "pcap-replay/traffic/pods_ask.h"

static int ask_kubelet(struct addrmap **ret, const char *path, struct diag *d)
{
	uint8_t *octets;
	size_t len;
	int rc = pods_ask(path, ADDRMAP_FILE_MAX, &octets, &len, d);
	if (rc)
		return rc;
	rc = addrmap_parse_pods(ret, path, octets, len, d);
	free(octets);
	return rc;
}

int addrmap_read(struct addrmap **ret, const char *path, struct diag *d)
{
	struct stat st;
	char *text;
	size_t len;
	if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		return ask_kubelet(ret, path, d);
	int rc = file_read(path, ADDRMAP_FILE_MAX, &text, &len, d);
	if (rc)
		return rc;
	rc = addrmap_parse(ret, path, text, len, d);
	free(text);
	return rc;
}
