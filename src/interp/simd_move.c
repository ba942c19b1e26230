/* SPDX-License-Identifier: MIT */
/* Advanced SIMD instructions that move without computing: modified immediate, copy between elements
 * and general registers, extract, permute, table lookup. Arm manual C7.2. */

#include "simd.h"

#include <string.h>

static unsigned data_bytes(const struct a64_insn *insn)
{
    return simd_q(insn) ? 16 : 8;
}

/* MOVI and MVNI, ORR and BIC: the decoder expanded the immediate. The 64-bit MOVI and the FMOV ones
 * too. */

int exec_simd_movi(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->v[insn->rd] = (union a64_vreg){.d = {insn->imm, simd_q(insn) ? insn->imm : 0}};
    return A64_NEXT;
}

int exec_simd_mvni(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->v[insn->rd] = (union a64_vreg){.d = {~insn->imm, simd_q(insn) ? ~insn->imm : 0}};
    return A64_NEXT;
}

int exec_simd_orr_imm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    union a64_vreg *d = &cpu->v[insn->rd];
    *d = (union a64_vreg){.d = {d->d[0] | insn->imm, simd_q(insn) ? d->d[1] | insn->imm : 0}};
    return A64_NEXT;
}

int exec_simd_bic_imm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    union a64_vreg *d = &cpu->v[insn->rd];
    *d = (union a64_vreg){.d = {d->d[0] & ~insn->imm, simd_q(insn) ? d->d[1] & ~insn->imm : 0}};
    return A64_NEXT;
}

/* imm5: its lowest bit set is log2 of the element's bytes, the bits above are the index. */

static unsigned imm5_size(const struct a64_insn *insn)
{
    return (unsigned)__builtin_ctz(insn->rm | 8);
}

static unsigned imm5_index(const struct a64_insn *insn)
{
    return insn->rm >> (imm5_size(insn) + 1);
}

int exec_simd_dup_v(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned size = imm5_size(insn);
    const uint64_t value = simd_lane(&cpu->v[insn->rn], size, false, imm5_index(insn));
    simd_write(cpu, insn->rd, simd_replicate(value, size), simd_bytes(insn, size));
    return A64_NEXT;
}

int exec_simd_dup_r(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const union a64_vreg r = simd_replicate(a64_x(cpu, insn->rn), imm5_size(insn));
    simd_write(cpu, insn->rd, r, data_bytes(insn));
    return A64_NEXT;
}

int exec_simd_ins_r(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    simd_set_lane(&cpu->v[insn->rd], imm5_size(insn), imm5_index(insn), a64_x(cpu, insn->rn));
    return A64_NEXT;
}

int exec_simd_ins_v(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned size = imm5_size(insn), from = (insn->word >> 11 & 15) >> size;
    const uint64_t value = simd_lane(&cpu->v[insn->rn], size, false, from);
    simd_set_lane(&cpu->v[insn->rd], size, imm5_index(insn), value);
    return A64_NEXT;
}

int exec_simd_umov(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd,
              simd_lane(&cpu->v[insn->rn], imm5_size(insn), false, imm5_index(insn)));
    return A64_NEXT;
}

int exec_simd_smov(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const uint64_t value = simd_lane(&cpu->v[insn->rn], imm5_size(insn), true, imm5_index(insn));
    a64_set_x(cpu, insn->rd, simd_q(insn) ? value : (uint32_t)value);
    return A64_NEXT;
}

/* The bytes from imm4 on of Vm:Vn. */
int exec_simd_ext(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned bytes = data_bytes(insn), from = insn->word >> 11 & 15;
    uint8_t pair[32];
    union a64_vreg r;
    memcpy(pair, &cpu->v[insn->rn], bytes);
    memcpy(pair + bytes, &cpu->v[insn->rm], bytes);
    memcpy(&r, pair + (from & (bytes - 1)), bytes);
    simd_write(cpu, insn->rd, r, bytes);
    return A64_NEXT;
}

/* Permutations: result lane I comes from lane FROM(I) of Vn or Vm. Bit 14 of the word is "2" of
 * ZIP2. */

static unsigned second(const struct a64_insn *insn)
{
    return insn->word >> 14 & 1;
}

SIMD_INLINE void zip(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned size)
{
    const union a64_vreg n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    const unsigned pairs = data_bytes(insn) >> (size + 1), base = second(insn) * pairs;
    union a64_vreg r = {0};
    for (unsigned p = 0; p < pairs; p++) {
        simd_set_lane(&r, size, 2 * p, simd_lane(&n, size, false, base + p));
        simd_set_lane(&r, size, 2 * p + 1, simd_lane(&m, size, false, base + p));
    }
    cpu->v[insn->rd] = r;
}

SIMD_INLINE void uzp(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned size)
{
    const union a64_vreg n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    const unsigned pairs = data_bytes(insn) >> (size + 1), odd = second(insn);
    union a64_vreg r = {0};
    for (unsigned p = 0; p < pairs; p++) {
        simd_set_lane(&r, size, p, simd_lane(&n, size, false, 2 * p + odd));
        simd_set_lane(&r, size, pairs + p, simd_lane(&m, size, false, 2 * p + odd));
    }
    cpu->v[insn->rd] = r;
}

SIMD_INLINE void trn(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned size)
{
    const union a64_vreg n = cpu->v[insn->rn], m = cpu->v[insn->rm];
    const unsigned pairs = data_bytes(insn) >> (size + 1), odd = second(insn);
    union a64_vreg r = {0};
    for (unsigned p = 0; p < pairs; p++) {
        simd_set_lane(&r, size, 2 * p, simd_lane(&n, size, false, 2 * p + odd));
        simd_set_lane(&r, size, 2 * p + 1, simd_lane(&m, size, false, 2 * p + odd));
    }
    cpu->v[insn->rd] = r;
}

#define PERMUTE(name)                                                                              \
    int exec_simd_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        switch (simd_size(insn)) {                                                                 \
        case 0:                                                                                    \
            name(cpu, insn, 0);                                                                    \
            break;                                                                                 \
        case 1:                                                                                    \
            name(cpu, insn, 1);                                                                    \
            break;                                                                                 \
        case 2:                                                                                    \
            name(cpu, insn, 2);                                                                    \
            break;                                                                                 \
        default:                                                                                   \
            name(cpu, insn, 3);                                                                    \
        }                                                                                          \
        return A64_NEXT;                                                                           \
    }

PERMUTE(zip)
PERMUTE(uzp)
PERMUTE(trn)

/* TBL and TBX: the table is len + 1 consecutive registers from Vn on, V0 following V31. An index
 * beyond it gives zero, or with TBX (bit 12) leaves Vd's byte. */
int exec_simd_tbl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned registers = (insn->word >> 13 & 3) + 1;
    union a64_vreg table[4], r = cpu->v[insn->rd];
    const union a64_vreg m = cpu->v[insn->rm];
    for (unsigned k = 0; k < registers; k++)
        table[k] = cpu->v[(insn->rn + k) % 32];
    if (!(insn->word >> 12 & 1))
        r = (union a64_vreg){0};
    for (unsigned i = 0; i < 16; i++) {
        if (m.b[i] < 16 * registers)
            r.b[i] = table[m.b[i] / 16].b[m.b[i] % 16];
    }
    simd_write(cpu, insn->rd, r, data_bytes(insn));
    return A64_NEXT;
}
