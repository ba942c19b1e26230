/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_LDST_H
#define POMONA_A64_LDST_H

/* Fields of loads and stores that the interpreter, the translator, the disassembler and the
 * monitor's emulation of device accesses all read: the register offset and the shape of a vector
 * structure. */

#include <stdbool.h>
#include <stdint.h>

/* `option` of a register offset, and of the extended-register forms of ADD and SUB. */
enum a64_extend {
    A64_EXTEND_UXTW = 2,
    A64_EXTEND_LSL = 3,
    A64_EXTEND_SXTW = 6,
    A64_EXTEND_SXTX = 7
};

/* What insn->imm holds for a register offset. */
static inline uint64_t a64_regoff(unsigned option, unsigned shift)
{
    return option << 8 | shift;
}

static inline unsigned a64_regoff_shift(uint64_t imm)
{
    return imm & 0xff;
}

/* The offset that register value M makes. */
static inline uint64_t a64_regoff_value(uint64_t imm, uint64_t m)
{
    switch (imm >> 8) {
    case A64_EXTEND_UXTW:
        m = (uint32_t)m;
        break;
    case A64_EXTEND_SXTW:
        m = (uint64_t)(int32_t)m;
        break;
    }
    return m << a64_regoff_shift(imm);
}

/* LDn, STn and LDnR: what one of them moves. Memory holds `elements` groups of `selem` elements;
 * the k-th element of a group belongs to the k-th register. */
struct a64_struct_form {
    uint8_t registers;  /* that it names, Vt and those behind it (modulo 32) */
    uint8_t selem;      /* elements of a structure; 1 for LD1 whatever its registers */
    uint8_t log2_bytes; /* of an element */
    uint8_t lane;       /* single structure: the element's number */
    uint8_t bytes;      /* of memory that it touches */
    bool full;          /* Q: 16 bytes of each register, else 8 */
    bool single;        /* one structure, to or from one lane (or, LDnR, to all) */
    bool replicate;     /* LDnR */
};

static inline struct a64_struct_form a64_multi_form(uint32_t word)
{
    static const struct {
        uint8_t registers, selem;
    } by_opcode[16] = {[0] = {4, 4}, [2] = {4, 1}, [4] = {3, 3}, [6] = {3, 1},
                       [7] = {1, 1}, [8] = {2, 2}, [10] = {2, 1}};
    struct a64_struct_form form = {.log2_bytes = word >> 10 & 3, .full = word >> 30 & 1};
    form.registers = by_opcode[word >> 12 & 15].registers;
    form.selem = by_opcode[word >> 12 & 15].selem;
    form.bytes = (uint8_t)(form.registers * (form.full ? 16 : 8));
    return form;
}

static inline struct a64_struct_form a64_single_form(uint32_t word)
{
    const unsigned q = word >> 30 & 1, s = word >> 12 & 1, size = word >> 10 & 3;
    const unsigned scale = word >> 14 & 3, index = q << 3 | s << 2 | size;
    struct a64_struct_form form = {.single = true, .full = q};
    form.selem = form.registers = (uint8_t)((word >> 13 & 1) << 1 | (word >> 21 & 1)) + 1;
    form.replicate = scale == 3;
    form.log2_bytes = (uint8_t)(scale == 3 ? size : scale == 2 ? 2 + (size & 1) : scale);
    form.lane = (uint8_t)(index >> form.log2_bytes);
    form.bytes = (uint8_t)(form.registers << form.log2_bytes);
    return form;
}

/* Of any of their words; bit 24 tells single structures. */
static inline struct a64_struct_form a64_struct_form(uint32_t word)
{
    return word >> 24 & 1 ? a64_single_form(word) : a64_multi_form(word);
}

#endif
