/* SPDX-License-Identifier: MIT */
#ifndef POMONA_INTERP_ALU_H
#define POMONA_INTERP_ALU_H

/* What the two data-processing classes share: flags, conditions, shifted and extended operands. The
 * names are those of the Arm manual's shared pseudocode (AddWithCarry, ShiftReg, ExtendReg,
 * ConditionHolds). */

#include "../a64/cpu.h"
#include "../a64/decode.h"

static inline uint32_t nz_w(uint32_t result)
{
    return (result & A64_N) | (result ? 0 : A64_Z);
}

static inline uint32_t nz_x(uint64_t result)
{
    return ((uint32_t)(result >> 32) & A64_N) | (result ? 0 : A64_Z);
}

/* a + b + carry, with flags. A subtraction is a + ~b + 1. */
static inline uint32_t add_flags_w(struct a64_cpu *cpu, uint32_t a, uint32_t b, unsigned carry)
{
    const uint64_t wide = (uint64_t)a + b + carry;
    const uint32_t result = (uint32_t)wide;
    cpu->nzcv =
        nz_w(result) | (wide >> 32 ? A64_C : 0) | ((~(a ^ b) & (a ^ result)) >> 31 ? A64_V : 0);
    return result;
}

static inline uint64_t add_flags_x(struct a64_cpu *cpu, uint64_t a, uint64_t b, unsigned carry)
{
    uint64_t result;
    bool out = __builtin_add_overflow(a, b, &result);
    out |= __builtin_add_overflow(result, (uint64_t)carry, &result);
    cpu->nzcv = nz_x(result) | (out ? A64_C : 0) | ((~(a ^ b) & (a ^ result)) >> 63 ? A64_V : 0);
    return result;
}

/* ConditionHolds: a condition's bit f is set when it holds for NZCV = f. */
static inline bool condition_holds(uint32_t nzcv, unsigned cond)
{
    static const uint16_t holds[16] = {0xf0f0, 0x0f0f, 0xcccc, 0x3333, 0xff00, 0x00ff,
                                       0xaaaa, 0x5555, 0x0c0c, 0xf3f3, 0xaa55, 0x55aa,
                                       0x0a05, 0xf5fa, 0xffff, 0xffff};
    return holds[cond] >> (nzcv >> 28) & 1;
}

static inline uint32_t ror_w(uint32_t value, unsigned amount)
{
    return value >> (amount & 31) | value << (-amount & 31);
}

static inline uint64_t ror_x(uint64_t value, unsigned amount)
{
    return value >> (amount & 63) | value << (-amount & 63);
}

/* ShiftReg for bits [23:22] (LSL, LSR, ASR, ROR) and [15:10]; the amount is below the width. */
static inline uint32_t shifted_w(uint32_t word, uint32_t value)
{
    const unsigned amount = word >> 10 & 31;
    switch (word >> 22 & 3) {
    case 0:
        return value << amount;
    case 1:
        return value >> amount;
    case 2:
        return (uint32_t)((int32_t)value >> amount);
    default:
        return ror_w(value, amount);
    }
}

static inline uint64_t shifted_x(uint32_t word, uint64_t value)
{
    const unsigned amount = word >> 10 & 63;
    switch (word >> 22 & 3) {
    case 0:
        return value << amount;
    case 1:
        return value >> amount;
    case 2:
        return (uint64_t)((int64_t)value >> amount);
    default:
        return ror_x(value, amount);
    }
}

/* ExtendReg for bits [15:13] (UXTB .. SXTX) and the shift in [12:10]. */
static inline uint64_t extended(uint32_t word, uint64_t value)
{
    switch (word >> 13 & 7) {
    case 0:
        value = (uint8_t)value;
        break;
    case 1:
        value = (uint16_t)value;
        break;
    case 2:
        value = (uint32_t)value;
        break;
    case 4:
        value = (uint64_t)(int8_t)value;
        break;
    case 5:
        value = (uint64_t)(int16_t)value;
        break;
    case 6:
        value = (uint64_t)(int32_t)value;
        break;
    }
    return value << (word >> 10 & 7);
}

#endif
