/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_TARGET_H
#define POMONA_DBT_X86_64_TARGET_H

/* How the guest's state stands in the host's registers while translated code runs.
 *
 * RBP points into struct a64_cpu, in the middle of what code looks at there: X6 and all that follow up to slice_end
 * are in reach of an 8-bit displacement. Eleven guest registers are pinned, the same in every block; the others are memory
 * operands. RAX, RCX and RDX are scratch, RSP is the host's stack, aligned to 16: calls of the guest are calls of the
 * host too (lower_go.c). */

#include <stddef.h>

#include "../../a64/cpu.h"
#include "../internal.h"
#include "asm.h"

#define CPU_BIAS 176

/* Bytes of the host's stack for calls of the guest, a power of 2; those of one call. */
#define FRAMES_SIZE 16384
#define FRAME_SIZE  16
/* What the frame below all others has for the address to return to, so that RET need not look for it: none of code. */
#define NO_RETURN 1

/* Bytes of what some stubs find behind their call: a place in the page; the number of a link; or, behind a jump to where an
 * access goes on, how far from there the instruction ends. */
#define STUB_PLACE  2
#define STUB_NUMBER 3
#define STUB_GAP    1

/* What other stubs are told in EDX: the number of a slot, and behind it, in so many bits, the bytes of an access less one. */
#define STUB_SIZE_BITS 9

/* A field of struct a64_cpu as an operand. */
#define CPU(field) x86_m(RBP, (int32_t)offsetof(struct a64_cpu, field) - CPU_BIAS)

/* The stack pointer's number among guest registers; 31 is the zero register. */
#define GUEST_SP 32u

/* Host registers of X0..X30, XZR, SP; X86_NONE: in memory. */
#ifndef POMONA_DBT_NO_PIN
#define HOST_OF(n)                                                                                 \
    ((n) == 0     ? RSI                                                                            \
     : (n) == 1   ? RDI                                                                            \
     : (n) == 2   ? R8                                                                             \
     : (n) == 3   ? R9                                                                             \
     : (n) == 4   ? R10                                                                            \
     : (n) == 5   ? R11                                                                            \
     : (n) == 8   ? R12                                                                            \
     : (n) == 19  ? RBX                                                                            \
     : (n) == 20  ? R13                                                                            \
     : (n) == 30  ? R14                                                                            \
     : (n) == 32  ? R15                                                                            \
                  : X86_NONE)
#else /* a variant for tests: all are in memory */
#define HOST_OF(n) X86_NONE
#endif
/* X(n) for each of them. */
#define EACH_GUEST(X)                                                                              \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)    \
    X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)
#define HOST(n) [n] = HOST_OF(n),
static const int8_t host_of[33] = {EACH_GUEST(HOST)};
#undef HOST

/* Vector registers: XMM13..XMM15 are scratch. With AVX-512VL V0..V28 have registers of their own; with AVX2
 * V0..V7 and V16..V20 do (name_vectors() of run.c). The others are memory operands. They are in place,
 * and MXCSR is the guest's, only while cpu->vectors_away is 0, so that code without vectors does not pay for them
 * (lower_vectors()). */
#define VSCRATCH0 13u
#define VSCRATCH1 14u
#define VSCRATCH2 15u

/* A clock that costs nothing: all of it, or its low half. */
static inline uint64_t target_clock(void)
{
    return __builtin_ia32_rdtsc();
}

static inline uint32_t target_ticks(void)
{
    return (uint32_t)target_clock();
}

static inline int vhost_of(const struct dbt *dbt, unsigned n)
{
    return dbt->vhost[n];
}

static inline struct x86_rm guest_vector(unsigned n)
{
    return x86_m(RBP, (int32_t)(offsetof(struct a64_cpu, v) + n * 16) - CPU_BIAS);
}

_Static_assert(offsetof(struct a64_cpu, slice_end) - CPU_BIAS < 128, "within an 8-bit displacement");

/* Where guest register N waits when it is in memory. */
static inline struct x86_rm guest_memory(unsigned n)
{
    return n == GUEST_SP ? CPU(sp) : x86_m(RBP, (int32_t)(n * 8) - CPU_BIAS);
}

#endif
