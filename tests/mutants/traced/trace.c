/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which code a test runs: compiled with -fsanitize-coverage=trace-pc, each block calls us
 * first. We set the octet of the file TRACE_MAP that stands as far from its beginning as the
 * caller from the library's. The file is mapped, so children of a test count as well, also
 * those that are killed or may not write. tests/mutants/who reads it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

void __sanitizer_cov_trace_pc(void);

static uint8_t *map;
static uintptr_t base;
static size_t size;

__attribute__((no_sanitize_coverage, constructor)) static void trace_open(void)
{
	const char *path = getenv("TRACE_MAP");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct stat st;
	Dl_info info;

	if (fd < 0 || fstat(fd, &st) || !dladdr(&map, &info))
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	base = (uintptr_t)info.dli_fbase;
	size = (size_t)st.st_size;
}

__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
	uintptr_t at = (uintptr_t)__builtin_return_address(0) - base;

	if (at < size)
		map[at] = 1;
}
