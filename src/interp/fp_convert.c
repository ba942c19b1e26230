/* SPDX-License-Identifier: MIT */
/* Conversions of Arm floating-point: between formats, to and from integers and fixed-point numbers,
 * and to integral values: FPConvert, FPConvertBF, FPToFixed, FixedToFP, FPToFixedJS, FPRoundInt and
 * FPRoundIntN of the Arm manual's shared pseudocode. */

#include "fp_core.h"

/* The magnitude of a number cut off to an integer, and what was cut off in units of 1/4 (sticky).
 */
struct integral {
    uint64_t whole;
    unsigned rest; /* 0 exact, 1 less than a half, 2 a half, 3 more */
    bool huge;     /* 2^64 or more: WHOLE and REST are 0 */
};

/* V * 2^SCALE as an integer; V is finite or zero. */
static struct integral integral_of(struct fp_value v, int scale)
{
    if (v.cls == FP_CLASS_ZERO)
        return (struct integral){0};
    const int exp = v.exp + scale;
    if (exp > 63)
        return (struct integral){.huge = true};
    if (exp < -1)
        return (struct integral){.rest = 1};
    if (exp == -1)
        return (struct integral){.rest = v.sig << 1 ? 3 : 2};
    const unsigned fraction_bits = 63u - (unsigned)exp;
    if (!fraction_bits)
        return (struct integral){.whole = v.sig};
    const uint64_t fraction = v.sig << (64 - fraction_bits);
    const unsigned half = (fraction >> 63) << 1;
    return (struct integral){.whole = v.sig >> fraction_bits, .rest = half | (fraction << 1 != 0)};
}

/* Whether the magnitude N of a number goes up by one. */
static bool rounds_away(const struct integral *n, bool sign, enum fp_rounding rounding)
{
    switch (rounding) {
    case FP_ROUND_TIEEVEN:
        return n->rest == 3 || (n->rest == 2 && n->whole & 1);
    case FP_ROUND_POSINF:
        return n->rest && !sign;
    case FP_ROUND_NEGINF:
        return n->rest && sign;
    case FP_ROUND_TIEAWAY:
        return n->rest >= 2;
    default:
        return false;
    }
}

uint64_t fp_round_int(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                      enum fp_rounding rounding, bool exact)
{
    const struct fp_value v = fp_unpack(env, fmt, a);
    if (fp_is_nan(v))
        return fp_process_nan(env, fmt, a);
    if (v.cls == FP_CLASS_INF)
        return a;
    const struct integral n = integral_of(v, 0);
    if (n.huge)
        return a;
    if (n.rest && exact)
        env->flags |= FPSR_IXC;
    const uint64_t whole = n.whole + rounds_away(&n, v.sign, rounding);
    if (!whole)
        return fp_zero(fmt, v.sign);
    return fp_round(env, fmt, (struct fp_value){.sign = v.sign, .exp = 63, .sig = whole},
                    FP_ROUND_ZERO);
}

/* -2^(BITS - 1), what FRINT32Z and its kin give for what does not fit. */
static uint64_t most_negative(struct fp_env *env, const struct fp_format *fmt, unsigned bits)
{
    const struct fp_value v = {.sign = true, .exp = (int)bits - 1, .sig = 1ull << 63};
    return fp_round(env, fmt, v, FP_ROUND_ZERO);
}

uint64_t fp_round_int_n(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                        enum fp_rounding rounding, unsigned int_bits)
{
    const struct fp_value v = fp_unpack(env, fmt, a);
    const struct integral n =
        v.cls >= FP_CLASS_INF ? (struct integral){.huge = true} : integral_of(v, 0);
    const uint64_t whole = n.whole + rounds_away(&n, v.sign, rounding);
    const uint64_t limit = (1ull << (int_bits - 1)) - !v.sign;
    if (n.huge || whole > limit) {
        env->flags |= FPSR_IOC;
        return most_negative(env, fmt, int_bits);
    }
    if (n.rest)
        env->flags |= FPSR_IXC;
    if (!whole)
        return fp_zero(fmt, v.sign);
    return fp_round(env, fmt, (struct fp_value){.sign = v.sign, .exp = 63, .sig = whole},
                    FP_ROUND_ZERO);
}

/* The integer of TO's kind that saturation gives for SIGN, and the greatest magnitude that fits. */
static uint64_t limit_of(struct fp_fixed to, bool sign)
{
    const uint64_t ones = ~0ull >> (64 - to.int_bits);
    if (to.is_unsigned)
        return sign ? 0 : ones;
    return (ones >> 1) + sign;
}

uint64_t fp_to_fixed(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                     struct fp_fixed to, enum fp_rounding rounding)
{
    const struct fp_value v = fp_unpack(env, fmt, a);
    if (fp_is_nan(v)) {
        env->flags |= FPSR_IOC;
        return 0;
    }
    const struct integral n =
        v.cls == FP_CLASS_INF ? (struct integral){.huge = true} : integral_of(v, (int)to.fbits);
    uint64_t whole = n.whole + rounds_away(&n, v.sign, rounding);
    const uint64_t limit = limit_of(to, v.sign);
    if (n.huge || whole > limit) {
        env->flags |= FPSR_IOC;
        whole = limit;
    } else if (n.rest) {
        env->flags |= FPSR_IXC;
    }
    return (v.sign ? -whole : whole) & ~0ull >> (64 - to.int_bits);
}

uint64_t fp_from_fixed(struct fp_env *env, const struct fp_format *fmt, uint64_t value,
                       struct fp_fixed from)
{
    const unsigned unused = 64 - from.int_bits;
    value = value << unused >> unused;
    const bool sign = !from.is_unsigned && value >> (from.int_bits - 1);
    if (sign)
        value = -value << unused >> unused;
    if (!value)
        return fp_zero(fmt, false);
    const struct fp_value v = {.sign = sign, .exp = 63 - (int)from.fbits, .sig = value};
    return fp_round(env, fmt, v, env->rounding);
}

/* The low 32 bits of the integer part of V in two's complement, however large. */
static uint32_t low_word(struct fp_value v)
{
    const int shift = v.exp - 63;
    if (v.cls != FP_CLASS_FINITE || v.exp < 0 || shift > 31)
        return 0;
    const uint32_t whole = (uint32_t)(shift < 0 ? v.sig >> -shift : v.sig << shift);
    return v.sign ? -whole : whole;
}

uint32_t fp_to_fixed_js(struct fp_env *env, uint64_t a, bool *exact)
{
    const struct fp_value v = fp_unpack(env, &fp_double, a);
    *exact = false;
    if (v.cls >= FP_CLASS_INF) {
        env->flags |= FPSR_IOC;
        return 0;
    }
    const struct integral n = integral_of(v, 0);
    if (n.huge || n.whole > (1ull << 31) - !v.sign)
        env->flags |= FPSR_IOC;
    else if (n.rest)
        env->flags |= FPSR_IXC;
    else /* -0 and flushed denormals are not exact */
        *exact = v.cls == FP_CLASS_FINITE || a == 0;
    return low_word(v);
}

/* FPConvertNaN: sign and the high end of the payload stay, the result is quiet. */
static uint64_t convert_nan(const struct fp_format *to, const struct fp_format *from, uint64_t a)
{
    const uint64_t frac = (a & fp_frac_mask(from)) << (64 - from->frac_bits);
    const bool sign = a >> (from->bits - 1);
    return fp_infinity(to, sign) | frac >> (64 - to->frac_bits) | 1ull << (to->frac_bits - 1);
}

/* FPConvert of a number, in ENV made for it. */
static uint64_t convert(struct fp_env *env, const struct fp_format *to,
                        const struct fp_format *from, uint64_t a, enum fp_rounding rounding)
{
    const struct fp_value v = fp_unpack(env, from, a);
    const bool alternative = env->ahp && to == &fp_half;
    if (fp_is_nan(v)) {
        if (v.cls == FP_CLASS_SNAN || alternative)
            env->flags |= FPSR_IOC;
        if (alternative)
            return fp_zero(to, v.sign);
        return env->dn ? fp_default_nan(to) : convert_nan(to, from, a);
    }
    if (v.cls == FP_CLASS_INF) {
        if (!alternative)
            return fp_infinity(to, v.sign);
        env->flags |= FPSR_IOC;
        return fp_infinity(to, v.sign) | fp_frac_mask(to);
    }
    if (v.cls == FP_CLASS_ZERO)
        return fp_zero(to, v.sign);
    return fp_round(env, to, v, rounding);
}

uint64_t fp_convert(struct fp_env *env, const struct fp_format *to, const struct fp_format *from,
                    uint64_t a, enum fp_rounding rounding)
{
    struct fp_env conversion = *env;
    conversion.fz16 = false;
    conversion.ahp = env->alt_half;
    const uint64_t result = convert(&conversion, to, from, a, rounding);
    env->flags = conversion.flags;
    return result;
}
