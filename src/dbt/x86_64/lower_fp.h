/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_LOWER_FP_H
#define POMONA_DBT_X86_64_LOWER_FP_H

/* What the floating-point lowerings share: how the host's arithmetic comes to give Arm's results
 * and Arm's FPSR.
 *
 * While V0..V31 are in host registers MXCSR is the guest's: its rounding mode is FPCR's, and the
 * exceptions that it accumulates go to FPSR when the vectors leave (stubs.c). The rest
 * of FPCR:
 *  - DN acts on NaNs alone, which are always the interpreter's.
 *  - FZ is MXCSR.FTZ, which raises Inexact where Arm does not: it is used while FPSR.IXC is set
 *    (DBT_MODE_FZ). Denormal operands are rare then, and looked for (fp_begin_lowering()), so that
 *    FPSR.IDC comes out right. That takes AVX-512.
 *  - Otherwise, and with FZ16 or AHP, the block is in mode DBT_MODE_FPCR, and arithmetic is the
 *    interpreter's.
 *
 * The host differs from the Arm manual in two things, for which a result is looked at:
 *  - NaNs: Arm's default NaN is positive, and of two NaNs a signalling one comes first; the host's
 *    default NaN is negative, and the first operand's comes out. CHECK_NAN.
 *  - Underflow: Arm finds out that a result is tiny before rounding, the host after (Intel's
 *    manual, volume 1, 4.9.1.5). They differ where an inexact result is rounded up to the least
 *    normal number. CHECK_TINY looks for that number too. A sum that small is exact, and a quotient
 *    below a power of two is farther from it than half a unit of its last place, so these do not
 *    need it.
 * What is found goes to a rare path, which runs the instruction again in the interpreter; so
 * nothing may be written before the check. The flags raised until then are among those that Arm's
 * operation raises.
 *
 * A scalar operation of the host keeps the upper bits of its first operand, where Arm's makes them
 * 0: struct lower's `clean` says when that comes to the same. */

#include "lower.h"

#include "../../a64/imm_fp.h"

/* Opcodes of map 0F that have forms for singles and doubles, scalar and packed. */
#define FP_UCOMIS 0x2e
#define FP_COMIS  0x2f
#define FP_SQRT   0x51
#define FP_AND    0x54
#define FP_ANDN   0x55
#define FP_OR     0x56
#define FP_XOR    0x57
#define FP_ADD    0x58
#define FP_MUL    0x59
#define FP_SUB    0x5c
#define FP_MIN    0x5d
#define FP_DIV    0x5e
#define FP_MAX    0x5f

/* The elements of an operation. */
struct fp_shape {
    uint8_t bits;
    bool scalar;
    bool half; /* a vector of 64 bits */
};

static inline struct fp_shape fp_shape_of(const struct a64_insn *insn)
{
    const struct a64_fp_shape shape = a64_fp_shape(insn->imm);
    return (struct fp_shape){.bits = (uint8_t)shape.bits,
                             .scalar = shape.count == 1,
                             .half = shape.count > 1 && shape.count * shape.bits == 64};
}

static inline const struct dbt_fp_constants *fp_constants(const struct lower *l, unsigned bits)
{
    return &l->dbt->hot->fp[bits == 64 ? 2 : bits == 32];
}

/* DST = SRC1 op SRC2, arithmetic of map 0F. */
static inline void fp_op(struct lower *l, struct fp_shape s, unsigned op, unsigned dst,
                         unsigned src1, struct x86_rm src2)
{
    const unsigned prefix = s.scalar ? (s.bits == 64 ? X_F2 : X_F3) : s.bits == 64 ? X_66 : 0;
    x86_v3(&l->a, op | X_0F | prefix, s.bits == 64, dst, src1, src2, 0);
}

/* With AVX-512, a mask register that is 1 while vectors are in place: a packed operation that it
 * masks gives the lowest element, and 0 above it. */
#define FP_LOWEST 7u

/* The same for a first operand that is CLEAN, 0 above a scalar, or not: whether the result is. */
static inline bool fp_op_clean(struct lower *l, struct fp_shape s, unsigned op, unsigned dst,
                               unsigned src1, struct x86_rm src2, bool clean)
{
    if (!s.scalar || clean || !l->dbt->avx512) {
        fp_op(l, s, op, dst, src1, src2);
        return clean;
    }
    x86_evex(&l->a, op | X_0F | (s.bits == 64 ? X_66 | X_W : 0), dst, op == FP_SQRT ? 0 : src1,
             src2, FP_LOWEST, true, 0);
    return true;
}

/* The same for logic, which exists packed only, and for UCOMIS and COMIS (SRC1 0). */
static inline void fp_logic(struct lower *l, unsigned bits, unsigned op, unsigned dst,
                            unsigned src1, struct x86_rm src2)
{
    x86_v3(&l->a, op | X_0F | (bits == 64 ? X_66 : 0), bits == 64, dst, src1, src2, 0);
}

/* A denormal number of FROM bits in a register that the instruction reads is rare (DBT_MODE_FZ). */
void fp_check_denormals(struct lower *l, const struct a64_insn *insn, unsigned from);

/* Begins a lowering that works in elements of BITS, and reads ones of FROM bits: V0..V31 and MXCSR
 * are in place, EFLAGS may be used. False: the interpreter's function was called instead, because
 * FPCR or the format wants it. */
static inline bool fp_begin_conversion(struct lower *l, const struct a64_insn *insn, unsigned from,
                                       unsigned bits)
{
    if (bits == 16 || l->mode & DBT_MODE_FPCR) {
        lower_call(l, insn);
        return false;
    }
    lower_clobber(l);
    lower_vectors(l);
    if (l->mode & DBT_MODE_FZ && from != 16)
        fp_check_denormals(l, insn, from);
    return true;
}

static inline bool fp_begin_lowering(struct lower *l, const struct a64_insn *insn, unsigned bits)
{
    return fp_begin_conversion(l, insn, bits, bits);
}

/* ---- operands ---- */

static inline bool fp_pinned(const struct lower *l, unsigned n)
{
    return vhost_of(l->dbt, n) >= 0;
}

/* V<n> as a second operand. */
static inline struct x86_rm fp_rm(const struct lower *l, unsigned n)
{
    return fp_pinned(l, n) ? x86_r(vhost_of(l->dbt, n)) : guest_vector(n);
}

/* The element in V<n> as a first operand: its register, or loaded into SCRATCH. */
static inline unsigned fp_scalar(struct lower *l, unsigned bits, unsigned n, unsigned scratch)
{
    if (fp_pinned(l, n))
        return (unsigned)vhost_of(l->dbt, n);
    x86_vmovd_from(&l->a, bits == 64, scratch, guest_vector(n));
    return scratch;
}

/* Whether what fp_scalar() gives for V<n> is 0 above the element. */
static inline bool fp_is_clean(const struct lower *l, unsigned bits, unsigned n)
{
    return !fp_pinned(l, n) || (bits == 64 ? l->clean64 : l->clean32) >> n & 1;
}

/* V<n> as an operand of shape S in a register; a vector of 64 bits is doubled, so that its upper
 * elements raise nothing that its lower ones do not. */
static inline unsigned fp_vector(struct lower *l, struct fp_shape s, unsigned n, unsigned scratch)
{
    if (!s.half)
        return lower_vsrc(l, n, scratch);
    x86_v3(&l->a, 0x12 | X_0F | X_F2, true, scratch, 0, fp_rm(l, n), 0); /* VMOVDDUP */
    return scratch;
}

/* Where to compute the result: V<rd>'s own register if no source needs it still (USED: V registers,
 * a bit each), else VSCRATCH0. */
static inline unsigned fp_target(const struct lower *l, const struct a64_insn *insn,
                                 struct fp_shape s, uint32_t used)
{
    const bool own = fp_pinned(l, insn->rd) && !(used >> insn->rd & 1) &&
                     (s.scalar || vhost_of(l->dbt, insn->rd) < 16);
    return own ? (unsigned)vhost_of(l->dbt, insn->rd) : VSCRATCH0;
}

/* ---- results ---- */

/* SQUARE: tiny or a NaN, and not negative. */
enum fp_check { CHECK_NONE, CHECK_NAN, CHECK_TINY, CHECK_SQUARE };

/* The way back from a rare path; `at` is NULL where there is none. */
struct fp_rare {
    struct x86_label done;
};

/* Where JUMP leads, the instruction is run by the interpreter. */
static inline struct fp_rare fp_rare(struct lower *l, const struct a64_insn *insn,
                                     struct x86_label jump)
{
    x86_land(&l->cold, jump);
    lower_call_cold(l, insn);
    return (struct fp_rare){x86_jmp(&l->cold)};
}

/* The rare path comes back here. */
static inline void fp_rejoin(struct lower *l, struct fp_rare rare)
{
    if (rare.done.at && !l->a.full && !l->cold.full)
        x86_patch(&l->a, rare.done, x86_here(&l->a));
}

/* Looks at the result in register R (below 16 for vectors). Uses VSCRATCH2. */
struct fp_rare fp_check(struct lower *l, const struct a64_insn *insn, struct fp_shape s, unsigned r,
                        enum fp_check check);

/* DST = the low BITS of SRC, 32 or 64, and 0 above. */
void fp_keep_low(struct lower *l, unsigned bits, unsigned dst, unsigned src);

/* R becomes V<rd> as shape S wants it. CLEAN: a scalar's register is 0 above it already. */
void fp_commit(struct lower *l, const struct a64_insn *insn, struct fp_shape s, unsigned r,
               bool clean);

#endif
