/* SPDX-License-Identifier: MIT */
#ifndef POMONA_FP_CORE_H
#define POMONA_FP_CORE_H

/* Arm floating-point in integers, bit for bit: the functions of the Arm manual's shared pseudocode
 * (J1.3, "shared/functions/float"), with its names in lower case. A value travels as the bits of
 * its register element; struct fp_format says which format they are in. Everything FPCR asks for
 * comes in through struct fp_env, and the cumulative FPSR bits go out through it. FPCR.AH, NEP and
 * FIZ (FEAT_AFP) and trapped exceptions do not exist on our models. */

#include <stdbool.h>
#include <stdint.h>

/* FPCR. */
#define FPCR_FZ16  (1u << 19)
#define FPCR_RMODE (3u << 22)
#define FPCR_FZ    (1u << 24)
#define FPCR_DN    (1u << 25)
#define FPCR_AHP   (1u << 26)

/* FPSR, cumulative. */
#define FPSR_IOC (1u << 0)
#define FPSR_DZC (1u << 1)
#define FPSR_OFC (1u << 2)
#define FPSR_UFC (1u << 3)
#define FPSR_IXC (1u << 4)
#define FPSR_IDC (1u << 7)

/* The first four are FPCR.RMode's values. */
enum fp_rounding {
    FP_ROUND_TIEEVEN,
    FP_ROUND_POSINF,
    FP_ROUND_NEGINF,
    FP_ROUND_ZERO,
    FP_ROUND_TIEAWAY,
    FP_ROUND_ODD
};

struct fp_format {
    uint8_t bits, exp_bits, frac_bits;
};

extern const struct fp_format fp_half, fp_single, fp_double, fp_bfloat;

/* FPCR as the functions want it, and what they add to FPSR. */
struct fp_env {
    enum fp_rounding rounding;
    bool fz, fz16, dn;
    bool alt_half; /* FPCR.AHP, which acts on conversions only */
    bool ahp;      /* half precision has the alternative format now: set within conversions */
    bool fast; /* FPCR is 0 and FPSR.IXC set: the host's arithmetic may be used, see fp_core.c */
    uint32_t flags; /* FPSR bits raised */
};

struct fp_env fp_env_make(uint32_t fpcr, uint32_t fpsr);

typedef uint64_t fp_unary(struct fp_env *env, const struct fp_format *fmt, uint64_t a);
typedef uint64_t fp_binary(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b);

/* FPAdd, FPSub, FPMul, FPMulX, FPDiv, FPMax, FPMin, FPMaxNum, FPMinNum; FABD and FNMUL. */
fp_binary fp_add, fp_sub, fp_mul, fp_mulx, fp_div, fp_max, fp_min, fp_maxnm, fp_minnm;
fp_binary fp_abd, fp_nmul;
/* FPRecipStepFused and FPRSqrtStepFused. */
fp_binary fp_recps, fp_rsqrts;
/* FPCompareEQ, GE, GT as masks of ones or zero; FACGE and FACGT compare absolute values. */
fp_binary fp_cmeq, fp_cmge, fp_cmgt, fp_acge, fp_acgt;

fp_unary fp_abs, fp_neg, fp_sqrt;
/* FPRecipEstimate, FPRSqrtEstimate, FPRecpX. */
fp_unary fp_recpe, fp_rsqrte, fp_recpx;

/* FPMulAdd: ADDEND + A * B, rounded once. */
uint64_t fp_muladd(struct fp_env *env, const struct fp_format *fmt, uint64_t addend, uint64_t a,
                   uint64_t b);
/* FPMulAddH: the addend and the result are single precision, A and B half precision. */
uint64_t fp_muladd_half(struct fp_env *env, uint64_t addend, uint64_t a, uint64_t b);

/* FPCompare: the NZCV of FCMP, in bits 31..28. SIGNAL: quiet NaNs raise Invalid Operation too. */
uint32_t fp_compare(struct fp_env *env, const struct fp_format *fmt, uint64_t a, uint64_t b,
                    bool signal);

/* FPRoundInt. EXACT: raise Inexact when the value changes. */
uint64_t fp_round_int(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                      enum fp_rounding rounding, bool exact);
/* FPRoundIntN: to an integer of INT_BITS (32 or 64), of FRINT32Z and its kin. */
uint64_t fp_round_int_n(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                        enum fp_rounding rounding, unsigned int_bits);

/* FPToFixed: to an integer of INT_BITS with FBITS fraction bits, saturating; zero-extended. */
struct fp_fixed {
    unsigned int_bits, fbits;
    bool is_unsigned;
};
uint64_t fp_to_fixed(struct fp_env *env, const struct fp_format *fmt, uint64_t a,
                     struct fp_fixed to, enum fp_rounding rounding);
/* FixedToFP, rounded as FPCR says. */
uint64_t fp_from_fixed(struct fp_env *env, const struct fp_format *fmt, uint64_t value,
                       struct fp_fixed from);
/* FPToFixedJS; *EXACT is what PSTATE.Z becomes. */
uint32_t fp_to_fixed_js(struct fp_env *env, uint64_t a, bool *exact);

/* FPConvert between formats; to fp_bfloat it is FPConvertBF. */
uint64_t fp_convert(struct fp_env *env, const struct fp_format *to, const struct fp_format *from,
                    uint64_t a, enum fp_rounding rounding);

/* BFDotAdd without FEAT_EBF16: ADDEND + (A0 * B0 + A1 * B1), each step rounded to odd; FPCR and
 * FPSR are not used. A and B hold two BFloat16 numbers each. */
uint32_t fp_bfdot_add(uint32_t addend, uint32_t a, uint32_t b);

/* UnsignedRecipEstimate and UnsignedRSqrtEstimate, of 0.32 fixed-point numbers. */
uint32_t fp_unsigned_recpe(uint32_t a);
uint32_t fp_unsigned_rsqrte(uint32_t a);

/* What the functions above are made of, for this folder's fp_*.c. */

enum fp_class { FP_CLASS_ZERO, FP_CLASS_FINITE, FP_CLASS_INF, FP_CLASS_QNAN, FP_CLASS_SNAN };

/* An unpacked number: SIG has bit 63 set and is worth SIG * 2^(EXP - 63). */
struct fp_value {
    enum fp_class cls;
    bool sign;
    int exp;
    uint64_t sig;
};

/* FPUnpack: flushes denormals as FPCR says, raising Input Denormal. */
struct fp_value fp_unpack(struct fp_env *env, const struct fp_format *fmt, uint64_t a);
/* FPRound of SIG * 2^(EXP - 63). SIG is not zero and need not be normalised; where the exact value
 * has more than 64 bits, bit 0 is set if any bit below is ("sticky"). */
uint64_t fp_round(struct fp_env *env, const struct fp_format *fmt, struct fp_value v,
                  enum fp_rounding rounding);
/* FPProcessNaN. */
uint64_t fp_process_nan(struct fp_env *env, const struct fp_format *fmt, uint64_t a);
/* FPProcessNaNs and FPProcessNaNs3: whether one of V, unpacked from BITS, is a NaN. If so *OUT is
 * the result: signalling NaNs count before quiet ones, each in the operands' order. */
bool fp_process_nans(struct fp_env *env, const struct fp_format *fmt, const struct fp_value *v,
                     const uint64_t *bits, unsigned count, uint64_t *out);

static inline bool fp_is_nan(struct fp_value v)
{
    return v.cls >= FP_CLASS_QNAN;
}

static inline uint64_t fp_frac_mask(const struct fp_format *fmt)
{
    return (1ull << fmt->frac_bits) - 1;
}

/* All ones in the exponent field, at its place: infinity. */
static inline uint64_t fp_exp_mask(const struct fp_format *fmt)
{
    return ((1ull << fmt->exp_bits) - 1) << fmt->frac_bits;
}

/* FPZero(sign): the sign bit at its place. */
static inline uint64_t fp_zero(const struct fp_format *fmt, bool sign)
{
    return (uint64_t)sign << (fmt->bits - 1);
}

static inline uint64_t fp_infinity(const struct fp_format *fmt, bool sign)
{
    return fp_zero(fmt, sign) | fp_exp_mask(fmt);
}

static inline uint64_t fp_max_normal(const struct fp_format *fmt, bool sign)
{
    return fp_infinity(fmt, sign) - 1;
}

static inline uint64_t fp_default_nan(const struct fp_format *fmt)
{
    return fp_exp_mask(fmt) | 1ull << (fmt->frac_bits - 1);
}

/* X * 2^-COUNT; bits lost leave their trace in bit 0. */
static inline uint64_t fp_shift_right_jam(uint64_t x, unsigned count)
{
    if (count > 63)
        return x != 0;
    return x >> count | ((x & ((1ull << count) - 1)) != 0);
}

#endif
