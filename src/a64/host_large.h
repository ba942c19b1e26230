/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_HOST_LARGE_H
#define POMONA_A64_HOST_LARGE_H

/* Large pages of the host, for memory that is mapped shared: a guest's, and translated code. Linux gives such memory none
 * of its own accord, as a rule (/sys/kernel/mm/transparent_hugepage/shmem_enabled is `never`), but makes them one by one
 * where it is asked to (MADV_COLLAPSE, since 6.1). */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOST_LARGE ((size_t)2 << 20)

/* Addresses for BEFORE bytes and SIZE behind them, which begin at a multiple of ALIGN; nothing is there yet. All are multiples of
 * the host's page. NULL: there is no room. */
static inline uint8_t *host_reserve(size_t before, size_t size, size_t align)
{
    /* One alignment more, and what lies before and behind given back. */
    uint8_t *base = mmap(NULL, before + size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    const size_t skipped = -((uintptr_t)base + before) & (align - 1);
    if (skipped)
        munmap(base, skipped);
    munmap(base + skipped + before + size, align - skipped);
    return base + skipped;
}

/* Makes one page of the HOST_LARGE bytes at AT. Both AT and what it maps of the file are multiples of that. What is there
 * stays, whoever reads and writes it meanwhile. 0, or a negative errno: the pages are as they were. */
static inline int host_make_large(void *at)
{
#if defined __linux__ && defined MADV_POPULATE_WRITE
    const int collapse = 25; /* MADV_COLLAPSE, which the C library may be too old for */
    /* Where nothing was touched nothing is mapped, and nothing is made large. */
    if (madvise(at, (size_t)sysconf(_SC_PAGESIZE), MADV_POPULATE_WRITE) || madvise(at, HOST_LARGE, collapse))
        return -errno;
    return 0;
#else
    (void)at;
    return -ENOTSUP;
#endif
}

#endif
