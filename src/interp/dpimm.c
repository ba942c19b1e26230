/* SPDX-License-Identifier: MIT */
/* Data processing, immediate (Arm ARM C4.1.86): add and subtract, logical, move wide, bitfields,
 * extract, PC-relative addresses. Immediates come decoded in insn->imm (src/a64/imm.c). Each
 * function exists for W and X, whose text is the same but for the width; the pairs are made by
 * macros with the two types. */

#include "a64_exec.h"
#include "alu.h"

/* The W or X register as the operation's type sees it. */
#define SET_w a64_set_w
#define SET_x a64_set_x

#define ADD_SUB_IMM(w, type)                                                                       \
    int exec_add_imm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        a64_set_xsp(cpu, insn->rd, (type)(a64_xsp(cpu, insn->rn) + insn->imm));                    \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_sub_imm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        a64_set_xsp(cpu, insn->rd, (type)(a64_xsp(cpu, insn->rn) - insn->imm));                    \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_adds_imm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        const type a = (type)a64_xsp(cpu, insn->rn);                                               \
        SET_##w(cpu, insn->rd, add_flags_##w(cpu, a, (type)insn->imm, 0));                         \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_subs_imm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        const type a = (type)a64_xsp(cpu, insn->rn);                                               \
        SET_##w(cpu, insn->rd, add_flags_##w(cpu, a, (type)~insn->imm, 1));                        \
        return A64_NEXT;                                                                           \
    }
ADD_SUB_IMM(w, uint32_t)
ADD_SUB_IMM(x, uint64_t)

#define LOGICAL_IMM(name, w, type, operator)                                                       \
    int exec_##name##_imm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                    \
    {                                                                                              \
        a64_set_xsp(cpu, insn->rd, (type)(cpu->x[insn->rn] operator insn->imm));                   \
        return A64_NEXT;                                                                           \
    }
LOGICAL_IMM(and, w, uint32_t, &)
LOGICAL_IMM(and, x, uint64_t, &)
LOGICAL_IMM(orr, w, uint32_t, |)
LOGICAL_IMM(orr, x, uint64_t, |)
LOGICAL_IMM(eor, w, uint32_t, ^)
LOGICAL_IMM(eor, x, uint64_t, ^)

#define ANDS_IMM(w, type)                                                                          \
    int exec_ands_imm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        const type result = (type)(cpu->x[insn->rn] & insn->imm);                                  \
        cpu->nzcv = nz_##w(result);                                                                \
        SET_##w(cpu, insn->rd, result);                                                            \
        return A64_NEXT;                                                                           \
    }
ANDS_IMM(w, uint32_t)
ANDS_IMM(x, uint64_t)

/* MOVZ and MOVN: the immediate is the result. */
int exec_movz(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, insn->imm);
    return A64_NEXT;
}

static uint64_t move_keep(const struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned shift = (insn->word >> 21 & 3) * 16;
    const uint64_t imm16 = insn->word >> 5 & 0xffff;
    return (cpu->x[insn->rd] & ~(0xffffull << shift)) | imm16 << shift;
}

int exec_movk_w(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_w(cpu, insn->rd, (uint32_t)move_keep(cpu, insn));
    return A64_NEXT;
}

int exec_movk_x(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, move_keep(cpu, insn));
    return A64_NEXT;
}

int exec_adr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, cpu->pc + insn->imm);
    return A64_NEXT;
}

int exec_adrp(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, (cpu->pc & ~0xfffull) + insn->imm);
    return A64_NEXT;
}

/* Bitfield moves. With imms >= immr, bits imms..immr go to the bottom; else bits imms..0 go to
 * position width - immr. BFM keeps the destination's other bits, UBFM clears them, SBFM clears
 * below and copies the field's top bit above. */
static unsigned immr(const struct a64_insn *insn)
{
    return insn->word >> 16 & 63;
}

static unsigned imms(const struct a64_insn *insn)
{
    return insn->word >> 10 & 63;
}

#define BITFIELD(w, type, signed_type, bits)                                                       \
    int exec_ubfm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        const unsigned r = immr(insn), s = imms(insn);                                             \
        const type top = (type)((type)cpu->x[insn->rn] << (bits - 1 - s));                         \
        SET_##w(cpu, insn->rd,                                                                     \
                s >= r ? top >> (bits - 1 - s + r) : top >> (bits - 1 - s) << (bits - r));         \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_sbfm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        const unsigned r = immr(insn), s = imms(insn);                                             \
        const signed_type top = (signed_type)((type)cpu->x[insn->rn] << (bits - 1 - s));           \
        SET_##w(cpu, insn->rd,                                                                     \
                s >= r ? (type)(top >> (bits - 1 - s + r))                                         \
                       : (type)(top >> (bits - 1 - s)) << (bits - r));                             \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_bfm_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                             \
    {                                                                                              \
        const unsigned r = immr(insn), s = imms(insn);                                             \
        const unsigned lsb = s >= r ? 0 : bits - r;                                                \
        const type field = (type) ~(type)0 >> (bits - 1 - (s >= r ? s - r : s));                   \
        const type source = (type)cpu->x[insn->rn] >> (s >= r ? r : 0);                            \
        const type kept = (type)cpu->x[insn->rd] & ~(field << lsb);                                \
        SET_##w(cpu, insn->rd, kept | (source & field) << lsb);                                    \
        return A64_NEXT;                                                                           \
    }
BITFIELD(w, uint32_t, int32_t, 32)
BITFIELD(x, uint64_t, int64_t, 64)

int exec_extr_w(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const uint64_t pair = cpu->x[insn->rn] << 32 | (uint32_t)cpu->x[insn->rm];
    a64_set_w(cpu, insn->rd, (uint32_t)(pair >> imms(insn)));
    return A64_NEXT;
}

int exec_extr_x(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned lsb = imms(insn);
    const uint64_t low = cpu->x[insn->rm], high = cpu->x[insn->rn];
    a64_set_x(cpu, insn->rd, lsb ? low >> lsb | high << (64 - lsb) : low);
    return A64_NEXT;
}
