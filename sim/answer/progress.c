/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread of its own that looks twice a second, and waits on a condition meanwhile.
 */
#include "sim/answer/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define LOOK_NS (500 * NS_PER_MS)

struct progress {
	const char *name;
	uint64_t total_ns, begun_ns;
	struct sim_progress *p;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool is_over;
};

static void draw(const struct progress *p)
{
	double took_s = (double)(clock_mono_ns() - p->begun_ns) / 1e9;
	double done = p->total_ns ? (double)p->p->virtual_ns / (double)p->total_ns : 0;
	double left_s = done > 0.001 ? took_s / done - took_s : 0;

	fprintf(stderr, "\r\033[K%s: %3.0f %%, %.0f of %.0f virtual s, %.2f M events/s, %.0f s left", p->name,
		100 * done, (double)p->p->virtual_ns / 1e9, (double)p->total_ns / 1e9,
		(double)p->p->events / 1e6 / (took_s > 0 ? took_s : 1), left_s);
}

static void *look(void *arg)
{
	struct progress *p = arg;
	uint64_t at_ns = clock_real_ns();

	pthread_mutex_lock(&p->lock);
	while (!p->is_over) {
		at_ns += LOOK_NS;
		struct timespec at = {(time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S)};
		if (pthread_cond_timedwait(&p->over, &p->lock, &at) != 0 && !p->is_over)
			draw(p);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct progress *progress_begin(const char *name, uint64_t total_ns, struct sim_progress *sim)
{
	struct progress *p = isatty(STDERR_FILENO) ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	*p = (struct progress){.name = name, .total_ns = total_ns, .begun_ns = clock_mono_ns(), .p = sim};
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->over, NULL);
	if (pthread_create(&p->thread, NULL, look, p) == 0)
		return p;
	free(p);
	return NULL;
}

void progress_end(struct progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_over = true;
	pthread_cond_signal(&p->over);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	fprintf(stderr, "\r\033[K");
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->over);
	free(p);
}
