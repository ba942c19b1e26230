/* SPDX-License-Identifier: MIT */
/* The estimates: FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate and
 * UnsignedRSqrtEstimate of the Arm manual's shared pseudocode. Every implementation without
 * FEAT_RPRES gives these very bits: eight of fraction, by tables that the manual defines with the
 * two small integer functions below. */

#include "fp_core.h"

/* RecipEstimate: A, 256..511, stands for 0.5..1.0; the result, 256..511, for 1.0..2.0. */
static unsigned recip_estimate(unsigned a)
{
    const unsigned b = (1u << 19) / (a * 2 + 1);
    return (b + 1) / 2;
}

/* RecipSqrtEstimate: A, 128..511, stands for 0.25..1.0; the result, 256..511, for 1.0..2.0. */
static unsigned recip_sqrt_estimate(unsigned a)
{
    a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
    unsigned b = 512;
    while (a * (b + 1) * (b + 1) < 1u << 28)
        b++;
    return (b + 1) / 2;
}

static int bias_of(const struct fp_format *fmt)
{
    return (1 << (fmt->exp_bits - 1)) - 1;
}

/* The result of a number so small that its reciprocal overflows. */
static uint64_t overflow(struct fp_env *env, const struct fp_format *fmt, bool sign)
{
    env->flags |= FPSR_OFC | FPSR_IXC;
    const bool to_inf = env->rounding == FP_ROUND_TIEEVEN ||
                        (env->rounding == FP_ROUND_POSINF && !sign) ||
                        (env->rounding == FP_ROUND_NEGINF && sign);
    return to_inf ? fp_infinity(fmt, sign) : fp_max_normal(fmt, sign);
}

static uint64_t recpe_finite(struct fp_env *env, const struct fp_format *fmt, struct fp_value v)
{
    const int bias = bias_of(fmt);
    if (v.exp < -bias - 1)
        return overflow(env, fmt, v.sign);
    if (v.exp >= bias - 1 && (fmt == &fp_half ? env->fz16 : env->fz)) {
        env->flags |= FPSR_UFC;
        return fp_zero(fmt, v.sign);
    }
    /* The estimate is 1.ffffffff at exponent -1 - v.exp; the largest operands have denormal ones.
     */
    const unsigned estimate = recip_estimate((unsigned)(v.sig >> 55));
    uint64_t frac = (uint64_t)(estimate & 0xFF) << (fmt->frac_bits - 8);
    int exp = bias - 1 - v.exp;
    if (exp <= 0) {
        frac = (frac | 1ull << fmt->frac_bits) >> (1 - exp);
        exp = 0;
    }
    return fp_zero(fmt, v.sign) | (uint64_t)exp << fmt->frac_bits | frac;
}

uint64_t fp_recpe(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    const struct fp_value v = fp_unpack(env, fmt, a);
    switch (v.cls) {
    case FP_CLASS_FINITE:
        return recpe_finite(env, fmt, v);
    case FP_CLASS_INF:
        return fp_zero(fmt, v.sign);
    case FP_CLASS_ZERO:
        env->flags |= FPSR_DZC;
        return fp_infinity(fmt, v.sign);
    default:
        return fp_process_nan(env, fmt, a);
    }
}

static uint64_t rsqrte_finite(const struct fp_format *fmt, struct fp_value v)
{
    /* The operand is scaled by an even power of two into 0.25..1.0. */
    const bool odd = v.exp & 1;
    const unsigned scaled = (unsigned)(v.sig >> (odd ? 55 : 56));
    const unsigned estimate = recip_sqrt_estimate(scaled);
    const int exp = bias_of(fmt) - 1 - (v.exp - odd) / 2;
    return (uint64_t)exp << fmt->frac_bits | (uint64_t)(estimate & 0xFF) << (fmt->frac_bits - 8);
}

uint64_t fp_rsqrte(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    const struct fp_value v = fp_unpack(env, fmt, a);
    if (fp_is_nan(v))
        return fp_process_nan(env, fmt, a);
    if (v.cls == FP_CLASS_ZERO) {
        env->flags |= FPSR_DZC;
        return fp_infinity(fmt, v.sign);
    }
    if (v.sign) {
        env->flags |= FPSR_IOC;
        return fp_default_nan(fmt);
    }
    return v.cls == FP_CLASS_INF ? fp_zero(fmt, false) : rsqrte_finite(fmt, v);
}

uint64_t fp_recpx(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    if (fp_is_nan(fp_unpack(env, fmt, a)))
        return fp_process_nan(env, fmt, a);
    const uint64_t exp_mask = fp_exp_mask(fmt), sign = a & fp_zero(fmt, true);
    const uint64_t lowest = 1ull << fmt->frac_bits;
    return sign | (a & exp_mask ? ~a & exp_mask : exp_mask - lowest);
}

uint32_t fp_unsigned_recpe(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23) << 23 : UINT32_MAX;
}

uint32_t fp_unsigned_rsqrte(uint32_t a)
{
    return a >> 30 ? recip_sqrt_estimate(a >> 23) << 23 : UINT32_MAX;
}
