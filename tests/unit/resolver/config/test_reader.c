/* SPDX-License-Identifier: Apache-2.0 */
/* What a Corefile's files were, when they cannot be had any more; and workers that know nothing else. */
#include "resolver/config/reader.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixtures/corefile_util.h"

/* A world that has everything, or nothing. */
static bool there;
static size_t n_addrs;

static int world_read(void *ctx, const char *path, bool secret, char **ret, size_t *len, struct diag *d)
{
	cr_assert_eq(ctx, &there);
	if (!there)
		return diag_set(d, ERR_SYS, "%s: gone", path);
	*ret = strdup(secret ? "key" : "text\nof two lines");
	*len = strlen(*ret);
	return 0;
}

static bool world_readable(void *ctx, const char *path)
{
	return ctx == &there && there && path;
}

static int world_glob(void *ctx, const char *pattern, char **ret)
{
	cr_assert_eq(ctx, &there);
	*ret = there && pattern ? strdup("/a/1\n/a/2\n") : NULL;
	return there ? 0 : GLOB_NOMATCH;
}

static size_t world_host(void *ctx, const char *host, const struct in6_addr *server, const uint16_t *port, size_t n,
			 struct in6_addr *ret, size_t max)
{
	cr_assert(ctx == &there && host && !server && !port && n == 0);
	size_t i = 0;

	for (; there && i < n_addrs && i < max; i++) {
		ret[i] = addr_of("2001:db8:1111:2222:3333:4444:5555:0");
		ret[i].s6_addr[15] = (uint8_t)i;
	}
	return i;
}

static struct config_reader r;
static struct corefile_env env;
static char *text;
static size_t len;
static struct diag d;

static void begin(bool is_there, const struct config_texts *last)
{
	there = is_there;
	env = (struct corefile_env){.ctx = &there,
				    .read_file = world_read,
				    .readable = world_readable,
				    .glob_files = world_glob,
				    .host_addrs = world_host};
	config_reader_install(&r, &env, last);
}

static void end(void)
{
	config_texts_release(&r.seen);
	config_texts_release(&r.missing);
}

static const char *seen(const char *key)
{
	const struct config_text *e = config_texts_find(&r.seen, key);

	return e ? e->text : NULL;
}

static int read_file(const char *path, bool secret)
{
	free(text);
	text = NULL;
	d.text[0] = 0;
	return env.read_file(env.ctx, path, secret, &text, &len, &d);
}

static int refuse(const char *path)
{
	free(text);
	text = NULL;
	return env.refuse(env.ctx, path, "nothing good", &text, &len);
}

static int glob_files(const char *pattern)
{
	free(text);
	text = NULL;
	return env.glob_files(env.ctx, pattern, &text);
}

/* Everything was there once. */
static struct config_texts before(void)
{
	struct in6_addr a[3];

	n_addrs = 2;
	begin(true, NULL);
	cr_assert_eq(read_file("/f", false), 0);
	cr_expect(len == 17 && strcmp(text, "text\nof two lines") == 0);
	cr_assert_eq(read_file("/s", true), 0);
	cr_expect_str_eq(text, "key");
	cr_assert_eq(glob_files("/a/*"), 0);
	cr_expect_str_eq(text, "/a/1\n/a/2\n");
	cr_expect_eq(env.host_addrs(env.ctx, "name", NULL, NULL, 0, a, 3), 2);
	cr_expect(env.readable(env.ctx, "/f"));
	cr_expect_str_eq(seen("/f"), "text\nof two lines");
	cr_expect_str_eq(seen("/s"), "", "nobody keeps a key");
	cr_expect(config_texts_find(&r.seen, "/s")->secret && !config_texts_find(&r.seen, "/f")->secret);
	cr_expect_str_eq(seen("glob /a/*"), "/a/1\n/a/2\n");
	cr_expect_str_eq(seen("host name"),
			 "2001:db8:1111:2222:3333:4444:5555:0\n2001:db8:1111:2222:3333:4444:5555:1\n");
	cr_expect_eq(r.missing.n, 0);
	cr_expect_eq(r.stale.text[0], 0);
	struct config_texts t = r.seen;

	r.seen = (struct config_texts){0};
	end();
	return t;
}

Test(reader, what_it_was)
{
	struct config_texts last = before();
	struct in6_addr a[3];

	begin(false, &last);
	cr_expect(env.readable(env.ctx, "/f") && !env.readable(env.ctx, "/g"));
	cr_expect_eq(env.host_addrs(env.ctx, "name", NULL, NULL, 0, a, 3), 2);
	cr_expect_eq(a[1].s6_addr[15], 1);
	cr_expect_str_eq(r.stale.text, "name: what it was before stays in use");
	cr_expect_eq(env.host_addrs(env.ctx, "name", NULL, NULL, 0, a, 1), 1, "no more than there is room for");
	cr_expect_eq(env.host_addrs(env.ctx, "other", NULL, NULL, 0, a, 3), 0);
	cr_expect_null(seen("host other"));
	cr_expect_eq(read_file("/f", false), 0);
	cr_expect(len == 17 && strcmp(text, "text\nof two lines") == 0);
	cr_expect_str_eq(seen("/f"), text, "it will be known the next time, too");
	cr_expect_str_eq(r.stale.text, "name: what it was before stays in use", "the first");
	cr_expect_not_null(config_texts_find(&r.missing, "/f"), "it may come back");
	cr_expect_eq(read_file("/s", true), 0, "it was there");
	cr_expect_eq(read_file("/g", false), ERR_SYS);
	cr_expect_str_eq(d.text, "/g: gone");
	cr_expect_not_null(config_texts_find(&r.missing, "/g"));
	cr_expect_null(seen("/g"));
	cr_expect_eq(glob_files("/a/*"), GLOB_NOMATCH, "what is not there is none");
	cr_expect_not_null(config_texts_find(&r.missing, "/a/*"), "but may come");
	cr_expect_null(seen("glob /a/*"));
	end();
	begin(false, &last);
	cr_expect_eq(read_file("/f", false), 0);
	cr_expect_str_eq(r.stale.text, "/f: gone: what it was before stays in use");
	end();
	config_texts_release(&last);
}

Test(reader, what_is_no_good)
{
	struct config_texts last = before();

	begin(true, &last);
	cr_expect_eq(refuse("/f"), 0);
	cr_expect_str_eq(text, "text\nof two lines");
	cr_expect_eq(len, 17);
	cr_expect_str_eq(seen("/f"), text);
	cr_expect_str_eq(r.stale.text, "nothing good: what it was before stays in use");
	end();
	begin(true, &last);
	cr_expect_eq(refuse("/g"), 0, "none");
	cr_expect(len == 0 && !*text);
	cr_expect_str_eq(seen("/g"), "");
	cr_expect_str_eq(r.stale.text, "nothing good: the file is left out until it is good");
	cr_expect_eq(refuse("/f"), 0);
	cr_expect_str_eq(r.stale.text, "nothing good: the file is left out until it is good", "the first");
	end();
	config_texts_release(&last);
}

/* Names with more addresses than a line has room for: sixteen are kept. */
Test(reader, many_addresses)
{
	struct in6_addr a[20];
	struct config_texts last;

	n_addrs = 20;
	begin(true, NULL);
	cr_expect_eq(env.host_addrs(env.ctx, "name", NULL, NULL, 0, a, 20), 20);
	last = r.seen;
	r.seen = (struct config_texts){0};
	end();
	begin(false, &last);
	cr_expect_eq(env.host_addrs(env.ctx, "name", NULL, NULL, 0, a, 20), 16);
	cr_expect_eq(a[15].s6_addr[15], 15);
	end();
	config_texts_release(&last);
}

/* Through a memory file to a worker, whose hooks know that and nothing else. */
Test(reader, of_a_worker)
{
	struct config_texts last = before(), mine;
	struct corefile_env e = {0};
	struct in6_addr a[3];
	char *bytes;
	size_t n;

	cr_assert_eq(config_texts_pack(&last, &bytes, &n), 0);
	cr_assert_eq(config_texts_unpack(&mine, bytes, n), 0);
	for (size_t cut = 1; cut < n; cut++) {
		struct config_texts t = {0};

		if (config_texts_unpack(&t, bytes, cut) == 0)
			cr_expect_lt(t.n, 4, "only between two of them");
		config_texts_release(&t);
	}
	cr_expect_eq(mine.n, 4);
	config_texts_install(&mine, &e);
	cr_expect_eq(e.read_file(e.ctx, "/f", false, &text, &len, &d), 0);
	cr_expect(len == 17 && strcmp(text, "text\nof two lines") == 0);
	free(text);
	text = NULL;
	cr_expect_eq(e.read_file(e.ctx, "/g", false, &text, &len, &d), ERR_MISSING);
	cr_expect_str_eq(d.text, "/g: it could not be read when the Corefile was");
	cr_expect(e.readable(e.ctx, "/f") && e.readable(e.ctx, "/s") && !e.readable(e.ctx, "/g"));
	cr_expect_eq(e.glob_files(e.ctx, "/a/*", &text), 0);
	cr_expect_str_eq(text, "/a/1\n/a/2\n");
	free(text);
	text = NULL;
	cr_expect_eq(e.glob_files(e.ctx, "/b/*", &text), GLOB_NOMATCH);
	cr_expect_eq(e.host_addrs(e.ctx, "name", NULL, NULL, 0, a, 3), 2);
	cr_expect_eq(e.host_addrs(e.ctx, "none", NULL, NULL, 0, a, 3), 0);
	config_texts_release(&mine);
	config_texts_release(&last);
	free(bytes);
}
