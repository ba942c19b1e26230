/* SPDX-License-Identifier: MIT */
#ifndef LITMUS_THREADS_H
#define LITMUS_THREADS_H

/* The code of the threads: two accesses A then B with something between them that orders them, or
 * does not. Each function returns what it read, the first in bits 7..0, the second in 15..8.
 *
 * Whether the pair is ordered is what the Arm manual (B2.3.3: dependencies, barrier-ordered-before)
 * says, for threads that see each other's stores in one order (other-multi-copy atomic). */

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t thread_fn(volatile uint64_t *a, volatile uint64_t *b, uint64_t va, uint64_t vb);

struct thread {
    const char *name;
    thread_fn *run;
    bool ordered;
};

/* clang-format off */
#define THREAD(name, code)                                                                         \
    static uint64_t name(volatile uint64_t *a, volatile uint64_t *b, uint64_t va, uint64_t vb)     \
    {                                                                                              \
        uint64_t r0, r1;                                                                           \
        __asm__ volatile("mov %0, #0; mov %1, #0\n" code                                           \
                         : "=&r"(r0), "=&r"(r1)                                                    \
                         : "r"(a), "r"(b), "r"(va), "r"(vb)                                        \
                         : "memory", "cc");                                                        \
        return r0 | r1 << 8;                                                                       \
    }
#define STORE_A "str %4, [%2]\n"
#define STORE_B "str %5, [%3]\n"
#define LOAD_A  "ldr %0, [%2]\n"
#define LOAD_B  "ldr %1, [%3]\n"

/* Store, store. */
THREAD(ww_po, STORE_A STORE_B)
THREAD(ww_dmb, STORE_A "dmb ish\n" STORE_B)
THREAD(ww_dmb_st, STORE_A "dmb ishst\n" STORE_B)
THREAD(ww_dmb_ld, STORE_A "dmb ishld\n" STORE_B)
THREAD(ww_dsb, STORE_A "dsb sy\n" STORE_B)
THREAD(ww_release, STORE_A "stlr %5, [%3]\n")
THREAD(ww_release_w, STORE_A "stlr %w5, [%3]\n")
THREAD(ww_release_u, STORE_A "stlur %5, [%3, #0]\n")
THREAD(ww_swpl, STORE_A "swpl %5, %1, [%3]\n mov %1, #0\n")
THREAD(ww_ldaddl, STORE_A "ldaddl %5, %1, [%3]\n mov %1, #0\n")
THREAD(ww_stlxr, STORE_A "1: ldxr %1, [%3]\n stlxr %w1, %5, [%3]\n cbnz %w1, 1b\n")
THREAD(ww_stxr, STORE_A "1: ldxr %1, [%3]\n stxr %w1, %5, [%3]\n cbnz %w1, 1b\n")
THREAD(ww_release_first, "stlr %4, [%2]\n" STORE_B)
static const struct thread ww[] = {
    {"po", ww_po, false},
    {"dmb.ish", ww_dmb, true},
    {"stlr", ww_release, true},
    {"dmb.ishst", ww_dmb_st, true},
    {"swpl", ww_swpl, true},
    {"stlxr", ww_stlxr, true},
    {"dmb.ishld", ww_dmb_ld, false},
    {"dsb.sy", ww_dsb, true},
    {"stlr.w", ww_release_w, true},
    {"stlur", ww_release_u, true},
    {"ldaddl", ww_ldaddl, true},
    {"stxr", ww_stxr, false},
    {"stlr-str", ww_release_first, false},
};

/* Store, load. */
THREAD(wr_po, STORE_A LOAD_B)
THREAD(wr_dmb, STORE_A "dmb ish\n" LOAD_B)
THREAD(wr_dmb_sy, STORE_A "dmb sy\n" LOAD_B)
THREAD(wr_dmb_st, STORE_A "dmb ishst\n" LOAD_B)
THREAD(wr_dmb_ld, STORE_A "dmb ishld\n" LOAD_B)
THREAD(wr_dsb, STORE_A "dsb ish\n" LOAD_B)
THREAD(wr_release, "stlr %4, [%2]\n" LOAD_B)
THREAD(wr_acquire, STORE_A "ldar %1, [%3]\n")
THREAD(wr_both, "stlr %4, [%2]\n ldar %1, [%3]\n")
THREAD(wr_both_pc, "stlr %4, [%2]\n ldapr %1, [%3]\n")
THREAD(wr_stlxr_ldar, "1: ldxr %1, [%2]\n stlxr %w1, %4, [%2]\n cbnz %w1, 1b\n ldar %1, [%3]\n")
static const struct thread wr[] = {
    {"po", wr_po, false},           {"dmb.ish", wr_dmb, true},
    {"dmb.sy", wr_dmb_sy, true},    {"dmb.ishst", wr_dmb_st, false},
    {"dmb.ishld", wr_dmb_ld, false}, {"dsb.ish", wr_dsb, true},
    {"stlr", wr_release, false},    {"ldar", wr_acquire, false},
    {"stlr-ldar", wr_both, true},   {"stlr-ldapr", wr_both_pc, false},
    {"stlxr-ldar", wr_stlxr_ldar, true},
};

/* Load, load. */
THREAD(rr_po, LOAD_A LOAD_B)
THREAD(rr_dmb, LOAD_A "dmb ish\n" LOAD_B)
THREAD(rr_dmb_ld, LOAD_A "dmb ishld\n" LOAD_B)
THREAD(rr_dmb_st, LOAD_A "dmb ishst\n" LOAD_B)
THREAD(rr_acquire, "ldar %0, [%2]\n" LOAD_B)
THREAD(rr_acquire_w, "ldar %w0, [%2]\n" LOAD_B)
THREAD(rr_acquire_pc, "ldapr %0, [%2]\n" LOAD_B)
THREAD(rr_acquire_u, "ldapur %0, [%2, #0]\n" LOAD_B)
THREAD(rr_ldaxr, "ldaxr %0, [%2]\n" LOAD_B "clrex\n")
THREAD(rr_ldadda, "ldadda xzr, %0, [%2]\n" LOAD_B)
THREAD(rr_casa, "mov %0, #7\n casa %0, xzr, [%2]\n" LOAD_B)
THREAD(rr_address, LOAD_A "eor %1, %0, %0\n ldr %1, [%3, %1]\n")
THREAD(rr_control, LOAD_A "cbz %0, 1f\n 1: " LOAD_B)
THREAD(rr_control_isb, LOAD_A "cbz %0, 1f\n 1: isb\n" LOAD_B)
static const struct thread rr[] = {
    {"po", rr_po, false},
    {"dmb.ish", rr_dmb, true},
    {"ldar", rr_acquire, true},
    {"addr", rr_address, true},
    {"ldapr", rr_acquire_pc, true},
    {"dmb.ishld", rr_dmb_ld, true},
    {"dmb.ishst", rr_dmb_st, false},
    {"ldar.w", rr_acquire_w, true},
    {"ldapur", rr_acquire_u, true},
    {"ldaxr", rr_ldaxr, true},
    {"ldadda", rr_ldadda, true},
    {"casa", rr_casa, true},
    {"ctrl", rr_control, false},
    {"ctrl-isb", rr_control_isb, true},
};

/* Load, store. */
THREAD(rw_po, LOAD_A STORE_B)
THREAD(rw_dmb, LOAD_A "dmb ish\n" STORE_B)
THREAD(rw_dmb_ld, LOAD_A "dmb ishld\n" STORE_B)
THREAD(rw_dmb_st, LOAD_A "dmb ishst\n" STORE_B)
THREAD(rw_acquire, "ldar %0, [%2]\n" STORE_B)
THREAD(rw_acquire_pc, "ldapr %0, [%2]\n" STORE_B)
THREAD(rw_release, LOAD_A "stlr %5, [%3]\n")
THREAD(rw_swpal, LOAD_A "swpal %5, %1, [%3]\n mov %1, #0\n")
THREAD(rw_address, LOAD_A "eor %1, %0, %0\n str %5, [%3, %1]\n mov %1, #0\n")
THREAD(rw_data, LOAD_A "eor %1, %0, %0\n add %1, %1, %5\n str %1, [%3]\n mov %1, #0\n")
THREAD(rw_control, LOAD_A "cbz %0, 1f\n 1: " STORE_B)
static const struct thread rw[] = {
    {"po", rw_po, false},
    {"dmb.ish", rw_dmb, true},
    {"stlr", rw_release, true},
    {"data", rw_data, true},
    {"ctrl", rw_control, true},
    {"ldar", rw_acquire, true},
    {"dmb.ishld", rw_dmb_ld, true},
    {"dmb.ishst", rw_dmb_st, false},
    {"ldapr", rw_acquire_pc, true},
    {"swpal", rw_swpal, true},
    {"addr", rw_address, true},
};

/* One access. */
THREAD(w_only, STORE_A)
static const struct thread w[] = {{"", w_only, true}};

/* Coherence: A and B are one place, so the pair is ordered whatever stands between. */
static const struct thread ww_same[] = {{"po", ww_po, true}};
static const struct thread wr_same[] = {{"po", wr_po, true}};
static const struct thread rr_same[] = {
    {"po", rr_po, true}, {"addr", rr_address, true}, {"ctrl", rr_control, true}};
static const struct thread rw_same[] = {{"po", rw_po, true}};

/* Sixteen bytes at A at once; VA in both halves. B is the second half. */
THREAD(w16_stp, "stp %4, %4, [%2]\n")
THREAD(w16_str, "fmov d0, %4\n mov v0.d[1], %4\n str q0, [%2]\n")
THREAD(w16_stxp, "1: ldxp %0, %1, [%2]\n stxp %w0, %4, %4, [%2]\n cbnz %w0, 1b\n mov %1, #0\n")
static const struct thread w16[] = {{"stp", w16_stp, true},
                                    {"str.q", w16_str, true},
                                    {"stxp", w16_stxp, true}};
THREAD(r16_ldp, "ldp %0, %1, [%2]\n")
THREAD(r16_ldr, "ldr q0, [%2]\n fmov %0, d0\n mov %1, v0.d[1]\n")
THREAD(r16_ldnp, "ldnp %0, %1, [%2]\n")
static const struct thread r16[] = {{"ldp", r16_ldp, true},
                                    {"ldr.q", r16_ldr, true},
                                    {"ldnp", r16_ldnp, true}};
/* clang-format on */

#endif
