/* SPDX-License-Identifier: MIT */
/* BFloat16 dot products without FEAT_EBF16: BFMul, BFAdd and BFDotAdd of the Arm manual's shared
 * pseudocode. Single-precision arithmetic of its own kind: denormals are flushed, going in and
 * coming out, every NaN is the default NaN, results are rounded to odd but overflow to infinity,
 * FPCR is not looked at and FPSR not touched. A BFloat16 number is the high half of a single. */

#include "fp_core.h"

static struct fp_env bf_env(void)
{
    return (struct fp_env){.rounding = FP_ROUND_ODD, .fz = true, .dn = true};
}

/* FPRound to odd stops at the largest normal number; BFRound goes on to infinity. */
static uint32_t overflow_to_inf(const struct fp_env *env, uint64_t result)
{
    return (uint32_t)result + !!(env->flags & FPSR_OFC);
}

static uint32_t bf_mul(uint32_t a, uint32_t b)
{
    struct fp_env env = bf_env();
    return overflow_to_inf(&env, fp_mul(&env, &fp_single, a, b));
}

static uint32_t bf_add(uint32_t a, uint32_t b)
{
    struct fp_env env = bf_env();
    return overflow_to_inf(&env, fp_add(&env, &fp_single, a, b));
}

uint32_t fp_bfdot_add(uint32_t addend, uint32_t a, uint32_t b)
{
    const uint32_t low = bf_mul(a << 16, b << 16);
    const uint32_t high = bf_mul(a & 0xFFFF0000, b & 0xFFFF0000);
    return bf_add(addend, bf_add(low, high));
}
