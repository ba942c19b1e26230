/* SPDX-License-Identifier: MIT */
/* The operands of Advanced SIMD, integer and floating-point alike. As in the Arm manual a register
 * and its arrangement are two tokens: "add\t<Vd>.<T>, <Vn>.<T>, <Vm>.<T>", and for a fixed one
 * "<Vd>.16b".
 *
 *   <Vd> <Vn> <Vm> <Va>                  v0..v31 from [4:0], [9:5], [20:16], [14:10]
 *   <Bd> <Hd> <Sd> <Dd> <Qd>, also n m a b0 .. q31
 *   <d> <n> <m>                          the bare number, behind <V>, <Vw>, <Vf>, <Vi>, <Viw>
 *   <T>   8b 16b 4h 8h 2s 4s 1d 2d       by size [23:22] and Q [30]
 *   <Tw>  8h 4s 2d 1q                    twice as wide, the whole register (long, wide and narrow
 * forms) <Tp>  4h 8h 2s 4s 1d 2d              twice as wide, by Q (pairwise long) <Tb>  8b 16b by Q
 *   <Th>  4h 8h                          by Q (half precision)
 *   <Ts>  2s 4s                          by Q
 *   <Tf>  2s 4s 2d                       by sz [22] and Q (single and double precision)
 *   <Tfw> 4s 2d                          by sz: the wide side of FCVTL, FCVTN
 *   <Tfn> 4h 8h 2s 4s                    by sz and Q: the narrow side of FCVTL, FCVTN, FCVTXN
 *   <Ti>  8b 16b 4h 8h 2s 4s 2d          by immh [22:19] and Q (shifts, fixed-point conversions)
 *   <Tiw> 8h 4s 2d                       twice as wide, by immh
 *   <V> b h s d, <Vw> h s d              scalar of size [23:22], and twice as wide
 *   <Vf> s d                             scalar by sz [22]
 *   <Vi> b h s d, <Viw> h s d            scalar by immh, and twice as wide
 *   <lsh> <rsh>                          the shift by immh:immb; <rsh> is the number of fraction
 * bits too <2>                                  "2" if Q (the upper-half forms of narrow and long
 * instructions) <Vm.elem>                            v1.h[0] v1.s[0]: integer by element, by size
 *   <Vm.elemf>                           v1.s[0] v1.d[0]: floating-point by element, by sz
 *   <Vm.H[]> <Vm.2H[]> <Vm.4B[]>         an element by H:L:M, pairs of halves and groups of bytes
 * by H:L <fimm8>                              VFPExpandImm of a:b:c:d:e:f:g:h ([18:16], [9:5])
 *
 * Reserved arrangements print something, as no row matches them. Facts: the Arm manual, C4.1 and
 * C7.2. */

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "a64_ops.h"
#include "dis.h"

#define OP_REG(letter, role, high, low)                                                            \
    A64_OP(letter##role)                                                                           \
    {                                                                                              \
        a64_dis_printf(dis, OP_LETTER_##letter "%u", dis_bits(dis, high, low));                    \
    }
#define OP_REGS(role, high, low)                                                                   \
    OP_REG(B, role, high, low)                                                                     \
    OP_REG(H, role, high, low)                                                                     \
    OP_REG(S, role, high, low)                                                                     \
    OP_REG(D, role, high, low)                                                                     \
    OP_REG(Q, role, high, low)                                                                     \
    OP_REG(V, role, high, low)                                                                     \
    OP_REG(, role, high, low)
#define OP_LETTER_B "b"
#define OP_LETTER_H "h"
#define OP_LETTER_S "s"
#define OP_LETTER_D "d"
#define OP_LETTER_Q "q"
#define OP_LETTER_V "v"
#define OP_LETTER_  ""

OP_REGS(d, 4, 0)
OP_REGS(n, 9, 5)
OP_REGS(m, 20, 16)
OP_REGS(a, 14, 10)

static unsigned q_bit(const struct a64_dis *dis)
{
    return dis_bits(dis, 30, 30);
}

static unsigned size_field(const struct a64_dis *dis)
{
    return dis_bits(dis, 23, 22);
}

static unsigned sz_bit(const struct a64_dis *dis)
{
    return dis_bits(dis, 22, 22);
}

/* log2 of the element's bytes, from the highest bit set of immh. */
static unsigned immh_size(const struct a64_dis *dis)
{
    const unsigned immh = dis_bits(dis, 22, 19);
    return immh >> 3 ? 3 : immh >> 2 ? 2 : immh >> 1;
}

/* SIZE is log2 of an element's bytes; FULL: sixteen bytes of them, else eight. */
static void arrangement(struct a64_dis *dis, unsigned size, bool full)
{
    a64_dis_printf(dis, "%u%c", (full ? 16 : 8) >> size, "bhsdq"[size]);
}

static void letter(struct a64_dis *dis, unsigned size)
{
    a64_dis_printf(dis, "%c", "bhsdq"[size]);
}

A64_OP(T)
{
    arrangement(dis, size_field(dis), q_bit(dis));
}

A64_OP(Tw)
{
    arrangement(dis, size_field(dis) + 1, true);
}

A64_OP(Tp)
{
    const unsigned size = size_field(dis);
    arrangement(dis, size < 3 ? size + 1 : size, q_bit(dis));
}

A64_OP(Tb)
{
    arrangement(dis, 0, q_bit(dis));
}

A64_OP(Th)
{
    arrangement(dis, 1, q_bit(dis));
}

A64_OP(Ts)
{
    arrangement(dis, 2, q_bit(dis));
}

A64_OP(Tf)
{
    arrangement(dis, 2 + sz_bit(dis), q_bit(dis));
}

A64_OP(Tfw)
{
    arrangement(dis, 2 + sz_bit(dis), true);
}

A64_OP(Tfn)
{
    arrangement(dis, 1 + sz_bit(dis), q_bit(dis));
}

A64_OP(Ti)
{
    arrangement(dis, immh_size(dis), q_bit(dis));
}

A64_OP(Tiw)
{
    arrangement(dis, immh_size(dis) + 1, true);
}

A64_OP(2)
{
    if (q_bit(dis))
        a64_dis_text(dis, "2");
}

A64_OP(V)
{
    letter(dis, size_field(dis));
}

A64_OP(Vw)
{
    letter(dis, size_field(dis) + 1);
}

A64_OP(Vf)
{
    letter(dis, 2 + sz_bit(dis));
}

A64_OP(Vi)
{
    letter(dis, immh_size(dis));
}

A64_OP(Viw)
{
    letter(dis, immh_size(dis) + 1);
}

A64_OP(lsh)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 22, 16) - (8u << immh_size(dis)));
}

A64_OP(rsh)
{
    a64_dis_printf(dis, "#%u", (16u << immh_size(dis)) - dis_bits(dis, 22, 16));
}

/* Vm of "by element" in elements of SIZE: halves index by H:L:M and have four bits of register. */
static void element(struct a64_dis *dis, unsigned size)
{
    const unsigned hl = dis_bits(dis, 11, 11) << 1 | dis_bits(dis, 21, 21);
    const unsigned m = dis_bits(dis, 20, 20);
    if (size == 1)
        a64_dis_printf(dis, "v%u.h[%u]", dis_bits(dis, 19, 16), hl << 1 | m);
    else
        a64_dis_printf(dis, "v%u.%c[%u]", dis_bits(dis, 20, 16), "bhsd"[size],
                       size == 3 ? hl >> 1 : hl);
}

A64_OP(Vm_elem)
{
    element(dis, size_field(dis));
}

A64_OP(Vm_elemf)
{
    element(dis, 2 + sz_bit(dis));
}

A64_OP(Vm_H)
{
    element(dis, 1);
}

static void group(struct a64_dis *dis, const char *what)
{
    a64_dis_printf(dis, "v%u.%s[%u]", dis_bits(dis, 20, 16), what,
                   dis_bits(dis, 11, 11) << 1 | dis_bits(dis, 21, 21));
}

A64_OP(Vm_2H)
{
    group(dis, "2h");
}

A64_OP(Vm_4B)
{
    group(dis, "4b");
}

static unsigned imm8(const struct a64_dis *dis)
{
    return dis_bits(dis, 18, 16) << 5 | dis_bits(dis, 9, 5);
}

/* VFPExpandImm: sign a, exponent NOT(b):c:d in -3..4, fraction 1.efgh. */
A64_OP(fimm8)
{
    const unsigned imm = imm8(dis);
    const int exponent = (int)((imm >> 4 & 7) ^ 4) - 3;
    const double value = ldexp((16 + (imm & 15)) / 16.0, exponent);
    a64_dis_printf(dis, "#%.18e", imm >> 7 ? -value : value);
}

/* cmode 0xx: lsl by words' bytes; 10x: lsl in halves; 110x: msl, ones shifted in; 1110: bytes. */
static unsigned cmode_shift(unsigned cmode)
{
    if (cmode == 14)
        return 0;
    if (cmode >> 1 == 6)
        return 8u << (cmode & 1);
    return (cmode >> 1 & (cmode >> 3 ? 1 : 3)) * 8;
}

A64_OP(imm8sh)
{
    const unsigned cmode = dis_bits(dis, 15, 12), shift = cmode_shift(cmode);
    a64_dis_printf(dis, "#0x%x", imm8(dis));
    if (shift)
        a64_dis_printf(dis, ", %s #%u", cmode >> 1 == 6 ? "msl" : "lsl", shift);
}

A64_OP(imm64)
{
    a64_dis_printf(dis, "#0x%" PRIx64, a64_imm_simd(dis->word));
}

A64_OP(esize)
{
    a64_dis_printf(dis, "#%u", 8u << size_field(dis));
}

A64_OP(imm4)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 14, 11));
}

A64_OP(imm2)
{
    a64_dis_printf(dis, "%u", dis_bits(dis, 13, 12));
}

A64_OP(imm6)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 15, 10));
}

/* The lowest bit set of imm5 is log2 of the element's bytes; the bits above it are the index. */
static unsigned imm5_size(const struct a64_dis *dis)
{
    return (unsigned)__builtin_ctz(dis_bits(dis, 20, 16) | 16);
}

A64_OP(T5)
{
    arrangement(dis, imm5_size(dis), q_bit(dis));
}

A64_OP(V5)
{
    letter(dis, imm5_size(dis));
}

static void element5(struct a64_dis *dis, unsigned reg)
{
    const unsigned size = imm5_size(dis);
    a64_dis_printf(dis, "v%u.%c[%u]", reg, "bhsdq"[size], dis_bits(dis, 20, 16) >> (size + 1));
}

A64_OP(Vd_elem5)
{
    element5(dis, dis_bits(dis, 4, 0));
}

A64_OP(Vn_elem5)
{
    element5(dis, dis_bits(dis, 9, 5));
}

A64_OP(Vn_elem4)
{
    const unsigned size = imm5_size(dis);
    a64_dis_printf(dis, "v%u.%c[%u]", dis_bits(dis, 9, 5), "bhsdq"[size],
                   dis_bits(dis, 14, 11) >> size);
}

static void general(struct a64_dis *dis, bool wide, unsigned reg)
{
    if (reg == 31)
        a64_dis_text(dis, wide ? "xzr" : "wzr");
    else
        a64_dis_printf(dis, "%c%u", wide ? 'x' : 'w', reg);
}

A64_OP(R5n)
{
    general(dis, imm5_size(dis) == 3, dis_bits(dis, 9, 5));
}

A64_OP(RQd)
{
    general(dis, q_bit(dis), dis_bits(dis, 4, 0));
}

/* Three or more registers that do not wrap are a range. */
A64_OP(list)
{
    const unsigned n = dis_bits(dis, 9, 5), count = dis_bits(dis, 14, 13) + 1;
    a64_dis_printf(dis, "{v%u.16b", n);
    if (count > 2 && n + count <= 32)
        a64_dis_printf(dis, "-v%u.16b", n + count - 1);
    else
        for (unsigned k = 1; k < count; k++)
            a64_dis_printf(dis, ", v%u.16b", (n + k) % 32);
    a64_dis_text(dis, "}");
}
