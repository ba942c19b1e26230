/* SPDX-License-Identifier: MIT */
/* Load-acquire and store-release: LDAR, STLR, LDAPR, LDAPUR, STLUR, and LDLAR, STLLR, whose limited
 * ordering regions we do not have, so that they order everything (the architecture allows that).
 *
 * Relaxed host accesses with fences: acquire behind a load, release before a store, and a full one
 * behind a store, so that a later LDAR does not overtake it. LDAPR would not need that last one,
 * and gets the same. */

#include "ldst.h"

static inline int load_acquire(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t offset,
                               unsigned size, uint64_t *value)
{
    uint64_t address;
    if (ldst_base(cpu, insn->rn, &address) ||
        a64_ld(cpu, address + offset, size, A64_ATOMIC | A64_ACQREL, value))
        return A64_FAULT;
    atomic_thread_fence(memory_order_acquire);
    return A64_NEXT;
}

static inline int store_release(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t offset,
                                unsigned size)
{
    uint64_t address;
    if (ldst_base(cpu, insn->rn, &address))
        return A64_FAULT;
    atomic_thread_fence(memory_order_release);
    if (a64_st(cpu, address + offset, size, A64_ATOMIC | A64_ACQREL, &cpu->x[insn->rd]))
        return A64_FAULT;
    atomic_thread_fence(memory_order_seq_cst);
    return A64_NEXT;
}

#define LOAD_ACQUIRE(name, type, size, offset, converted)                                          \
    int exec_##name##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                     \
    {                                                                                              \
        uint64_t value;                                                                            \
        if (load_acquire(cpu, insn, offset, size, &value))                                         \
            return A64_FAULT;                                                                      \
        a64_set_x(cpu, insn->rd, converted);                                                       \
        return A64_NEXT;                                                                           \
    }

#define STORE_RELEASE(name, type, size, offset)                                                    \
    int exec_##name##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                     \
    {                                                                                              \
        return store_release(cpu, insn, offset, size);                                             \
    }

LOAD_ACQUIRE(ldar, u8, 1, 0, value)
LOAD_ACQUIRE(ldar, u16, 2, 0, value)
LOAD_ACQUIRE(ldar, u32, 4, 0, value)
LOAD_ACQUIRE(ldar, u64, 8, 0, value)
LOAD_ACQUIRE(ldapur, u8, 1, insn->imm, value)
LOAD_ACQUIRE(ldapur, u16, 2, insn->imm, value)
LOAD_ACQUIRE(ldapur, u32, 4, insn->imm, value)
LOAD_ACQUIRE(ldapur, u64, 8, insn->imm, value)
LOAD_ACQUIRE(ldapur, s8w, 1, insn->imm, (uint32_t)(int8_t)value)
LOAD_ACQUIRE(ldapur, s16w, 2, insn->imm, (uint32_t)(int16_t)value)
LOAD_ACQUIRE(ldapur, s8x, 1, insn->imm, (uint64_t)(int8_t)value)
LOAD_ACQUIRE(ldapur, s16x, 2, insn->imm, (uint64_t)(int16_t)value)
LOAD_ACQUIRE(ldapur, s32x, 4, insn->imm, (uint64_t)(int32_t)value)
STORE_RELEASE(stlr, u8, 1, 0)
STORE_RELEASE(stlr, u16, 2, 0)
STORE_RELEASE(stlr, u32, 4, 0)
STORE_RELEASE(stlr, u64, 8, 0)
STORE_RELEASE(stlur, u8, 1, insn->imm)
STORE_RELEASE(stlur, u16, 2, insn->imm)
STORE_RELEASE(stlur, u32, 4, insn->imm)
STORE_RELEASE(stlur, u64, 8, insn->imm)
