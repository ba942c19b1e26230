/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_TARGET_H
#define POMONA_DBT_X86_64_TARGET_H

/* How the guest's state stands in the host's registers while translated code runs.
 *
 * RBP points into struct a64_cpu, in the middle of x[], so that all of x[] is in reach of an 8-bit
 * displacement. Eleven guest registers are pinned, the same in every block; the others are memory
 * operands. RAX, RCX and RDX are scratch, RSP is the host's stack, aligned to 16. */

#include <stddef.h>

#include "../../a64/cpu.h"
#include "../internal.h"
#include "asm.h"

#define CPU_BIAS 128

/* A field of struct a64_cpu as an operand. */
#define CPU(field) x86_m(RBP, (int32_t)offsetof(struct a64_cpu, field) - CPU_BIAS)

/* The stack pointer's number among guest registers; 31 is the zero register. */
#define GUEST_SP 32u

/* Host registers of X0..X30, XZR, SP; X86_NONE: in memory. */
static const int8_t host_of[33] = {
#ifndef POMONA_DBT_NO_PIN
    [0] = RSI, [1] = RDI, [2] = R8, [3] = R9, [4] = R10, [5] = R11, [6] = X86_NONE, [7] = X86_NONE,
    [8] = R12, [9] = X86_NONE, [10] = X86_NONE, [11] = X86_NONE, [12] = X86_NONE, [13] = X86_NONE,
    [14] = X86_NONE, [15] = X86_NONE, [16] = X86_NONE, [17] = X86_NONE, [18] = X86_NONE, [19] = RBX,
    [20] = R13, [21] = X86_NONE, [22] = X86_NONE, [23] = X86_NONE, [24] = X86_NONE, [25] = X86_NONE,
    [26] = X86_NONE, [27] = X86_NONE, [28] = X86_NONE, [29] = X86_NONE, [30] = R14, [31] = X86_NONE,
    [32] = R15,
#else /* a variant for tests: all are in memory */
    [0 ... 32] = X86_NONE,
#endif
};

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

/* Where guest register N waits when it is in memory. */
static inline struct x86_rm guest_memory(unsigned n)
{
    return n == GUEST_SP ? CPU(sp) : x86_m(RBP, (int32_t)(n * 8) - CPU_BIAS);
}

#endif
