/* SPDX-License-Identifier: MIT */
/* Data processing, register (Arm ARM C4.1.93), but for pointer authentication (pauth.c): add and
 * subtract, logical, conditional select and compare, shifts, multiply, divide, bit counting, CRC32,
 * and the flag manipulation of FEAT_FlagM and FEAT_FlagM2. As in dpimm.c, macros make the W and X
 * forms of one text. */

#include "a64_exec.h"
#include "alu.h"

#define SET_w a64_set_w
#define SET_x a64_set_x

/* ---- add, subtract, logical ---- */

/* ADD, ADDS, SUB, SUBS with a second operand of the form. rn and rd may be SP in the extended form.
 */
#define ADD_SUB(form, w, type, operand1, operand2, set_plain)                                      \
    int exec_add_##form##_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                    \
    {                                                                                              \
        set_plain(cpu, insn->rd, (type)(operand1 + operand2));                                     \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_sub_##form##_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                    \
    {                                                                                              \
        set_plain(cpu, insn->rd, (type)(operand1 - operand2));                                     \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_adds_##form##_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                   \
    {                                                                                              \
        SET_##w(cpu, insn->rd, add_flags_##w(cpu, (type)operand1, (type)operand2, 0));             \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_subs_##form##_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                   \
    {                                                                                              \
        SET_##w(cpu, insn->rd, add_flags_##w(cpu, (type)operand1, (type)~operand2, 1));            \
        return A64_NEXT;                                                                           \
    }
#define SHIFTED_w shifted_w(insn->word, (uint32_t)cpu->x[insn->rm])
#define SHIFTED_x shifted_x(insn->word, cpu->x[insn->rm])
#define EXTENDED  extended(insn->word, cpu->x[insn->rm])
ADD_SUB(shift, w, uint32_t, cpu->x[insn->rn], SHIFTED_w, a64_set_x)
ADD_SUB(shift, x, uint64_t, cpu->x[insn->rn], SHIFTED_x, a64_set_x)
ADD_SUB(ext, w, uint32_t, a64_xsp(cpu, insn->rn), EXTENDED, a64_set_xsp)
ADD_SUB(ext, x, uint64_t, a64_xsp(cpu, insn->rn), EXTENDED, a64_set_xsp)

#define CARRY (cpu->nzcv >> 29 & 1)
#define ADD_SUB_CARRY(w, type)                                                                     \
    int exec_adc_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                             \
    {                                                                                              \
        SET_##w(cpu, insn->rd, (type)(cpu->x[insn->rn] + cpu->x[insn->rm] + CARRY));               \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_sbc_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                             \
    {                                                                                              \
        SET_##w(cpu, insn->rd, (type)(cpu->x[insn->rn] + ~cpu->x[insn->rm] + CARRY));              \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_adcs_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        const type a = (type)cpu->x[insn->rn], b = (type)cpu->x[insn->rm];                         \
        SET_##w(cpu, insn->rd, add_flags_##w(cpu, a, b, CARRY));                                   \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_sbcs_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        const type a = (type)cpu->x[insn->rn], b = (type)cpu->x[insn->rm];                         \
        SET_##w(cpu, insn->rd, add_flags_##w(cpu, a, (type)~b, CARRY));                            \
        return A64_NEXT;                                                                           \
    }
ADD_SUB_CARRY(w, uint32_t)
ADD_SUB_CARRY(x, uint64_t)

#define LOGICAL(name, w, type, operator, complement)                                               \
    int exec_##name##_shift_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                  \
    {                                                                                              \
        SET_##w(cpu, insn->rd, (type)(cpu->x[insn->rn] operator complement SHIFTED_##w));          \
        return A64_NEXT;                                                                           \
    }
#define LOGICAL_FLAGS(name, w, type, complement)                                                   \
    int exec_##name##_shift_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                  \
    {                                                                                              \
        const type result = (type)(cpu->x[insn->rn] & complement SHIFTED_##w);                     \
        cpu->nzcv = nz_##w(result);                                                                \
        SET_##w(cpu, insn->rd, result);                                                            \
        return A64_NEXT;                                                                           \
    }
#define LOGICAL_ALL(w, type)                                                                       \
    LOGICAL(and, w, type, &, )                                                                     \
    LOGICAL(bic, w, type, &, ~)                                                                    \
    LOGICAL(orr, w, type, |, )                                                                     \
    LOGICAL(orn, w, type, |, ~)                                                                    \
    LOGICAL(eor, w, type, ^, )                                                                     \
    LOGICAL(eon, w, type, ^, ~)                                                                    \
    LOGICAL_FLAGS(ands, w, type, )                                                                 \
    LOGICAL_FLAGS(bics, w, type, ~)
LOGICAL_ALL(w, uint32_t)
LOGICAL_ALL(x, uint64_t)

/* ---- conditional ---- */

static bool holds(const struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return condition_holds(cpu->nzcv, insn->word >> 12 & 15);
}

#define SELECT(name, w, type, otherwise)                                                           \
    int exec_##name##_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        const type n = (type)cpu->x[insn->rn], m = (type)cpu->x[insn->rm];                         \
        SET_##w(cpu, insn->rd, holds(cpu, insn) ? n : (type)(otherwise));                          \
        return A64_NEXT;                                                                           \
    }
SELECT(csel, w, uint32_t, m)
SELECT(csel, x, uint64_t, m)
SELECT(csinc, w, uint32_t, m + 1)
SELECT(csinc, x, uint64_t, m + 1)
SELECT(csinv, w, uint32_t, ~m)
SELECT(csinv, x, uint64_t, ~m)
SELECT(csneg, w, uint32_t, -m)
SELECT(csneg, x, uint64_t, -m)

/* CCMP, CCMN: compare if the condition holds, else NZCV is the immediate. */
#define COMPARE(name, w, type, operand2, complement, carry)                                        \
    int exec_##name##_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        if (holds(cpu, insn))                                                                      \
            add_flags_##w(cpu, (type)cpu->x[insn->rn], (type)(complement(type) operand2), carry);  \
        else                                                                                       \
            cpu->nzcv = (insn->word & 15) << 28;                                                   \
        return A64_NEXT;                                                                           \
    }
COMPARE(ccmp_imm, w, uint32_t, insn->rm, ~, 1)
COMPARE(ccmp_imm, x, uint64_t, insn->rm, ~, 1)
COMPARE(ccmn_imm, w, uint32_t, insn->rm, , 0)
COMPARE(ccmn_imm, x, uint64_t, insn->rm, , 0)
COMPARE(ccmp_reg, w, uint32_t, cpu->x[insn->rm], ~, 1)
COMPARE(ccmp_reg, x, uint64_t, cpu->x[insn->rm], ~, 1)
COMPARE(ccmn_reg, w, uint32_t, cpu->x[insn->rm], , 0)
COMPARE(ccmn_reg, x, uint64_t, cpu->x[insn->rm], , 0)

/* ---- shifts, multiply, divide ---- */

#define SHIFTS(w, type, signed_type, bits)                                                         \
    int exec_lslv_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        SET_##w(cpu, insn->rd, (type)cpu->x[insn->rn] << (cpu->x[insn->rm] & (bits - 1)));         \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_lsrv_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        SET_##w(cpu, insn->rd, (type)cpu->x[insn->rn] >> (cpu->x[insn->rm] & (bits - 1)));         \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_asrv_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        const signed_type value = (signed_type)cpu->x[insn->rn];                                   \
        SET_##w(cpu, insn->rd, (type)(value >> (cpu->x[insn->rm] & (bits - 1))));                  \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_rorv_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        SET_##w(cpu, insn->rd, ror_##w((type)cpu->x[insn->rn], (unsigned)cpu->x[insn->rm]));       \
        return A64_NEXT;                                                                           \
    }
SHIFTS(w, uint32_t, int32_t, 32)
SHIFTS(x, uint64_t, int64_t, 64)

/* Division by zero gives zero, and the most negative number by -1 itself. */
#define DIVIDE(w, type, signed_type)                                                               \
    int exec_udiv_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        const type n = (type)cpu->x[insn->rn], m = (type)cpu->x[insn->rm];                         \
        SET_##w(cpu, insn->rd, m ? n / m : 0);                                                     \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_sdiv_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        const type n = (type)cpu->x[insn->rn], m = (type)cpu->x[insn->rm];                         \
        type result = 0;                                                                           \
        if (m == (type)-1)                                                                         \
            result = -n;                                                                           \
        else if (m)                                                                                \
            result = (type)((signed_type)n / (signed_type)m);                                      \
        SET_##w(cpu, insn->rd, result);                                                            \
        return A64_NEXT;                                                                           \
    }
DIVIDE(w, uint32_t, int32_t)
DIVIDE(x, uint64_t, int64_t)

#define MULTIPLY_ADD(name, w, type, source, operator)                                              \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        const uint64_t product =                                                                   \
            (uint64_t)(source)cpu->x[insn->rn] * (uint64_t)(source)cpu->x[insn->rm];               \
        SET_##w(cpu, insn->rd, (type)(cpu->x[insn->ra] operator product));                         \
        return A64_NEXT;                                                                           \
    }
MULTIPLY_ADD(madd_w, w, uint32_t, uint32_t, +)
MULTIPLY_ADD(madd_x, x, uint64_t, uint64_t, +)
MULTIPLY_ADD(msub_w, w, uint32_t, uint32_t, -)
MULTIPLY_ADD(msub_x, x, uint64_t, uint64_t, -)
MULTIPLY_ADD(umaddl, x, uint64_t, uint32_t, +)
MULTIPLY_ADD(umsubl, x, uint64_t, uint32_t, -)
MULTIPLY_ADD(smaddl, x, uint64_t, int32_t, +)
MULTIPLY_ADD(smsubl, x, uint64_t, int32_t, -)

int exec_umulh(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned __int128 product = (unsigned __int128)cpu->x[insn->rn] * cpu->x[insn->rm];
    a64_set_x(cpu, insn->rd, (uint64_t)(product >> 64));
    return A64_NEXT;
}

int exec_smulh(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const __int128 product = (__int128)(int64_t)cpu->x[insn->rn] * (int64_t)cpu->x[insn->rm];
    a64_set_x(cpu, insn->rd, (uint64_t)(product >> 64));
    return A64_NEXT;
}

/* ---- one source ---- */

static uint64_t reverse_bits_in_bytes(uint64_t value)
{
    value = (value >> 1 & 0x5555555555555555) | (value & 0x5555555555555555) << 1;
    value = (value >> 2 & 0x3333333333333333) | (value & 0x3333333333333333) << 2;
    return (value >> 4 & 0x0f0f0f0f0f0f0f0f) | (value & 0x0f0f0f0f0f0f0f0f) << 4;
}

static uint64_t swap_bytes_in_halves(uint64_t value)
{
    return (value >> 8 & 0x00ff00ff00ff00ff) | (value & 0x00ff00ff00ff00ff) << 8;
}

#define ONE_SOURCE(name, w, type, expression)                                                      \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        const type n = (type)cpu->x[insn->rn];                                                     \
        SET_##w(cpu, insn->rd, (type)(expression));                                                \
        return A64_NEXT;                                                                           \
    }
ONE_SOURCE(rbit_w, w, uint32_t, __builtin_bswap32((uint32_t)reverse_bits_in_bytes(n)))
ONE_SOURCE(rbit_x, x, uint64_t, __builtin_bswap64(reverse_bits_in_bytes(n)))
ONE_SOURCE(rev16_w, w, uint32_t, swap_bytes_in_halves(n))
ONE_SOURCE(rev16_x, x, uint64_t, swap_bytes_in_halves(n))
ONE_SOURCE(rev_w, w, uint32_t, __builtin_bswap32(n))
ONE_SOURCE(rev_x, x, uint64_t, __builtin_bswap64(n))
ONE_SOURCE(rev32_x, x, uint64_t, ror_x(__builtin_bswap64(n), 32))
ONE_SOURCE(clz_w, w, uint32_t, n ? __builtin_clz(n) : 32)
ONE_SOURCE(clz_x, x, uint64_t, n ? __builtin_clzll(n) : 64)
ONE_SOURCE(cls_w, w, uint32_t, __builtin_clrsb((int)n))
ONE_SOURCE(cls_x, x, uint64_t, __builtin_clrsbll((long long)n))

/* ---- CRC32 ---- */

/* The CRC of a four-bit value, bits reflected: of 0x04c11db7 (CRC32) and 0x1edc6f41 (CRC32C). */
static const uint32_t crc32_nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
static const uint32_t crc32c_nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

static int crc32(struct a64_cpu *cpu, const struct a64_insn *insn, const uint32_t *table,
                 unsigned bytes)
{
    uint32_t crc = (uint32_t)cpu->x[insn->rn];
    for (unsigned k = 0; k < bytes; k++) {
        crc ^= (uint8_t)(cpu->x[insn->rm] >> 8 * k);
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    a64_set_w(cpu, insn->rd, crc);
    return A64_NEXT;
}

#define CRC32(name, table, bytes)                                                                  \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        return crc32(cpu, insn, table, bytes);                                                     \
    }
CRC32(crc32b, crc32_nibble, 1)
CRC32(crc32h, crc32_nibble, 2)
CRC32(crc32w, crc32_nibble, 4)
CRC32(crc32x, crc32_nibble, 8)
CRC32(crc32cb, crc32c_nibble, 1)
CRC32(crc32ch, crc32c_nibble, 2)
CRC32(crc32cw, crc32c_nibble, 4)
CRC32(crc32cx, crc32c_nibble, 8)

/* ---- flag manipulation ---- */

/* Bits 3..0 of Xn rotated right go to the flags that the mask names. */
int exec_rmif(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const uint32_t mask = (insn->word & 15) << 28;
    const uint64_t value = ror_x(cpu->x[insn->rn], insn->word >> 15 & 63);
    cpu->nzcv = (cpu->nzcv & ~mask) | ((uint32_t)value << 28 & mask);
    return A64_NEXT;
}

/* N, Z and V as if the low BITS of Wn were the result of an operation; C stays. */
static int set_flags(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned bits)
{
    const uint32_t value = (uint32_t)cpu->x[insn->rn];
    const uint32_t overflow = (value >> bits ^ value >> (bits - 1)) & 1;
    cpu->nzcv = (cpu->nzcv & A64_C) | nz_w(value << (32 - bits)) | (overflow ? A64_V : 0);
    return A64_NEXT;
}

int exec_setf8(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return set_flags(cpu, insn, 8);
}

int exec_setf16(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return set_flags(cpu, insn, 16);
}

int exec_cfinv(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->nzcv ^= A64_C;
    return A64_NEXT;
}

/* From the flags of another instruction set's comparisons to those of FCMP, and back. */
int exec_xaflag(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const bool z = cpu->nzcv & A64_Z, c = cpu->nzcv & A64_C;
    cpu->nzcv = (!c && !z ? A64_N : 0) | (z && c ? A64_Z : 0) | (c || z ? A64_C : 0) |
                (!c && z ? A64_V : 0);
    return A64_NEXT;
}

int exec_axflag(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const bool z = cpu->nzcv & A64_Z, c = cpu->nzcv & A64_C, v = cpu->nzcv & A64_V;
    cpu->nzcv = (z || v ? A64_Z : 0) | (c && !v ? A64_C : 0);
    return A64_NEXT;
}
