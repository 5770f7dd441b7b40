/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A browser prints what it shows, so page and paper cannot differ; weasyprint, which
 * lays out by itself, is the second choice. Either gets a home of its own that is
 * gone afterwards.
 */
#include "reports/page/pdf.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/draw/tool.h"

#define PDF_LIMIT_S 120
#define LOG "pdf.log"

enum kind { BROWSER, WEASYPRINT };

static const struct {
	const char *program;
	enum kind kind;
} printers[] = {
	{ "chromium", BROWSER },
	{ "chromium-browser", BROWSER },
	{ "google-chrome", BROWSER },
	{ "weasyprint", WEASYPRINT },
};

struct printing {
	char home[4096], url[12400], out[4200], page[4096], profile[4200];
};

static int remove_any(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void put_url(char *url, size_t size, const char *path)
{
	size_t n = (size_t)snprintf(url, size, "file://");
	for (; *path && n + 4 < size; path++) {
		unsigned char c = (unsigned char)*path;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/-._~", c);
		n += (size_t)snprintf(url + n, size - n, plain ? "%c" : "%%%02X", c);
	}
}

static int prepare(struct printing *p, const char *dir, const char *page, struct diag *d)
{
	char path[4096], full[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", dir, page) >= (int)sizeof(path) || !realpath(path, full))
		return diag_errno(d, "%s/%s", dir, page);
	snprintf(p->page, sizeof(p->page), "%s", full);
	put_url(p->url, sizeof(p->url), full);
	*strrchr(full, '/') = '\0';
	snprintf(p->home, sizeof(p->home), "%.4000s/.printing", full);
	snprintf(p->out, sizeof(p->out), "%s/page.pdf", p->home);
	snprintf(p->profile, sizeof(p->profile), "--user-data-dir=%s/profile", p->home);
	nftw(p->home, remove_any, 16, FTW_DEPTH | FTW_PHYS);
	return mkdir(p->home, 0700) ? diag_errno(d, "%s", p->home) : 0;
}

static int run(struct printing *p, const char *program, enum kind kind, struct diag *d)
{
	char to[4240];
	snprintf(to, sizeof(to), "--print-to-pdf=%s", p->out);
	/* a browser refuses to run as root in its sandbox; the page is ours and holds no script */
	char *const browser[] = { (char *)program,
				  (char *)"--headless=new",
				  (char *)"--disable-gpu",
				  (char *)"--no-pdf-header-footer",
				  (char *)"--disable-extensions",
				  (char *)"--disable-dev-shm-usage",
				  p->profile,
				  to,
				  geteuid() ? p->url : (char *)"--no-sandbox",
				  geteuid() ? NULL : p->url,
				  NULL };
	char *const weasyprint[] = { (char *)program, p->page, p->out, NULL };
	struct tool c = { kind == BROWSER ? browser : weasyprint, p->home, p->home, "../" LOG, PDF_LIMIT_S };
	return tool_run(&c, d);
}

static enum kind kind_of(const char *program)
{
	const char *slash = strrchr(program, '/');
	return strcmp(slash ? slash + 1 : program, "weasyprint") ? BROWSER : WEASYPRINT;
}

static int print_by_any(struct printing *p, const char *program, struct diag *d)
{
	int rc = ERR_UNSUPPORTED;
	if (program)
		return run(p, program, kind_of(program), d);
	for (size_t i = 0; rc == ERR_UNSUPPORTED && i < sizeof(printers) / sizeof(printers[0]); i++)
		rc = run(p, printers[i].program, printers[i].kind, d);
	if (rc == ERR_UNSUPPORTED)
		diag_set(d, rc, "no program that prints HTML can be run; Debian's packages are chromium and weasyprint");
	return rc;
}

static bool is_pdf(const char *path)
{
	char head[5] = "";
	FILE *f = fopen(path, "re");
	bool ok = f && fread(head, 1, sizeof(head), f) == sizeof(head) && !memcmp(head, "%PDF-", sizeof(head));
	if (f)
		fclose(f);
	return ok;
}

int pdf_print(const char *dir, const char *page, const char *pdf, const char *program, struct diag *d)
{
	struct printing p;
	char path[4096], log[4096];
	snprintf(log, sizeof(log), "%s/" LOG, dir);
	unlink(log);
	int rc = prepare(&p, dir, page, d);
	if (rc)
		return rc;
	rc = print_by_any(&p, program, d);
	if (rc == ERR_PEER)
		diag_set(d, rc, "%s failed; its words are in %s", program ? program : "the program that prints", log);
	snprintf(path, sizeof(path), "%s/%s", dir, pdf);
	if (!rc && !is_pdf(p.out))
		rc = diag_set(d, ERR_PEER, "no PDF was made of %s; what was said is in %s", page, log);
	if (!rc && rename(p.out, path))
		rc = diag_errno(d, "%s", path);
	if (!rc)
		unlink(log);
	nftw(p.home, remove_any, 16, FTW_DEPTH | FTW_PHYS);
	return rc;
}
