/* SPDX-License-Identifier: Apache-2.0 */
/* A dump of rules as sorted lines of blocks: two are the same when these texts are. */
#include "kind-e2e/lab/cluster/same_rules.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/log.h"

#define LINE_MAX_LEN 4096
#define NFACCT "-m nfacct --nfacct-name"

struct row {
	char *block; /* "nat KUBE-SERVICES", "ip kube-proxy chain services" */
	char *text;
	size_t order; /* its place in the block; 0 where places mean nothing */
};

struct dump {
	const struct opt_list *ignore;
	struct row *row;
	size_t n, cap;
	char table[256], block[512];
	bool loose, broken; /* the block's order means nothing; no memory */
	int depth;	    /* nft: open braces */
};

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '/';
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p++)
		if ((p == text || !word_char(p[-1])) && (!word_char(p[len]) || p[len] == '/'))
			return true;
	return false;
}

/* nft writes chains as service-HASH-NAMESPACE/NAME/...: there a dash comes before the word. */
static bool ignored(const struct dump *d, const char *text)
{
	char inside[256];

	for (size_t i = 0; d->ignore && i < d->ignore->n; i++) {
		snprintf(inside, sizeof inside, "-%s/", d->ignore->item[i]);
		if (has_word(text, d->ignore->item[i]) || strstr(text, inside))
			return true;
	}
	return false;
}

/* The match and its name; iptables-save puts two blanks before that. */
static void drop_nfacct(char *text)
{
	char *p = strstr(text, NFACCT), *end;

	if (!p)
		return;
	end = p + strlen(NFACCT);
	end += strspn(end, " ");
	end += strcspn(end, " ");
	end += strspn(end, " ");
	memmove(p, end, strlen(end) + 1);
}

static void add(struct dump *d, const char *text)
{
	struct row *r;

	if (ignored(d, text) || ignored(d, d->block))
		return;
	if (d->n == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 256;
		struct row *more = realloc(d->row, cap * sizeof *more);

		if (!more) {
			d->broken = true;
			return;
		}
		d->row = more;
		d->cap = cap;
	}
	r = &d->row[d->n];
	r->block = strdup(d->block);
	r->text = strdup(text);
	r->order = d->loose ? 0 : d->n + 1;
	d->broken |= !r->block || !r->text;
	d->n += r->block && r->text;
}

static void iptables_line(struct dump *d, char *line)
{
	char *chain, *rule;

	if (*line == '*') {
		snprintf(d->table, sizeof d->table, "%s", line + 1);
		return;
	}
	if (*line == ':') { /* ":CHAIN POLICY [counters]": that it is there */
		chain = line + 1;
		snprintf(d->block, sizeof d->block, "%s %.*s", d->table, (int)strcspn(chain, " "),
			 chain);
		return;
	}
	chain = strncmp(line, "-A ", 3) ? NULL : line + 3;
	rule = chain ? strchr(chain, ' ') : NULL;
	if (!rule)
		return;
	*rule++ = 0;
	drop_nfacct(rule);
	snprintf(d->block, sizeof d->block, "%s %s", d->table, chain);
	/* of KUBE-SERVICES only the last has a place; kubelet and kube-proxy both put theirs first
	 * into INPUT and OUTPUT, whoever comes later */
	d->loose = (!strcmp(chain, "KUBE-SERVICES") && !strstr(rule, "KUBE-NODEPORTS")) ||
		   !strcmp(rule, "-j KUBE-FIREWALL");
	add(d, rule);
}

/* "{ a, b }" of a set or a map, or a part of it on a line of its own: an element a row. */
static void elements(struct dump *d, char *text)
{
	for (char *p = strtok(text, ","); p; p = strtok(NULL, ",")) {
		size_t len;

		p += strspn(p, " \t{");
		len = strlen(p);
		while (len && strchr(" \t}", p[len - 1]))
			p[--len] = 0;
		if (len)
			add(d, p);
	}
}

static void nft_line(struct dump *d, char *line)
{
	size_t len;
	char *p = line + strspn(line, " \t");

	len = strlen(p);
	if (!len)
		return;
	if (d->depth == 0 && !strncmp(p, "table ", 6)) {
		snprintf(d->table, sizeof d->table, "%.*s", (int)(len > 8 ? len - 8 : 0), p + 6);
		d->depth = 1;
	} else if (d->depth == 1 && p[len - 1] == '{') {
		snprintf(d->block, sizeof d->block, "%s %.*s", d->table, (int)(len - 2), p);
		d->loose = strncmp(p, "chain ", 6) != 0;
		d->depth = 2;
	} else if (!strcmp(p, "}")) {
		d->depth--;
	} else if (!strncmp(p, "elements = {", 12)) {
		d->depth += !strchr(p, '}');
		elements(d, p + 12);
	} else if (d->depth == 3) {
		bool last = strchr(p, '}');

		elements(d, p);
		d->depth -= last;
	} else if (d->depth == 1) {
		snprintf(d->block, sizeof d->block, "%s table", d->table);
		d->loose = true;
		add(d, p);
	} else {
		add(d, p);
	}
}

static int by_block(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = strcmp(x->block, y->block);

	if (!c && x->order != y->order)
		c = x->order < y->order ? -1 : 1;
	return c ? c : strcmp(x->text, y->text);
}

static char *joined(const struct dump *d)
{
	size_t len = 1;
	char *text, *p;

	for (size_t i = 0; i < d->n; i++)
		len += strlen(d->row[i].block) + strlen(d->row[i].text) + 3;
	p = text = malloc(len);
	if (!text)
		return NULL;
	*p = 0;
	for (size_t i = 0; i < d->n; i++)
		p += sprintf(p, "%s: %s\n", d->row[i].block, d->row[i].text);
	return text;
}

char *same_rules_canonical(const char *dump, const struct opt_list *ignore)
{
	struct dump d = {.ignore = ignore};
	char line[LINE_MAX_LEN], *text = NULL;
	bool nft = !strncmp(dump, "table ", 6) || strstr(dump, "\ntable ");

	for (const char *p = dump; *p;) {
		size_t len = strcspn(p, "\n");

		snprintf(line, sizeof line, "%.*s", (int)len, p);
		if (*line != '#')
			(nft ? nft_line : iptables_line)(&d, line);
		p += len + (p[len] == '\n');
	}
	if (!d.broken) {
		if (d.n)
			qsort(d.row, d.n, sizeof *d.row, by_block);
		text = joined(&d);
	}
	for (size_t i = 0; i < d.n; i++) {
		free(d.row[i].block);
		free(d.row[i].text);
	}
	free(d.row);
	return text;
}

static char *slurp(const char *path, struct diag *d)
{
	FILE *f = file_open(path, d);
	char *text = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f)
		return NULL;
	n = getdelim(&text, &cap, 0, f);
	fclose(f);
	if (n < 0) {
		free(text);
		text = strdup("");
	}
	return text;
}

static bool holds(const char *text, const char *line, size_t len)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		if (n == len && !memcmp(p, line, len))
			return true;
		p += n + (p[n] == '\n');
	}
	return false;
}

static unsigned only_in(const char *a, const char *b, char sign)
{
	unsigned found = 0;

	for (const char *p = a; *p;) {
		size_t n = strcspn(p, "\n");

		if (!holds(b, p, n)) {
			printf("%c %.*s\n", sign, (int)n, p);
			found++;
		}
		p += n + (p[n] == '\n');
	}
	return found;
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static int compare(const char *want, const char *got, const struct opt_list *ignore)
{
	char *a = same_rules_canonical(want, ignore), *b = same_rules_canonical(got, ignore);
	unsigned missing, more;
	int rc = 3;

	if (a && b) {
		missing = only_in(a, b, '-');
		more = only_in(b, a, '+');
		rc = strcmp(a, b) != 0 || !*a;
		printf("%u rules wanted, %u missing, %u more%s\n", lines(a), missing, more,
		       rc && !missing && !more ? *a ? ", in another order" : ": nothing to compare"
					       : "");
	}
	free(a);
	free(b);
	return rc;
}

int same_rules_main(const struct same_rules_options *o)
{
	struct diag d = {""};
	char *want = slurp(o->want, &d), *got = want ? slurp(o->got, &d) : NULL;
	int rc = 3;

	if (got)
		rc = compare(want, got, &o->ignore);
	if (rc == 3)
		log_error("%s", d.text[0] ? d.text : "no memory");
	free(want);
	free(got);
	return rc;
}
