/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_HOST_ACCESS_H
#define POMONA_A64_HOST_ACCESS_H

/* Guest memory as the host reads and writes it: one host access of the guest access's size,
 * relaxed, so that a guest access that Arm calls single-copy atomic is one here and other CPU
 * threads are no data race.
 *
 * Aligned 1 to 8 bytes are C11 atomics. Sixteen aligned bytes are one vector access, which every
 * x86-64 with AVX and every arm64 with LSE2 performs as one. Misaligned accesses go through packed
 * types: one instruction on hosts that have such (x86-64, arm64), which makes them atomic within 16
 * bytes there as FEAT_LSE2 asks; bytes elsewhere. Memory order (acquire, release, DMB) is the
 * caller's, by fences.
 *
 * What C has no atomics for (16 bytes, misaligned) is kept from the thread sanitizer, which would
 * call the guest's own races ours: HOST_GUEST_RACES. Nothing but guest data may be touched there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HOST_GUEST_RACES __attribute__((no_sanitize("thread")))

typedef uint64_t host_v2 __attribute__((vector_size(16), may_alias));
typedef uint16_t host_u16 __attribute__((aligned(1), may_alias));
typedef uint32_t host_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t host_u64 __attribute__((aligned(1), may_alias));
typedef uint64_t host_u64_aligned __attribute__((may_alias));

HOST_GUEST_RACES static inline void host_load_vector(const void *p, void *value)
{
    const host_v2 v = *(const volatile host_v2 *)p;
    memcpy(value, &v, 16);
}

HOST_GUEST_RACES static inline void host_store_vector(void *p, const void *value)
{
    host_v2 v;
    memcpy(&v, value, 16);
    *(volatile host_v2 *)p = v;
}

/* SIZE (1, 2, 4, 8 or 16) bytes at the aligned address P, zero-extended to 8, or 16 for 16. */
static inline void host_load(const void *p, unsigned size, void *value)
{
    host_u64_aligned *out = value;
    switch (size) {
    case 1:
        *out = __atomic_load_n((const uint8_t *)p, __ATOMIC_RELAXED);
        break;
    case 2:
        *out = __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
        break;
    case 4:
        *out = __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
        break;
    case 8:
        *out = __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
        break;
    default:
        host_load_vector(p, value);
    }
}

/* Stores the low SIZE bytes of *VALUE at the aligned address P. */
static inline void host_store(void *p, unsigned size, const void *value)
{
    switch (size) {
    case 1:
        __atomic_store_n((uint8_t *)p, *(const uint8_t *)value, __ATOMIC_RELAXED);
        break;
    case 2:
        __atomic_store_n((uint16_t *)p, *(const host_u16 *)value, __ATOMIC_RELAXED);
        break;
    case 4:
        __atomic_store_n((uint32_t *)p, *(const host_u32 *)value, __ATOMIC_RELAXED);
        break;
    case 8:
        __atomic_store_n((uint64_t *)p, *(const host_u64 *)value, __ATOMIC_RELAXED);
        break;
    default:
        host_store_vector(p, value);
    }
}

/* The same at any address within one page. */
HOST_GUEST_RACES static inline void host_load_any(const void *p, unsigned size, void *value)
{
    host_u64_aligned *out = value;
    switch (size) {
    case 1:
        *out = *(const volatile uint8_t *)p;
        break;
    case 2:
        *out = *(const volatile host_u16 *)p;
        break;
    case 4:
        *out = *(const volatile host_u32 *)p;
        break;
    case 8:
        *out = *(const volatile host_u64 *)p;
        break;
    default:
        out[0] = ((const volatile host_u64 *)p)[0];
        out[1] = ((const volatile host_u64 *)p)[1];
    }
}

HOST_GUEST_RACES static inline void host_store_any(void *p, unsigned size, const void *value)
{
    const host_u64 *in = value;
    switch (size) {
    case 1:
        *(volatile uint8_t *)p = *(const uint8_t *)value;
        break;
    case 2:
        *(volatile host_u16 *)p = *(const host_u16 *)value;
        break;
    case 4:
        *(volatile host_u32 *)p = *(const host_u32 *)value;
        break;
    case 8:
        *(volatile host_u64 *)p = in[0];
        break;
    default:
        ((volatile host_u64 *)p)[0] = in[0];
        ((volatile host_u64 *)p)[1] = in[1];
    }
}

/* The widest access of 1 to 8 bytes that is aligned at P and not longer than SIZE. */
static inline unsigned host_step(const void *p, size_t size)
{
    unsigned step = 8;
    while (step > size || (uintptr_t)p & (step - 1))
        step /= 2;
    return step;
}

/* Whether a vector is the next step of a copy at P. */
static inline bool host_step_is_vector(const void *p, size_t size)
{
    return size >= 16 && !((uintptr_t)p & 15);
}

/* Copies of any size for the host's own use (devices, debuggers), in steps as wide as alignment
 * allows: what is aligned and of 16 bytes or fewer is copied at once. */
static inline void host_copy_from(void *to, const void *guest, size_t size)
{
    const uint8_t *from = guest;
    uint8_t *out = to;
    while (size) {
        for (; host_step_is_vector(from, size); from += 16, out += 16, size -= 16)
            host_load_vector(from, out);
        if (!size)
            return;
        const unsigned step = host_step(from, size);
        uint64_t value[2];
        host_load(from, step, value);
        memcpy(out, value, step);
        from += step;
        out += step;
        size -= step;
    }
}

static inline void host_copy_to(void *guest, const void *from, size_t size)
{
    uint8_t *to = guest;
    const uint8_t *in = from;
    while (size) {
        for (; host_step_is_vector(to, size); to += 16, in += 16, size -= 16)
            host_store_vector(to, in);
        if (!size)
            return;
        const unsigned step = host_step(to, size);
        uint64_t value[2] = {0};
        memcpy(value, in, step);
        host_store(to, step, value);
        to += step;
        in += step;
        size -= step;
    }
}

#endif
