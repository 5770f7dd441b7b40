/* SPDX-License-Identifier: Apache-2.0 */
/* Between kernel.c (its state), kernel_calls.c and kernel_io.c (its system calls). */
#ifndef NODENS_FUZZ_KERNEL_INT_H
#define NODENS_FUZZ_KERNEL_INT_H

#include "lib/base/clock.h"
#include "tests/fuzz/daemon/kernel.h"

struct ksock *ksock_new(enum ksock_kind kind);
struct ksock *ksock_of(int fd); /* one that is not open is a fault */
int kfd_new(struct ksock *s);	/* -1: too many */
void kfd_close(int fd);
int kepoll_wait(int epfd, struct epoll_event *ev, int max, uint64_t sleep_ns);
int kepoll_poll(int epfd, struct epoll_event *ev, int max); /* without time passing */
/* Is this call to fail? */
bool kfault(enum kcall c, int *ret_errno);
bool kcall_fails(enum kcall c); /* the same, with errno set */
void kname_read(const void *sa, struct in6_addr *addr, uint16_t *port);

#endif
