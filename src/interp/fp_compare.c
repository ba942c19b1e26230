/* SPDX-License-Identifier: MIT */
/* Comparisons, maximum and minimum of Arm floating-point: FPCompare, FPCompareEQ, GE and GT, FPMax,
 * FPMin, FPMaxNum, FPMinNum of the Arm manual's shared pseudocode. */

#include "fp_core.h"

#include "../a64/cpu.h"

enum order { ORDER_LESS, ORDER_EQUAL, ORDER_GREATER };

/* The order of the magnitudes of A and B. */
static enum order order_of_magnitudes(struct fp_value a, struct fp_value b)
{
    if (a.cls != b.cls)
        return a.cls < b.cls ? ORDER_LESS : ORDER_GREATER;
    if (a.cls != FP_CLASS_FINITE)
        return ORDER_EQUAL;
    if (a.exp != b.exp)
        return a.exp < b.exp ? ORDER_LESS : ORDER_GREATER;
    return a.sig == b.sig ? ORDER_EQUAL : a.sig < b.sig ? ORDER_LESS : ORDER_GREATER;
}

/* The order of two numbers, neither a NaN; zeros are equal. */
static enum order order_of(struct fp_value a, struct fp_value b)
{
    if (a.cls == FP_CLASS_ZERO && b.cls == FP_CLASS_ZERO)
        return ORDER_EQUAL;
    if (a.sign != b.sign)
        return a.sign ? ORDER_LESS : ORDER_GREATER;
    return a.sign ? order_of_magnitudes(b, a) : order_of_magnitudes(a, b);
}

uint32_t fp_compare(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b,
                    bool signal)
{
    const struct fp_value x = fp_unpack(env, fmt, a), y = fp_unpack(env, fmt, b);
    if (fp_is_nan(x) || fp_is_nan(y)) {
        if (signal || x.cls == FP_CLASS_SNAN || y.cls == FP_CLASS_SNAN)
            env->flags |= FPSR_IOC;
        return A64_C | A64_V;
    }
    switch (order_of(x, y)) {
    case ORDER_LESS:
        return A64_N;
    case ORDER_EQUAL:
        return A64_Z | A64_C;
    default:
        return A64_C;
    }
}

static uint64_t mask(const struct fp_format *fmt, bool ones)
{
    return ones ? ~0ull >> (64 - fmt->bits) : 0;
}

uint64_t fp_cmeq(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return mask(fmt, fp_compare(env, fmt, a, b, false) & A64_Z);
}

uint64_t fp_cmge(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    const uint32_t nzcv = fp_compare(env, fmt, a, b, true);
    return mask(fmt, nzcv & A64_C && !(nzcv & A64_V));
}

uint64_t fp_cmgt(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return mask(fmt, fp_compare(env, fmt, a, b, true) == A64_C);
}

uint64_t fp_acge(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return fp_cmge(env, fmt, fp_abs(env, fmt, a), fp_abs(env, fmt, b));
}

uint64_t fp_acgt(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return fp_cmgt(env, fmt, fp_abs(env, fmt, a), fp_abs(env, fmt, b));
}

/* The greater (WANTED is ORDER_GREATER) or the lesser of A and B; of two zeros the most positive or
 * the most negative. The result has been through FPUnpack: a flushed denormal comes out as zero. */
static uint64_t select_one(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b,
                           enum order wanted)
{
    const uint64_t bits[2] = {a, b};
    const struct fp_value v[2] = {fp_unpack(env, fmt, a), fp_unpack(env, fmt, b)};
    uint64_t nan;
    if (fp_process_nans(env, fmt, v, bits, 2, &nan))
        return nan;
    const unsigned chosen = order_of(v[0], v[1]) == wanted ? 0 : 1;
    if (v[chosen].cls != FP_CLASS_ZERO)
        return bits[chosen];
    return fp_zero(fmt, wanted == ORDER_GREATER ? v[0].sign && v[1].sign : v[0].sign || v[1].sign);
}

uint64_t fp_max(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return select_one(env, fmt, a, b, ORDER_GREATER);
}

uint64_t fp_min(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return select_one(env, fmt, a, b, ORDER_LESS);
}

/* A single quiet NaN counts as the infinity that never wins. */
static uint64_t select_number(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                              uint64_t b, enum order wanted)
{
    const bool quiet_a = fp_unpack(env, fmt, a).cls == FP_CLASS_QNAN;
    const bool quiet_b = fp_unpack(env, fmt, b).cls == FP_CLASS_QNAN;
    const uint64_t loser = fp_infinity(fmt, wanted == ORDER_GREATER);
    if (quiet_a && !quiet_b)
        a = loser;
    else if (quiet_b && !quiet_a)
        b = loser;
    return select_one(env, fmt, a, b, wanted);
}

uint64_t fp_maxnm(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return select_number(env, fmt, a, b, ORDER_GREATER);
}

uint64_t fp_minnm(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return select_number(env, fmt, a, b, ORDER_LESS);
}
