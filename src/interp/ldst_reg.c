/* SPDX-License-Identifier: MIT */
/* Loads and stores of one register, general or vector: all addressing modes, unprivileged ones,
 * literals and prefetches (Arm manual C4.1.94, "Load/store register" and "Load register
 * (literal)").
 *
 * Where the manual leaves a choice (CONSTRAINED UNPREDICTABLE): a load whose base with write-back
 * is its target leaves the loaded value; a store then stores the old base. */

#include "ldst.h"

#include "../a64/exception.h"

#define SCTLR_SA  (1u << 3)
#define SCTLR_SA0 (1u << 4)

int ldst_check_sp(struct a64_cpu *cpu)
{
    const unsigned el = cpu->ps.el;
    uint64_t check;
    if (el)
        check = cpu->sr.sctlr[el] & SCTLR_SA;
    else if ((~a64_hcr(cpu) & (A64_HCR_E2H | A64_HCR_TGE)) == 0)
        check = cpu->sr.sctlr[2] & SCTLR_SA0;
    else
        check = cpu->sr.sctlr[1] & SCTLR_SA0;
    return check ? a64_raise(cpu, A64_EC_SP_ALIGN, 0, 0) : A64_NEXT;
}

/* ---- addressing modes: the address, and what happens to the base afterwards ---- */

static inline int address_off(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *address)
{
    if (ldst_base(cpu, insn->rn, address))
        return A64_FAULT;
    *address += insn->imm;
    return A64_NEXT;
}

static inline int address_pre(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *address)
{
    return address_off(cpu, insn, address);
}

static inline int address_unpriv(struct a64_cpu *cpu, const struct a64_insn *insn,
                                 uint64_t *address)
{
    return address_off(cpu, insn, address);
}

static inline int address_post(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *address)
{
    return ldst_base(cpu, insn->rn, address);
}

static inline int address_reg(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *address)
{
    if (ldst_base(cpu, insn->rn, address))
        return A64_FAULT;
    *address += a64_regoff_value(insn->imm, cpu->x[insn->rm]);
    return A64_NEXT;
}

static inline int address_lit(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *address)
{
    *address = cpu->pc + insn->imm;
    return A64_NEXT;
}

static inline void write_back(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_xsp(cpu, insn->rn, a64_xsp(cpu, insn->rn) + insn->imm);
}

#define AFTER_off(cpu, insn)
#define AFTER_unpriv(cpu, insn)
#define AFTER_reg(cpu, insn)
#define AFTER_lit(cpu, insn)
#define AFTER_pre(cpu, insn)  write_back(cpu, insn)
#define AFTER_post(cpu, insn) write_back(cpu, insn)

#define ACCESS_off    0
#define ACCESS_pre    0
#define ACCESS_post   0
#define ACCESS_reg    0
#define ACCESS_lit    0
#define ACCESS_unpriv A64_UNPRIV

/* ---- one function for each mode and type ---- */

#define LOAD(mode, type, size, converted)                                                          \
    int exec_ldr_##mode##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        uint64_t address, value;                                                                   \
        if (address_##mode(cpu, insn, &address) ||                                                 \
            a64_ld(cpu, address, size, ACCESS_##mode, &value))                                     \
            return A64_FAULT;                                                                      \
        AFTER_##mode(cpu, insn);                                                                   \
        a64_set_x(cpu, insn->rd, converted);                                                       \
        return A64_NEXT;                                                                           \
    }

#define STORE(mode, type, size)                                                                    \
    int exec_str_##mode##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        uint64_t address;                                                                          \
        if (address_##mode(cpu, insn, &address) ||                                                 \
            a64_st(cpu, address, size, ACCESS_##mode, &cpu->x[insn->rd]))                          \
            return A64_FAULT;                                                                      \
        AFTER_##mode(cpu, insn);                                                                   \
        return A64_NEXT;                                                                           \
    }

#define LOAD_VECTOR(mode, type, size)                                                              \
    int exec_ldr_##mode##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        uint64_t address;                                                                          \
        union a64_vreg value = {.d = {0, 0}};                                                      \
        if (address_##mode(cpu, insn, &address) ||                                                 \
            a64_ld(cpu, address, size, ACCESS_##mode, &value))                                     \
            return A64_FAULT;                                                                      \
        AFTER_##mode(cpu, insn);                                                                   \
        cpu->v[insn->rd] = value;                                                                  \
        return A64_NEXT;                                                                           \
    }

#define STORE_VECTOR(mode, type, size)                                                             \
    int exec_str_##mode##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        uint64_t address;                                                                          \
        if (address_##mode(cpu, insn, &address) ||                                                 \
            a64_st(cpu, address, size, ACCESS_##mode, &cpu->v[insn->rd]))                          \
            return A64_FAULT;                                                                      \
        AFTER_##mode(cpu, insn);                                                                   \
        return A64_NEXT;                                                                           \
    }

#define GENERAL(mode)                                                                              \
    LOAD(mode, u8, 1, value)                                                                       \
    LOAD(mode, u16, 2, value)                                                                      \
    LOAD(mode, u32, 4, value)                                                                      \
    LOAD(mode, u64, 8, value)                                                                      \
    LOAD(mode, s8w, 1, (uint32_t)(int8_t)value)                                                    \
    LOAD(mode, s16w, 2, (uint32_t)(int16_t)value)                                                  \
    LOAD(mode, s8x, 1, (uint64_t)(int8_t)value)                                                    \
    LOAD(mode, s16x, 2, (uint64_t)(int16_t)value)                                                  \
    LOAD(mode, s32x, 4, (uint64_t)(int32_t)value)                                                  \
    STORE(mode, u8, 1)                                                                             \
    STORE(mode, u16, 2)                                                                            \
    STORE(mode, u32, 4)                                                                            \
    STORE(mode, u64, 8)

#define VECTOR(mode)                                                                               \
    LOAD_VECTOR(mode, b, 1)                                                                        \
    LOAD_VECTOR(mode, h, 2)                                                                        \
    LOAD_VECTOR(mode, s, 4)                                                                        \
    LOAD_VECTOR(mode, d, 8)                                                                        \
    LOAD_VECTOR(mode, q, 16)                                                                       \
    STORE_VECTOR(mode, b, 1)                                                                       \
    STORE_VECTOR(mode, h, 2)                                                                       \
    STORE_VECTOR(mode, s, 4)                                                                       \
    STORE_VECTOR(mode, d, 8)                                                                       \
    STORE_VECTOR(mode, q, 16)

GENERAL(off)
GENERAL(pre)
GENERAL(post)
GENERAL(reg)
GENERAL(unpriv)
VECTOR(off)
VECTOR(pre)
VECTOR(post)
VECTOR(reg)

LOAD(lit, u32, 4, value)
LOAD(lit, u64, 8, value)
LOAD(lit, s32x, 4, (uint64_t)(int32_t)value)
LOAD_VECTOR(lit, s, 4)
LOAD_VECTOR(lit, d, 8)
LOAD_VECTOR(lit, q, 16)

/* PRFM and PRFUM, also with operations that are not allocated: hints. They never fault. */
int exec_prfm(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return A64_NEXT;
}
