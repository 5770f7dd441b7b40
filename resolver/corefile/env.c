/* SPDX-License-Identifier: Apache-2.0 */
/* The real world behind struct corefile_env: environment, interfaces, names. */
#include <errno.h>
#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "resolver/corefile/parse.h"
#include "resolver/corefile/setup.h"

static const char *env_var(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static size_t env_if_addrs(void *ctx, const char *ifname, struct in6_addr *ret, uint32_t *ret_scope,
			   size_t max)
{
	struct ifaddrs *list;
	size_t n = 0;

	(void)ctx;
	if (getifaddrs(&list) != 0)
		return 0;
	for (const struct ifaddrs *i = list; i && n < max; i = i->ifa_next) {
		if (!i->ifa_addr || strcmp(i->ifa_name, ifname) != 0)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			struct sockaddr_in sa;

			memcpy(&sa, i->ifa_addr, sizeof(sa));
			ret[n] = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
			memcpy(ret[n].s6_addr + 12, &sa.sin_addr, 4);
			ret_scope[n++] = 0;
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			struct sockaddr_in6 sa;

			memcpy(&sa, i->ifa_addr, sizeof(sa));
			ret[n] = sa.sin6_addr;
			ret_scope[n++] =
				IN6_IS_ADDR_LINKLOCAL(&sa.sin6_addr) ? sa.sin6_scope_id : 0;
		}
	}
	freeifaddrs(list);
	return n;
}

static bool env_readable(void *ctx, const char *path)
{
	(void)ctx;
	return access(path, R_OK) == 0;
}

int cf_read_file(const char *path, char **ret_text, size_t *ret_len, struct diag *d)
{
	bool is_stdin = strcmp(path, "stdin") == 0;
	FILE *f = is_stdin ? stdin : file_open(path, d);
	char *text = NULL;
	size_t n = 0, cap = 0;
	struct stat st;
	int err = 0;

	if (!f)
		return errno == ENOMEM ? ERR_NOMEM : ERR_SYS;
	if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))
		err = diag_set(d, ERR_SYS, "%s: is a directory", path);
	while (err == 0) {
		if (n + 1 >= cap) {
			cap = cap ? cap * 2 : 8192;
			char *grown = cap > CF_TEXT_MAX * 2u ? NULL : realloc(text, cap);

			if (!grown && cap > CF_TEXT_MAX * 2u)
				err = diag_set(d, ERR_LIMIT, "%s: larger than %d octets", path,
					       CF_TEXT_MAX);
			else if (!grown)
				err = diag_set(d, ERR_NOMEM, "%s: out of memory", path);
			if (!grown)
				break;
			text = grown;
		}
		size_t got = fread(text + n, 1, cap - n - 1, f);

		n += got;
		if (got == 0) {
			if (ferror(f))
				err = diag_errno(d, "%s", path);
			break;
		}
	}
	if (!is_stdin)
		fclose(f);
	if (err) {
		free(text);
		return err;
	}
	text[n] = 0;
	*ret_text = text;
	*ret_len = n;
	return 0;
}

static int env_read(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len,
		    struct diag *d)
{
	(void)ctx;
	(void)secret;
	return cf_read_file(path, ret_text, ret_len, d);
}

static int env_glob(void *ctx, const char *pattern, char **ret)
{
	glob_t g;
	size_t len;
	int rc = glob(pattern, 0, NULL, &g);

	(void)ctx;
	if (rc != 0)
		return rc;
	FILE *f = text_open(ret, &len);

	for (size_t i = 0; f && i < g.gl_pathc; i++)
		fprintf(f, "%s\n", g.gl_pathv[i]);
	globfree(&g);
	return f && fclose(f) == 0 ? 0 : GLOB_NOSPACE;
}

int cf_env_read(const struct corefile_env *e, const char *path, bool secret, char **ret_text,
		size_t *ret_len, struct diag *d)
{
	return (e->read_file ? e->read_file : env_read)(e->ctx, path, secret, ret_text, ret_len, d);
}

int cf_env_glob(const struct corefile_env *e, const char *pattern, char **ret)
{
	return (e->glob_files ? e->glob_files : env_glob)(e->ctx, pattern, ret);
}

void corefile_env_defaults(struct corefile_env *e)
{
	static char host[256];

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == 0)
		strcpy(host, "localhost");
	*e = (struct corefile_env){.dns_port = 53,
				   .hostname = host,
				   .get_var = env_var,
				   .if_addrs = env_if_addrs,
				   .readable = env_readable,
				   .read_file = env_read,
				   .glob_files = env_glob,
				   .host_addrs = corefile_host_addrs};
}
