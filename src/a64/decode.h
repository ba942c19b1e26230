/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_DECODE_H
#define POMONA_A64_DECODE_H

/* From an instruction word to its row of the decode table (src/a64/decode/README.md). */

#include "a64_rows.h"
#include "feat.h"

struct a64_dis;

/* What a row says of itself; the letters are the flags of the table. */
enum a64_flag {
    A64_F_ANY = 1 << 0,   /* set in every decoded instruction, so that cpu->watch can stop at each */
    A64_F_FP = 1 << 1,    /* touches SIMD&FP state: CPACR_EL1.FPEN and CPTR_EL2 apply */
    A64_F_END = 1 << 2,   /* ends a block */
    A64_F_SYS = 1 << 3,   /* needs exact PC, instruction count and time */
    A64_F_MR = 1 << 4,    /* reads memory */
    A64_F_MW = 1 << 5,    /* writes memory */
    A64_F_FAULT = 1 << 6, /* may raise an exception */
    A64_F_RF = 1 << 7,    /* reads NZCV */
    A64_F_WF = 1 << 8,    /* writes NZCV */
    A64_F_RC = 1 << 9,    /* reads FPCR */
    A64_F_WS = 1 << 10,   /* accumulates FPSR */
    A64_F_RSP = 1 << 11,  /* register field n is SP when 31 */
    A64_F_WSP = 1 << 12,  /* register field d is SP when 31 */
    A64_F_BTI = 1 << 13,  /* may be the target of an indirect branch in a guarded page */
};

/* The general registers that a row writes, one by each of its fields; MORE: others too. In a decoded instruction they stand
 * behind its flags. */
#define A64_WRITES_SHIFT 28
enum a64_writes {
    A64_WRITES_D = 1 << 0, /* field d or t */
    A64_WRITES_U = 1 << 1,
    A64_WRITES_N = 1 << 2,
    A64_WRITES_MORE = 1 << 3,
};

/* What decoding and translation look at stands first, in one line of the host's cache. */
struct a64_row {
    _Alignas(64) uint32_t mask;
    uint32_t value;
    enum a64_feat feat;
    uint32_t flags;
    bool implemented;
    uint8_t writes;                 /* enum a64_writes */
    uint32_t unless_bits;           /* what `unless` looks at */
    bool (*unless)(uint32_t word);  /* NULL, or: the row does not match where this holds */
    uint64_t (*imm)(uint32_t word); /* NULL, or the immediate that the decoder precomputes */
    const char *wx, *wv, *rx, *rv;  /* registers written and read, by letters of the pattern */
    const char *name;               /* Arm's name of the encoding */
    const char *group;              /* its class in the Arm manual's tables */
    const char *pattern;            /* 32 characters, bit 31 first */
    void (*print)(struct a64_dis *dis);
};

extern const struct a64_row a64_rows[A64_ROW_COUNT];

/* The row that WORD is an encoding of, whatever CPU; NULL where the word is unallocated. */
const struct a64_row *a64_decode(uint32_t word);

/* The same, as the CPU with FEATURES decodes it: NULL where the word is UNDEFINED there. */
const struct a64_row *a64_decode_for(uint32_t word, const struct a64_features *features);

struct a64_cpu;
struct a64_insn;

/* What an instruction did. Every function of src/interp returns one of these; it never jumps out. */
enum a64_status {
    A64_NEXT = 0, /* done; the next instruction is at pc + 4 */
    A64_BRANCH,   /* done; cpu->pc is the next instruction's address (branches, ERET) */
    A64_SYNC,     /* done; go on at pc + 4 but leave the block: regime, masks or code may have changed */
    A64_FAULT,    /* nothing committed; cpu->exc says what happened */
    A64_WAIT,     /* WFI or WFE (cpu->exc.iss bit 0, TI) with nothing to wake it; done, goes on at pc + 4 */
};

/* One instruction, ready to run. `exec` may assume that its row's flags were checked (FP traps). */
typedef int a64_exec_fn(struct a64_cpu *cpu, const struct a64_insn *insn);
struct a64_insn {
    a64_exec_fn *exec;
    uint64_t imm;           /* row->imm(word), else 0 */
    uint32_t word;
    uint32_t flags;         /* enum a64_flag of the row, with A64_F_ANY; enum a64_writes << A64_WRITES_SHIFT */
    uint16_t row;           /* enum a64_row_id; A64_ROW_NONE where undefined */
    uint8_t rd, rn, rm, ra; /* word[4:0], [9:5], [20:16], [14:10]: always there in A64 */
};

/* The interpreter's functions by row; NULL where the row is not implemented. Defined in src/interp. */
extern a64_exec_fn *const a64_exec_table[A64_ROW_COUNT];
/* And which of them it is, as enum a64_exec_id of a64_exec.h; 0: none. */
extern const uint16_t a64_exec_ids[A64_ROW_COUNT];

/* The word of guest code at HOST, which may change at any time: it is read once, whole. */
static inline uint32_t a64_code_word(const uint32_t *host)
{
    return __atomic_load_n(host, __ATOMIC_RELAXED);
}

/* Fills *INSN for WORD; undefined words get exec_undefined of src/interp. Never fails. */
void a64_insn_decode(struct a64_insn *insn, uint32_t word, const struct a64_features *features);
/* The same for a WORD that CPU is about to execute: notes that its row was met. */
void a64_insn_meet(struct a64_cpu *cpu, struct a64_insn *insn, uint32_t word);

#endif
