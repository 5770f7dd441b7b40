/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page over HTTP for Prometheus, in the caller's poll loop: few connections, each short and
 * small. Whatever path is asked for, the answer is the page.
 */
#ifndef NODENS_KIND_E2E_PAGE_H
#define NODENS_KIND_E2E_PAGE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define PAGE_CONNS 8

struct page_conn {
	int fd; /* -1: free */
	uint64_t until_ns;
	size_t n_in, n_out, at;
	char in[2048];
	char *out;
};
struct page_server {
	int fd;
	struct page_conn conn[PAGE_CONNS];
	char *(*make)(void *ctx); /* the page as text, freed after; NULL: status 500 */
	void *ctx;
	uint64_t refused; /* connections that found no place or took too long */
};

/* Listens at ADDRESS:PORT or [ADDRESS]:PORT; an empty address is any. */
int page_open(struct page_server *s, const char *at, char *(*make)(void *ctx), void *ctx, struct diag *d);
void page_close(struct page_server *s);
/* Fills 1 + PAGE_CONNS places; unused ones have fd -1. */
void page_poll(const struct page_server *s, struct pollfd *p);
void page_serve(struct page_server *s, const struct pollfd *p, uint64_t now_ns);

#endif
