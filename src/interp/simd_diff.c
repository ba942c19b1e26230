/* SPDX-License-Identifier: MIT */
/* Advanced SIMD "three different": long, wide and narrow, vector, scalar and by element; the
 * polynomial products; dot products and 2x2 matrix products of bytes (FEAT_DotProd, FEAT_I8MM). Arm
 * manual C7.2; the loops are in simd_long.h. */

#include "simd_long.h"

SIMD_LONG(saddl, int64_t, n + m)
SIMD_LONG(uaddl, uint64_t, n + m)
SIMD_LONG(ssubl, int64_t, n - m)
SIMD_LONG(usubl, uint64_t, n - m)
SIMD_LONG(sabdl, int64_t, n > m ? n - m : m - n)
SIMD_LONG(uabdl, uint64_t, n > m ? n - m : m - n)
SIMD_LONG(sabal, int64_t, ud + (uint64_t)(n > m ? n - m : m - n))
SIMD_LONG(uabal, uint64_t, d + (n > m ? n - m : m - n))
SIMD_LONG_ELEM(smull, int64_t, (n * m))
SIMD_LONG_ELEM(umull, uint64_t, (n * m))
SIMD_LONG_ELEM(smlal, int64_t, ud + (uint64_t)(n * m))
SIMD_LONG_ELEM(umlal, uint64_t, d + n * m)
SIMD_LONG_ELEM(smlsl, int64_t, ud - (uint64_t)(n * m))
SIMD_LONG_ELEM(umlsl, uint64_t, d - n * m)

/* The doubled product saturates by itself, before it is accumulated. */
SIMD_INLINE simd_wide doubled(int64_t n, int64_t m, unsigned bits, bool *qc)
{
    return (int64_t)simd_sat_s(2 * (simd_wide)n * m, 2 * bits, qc);
}

SIMD_LONG_ELEM(sqdmull, int64_t, doubled(n, m, bits, qc))
SIMD_LONG_ELEM(sqdmlal, int64_t, simd_sat_s(d + doubled(n, m, bits, qc), 2 * bits, qc))
SIMD_LONG_ELEM(sqdmlsl, int64_t, simd_sat_s(d - doubled(n, m, bits, qc), 2 * bits, qc))

SIMD_WIDE(saddw, int64_t, un + um)
SIMD_WIDE(uaddw, uint64_t, n + m)
SIMD_WIDE(ssubw, int64_t, un - um)
SIMD_WIDE(usubw, uint64_t, n - m)

/* The high halves of sums and differences; R: rounded. */
SIMD_NARROW(addhn, uint64_t, (n + m) >> bits)
SIMD_NARROW(subhn, uint64_t, (n - m) >> bits)
SIMD_NARROW(raddhn, uint64_t, (n + m + (1ull << (bits - 1))) >> bits)
SIMD_NARROW(rsubhn, uint64_t, (n - m + (1ull << (bits - 1))) >> bits)

SIMD_LONG(pmull, uint64_t, simd_polynomial_mul8(n, m))

/* The product of polynomials over {0, 1} of degree 63, four bits of M at a time. */
static simd_uwide polynomial_mul64(uint64_t n, uint64_t m)
{
    simd_uwide multiple[16], product = 0;
    multiple[0] = 0;
    multiple[1] = n;
    for (unsigned k = 2; k < 16; k += 2) {
        multiple[k] = multiple[k / 2] << 1;
        multiple[k + 1] = multiple[k] ^ n;
    }
    for (int shift = 60; shift >= 0; shift -= 4)
        product = product << 4 ^ multiple[m >> shift & 15];
    return product;
}

int exec_simd_pmull_q(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned half = simd_q(insn);
    const simd_uwide product = polynomial_mul64(cpu->v[insn->rn].d[half], cpu->v[insn->rm].d[half]);
    cpu->v[insn->rd] = (union a64_vreg){.d = {(uint64_t)product, (uint64_t)(product >> 64)}};
    return A64_NEXT;
}

static int32_t extend(uint8_t byte, bool sign)
{
    return sign ? (int8_t)byte : byte;
}

/* The sum of COUNT products of bytes; it fits. */
SIMD_INLINE uint32_t dot(const uint8_t *n, bool sign_n, const uint8_t *m, bool sign_m,
                         unsigned count)
{
    int32_t sum = 0;
    for (unsigned k = 0; k < count; k++)
        sum += extend(n[k], sign_n) * extend(m[k], sign_m);
    return (uint32_t)sum;
}

SIMD_INLINE int dot_product(struct a64_cpu *cpu, const struct a64_insn *insn, union a64_vreg m,
                            bool sign_n, bool sign_m)
{
    const union a64_vreg n = cpu->v[insn->rn];
    union a64_vreg r = cpu->v[insn->rd];
    for (unsigned i = 0; i < 4; i++)
        r.s[i] += dot(&n.b[4 * i], sign_n, &m.b[4 * i], sign_m, 4);
    simd_write(cpu, insn->rd, r, simd_q(insn) ? 16 : 8);
    return A64_NEXT;
}

/* The group of four bytes that H:L names is a word. */
#define DOT_VECTOR(name, sign_n, sign_m)                                                           \
    int exec_simd_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        return dot_product(cpu, insn, cpu->v[insn->rm], sign_n, sign_m);                           \
    }
#define DOT_ELEM(name, sign_n, sign_m)                                                             \
    int exec_simd_##name##_elem(struct a64_cpu *cpu, const struct a64_insn *insn)                  \
    {                                                                                              \
        return dot_product(cpu, insn, simd_element(cpu, insn, 2), sign_n, sign_m);                 \
    }

DOT_VECTOR(sdot, true, true)
DOT_VECTOR(udot, false, false)
DOT_VECTOR(usdot, false, true)
DOT_ELEM(sdot, true, true)
DOT_ELEM(udot, false, false)
DOT_ELEM(usdot, false, true)
DOT_ELEM(sudot, true, false)

/* Vn and Vm hold 2x8 matrices of bytes, row by row: Vd, 2x2 words, += Vn times Vm transposed. */
SIMD_INLINE int matrix_product(struct a64_cpu *cpu, const struct a64_insn *insn, bool sign_n,
                               bool sign_m)
{
    const union a64_vreg n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    for (unsigned i = 0; i < 4; i++)
        cpu->v[insn->rd].s[i] += dot(&n.b[8 * (i / 2)], sign_n, &m.b[8 * (i % 2)], sign_m, 8);
    return A64_NEXT;
}

int exec_simd_smmla(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return matrix_product(cpu, insn, true, true);
}

int exec_simd_ummla(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return matrix_product(cpu, insn, false, false);
}

int exec_simd_usmmla(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return matrix_product(cpu, insn, false, true);
}
