/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: one initramfs. Out: a disk that the guest writes as one tar archive at its
 * end, because that needs no file system, no protocol between guest and machine
 * (Debian's cloud kernel has no 9p), and nothing while the load is measured.
 */
#include "kind-e2e/lab/vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind-e2e/lab/proc.h"
#include "kind-e2e/lab/vm/image.h"
#include "kind-e2e/lab/vm/qemu.h"

#define DISK_BYTES (1ll << 30) /* sparse */
#define STATUS "/.status"      /* left by the guest among the records */
#define WORDS "/.words"

struct files { /* all below the folder of the records */
	char dir[4200], image[4300], disk[4300], console[4300], vmlinuz[4300];
};

static void name_files(struct files *f, const struct vm_conf *c)
{
	snprintf(f->dir, sizeof f->dir, "%s/.vm", c->out);
	snprintf(f->image, sizeof f->image, "%s/initramfs", f->dir);
	snprintf(f->disk, sizeof f->disk, "%s/records.tar", f->dir);
	snprintf(f->console, sizeof f->console, "%s/" VM_CONSOLE, c->out);
	snprintf(f->vmlinuz, sizeof f->vmlinuz, "%s/vmlinuz", c->kernel);
}

/* What the guest left in a file, which goes. */
static char *take(const struct vm_conf *c, const char *name)
{
	char path[4300], *text;

	snprintf(path, sizeof path, "%s%s", c->out, name);
	text = proc_slurp(path);
	unlink(path);
	return text;
}

void vm_sweep(const char *out)
{
	const struct vm_conf c = {.out = out, .kernel = ""};
	struct files f;

	name_files(&f, &c);
	unlink(f.image);
	unlink(f.disk);
	free(take(&c, STATUS));
	free(take(&c, WORDS));
	rmdir(f.dir);
}

int vm_probe(const struct vm_conf *c, struct diag *d)
{
	int code = qemu_probe(d);

	return code ? code : image_probe(c->bin, c->kernel, d);
}

/* --- in ---------------------------------------------------------------------------- */

static void put_quoted(FILE *out, const char *word)
{
	fputs(" '", out);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", out);
		else
			putc(*word, out);
	putc('\'', out);
}

/* A bar where somebody looks at one; lines elsewhere, for which the guest's
 * program must not see a terminal. */
static char *make_script(const struct vm_conf *c)
{
	bool bar = isatty(2);
	char *text = NULL, path[4200];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	snprintf(path, sizeof path, IMAGE_SCENARIO_DIR "%s", basename(c->scenario));
	if (!bar)
		fputs("mkfifo /tmp/words\ncat /tmp/words >&2 &\nexec 2>/tmp/words\n", out);
	fputs("cd /\n" IMAGE_PROGRAM " run -s", out);
	put_quoted(out, path);
	fputs(" -o /out", out);
	for (const char *const *arg = c->args; *arg; arg++)
		put_quoted(out, *arg);
	fputs(" >/out" WORDS "\nstatus=$?\n", out);
	if (!bar)
		fputs("exec 2>&-\nwait\n", out);
	fputs("exit $status\n", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int make_disk(const char *path, struct diag *d)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), code = 0;

	if (fd < 0)
		return diag_errno(d, "%s", path);
	if (ftruncate(fd, DISK_BYTES))
		code = diag_errno(d, "%s", path);
	close(fd);
	return code;
}

static int prepare(const struct vm_conf *c, const struct files *f, struct diag *d)
{
	char *script;
	int code;

	if (mkdir(f->dir, 0755) && errno != EEXIST)
		return diag_errno(d, "%s", f->dir);
	script = make_script(c);
	if (!script)
		return diag_set(d, ERR_NOMEM, "vm: no memory");
	code = image_write(f->image,
			   &(struct image_parts){c->bin, c->kernel, c->scenario, script, c->original, c->image}, d);
	free(script);
	return code ? code : make_disk(f->disk, d);
}

/* --- out --------------------------------------------------------------------------- */

static int no_end(const struct files *f, struct diag *d)
{
	char *log = proc_slurp(f->console);
	size_t len = log ? strlen(log) : 0;
	const char *last;

	while (len && strchr("\r\n", log[len - 1]))
		log[--len] = '\0';
	last = log ? strrchr(log, '\n') : NULL;
	diag_set(d, ERR_SYS, "the guest ended without records: %s (%s)",
		 last  ? last + 1
		 : log ? log
		       : "not a word",
		 f->console);
	free(log);
	return ERR_SYS;
}

static int unpack(const struct vm_conf *c, const struct files *f, int *ret_status, struct diag *d)
{
	const char *const tar[] = {"tar",  "-x", "--no-same-owner", "-f", f->disk, "-C",
				   c->out, NULL};
	char *status, *words, *end;
	int code = proc_run(tar, NULL, NULL, d);

	if (code)
		return code;
	words = take(c, WORDS);
	if (words)
		fputs(words, stdout);
	free(words);
	status = take(c, STATUS);
	*ret_status = status ? (int)strtol(status, &end, 10) : 0;
	code = !status || end == status ? no_end(f, d) : 0;
	free(status);
	return code;
}

bool vm_is_fast(const char *kernel)
{
	char vmlinuz[4300];

	snprintf(vmlinuz, sizeof vmlinuz, "%s/vmlinuz", kernel);
	return qemu_has_kvm(vmlinuz);
}

int vm_run(const struct vm_conf *c, struct diag *d)
{
	struct qemu_conf q = {.counted = c->counted, .limit_ns = c->limit_ns};
	struct files f;
	int code, status = 0;

	name_files(&f, c);
	q.kernel = f.vmlinuz;
	q.initrd = f.image;
	q.disk = f.disk;
	q.console = f.console;
	code = prepare(c, &f, d);
	if (!code) {
		fprintf(stderr, "vm: booting, %s\n",
			q.counted	 ? "emulated, the clock counts instructions"
			: qemu_has_kvm(q.kernel) ? "with kvm"
					 : "emulated, in real time");
		code = qemu_run(&q, d);
	}
	code = code ? code : unpack(c, &f, &status, d);
	vm_sweep(c->out);
	return code ? code : status;
}
