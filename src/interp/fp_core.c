/* SPDX-License-Identifier: MIT */
/* Unpacking, rounding and the arithmetic of Arm floating-point, in integers. The functions follow
 * the Arm manual's shared pseudocode one by one; where it computes with real numbers, this file
 * carries a significand of 64 bits (128 for sums) whose lowest bit is sticky, which rounds the
 * same.
 *
 * The host's arithmetic is used where it provably gives the same bits and the same FPSR: FPCR is 0,
 * FPSR.IXC is set already (so that Inexact need not be found out), and the result's exponent says
 * that it neither overflowed nor was tiny before rounding; NaNs, infinities and zeros thus take the
 * long way. It relies on the host thread's rounding mode being to nearest, which nothing here
 * changes.
 *
 * Elsewhere: conversions in fp_convert.c, estimates in fp_estimate.c, BFloat16 dot products in
 * fp_bf16.c. */

#include "fp_core.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef unsigned __int128 u128;

const struct fp_format fp_half = {16, 5, 10};
const struct fp_format fp_single = {32, 8, 23};
const struct fp_format fp_double = {64, 11, 52};
const struct fp_format fp_bfloat = {16, 8, 7};

struct fp_env fp_env_make(uint32_t fpcr, uint32_t fpsr)
{
    const uint32_t special = FPCR_FZ16 | FPCR_RMODE | FPCR_FZ | FPCR_DN | FPCR_AHP;
    return (struct fp_env){
        .rounding = fpcr >> 22 & 3,
        .fz = fpcr & FPCR_FZ,
        .fz16 = fpcr & FPCR_FZ16,
        .dn = fpcr & FPCR_DN,
        .alt_half = fpcr & FPCR_AHP,
        .fast = FLT_EVAL_METHOD == 0 && !(fpcr & special) && fpsr & FPSR_IXC,
    };
}

static bool is_half(const struct fp_format *fmt)
{
    return fmt->exp_bits == 5;
}

/* Whether denormals of FMT are flushed to zero. */
static bool flushes(const struct fp_env *env, const struct fp_format *fmt)
{
    return is_half(fmt) ? env->fz16 : env->fz;
}

static bool alternative(const struct fp_env *env, const struct fp_format *fmt)
{
    return env->ahp && is_half(fmt);
}

static struct fp_value unpack_denormal(struct fp_env *env, const struct fp_format *fmt, bool sign,
                                       uint64_t frac)
{
    if (frac && flushes(env, fmt)) {
        if (!is_half(fmt))
            env->flags |= FPSR_IDC;
        frac = 0;
    }
    if (!frac)
        return (struct fp_value){.cls = FP_CLASS_ZERO, .sign = sign};
    const int shift = __builtin_clzll(frac);
    const int min_exp = 2 - (1 << (fmt->exp_bits - 1));
    return (struct fp_value){.cls = FP_CLASS_FINITE,
                             .sign = sign,
                             .exp = min_exp - fmt->frac_bits + 63 - shift,
                             .sig = frac << shift};
}

struct fp_value fp_unpack(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    const bool sign = a >> (fmt->bits - 1) & 1;
    const unsigned max_exp = (1u << fmt->exp_bits) - 1;
    const unsigned exp = (unsigned)(a >> fmt->frac_bits) & max_exp;
    const uint64_t frac = a & fp_frac_mask(fmt);
    if (exp == 0)
        return unpack_denormal(env, fmt, sign, frac);
    if (exp == max_exp && !alternative(env, fmt)) {
        const bool quiet = frac >> (fmt->frac_bits - 1);
        const enum fp_class cls = !frac ? FP_CLASS_INF : quiet ? FP_CLASS_QNAN : FP_CLASS_SNAN;
        return (struct fp_value){.cls = cls, .sign = sign};
    }
    const int bias = (1 << (fmt->exp_bits - 1)) - 1;
    return (struct fp_value){.cls = FP_CLASS_FINITE,
                             .sign = sign,
                             .exp = (int)exp - bias,
                             .sig = (frac | 1ull << fmt->frac_bits) << (63 - fmt->frac_bits)};
}

/* Whether to add one unit to a significand whose last bit is ODD, REST of a unit (twice HALF) being
 * cut off. */
static bool rounds_up(enum fp_rounding rounding, bool sign, bool odd, uint64_t rest, uint64_t half)
{
    switch (rounding) {
    case FP_ROUND_TIEEVEN:
        return rest > half || (rest == half && odd);
    case FP_ROUND_POSINF:
        return rest && !sign;
    case FP_ROUND_NEGINF:
        return rest && sign;
    case FP_ROUND_TIEAWAY:
        return rest >= half;
    default:
        return false;
    }
}

static bool overflows_to_inf(enum fp_rounding rounding, bool sign)
{
    switch (rounding) {
    case FP_ROUND_POSINF:
        return !sign;
    case FP_ROUND_NEGINF:
        return sign;
    case FP_ROUND_ZERO:
    case FP_ROUND_ODD:
        return false;
    default:
        return true;
    }
}

static uint64_t overflow(struct fp_env *env, const struct fp_format *fmt, bool sign,
                         enum fp_rounding rounding)
{
    if (alternative(env, fmt)) {
        env->flags |= FPSR_IOC;
        return fp_infinity(fmt, sign) | fp_frac_mask(fmt);
    }
    env->flags |= FPSR_OFC | FPSR_IXC;
    return overflows_to_inf(rounding, sign) ? fp_infinity(fmt, sign) : fp_max_normal(fmt, sign);
}

uint64_t fp_round(struct fp_env *env, const struct fp_format *fmt, struct fp_value v,
                  enum fp_rounding rounding)
{
    const int shift = __builtin_clzll(v.sig);
    const int exp = v.exp - shift;
    const int min_exp = 2 - (1 << (fmt->exp_bits - 1));
    if (exp < min_exp && flushes(env, fmt)) {
        env->flags |= FPSR_UFC;
        return fp_zero(fmt, v.sign);
    }
    int biased = exp - min_exp + 1;
    unsigned drop = 63u - fmt->frac_bits;
    if (biased < 1) {
        drop += (unsigned)(1 - biased);
        biased = 0;
    }
    uint64_t sig = v.sig << shift;
    if (drop > 62) {
        sig = fp_shift_right_jam(sig, drop - 62);
        drop = 62;
    }
    const uint64_t rest = sig & ((1ull << drop) - 1);
    sig >>= drop;
    if (rest && biased == 0)
        env->flags |= FPSR_UFC; /* tiny is found out before rounding */
    sig += rounds_up(rounding, v.sign, sig & 1, rest, 1ull << (drop - 1));
    /* A carry runs on into the exponent: up to the least normal number, or to the next power of 2.
     */
    if (biased == 0 && sig >> fmt->frac_bits)
        biased = 1;
    if (sig >> (fmt->frac_bits + 1)) {
        biased++;
        sig >>= 1;
    }
    if (rounding == FP_ROUND_ODD && rest)
        sig |= 1;
    if (biased >= (1 << fmt->exp_bits) - !alternative(env, fmt))
        return overflow(env, fmt, v.sign, rounding);
    if (rest)
        env->flags |= FPSR_IXC;
    return fp_zero(fmt, v.sign) | (uint64_t)biased << fmt->frac_bits | (sig & fp_frac_mask(fmt));
}

static uint64_t invalid(struct fp_env *env, const struct fp_format *fmt)
{
    env->flags |= FPSR_IOC;
    return fp_default_nan(fmt);
}

uint64_t fp_process_nan(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    const uint64_t quiet = 1ull << (fmt->frac_bits - 1);
    if (!(a & quiet))
        env->flags |= FPSR_IOC;
    return env->dn ? fp_default_nan(fmt) : a | quiet;
}

bool fp_process_nans(struct fp_env *env, const struct fp_format *fmt, const struct fp_value *v,
                     const uint64_t *bits, unsigned count, uint64_t *out)
{
    for (enum fp_class cls = FP_CLASS_SNAN; cls >= FP_CLASS_QNAN; cls--)
        for (unsigned i = 0; i < count; i++)
            if (v[i].cls == cls) {
                *out = fp_process_nan(env, fmt, bits[i]);
                return true;
            }
    return false;
}

/* Two operands, unpacked. */
struct pair {
    struct fp_value v[2];
    uint64_t nan;
    bool is_nan;
};

static struct pair unpack_pair(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                               uint64_t b)
{
    const uint64_t bits[2] = {a, b};
    struct pair p = {.v = {fp_unpack(env, fmt, a), fp_unpack(env, fmt, b)}};
    p.is_nan = fp_process_nans(env, fmt, p.v, bits, 2, &p.nan);
    return p;
}

/* A term of a sum: SIG is 0 or has bit 126 as its highest, and is worth SIG * 2^(EXP - 126). */
struct term {
    bool sign;
    int exp;
    u128 sig;
};

static u128 shift_right_jam128(u128 x, unsigned count)
{
    if (count > 127)
        return x != 0;
    return x >> count | ((x & (((u128)1 << count) - 1)) != 0);
}

static struct term term_of(struct fp_value v)
{
    return (struct term){
        .sign = v.sign, .exp = v.exp, .sig = v.cls == FP_CLASS_FINITE ? (u128)v.sig << 63 : 0};
}

static struct term product_of(struct fp_value a, struct fp_value b)
{
    if (a.cls != FP_CLASS_FINITE || b.cls != FP_CLASS_FINITE)
        return (struct term){.sign = a.sign ^ b.sign};
    const u128 sig = (u128)a.sig * b.sig; /* the low bits are 0, as no format fills 64 */
    const bool high = sig >> 127;
    return (struct term){.sign = a.sign ^ b.sign, .exp = a.exp + b.exp + high, .sig = sig >> high};
}

/* A 128-bit significand worth SIG * 2^(EXP - 126), rounded. */
static uint64_t round128(struct fp_env *env, const struct fp_format *fmt, struct term t)
{
    const uint64_t high = (uint64_t)(t.sig >> 64);
    const int shift = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)t.sig);
    const u128 sig = t.sig << shift;
    const struct fp_value v = {.sign = t.sign,
                               .exp = t.exp + 1 - shift,
                               .sig = (uint64_t)(sig >> 64) | ((uint64_t)sig != 0)};
    return fp_round(env, fmt, v, env->rounding);
}

/* A + B, rounded. An exact zero is +0, but -0 when rounding down or when both are. */
static uint64_t sum(struct fp_env *env, const struct fp_format *fmt, struct term a, struct term b)
{
    if (!a.sig && !b.sig)
        return fp_zero(fmt, a.sign == b.sign ? a.sign : env->rounding == FP_ROUND_NEGINF);
    if (!a.sig || (b.sig && (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)))) {
        const struct term t = a;
        a = b;
        b = t;
    }
    if (b.sig)
        b.sig = shift_right_jam128(b.sig, (unsigned)(a.exp - b.exp));
    a.sig = a.sign == b.sign ? a.sig + b.sig : a.sig - b.sig;
    if (!a.sig)
        return fp_zero(fmt, env->rounding == FP_ROUND_NEGINF);
    return round128(env, fmt, a);
}

/* The host's results that may be used: see the head of this file. */
static bool accept_double(double r, uint64_t *out)
{
    memcpy(out, &r, sizeof r);
    return (*out >> 52 & 0x7FF) - 2 < 0x7FD;
}

static bool accept_single(float r, uint64_t *out)
{
    uint32_t bits;
    memcpy(&bits, &r, sizeof r);
    *out = bits;
    return (bits >> 23 & 0xFF) - 2 < 0xFD;
}

static double as_double(uint64_t a)
{
    double r;
    memcpy(&r, &a, sizeof r);
    return r;
}

static float as_single(uint64_t a)
{
    const uint32_t bits = (uint32_t)a;
    float r;
    memcpy(&r, &bits, sizeof r);
    return r;
}

#define FAST2(operator)                                                                            \
    if (env->fast) {                                                                               \
        uint64_t r;                                                                                \
        if (fmt->bits == 64 && accept_double(as_double(a) operator as_double(b), &r))              \
            return r;                                                                              \
        if (fmt->bits == 32 && accept_single(as_single(a) operator as_single(b), &r))              \
            return r;                                                                              \
    }

/* A + B, B being negated after its NaN was looked at if SUBTRACT. */
static uint64_t add_slowly(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b,
                           bool subtract)
{
    struct pair p = unpack_pair(env, fmt, a, b);
    if (p.is_nan)
        return p.nan;
    p.v[1].sign ^= subtract;
    const bool inf0 = p.v[0].cls == FP_CLASS_INF, inf1 = p.v[1].cls == FP_CLASS_INF;
    if (inf0 && inf1 && p.v[0].sign != p.v[1].sign)
        return invalid(env, fmt);
    if (inf0 || inf1)
        return fp_infinity(fmt, p.v[inf0 ? 0 : 1].sign);
    return sum(env, fmt, term_of(p.v[0]), term_of(p.v[1]));
}

uint64_t fp_add(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    FAST2(+)
    return add_slowly(env, fmt, a, b, false);
}

uint64_t fp_sub(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    FAST2(-)
    return add_slowly(env, fmt, a, b, true);
}

static bool is_inf_times_zero(struct fp_value a, struct fp_value b)
{
    return (a.cls == FP_CLASS_INF && b.cls == FP_CLASS_ZERO) ||
           (a.cls == FP_CLASS_ZERO && b.cls == FP_CLASS_INF);
}

/* The product of P, which is neither NaN nor infinity times zero. */
static uint64_t multiply(struct fp_env *env, const struct fp_format *fmt, const struct pair *p)
{
    const bool sign = p->v[0].sign ^ p->v[1].sign;
    if (p->v[0].cls == FP_CLASS_INF || p->v[1].cls == FP_CLASS_INF)
        return fp_infinity(fmt, sign);
    if (p->v[0].cls == FP_CLASS_ZERO || p->v[1].cls == FP_CLASS_ZERO)
        return fp_zero(fmt, sign);
    return round128(env, fmt, product_of(p->v[0], p->v[1]));
}

uint64_t fp_mul(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    FAST2(*)
    const struct pair p = unpack_pair(env, fmt, a, b);
    if (p.is_nan)
        return p.nan;
    if (is_inf_times_zero(p.v[0], p.v[1]))
        return invalid(env, fmt);
    return multiply(env, fmt, &p);
}

/* FPTwo(sign) and FPOnePointFive('0'). */
static uint64_t two(const struct fp_format *fmt, bool sign)
{
    return fp_zero(fmt, sign) | 1ull << (fmt->bits - 2);
}

static uint64_t one_point_five(const struct fp_format *fmt)
{
    const uint64_t bias = (1ull << (fmt->exp_bits - 1)) - 1;
    return bias << fmt->frac_bits | 1ull << (fmt->frac_bits - 1);
}

uint64_t fp_mulx(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    const struct pair p = unpack_pair(env, fmt, a, b);
    if (p.is_nan)
        return p.nan;
    if (is_inf_times_zero(p.v[0], p.v[1]))
        return two(fmt, p.v[0].sign ^ p.v[1].sign);
    return multiply(env, fmt, &p);
}

uint64_t fp_nmul(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return fp_neg(env, fmt, fp_mul(env, fmt, a, b));
}

uint64_t fp_abd(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return fp_abs(env, fmt, fp_sub(env, fmt, a, b));
}

static uint64_t divide(struct fp_env *env, const struct fp_format *fmt, struct fp_value a,
                       struct fp_value b)
{
    const u128 dividend = (u128)a.sig << 63;
    const uint64_t quotient = (uint64_t)(dividend / b.sig);
    const struct fp_value v = {
        .sign = a.sign ^ b.sign, .exp = a.exp - b.exp, .sig = quotient | (dividend % b.sig != 0)};
    return fp_round(env, fmt, v, env->rounding);
}

uint64_t fp_div(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    FAST2(/)
    const struct pair p = unpack_pair(env, fmt, a, b);
    if (p.is_nan)
        return p.nan;
    const bool sign = p.v[0].sign ^ p.v[1].sign;
    const enum fp_class x = p.v[0].cls, y = p.v[1].cls;
    if (x == y && x != FP_CLASS_FINITE)
        return invalid(env, fmt);
    if (x == FP_CLASS_INF || y == FP_CLASS_ZERO) {
        if (x != FP_CLASS_INF)
            env->flags |= FPSR_DZC;
        return fp_infinity(fmt, sign);
    }
    if (x == FP_CLASS_ZERO || y == FP_CLASS_INF)
        return fp_zero(fmt, sign);
    return divide(env, fmt, p.v[0], p.v[1]);
}

/* The integer square root of X, which has bit 127 or 126 set. */
static uint64_t square_root(u128 x)
{
    uint64_t root = 0;
    for (int bit = 63; bit >= 0; bit--) {
        const uint64_t next = root | 1ull << bit;
        if ((u128)next * next <= x)
            root = next;
    }
    return root;
}

uint64_t fp_sqrt(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    uint64_t fast;
    if (env->fast && fmt->bits == 64 && accept_double(sqrt(as_double(a)), &fast))
        return fast;
    if (env->fast && fmt->bits == 32 && accept_single(sqrtf(as_single(a)), &fast))
        return fast;
    const struct fp_value v = fp_unpack(env, fmt, a);
    if (fp_is_nan(v))
        return fp_process_nan(env, fmt, a);
    if (v.cls == FP_CLASS_ZERO)
        return fp_zero(fmt, v.sign);
    if (v.sign)
        return invalid(env, fmt);
    if (v.cls == FP_CLASS_INF)
        return fp_infinity(fmt, false);
    const u128 square = (u128)v.sig << (v.exp & 1 ? 64 : 63);
    const uint64_t root = square_root(square);
    const struct fp_value r = {.exp = (v.exp - (v.exp & 1)) / 2,
                               .sig = root | ((u128)root * root != square)};
    return fp_round(env, fmt, r, env->rounding);
}

uint64_t fp_abs(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    return a & ~fp_zero(fmt, true);
}

uint64_t fp_neg(struct fp_env *env, const struct fp_format *fmt, uint64_t a)
{
    return a ^ fp_zero(fmt, true);
}

/* ADDEND + A * B, none a NaN. */
static uint64_t fuse(struct fp_env *env, const struct fp_format *fmt, struct fp_value addend,
                     struct fp_value a, struct fp_value b)
{
    const bool sign = a.sign ^ b.sign;
    const bool inf_product = a.cls == FP_CLASS_INF || b.cls == FP_CLASS_INF;
    const bool inf_addend = addend.cls == FP_CLASS_INF;
    if (is_inf_times_zero(a, b) || (inf_product && inf_addend && addend.sign != sign))
        return invalid(env, fmt);
    if (inf_addend || inf_product)
        return fp_infinity(fmt, inf_addend ? addend.sign : sign);
    return sum(env, fmt, term_of(addend), product_of(a, b));
}

/* Whether the host's fused multiply-add gave the answer; on most hosts it is one instruction. */
static bool fuse_fast(const struct fp_env *env, const struct fp_format *fmt, uint64_t addend,
                      uint64_t a, uint64_t b, uint64_t *out)
{
    if (!env->fast)
        return false;
    if (fmt->bits == 64)
        return accept_double(fma(as_double(a), as_double(b), as_double(addend)), out);
    return fmt->bits == 32 &&
           accept_single(fmaf(as_single(a), as_single(b), as_single(addend)), out);
}

uint64_t fp_muladd(struct fp_env *env, const struct fp_format *fmt, uint64_t addend, uint64_t a,
                   uint64_t b)
{
    uint64_t out;
    if (fuse_fast(env, fmt, addend, a, b, &out))
        return out;
    const uint64_t bits[3] = {addend, a, b};
    struct fp_value v[3];
    for (unsigned i = 0; i < 3; i++)
        v[i] = fp_unpack(env, fmt, bits[i]);
    /* A quiet addend does not hide that infinity times zero is invalid. */
    const bool hidden = v[0].cls == FP_CLASS_QNAN && is_inf_times_zero(v[1], v[2]);
    if (fp_process_nans(env, fmt, v, bits, 3, &out))
        return hidden ? invalid(env, fmt) : out;
    return fuse(env, fmt, v[0], v[1], v[2]);
}

uint64_t fp_muladd_half(struct fp_env *env, uint64_t addend, uint64_t a, uint64_t b)
{
    const struct fp_value v[3] = {fp_unpack(env, &fp_single, addend), fp_unpack(env, &fp_half, a),
                                  fp_unpack(env, &fp_half, b)};
    /* FPConvertNaN: the payload keeps its high end. Quietness and sign stay where they are. */
    uint64_t bits[3] = {addend, a, b};
    for (unsigned i = 1; i < 3; i++)
        bits[i] = (bits[i] & 0x8000) << 16 | fp_exp_mask(&fp_single) | (bits[i] & 0x3FF) << 13;
    uint64_t out;
    const bool hidden = v[0].cls == FP_CLASS_QNAN && is_inf_times_zero(v[1], v[2]);
    if (fp_process_nans(env, &fp_single, v, bits, 3, &out))
        return hidden ? invalid(env, &fp_single) : out;
    return fuse(env, &fp_single, v[0], v[1], v[2]);
}

/* FPRecipStepFused: 2 - A * B; FPRSqrtStepFused: (3 - A * B) / 2. Infinity times zero counts as 0.
 */
static uint64_t step(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b,
                     bool halve)
{
    const struct pair p = unpack_pair(env, fmt, fp_neg(env, fmt, a), b);
    if (p.is_nan)
        return p.nan;
    if (is_inf_times_zero(p.v[0], p.v[1]))
        return halve ? one_point_five(fmt) : two(fmt, false);
    if (p.v[0].cls == FP_CLASS_INF || p.v[1].cls == FP_CLASS_INF)
        return fp_infinity(fmt, p.v[0].sign ^ p.v[1].sign);
    const struct term constant = {.exp = halve ? 0 : 1, .sig = (u128)(halve ? 3 : 2) << 125};
    struct term product = product_of(p.v[0], p.v[1]);
    product.exp -= halve;
    return sum(env, fmt, constant, product);
}

uint64_t fp_recps(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return step(env, fmt, a, b, false);
}

uint64_t fp_rsqrts(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b)
{
    return step(env, fmt, a, b, true);
}
