/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_DIS_H
#define POMONA_A64_DIS_H

/* The disassembler: prints what objdump prints. Each template token <tok> of the decode table is a
 * function op_tok(struct a64_dis *); they live in src/a64/dis_CLASS.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct a64_dis {
    uint32_t word;
    uint64_t pc; /* address of the word, for PC-relative operands */
    char *out;   /* next free byte of the caller's buffer; always NUL-terminated */
    size_t left; /* bytes left, with the terminator */
};

/* Prints WORD at PC into OUT (SIZE bytes; 128 suffice), mnemonic and operands separated by a tab,
 * as objdump does; unallocated words as ".inst\t0x........ ; undefined". Returns OUT. */
char *a64_disassemble(uint32_t word, uint64_t pc, char *out, size_t size);

void a64_dis_text(struct a64_dis *dis, const char *text);
void a64_dis_printf(struct a64_dis *dis, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Opens the function of <TOKEN>. It declares it too: a shared token may stand in no row yet. */
#define A64_OP(token)                                                                              \
    void op_##token(struct a64_dis *dis);                                                          \
    void op_##token(struct a64_dis *dis)

/* Whether MSR (immediate) op1, op2 names a field of PSTATE: UAO, PAN, SPSel, SSBS, DIT, TCO,
 * DAIFSet, DAIFClr. */
bool a64_pstate_field(unsigned op1, unsigned op2);
/* Whether ORR (immediate) WORD makes a constant that MOVZ or MOVN would make. */
bool a64_move_wide_preferred(uint32_t word);

/* Bits HIGH..LOW of the word. */
static inline uint32_t dis_bits(const struct a64_dis *dis, unsigned high, unsigned low)
{
    return dis->word >> low & (uint32_t)((2ull << (high - low)) - 1);
}

#endif
