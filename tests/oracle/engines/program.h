/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_ENGINES_PROGRAM_H
#define POMONA_TESTS_ENGINES_PROGRAM_H

/* A random program in the memory of a rig: what it is made of is in program.c. */

#include <stdlib.h>

#include "a64/sysreg.h"
#include "asm.h"
#include "rig.h"
#include "words.h"

/* HVC numbers: what the program asks of the host. */
enum { HOST_NOTHING, HOST_LOWER_FIQ, HOST_RAISE_FIQ, HOST_PATCH, HOST_NOTIFY, HOST_CALLS };

/* Registers with a purpose; the rest is for random instructions. */
enum {
    LOOP = 19, /* and 20, 21: counters of nested loops */
    T0 = 22,
    T1,
    T2,
    BACK = 25, /* where EL0 returns to */
    H0 = 26,
    H1 = 27,  /* the handlers' */
    SUM = 28, /* what they saw */
    FP = 29,
    LR = 30,
    SP = 31,
};

#define SVC_BACK  0x77u
#define SPSR_EL0  0x300u
#define SPSR_EL1  0x305u /* EL1h, IRQ and FIQ open */
#define ELR       A64_SYSREG(3, 0, 4, 0, 1)
#define SPSR      A64_SYSREG(3, 0, 4, 0, 0)
#define ESR       A64_SYSREG(3, 0, 5, 2, 0)
#define FAR       A64_SYSREG(3, 0, 6, 0, 0)
#define CNTVCT    A64_SYSREG(3, 3, 14, 0, 2)
#define CNTV_CVAL A64_SYSREG(3, 3, 14, 3, 2)

/* Where the code can be written, far from data. */
#define WRITABLE 0x5a0000000ull

/* In the same window, data pages that change places. They are far enough from each other to be alike where pages are
 * known by the low bits of their numbers. */
#define MOVES      7u
#define MOVE(n)    (WRITABLE + ((n) + 1) * 0x20000ull)
#define MOVE_PA(n) (RIG_FREE + 0x20000 + (n)*0x4000ull)

#define TEXT_SIZE 0x10000u /* of RIG_CODE */
#define FUNCTIONS 12u
#define PATCH_MAX 6u

struct program {
    struct rig rig;
    struct words words;
    uint8_t *image; /* the data that every program begins with */
    uint64_t seed;
    uint32_t text[TEXT_SIZE / 4];
    unsigned at; /* word of text[] */
    unsigned function[FUNCTIONS], functions;
    unsigned reach;   /* see program_moves.c */
    unsigned landing; /* see program_wild.c */
    unsigned patch[PATCH_MAX], patches; /* words that are MOVZ X0, #... and get changed */
    unsigned depth;                     /* of loops */
    unsigned budget;                    /* actions that may still be written */
    unsigned timer_period;
    unsigned user_functions; /* the first of function[]: they do nothing that needs EL1 */
    bool el0;                /* what is written now runs at EL0, too */
};

/* Writes program P of the seed and puts both sides of the rig at its start. */
void program_prepare(struct program *o, uint64_t p);

/* Writes a loop whose accesses move by constants: see program_streams.c. */
void program_put_streams(struct program *o);

/* Writes an addition to a counter in memory, by exclusives. */
void program_put_exclusive(struct program *o);
/* Writes a comparison, a branch, and what may look at NZCV there: see program_compare.c. */
void program_put_compare(struct program *o);
/* Writes calls and returns that do not belong together: see program_calls.c. */
void program_put_calls(struct program *o);
/* Writes what moves SP off its alignment and back: see program_stack.c. */
void program_put_stack(struct program *o);
/* Writes accesses to pages that change places, by few instructions, which program_put_reach() writes: see
 * program_moves.c. */
void program_put_moves(struct program *o);
void program_put_reach(struct program *o);
/* Writes branches to addresses that nothing is at, but for bits that may be ignored; and the place that they are almost of: see
 * program_wild.c. */
void program_put_wild(struct program *o);
void program_put_landing(struct program *o);
/* Writes what drops the page at VA from the TLB, in all address spaces, and maybe more, unless it is to be that PAGE. */
void program_put_tlbi(struct program *o, uint64_t va, bool page);
/* Where the descriptor of VA, in the window, can be written in one of the address spaces. */
uint64_t program_entry(const struct program *o, unsigned space, uint64_t va);
/* Writes what stores the word in T1 over WORD of the text, or over one of `patch` or a little further on: see
 * program_patch.c. The second tells whether a call is to follow. */
void program_put_store(struct program *o, unsigned word);
bool program_put_patch(struct program *o);
/* Writes code that changes, and runs before the maintenance, too: there. */
void program_put_stale(struct program *o);

/* The exception vectors: see program_vectors.c. TIMER_PERIOD in ticks. */
void program_put_vectors(struct rig *rig, unsigned timer_period);

/* ---- writing code ---- */

static inline void put(struct program *o, uint32_t word)
{
    if (o->at == TEXT_SIZE / 4) {
        fprintf(stderr, "a program is too long\n");
        exit(2);
    }
    o->text[o->at++] = word;
}

static inline unsigned pick(struct program *o, unsigned count)
{
    return rig_pick(&o->rig, count);
}

static inline bool chance(struct program *o, unsigned one_in)
{
    return !pick(o, one_in);
}

static inline void put_value(struct program *o, unsigned d, uint64_t value)
{
    put(o, asm_movz(d, (uint32_t)value, 0));
    for (unsigned k = 1; k < 4; k++)
        if (value >> k * 16 & 0xffff)
            put(o, asm_movk(d, (uint32_t)(value >> k * 16), k));
}

#endif
