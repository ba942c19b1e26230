/* SPDX-License-Identifier: MIT */
/* Loads and stores of register pairs: LDP, STP, LDPSW and the non-temporal LDNP, STNP, which are
 * the same here.
 *
 * Each register is one single-copy atomic access; a 16-byte aligned pair of X registers is one of
 * 16 bytes, as FEAT_LSE2 has it. Where the manual leaves a choice: of two equal targets the second
 * value stays, and loaded values win over write-back. */

#include "ldst.h"

/* So that the size is a constant in each of the functions below. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

static inline int pair_address(struct a64_cpu *cpu, const struct a64_insn *insn, bool post,
                               uint64_t *address)
{
    if (ldst_base(cpu, insn->rn, address))
        return A64_FAULT;
    if (!post)
        *address += insn->imm;
    return A64_NEXT;
}

static inline void write_back(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_xsp(cpu, insn->rn, a64_xsp(cpu, insn->rn) + insn->imm);
}

/* Two values of SIZE (4 or 8) bytes. */
static ALWAYS_INLINE int load_pair(struct a64_cpu *cpu, uint64_t address, unsigned size,
                                   uint64_t value[2])
{
    if (size == 8 && !(address & 15))
        return a64_ld(cpu, address, 16, 0, value);
    if (a64_ld(cpu, address, size, 0, &value[0]))
        return A64_FAULT;
    return a64_ld(cpu, address + size, size, 0, &value[1]);
}

static ALWAYS_INLINE int store_pair(struct a64_cpu *cpu, uint64_t address, unsigned size,
                                    const void *first, const void *second)
{
    if (size == 8 && !(address & 15)) {
        const uint64_t both[2] = {*(const uint64_t *)first, *(const uint64_t *)second};
        return a64_st(cpu, address, 16, 0, both);
    }
    if (ldst_reserve(cpu, address, 2 * size, size) || a64_st(cpu, address, size, 0, first))
        return A64_FAULT;
    return a64_st(cpu, address + size, size, 0, second);
}

#define LOAD_PAIR(mode, type, size, post, wback, converted)                                        \
    int exec_ldp_##mode##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        uint64_t address, value[2];                                                                \
        if (pair_address(cpu, insn, post, &address) || load_pair(cpu, address, size, value))       \
            return A64_FAULT;                                                                      \
        if (wback)                                                                                 \
            write_back(cpu, insn);                                                                 \
        a64_set_x(cpu, insn->rd, converted(value[0]));                                             \
        a64_set_x(cpu, insn->ra, converted(value[1]));                                             \
        return A64_NEXT;                                                                           \
    }

#define STORE_PAIR(mode, type, size, post, wback, file)                                            \
    int exec_stp_##mode##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        uint64_t address;                                                                          \
        if (pair_address(cpu, insn, post, &address) ||                                             \
            store_pair(cpu, address, size, &cpu->file[insn->rd], &cpu->file[insn->ra]))            \
            return A64_FAULT;                                                                      \
        if (wback)                                                                                 \
            write_back(cpu, insn);                                                                 \
        return A64_NEXT;                                                                           \
    }

#define LOAD_PAIR_SD(mode, type, size, post, wback)                                                \
    int exec_ldp_##mode##_##type(struct a64_cpu *cpu, const struct a64_insn *insn)                 \
    {                                                                                              \
        uint64_t address, value[2];                                                                \
        if (pair_address(cpu, insn, post, &address) || load_pair(cpu, address, size, value))       \
            return A64_FAULT;                                                                      \
        if (wback)                                                                                 \
            write_back(cpu, insn);                                                                 \
        cpu->v[insn->rd] = (union a64_vreg){.d = {value[0], 0}};                                   \
        cpu->v[insn->ra] = (union a64_vreg){.d = {value[1], 0}};                                   \
        return A64_NEXT;                                                                           \
    }

#define LOAD_PAIR_Q(mode, post, wback)                                                             \
    int exec_ldp_##mode##_q(struct a64_cpu *cpu, const struct a64_insn *insn)                      \
    {                                                                                              \
        uint64_t address;                                                                          \
        union a64_vreg first, second;                                                              \
        if (pair_address(cpu, insn, post, &address) || a64_ld(cpu, address, 16, 0, &first) ||      \
            a64_ld(cpu, address + 16, 16, 0, &second))                                             \
            return A64_FAULT;                                                                      \
        if (wback)                                                                                 \
            write_back(cpu, insn);                                                                 \
        cpu->v[insn->rd] = first;                                                                  \
        cpu->v[insn->ra] = second;                                                                 \
        return A64_NEXT;                                                                           \
    }

#define PLAIN(v)  (v)
#define SIGNED(v) ((uint64_t)(int32_t)(v))

#define PAIRS(mode, post, wback)                                                                   \
    LOAD_PAIR(mode, w, 4, post, wback, PLAIN)                                                      \
    LOAD_PAIR(mode, x, 8, post, wback, PLAIN)                                                      \
    LOAD_PAIR(mode, sw, 4, post, wback, SIGNED)                                                    \
    LOAD_PAIR_SD(mode, s, 4, post, wback)                                                          \
    LOAD_PAIR_SD(mode, d, 8, post, wback)                                                          \
    LOAD_PAIR_Q(mode, post, wback)                                                                 \
    STORE_PAIR(mode, w, 4, post, wback, x)                                                         \
    STORE_PAIR(mode, x, 8, post, wback, x)                                                         \
    STORE_PAIR(mode, s, 4, post, wback, v)                                                         \
    STORE_PAIR(mode, d, 8, post, wback, v)                                                         \
    STORE_PAIR(mode, q, 16, post, wback, v)

PAIRS(off, false, false)
PAIRS(pre, false, true)
PAIRS(post, true, true)
