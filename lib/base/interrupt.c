/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler does what signal-safety(7) allows: it writes, unlinks, and lets the signal come again, to whom nobody listens any
 * more. Words change while it may run: they are written aside, and then one pointer is changed.
 */
#include "lib/base/interrupt.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 512
#define PATH_LEN  4400

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static const char *name;
static bool on_terminal; /* where a line of progress may stand */
static char words[2][WORDS_MAX] = {"nothing was written"};
static unsigned words_at;
static _Atomic(const char *) left = words[0];
static char file[INTERRUPT_FILES][PATH_LEN];
static _Atomic unsigned n_files;
static atomic_flag told = ATOMIC_FLAG_INIT;

static void put(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n; /* there is nobody else to tell */
}

static void on_signal(int sig)
{
	if (!atomic_flag_test_and_set(&told)) {
		put(on_terminal ? "\r\033[K" : "");
		put(name);
		put(sig == SIGINT ? ": ended by SIGINT: " : sig == SIGTERM ? ": ended by SIGTERM: " : ": ended by SIGHUP: ");
		put(left);
		put("\n");
		for (unsigned i = 0; i < n_files; i++)
			unlink(file[i]);
	}
	signal(sig, SIG_DFL);
	raise(sig); /* comes when this returns */
}

static sigset_t all_of_them(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&set, signals[i]);
	return set;
}

void interrupt_begin(const char *program)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART, .sa_mask = all_of_them()}, before;

	name = program;
	on_terminal = isatty(STDERR_FILENO);
	for (size_t i = 0; i < SIGNALS; i++)
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

void interrupt_left(const char *fmt, ...)
{
	va_list ap;

	words_at = !words_at;
	va_start(ap, fmt);
	vsnprintf(words[words_at], WORDS_MAX, fmt, ap);
	va_end(ap);
	left = words[words_at];
}

int interrupt_file(const char *path, struct diag *d)
{
	if (n_files == INTERRUPT_FILES || strlen(path) >= PATH_LEN)
		return diag_set(d, ERR_LIMIT, "%s: too many files at once, or too long a name", path);
	strcpy(file[n_files], path);
	n_files++;
	return 0;
}

void interrupt_files_forget(void)
{
	n_files = 0;
}

void interrupt_hold(void)
{
	sigset_t set = all_of_them();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void interrupt_release(void)
{
	sigset_t set = all_of_them();

	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
