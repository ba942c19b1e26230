/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_HOST_ATOMIC_H
#define POMONA_A64_HOST_ATOMIC_H

/* Compare-and-swap on guest memory, 1 to 16 bytes, sequentially consistent: what exclusives and the
 * LSE instructions are made of. The 16-byte one is cmpxchg16b on x86-64 (every 64-bit x86 since
 * 2006, not in the compilers' baseline), LDAXP and STLXP on arm64, and libatomic's elsewhere. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* EXPECTED and DESIRED are 16 bytes; on failure *EXPECTED is what was there. */
static inline bool host_cas16(void *p, void *expected, const void *desired)
{
    uint64_t old[2], new[2];
    memcpy(old, expected, 16);
    memcpy(new, desired, 16);
    bool done;
#if defined(__x86_64__)
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*(unsigned __int128 *)p), "+a"(old[0]), "+d"(old[1])
                     : "b"(new[0]), "c"(new[1])
                     : "memory");
    memcpy(expected, old, 16);
#elif defined(__aarch64__)
    uint64_t found[2], put[2];
    uint32_t failed;
    /* What was there is stored back where it differs: only then is it known to be of one moment. */
    __asm__ volatile(
        "1: ldaxp %[found0], %[found1], %[mem]\n"
        "   cmp %[found0], %[old0]\n"
        "   ccmp %[found1], %[old1], #0, eq\n"
        "   csel %[put0], %[new0], %[found0], eq\n"
        "   csel %[put1], %[new1], %[found1], eq\n"
        "   stlxp %w[failed], %[put0], %[put1], %[mem]\n"
        "   cbnz %w[failed], 1b\n"
        : [found0] "=&r"(found[0]), [found1] "=&r"(found[1]), [put0] "=&r"(put[0]),
          [put1] "=&r"(put[1]), [failed] "=&r"(failed), [mem] "+Q"(*(unsigned __int128 *)p)
        : [old0] "r"(old[0]), [old1] "r"(old[1]), [new0] "r"(new[0]), [new1] "r"(new[1])
        : "cc", "memory");
    done = found[0] == old[0] && found[1] == old[1];
    memcpy(expected, found, 16);
#else
    unsigned __int128 was, want;
    memcpy(&was, old, 16);
    memcpy(&want, new, 16);
    done = __atomic_compare_exchange_n((unsigned __int128 *)p, &was, want, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
    memcpy(expected, &was, 16);
#endif
    return done;
}

/* The same for SIZE bytes at the SIZE-aligned address P; the operands' low SIZE bytes count. */
static inline bool host_cas(void *p, unsigned size, void *expected, const void *desired)
{
#define HOST_CAS(type)                                                                             \
    {                                                                                              \
        type old, new;                                                                             \
        memcpy(&old, expected, sizeof old);                                                        \
        memcpy(&new, desired, sizeof new);                                                         \
        const bool done = __atomic_compare_exchange_n((type *)p, &old, new, false,                 \
                                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);         \
        memcpy(expected, &old, sizeof old);                                                        \
        return done;                                                                               \
    }
    switch (size) {
    case 1:
        HOST_CAS(uint8_t)
    case 2:
        HOST_CAS(uint16_t)
    case 4:
        HOST_CAS(uint32_t)
    case 8:
        HOST_CAS(uint64_t)
    default:
        return host_cas16(p, expected, desired);
    }
#undef HOST_CAS
}

#endif
