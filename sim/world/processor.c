/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a node's pods, its cache and the backends share processors, as in a lab on one machine. Each pod is a thread
 * and so is the cache, as there; a way is work of the pod at its end, or of the cache where it asks. Turns are as Linux's
 * fair scheduler gives them (turns.h). Who is let in by what it was sent is so before the sender can go to sleep: a cache that sleeps between
 * questions answers within the pod's system call, and the pod goes on without waiting for another turn. Who has nothing left to
 * do goes to sleep, which is work. A backend's delay is a timer, and waits for nobody. What else such a machine does (the kernel's
 * ticks, captures, who watches the lab) is a share of its time, at the rate of the ticks; it comes at once, for it is an interrupt,
 * or a thread that has run next to nothing.
 */
#include <stdlib.h>

#include "sim/world/turns.h"
#include "sim/world/world.h"

#define TICK_NS (4 * NS_PER_MS) /* HZ 250 */

struct work {
	struct work *next;
	enum { WORK_START, WORK_WAY, WORK_CACHE, WORK_OPEN, WORK_OPENED, WORK_CLOSE, WORK_CLOSED, WORK_SLEEP, WORK_ASIDE } kind;
	uint64_t ns;
	struct pkt *p;	   /* a way's, the cache's */
	struct pkt *says;  /* what the cache sends when it is through */
	uint64_t then_ns; /* of a way, of opening or of closing: what is another thread's of it */
	uint32_t then;
	uint32_t run, gen; /* the lookup that starts, or goes on */
	uint8_t slot;	   /* of it: whose connection is open */
};

struct thread {
	struct work *first, *now; /* now: begun */
	uint64_t left_ns;		 /* of it */
	bool sleepy;			 /* it is about to sleep, or does */
};

struct processor {
	bool busy;
	uint32_t thread, gen;
	uint64_t since_ns;
	struct work *looks; /* the cache has its turn, and is about to look at this */
};

struct processors {
	uint32_t n, n_threads;
	uint64_t sleep_ns;
	struct turns turns;
	struct work *looking; /* the cache, at this now */
	struct processor *on;
	struct thread *thread; /* pods, the cache, who is outside the cluster, backends, what is done aside */
};

int processors_init(struct world *w, struct node *n)
{
	uint32_t many = (uint32_t)w->c->costs->processors, n_threads = (uint32_t)w->s->n_pods + 3 + w->room;

	if (!many)
		return 0;
	struct processors *ps = calloc(1, sizeof(*ps));
	n->processors = ps;
	if (!ps)
		return ERR_NOMEM;
	ps->n = many;
	ps->sleep_ns = w->c->costs->sleep_ns;
	ps->on = calloc(many, sizeof(*ps->on));
	ps->thread = calloc(n_threads, sizeof(*ps->thread));
	ps->turns = (struct turns){.eevdf = w->c->costs->eevdf, .n = n_threads, .of = calloc(n_threads, sizeof(*ps->turns.of))};
	if (!ps->on || !ps->thread || !ps->turns.of)
		return ERR_NOMEM;
	ps->n_threads = n_threads;
	for (uint32_t i = 0; i < n_threads; i++)
		turns_init(&ps->turns, i, i >= w->s->n_pods);
	if (w->c->costs->aside > 0)
		evq_push(&w->q, 0, EV_ASIDE, n->index, NULL);
	return 0;
}

static void work_free(struct world *w, struct work *k)
{
	if (k && k->p)
		pkt_free(w, k->p);
	for (struct pkt *p = k ? k->says : NULL, *next; p; p = next) {
		next = p->next;
		pkt_free(w, p);
	}
	free(k);
}

void processors_release(struct world *w, struct node *n)
{
	struct processors *ps = n->processors;

	if (!ps)
		return;
	for (uint32_t i = 0; i < ps->n_threads; i++) {
		for (struct work *k = ps->thread[i].first, *next; k; k = next) {
			next = k->next;
			work_free(w, k);
		}
		work_free(w, ps->thread[i].now);
	}
	for (uint32_t i = 0; ps->on && i < ps->n; i++)
		work_free(w, ps->on[i].looks);
	free(ps->on);
	free(ps->thread);
	free(ps->turns.of);
	free(ps);
	n->processors = NULL;
}

/* --- turns --- */

static void *event_arg(const struct processors *ps, uint32_t on)
{
	return (void *)((uintptr_t)ps->on[on].gen << 16 | on);
}

static bool same_socket(const struct work *a, const struct work *b)
{
	return b->kind == WORK_WAY && a->p->event == EV_AT_POD && b->p->event == EV_AT_POD && !a->p->tcp && !b->p->tcp &&
	       a->p->port == b->p->port;
}

/* A pod's program reads one datagram of a socket, and then those of its other sockets that have some: epoll has it so. */
static void others_first(struct thread *t, const struct work *k)
{
	struct work *moved = NULL, **end = &moved, **at = &t->first;

	if (k->kind != WORK_WAY)
		return;
	while (*at) {
		struct work *x = *at;
		if (!same_socket(k, x)) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		x->next = NULL;
		*end = x;
		end = &x->next;
	}
	*at = moved;
}

/* Who has nothing else to do goes to sleep, which is work, too. */
static struct work *next_work(struct world *w, const struct processors *ps, struct thread *t)
{
	struct work *k = t->first;

	t->sleepy = !k;
	if (k) {
		t->first = k->next;
		k->next = NULL;
		others_first(t, k);
		return k;
	}
	k = calloc(1, sizeof(*k));
	if (k)
		*k = (struct work){.kind = WORK_SLEEP, .ns = ps->sleep_ns};
	else
		w->err = ERR_NOMEM;
	return k;
}

static void begin(struct world *w, struct node *n, uint32_t on, uint32_t thread)
{
	struct processors *ps = n->processors;
	struct thread *t = &ps->thread[thread];

	uint64_t from_ns = ps->on[on].since_ns > w->now_ns ? ps->on[on].since_ns : w->now_ns;

	turns_run(&ps->turns, thread);
	ps->on[on] = (struct processor){true, thread, ps->on[on].gen + 1, from_ns, NULL};
	if (!t->now) {
		struct work *k = next_work(w, ps, t);
		if (!k)
			return;
		if (k->kind == WORK_CACHE) { /* how long is known when it has looked at it */
			ps->on[on].looks = k;
			evq_push(&w->q, from_ns, EV_CACHE_TURN, n->index, event_arg(ps, on));
			return;
		}
		t->now = k;
		t->left_ns = k->ns;
	}
	evq_push(&w->q, from_ns + t->left_ns, EV_WORKED, n->index, event_arg(ps, on));
}

static void count_for(struct world *w, const struct processors *ps, uint32_t thread, uint64_t ran_ns)
{
	w->r->busy_ns += ran_ns;
	if (thread < w->s->n_pods)
		w->r->pods_cpu_ns += ran_ns;
	else if (thread > w->s->n_pods && thread < ps->n_threads - 1) /* between the cache and what runs aside */
		w->r->servers_cpu_ns += ran_ns;
}

/* What it has run since it was last counted. */
static void count(struct world *w, struct processors *ps, uint32_t on)
{
	struct processor *c = &ps->on[on];
	struct thread *t = &ps->thread[c->thread];

	if (w->now_ns < c->since_ns)
		return; /* what else there is to do goes first */
	uint64_t ran_ns = w->now_ns - c->since_ns;
	turns_ran(&ps->turns, c->thread, (double)ran_ns);
	t->left_ns -= ran_ns;
	c->since_ns = w->now_ns;
	count_for(w, ps, c->thread, ran_ns);
}

static void count_sleep(struct world *w, uint32_t thread, uint64_t ns)
{
	w->r->pods_sleeps += thread < w->s->n_pods;
	if (thread != w->s->n_pods)
		return;
	w->r->cache_sleeps++;
	w->r->cache_cpu_ns += ns;
}

static bool has_work(const struct processors *ps, uint32_t thread)
{
	const struct thread *t = &ps->thread[thread];

	return t->now || t->first || (ps->sleep_ns && !t->sleepy && thread != ps->n_threads - 1);
}

static void wake(struct world *w, struct node *n, uint32_t thread)
{
	struct processors *ps = n->processors;
	const struct turn *of = ps->turns.of;
	uint32_t on = 0, next;

	for (uint32_t i = 0; i < ps->n; i++) {
		if (!ps->on[i].busy) {
			turns_wake(&ps->turns, thread);
			begin(w, n, i, thread);
			return;
		}
		count(w, ps, i);
		if (of[ps->on[i].thread].ran_ns > of[ps->on[on].thread].ran_ns)
			on = i;
	}
	turns_wake(&ps->turns, thread);
	turns_wait(&ps->turns, thread);
	if (ps->on[on].looks)
		return;
	uint32_t runs = ps->on[on].thread;
	while ((next = turns_after_wake(&ps->turns, runs, thread)) != TURNS_NONE && !has_work(ps, next))
		turns_sleep(&ps->turns, next); /* as below */
	if (next == TURNS_NONE)
		return;
	turns_wait(&ps->turns, runs);
	begin(w, n, on, next);
}

/* A pod's thread is the lab's load program: what a lookup sends goes out at once, then lookups begin that are due, and
 * only then is another answer read. Everybody else takes what comes as it comes. */
static unsigned rank(const struct world *w, uint32_t thread, const struct work *k)
{
	if (thread >= w->s->n_pods)
		return 0;
	return k->kind == WORK_START ? 1 : k->kind == WORK_OPENED || (k->kind == WORK_WAY && k->p->event == EV_AT_POD) ? 2 : 0;
}

static void put(struct world *w, struct node *n, uint32_t thread, struct work what)
{
	struct thread *t = &n->processors->thread[thread];
	struct work *k = malloc(sizeof(*k)), **at = &t->first;

	if (!k) {
		w->err = ERR_NOMEM;
		return;
	}
	*k = what;
	while (*at && rank(w, thread, *at) <= rank(w, thread, k))
		at = &(*at)->next;
	k->next = *at;
	*at = k;
	if (!n->processors->turns.of[thread].up) {
		t->sleepy = false;
		wake(w, n, thread);
	}
}

struct pkt *processor_looks(struct world *w, uint32_t node, uintptr_t arg)
{
	struct processors *ps = w->node[node].processors;
	struct work *k = ps->on[arg & 0xffff].looks;
	struct pkt *p = k->p;

	ps->looking = k;
	k->p = NULL;
	return p;
}

struct pkt *processor_looks_on(struct world *w, uint32_t node, const struct pkt *p)
{
	struct thread *t = &w->node[node].processors->thread[w->s->n_pods];
	struct work *k = t->first;

	if (!p->tcp || p->from_node || !k || k->kind != WORK_CACHE || !k->p->tcp || k->p->from_node || k->p->lookup != p->lookup ||
	    k->p->gen != p->gen || k->p->slot != p->slot)
		return NULL;
	struct pkt *next = k->p;
	t->first = k->next;
	free(k);
	return next;
}

void processor_lasts(struct world *w, uint32_t node, uintptr_t arg, uint64_t ns)
{
	struct processors *ps = w->node[node].processors;
	struct processor *c = &ps->on[arg & 0xffff];
	struct thread *t = &ps->thread[c->thread];

	t->now = c->looks;
	t->left_ns = ns;
	c->looks = ps->looking = NULL;
	evq_push(&w->q, w->now_ns + ns, EV_WORKED, node, (void *)arg);
}

bool processor_says(struct node *n, struct pkt *p)
{
	struct work *k = n->processors->looking;

	if (!k)
		return false;
	struct pkt **at = &k->says;
	while (*at)
		at = &(*at)->next;
	p->next = NULL;
	*at = p;
	return true;
}

static void said(struct world *w, struct work *k)
{
	for (struct pkt *p = k->says, *next; p; p = next) {
		next = p->next;
		processor_work(w, p);
	}
}

/* Where a SYN has come to, somebody has his part to do; and the pod's program learns of it as of an answer. */
static void opened(struct world *w, struct node *n, uint32_t pod, const struct work *k)
{
	if (k->then_ns)
		put(w, n, k->then, (struct work){.kind = WORK_ASIDE, .ns = k->then_ns});
	put(w, n, pod, (struct work){.kind = WORK_OPENED, .run = k->run, .gen = k->gen, .slot = k->slot});
}

/* The FIN is at the cache, which has its part to do: before the lookup goes on where it has run less. */
static void closed(struct world *w, struct node *n, uint32_t pod, const struct work *k)
{
	if (k->then_ns)
		put(w, n, k->then, (struct work){.kind = WORK_ASIDE, .ns = k->then_ns});
	put(w, n, pod, (struct work){.kind = WORK_CLOSED, .run = k->run, .gen = k->gen});
}

void processor_worked(struct world *w, uint32_t node, uintptr_t arg)
{
	struct processors *ps = w->node[node].processors;
	uint32_t on = arg & 0xffff;
	struct thread *t = &ps->thread[ps->on[on].thread];

	if (event_arg(ps, on) != (void *)arg)
		return; /* another took its place */
	count(w, ps, on);
	struct work *k = t->now;
	t->now = NULL;
	if (k->kind == WORK_START)
		evq_push(&w->q, w->now_ns, EV_STARTED, k->run, (void *)(uintptr_t)k->gen);
	else if (k->kind == WORK_WAY && k->then_ns)
		put(w, &w->node[node], k->then, (struct work){.kind = WORK_WAY, .ns = k->then_ns, .p = k->p});
	else if (k->kind == WORK_CACHE)
		said(w, k);
	else if (k->kind == WORK_OPEN)
		opened(w, &w->node[node], ps->on[on].thread, k);
	else if (k->kind == WORK_OPENED)
		evq_push(&w->q, w->now_ns, EV_OPENED, k->run, (void *)((uintptr_t)k->gen << 8 | k->slot));
	else if (k->kind == WORK_SLEEP)
		count_sleep(w, ps->on[on].thread, k->ns);
	else if (k->kind == WORK_CLOSE)
		closed(w, &w->node[node], ps->on[on].thread, k);
	else if (k->kind == WORK_CLOSED)
		evq_push(&w->q, w->now_ns, EV_CLOSED, k->run, (void *)(uintptr_t)k->gen);
	else if (k->kind == WORK_WAY)
		evq_push(&w->q, w->now_ns, k->p->event, 0, k->p);
	free(k);
	/* what comes of it comes first: more of this thread's, or somebody who is woken and takes its place */
	evq_push(&w->q, w->now_ns, EV_NEXT, node, (void *)arg);
}

void processor_next(struct world *w, uint32_t node, uintptr_t arg)
{
	struct node *n = &w->node[node];
	struct processors *ps = n->processors;
	uint32_t on = arg & 0xffff, thread = ps->on[on].thread;

	if (event_arg(ps, on) != (void *)arg)
		return;
	if (has_work(ps, thread)) {
		begin(w, n, on, thread);
		return;
	}
	turns_sleep(&ps->turns, thread);
	ps->on[on].busy = false;
	for (uint32_t next; (next = turns_next(&ps->turns)) != TURNS_NONE;) {
		if (has_work(ps, next)) {
			begin(w, n, on, next);
			return;
		}
		turns_sleep(&ps->turns, next); /* it gave its place away with its last work done */
	}
}

/* --- what there is to do --- */

void processor_start(struct world *w, struct node *n, uint32_t pod, uint32_t run, uint32_t gen, uint64_t ns)
{
	put(w, n, pod, (struct work){.kind = WORK_START, .ns = ns, .run = run, .gen = gen});
}

void processor_open(struct world *w, struct node *n, uint32_t pod, uint32_t run, uint32_t gen, unsigned slot, const struct slot *s)
{
	bool cached = node_has_cache(n);
	uint32_t cache = (uint32_t)w->s->n_pods;
	struct work k = {.kind = WORK_OPEN, .ns = s->opens_ns, .run = run, .gen = gen, .slot = (uint8_t)slot};

	k.then = cached ? cache : cache + 2 + s->backend;
	k.then_ns = cached ? s->accepts_ns : (uint64_t)((double)k.ns * (1 - w->c->costs->pod_share));
	k.ns -= cached ? 0 : k.then_ns;
	put(w, n, pod, k);
}

void processor_close(struct world *w, struct node *n, uint32_t pod, uint32_t run, uint32_t gen, uint64_t ns, uint64_t cache_ns)
{
	put(w, n, pod,
	    (struct work){.kind = WORK_CLOSE, .ns = ns, .run = run, .gen = gen, .then = (uint32_t)w->s->n_pods, .then_ns = cache_ns});
}

void processor_cache(struct world *w, struct node *n, struct pkt *p)
{
	put(w, n, (uint32_t)w->s->n_pods, (struct work){.kind = WORK_CACHE, .p = p});
}

void processor_aside(struct world *w, uint32_t node)
{
	struct node *n = &w->node[node];
	struct processors *ps = n->processors;
	struct processor *c = ps->on;
	uint64_t ns = (uint64_t)(w->c->costs->aside * (double)TICK_NS);

	if (c->busy && !c->looks && c->since_ns <= w->now_ns && c->thread != ps->n_threads - 1) {
		count(w, ps, 0);
		c->since_ns = w->now_ns + ns;
		c->gen++;
		w->r->busy_ns += ns;
		evq_push(&w->q, c->since_ns + ps->thread[c->thread].left_ns, EV_WORKED, node, event_arg(ps, 0));
	} else {
		put(w, n, ps->n_threads - 1, (struct work){.kind = WORK_ASIDE, .ns = ns});
	}
	evq_push(&w->q, w->now_ns + TICK_NS, EV_ASIDE, node, NULL);
}

/* Between pod and cache a way is the pod's, for the cache's part is told by its own processor time; and so one
 * between cache and backend is the backend's. Between pod and backend each has its share. */
void processor_work(struct world *w, struct pkt *p)
{
	struct node *n = &w->node[p->node];
	uint32_t cache = (uint32_t)w->s->n_pods, backend = p->backend == BACKEND_WORLD ? cache + 1 : cache + 2 + p->backend;
	struct work k = {.kind = WORK_WAY, .ns = p->way_ns, .p = p};
	uint32_t who = p->from_node ? backend : p->pod;

	if (!p->from_node && !node_has_cache(n)) {
		bool there = p->event == EV_AT_BACKEND;
		double share = w->c->costs->pod_share;
		who = there ? p->pod : backend;
		k.then_ns = (uint64_t)((double)p->way_ns * (there ? 1 - share : share));
		k.ns -= k.then_ns;
		k.then = there ? backend : p->pod;
	}
	put(w, n, who, k);
}
