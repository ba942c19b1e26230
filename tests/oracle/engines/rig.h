/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_ENGINES_RIG_H
#define POMONA_TESTS_ENGINES_RIG_H

/* Two CPUs that must agree: the same model, memory and state, each run by an engine of its own.
 * What one does to its world (time, wires, memory without RAM) the other can do too; nothing here
 * depends on the host's clock. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "a64/cpu.h"
#include "a64/system.h"
#include "hv/engine.h"

/* Guest-physical memory: translation tables, vectors, code, data. */
#define RIG_RAM       0x40000000ull
#define RIG_SIZE      0x100000u
#define RIG_VECTORS   (RIG_RAM + 0x20000)
#define RIG_CODE      (RIG_RAM + 0x28000)
#define RIG_CODE_SIZE 0x18000u
#define RIG_DATA      (RIG_RAM + 0x40000)
#define RIG_FREE      (RIG_RAM + 0x80000) /* for further tables */
#define RIG_MMIO      0x90000000ull       /* nothing is there */
/* The data's virtual address in the lower half; the upper half has it too (rig_high()). */
#define RIG_DATA_VA 0x10000000ull
#define RIG_PAGES   12u

/* What ends everything, at whatever EL: SMC exits from EL1, is UNDEFINED at EL0, and all vectors
 * hold it. */
#define RIG_END 0xd4000063u /* SMC #3 */

#define RIG_INSNS_PER_TICK 10u

enum rig_page { RIG_NONE, RIG_RW, RIG_RO, RIG_PRIVILEGED, RIG_DEVICE, RIG_NO_RAM, RIG_OLD };
/* Of translation tables, whose roots these are. */
#define RIG_BIG_L2   (RIG_RAM + 0x0000)
#define RIG_SMALL_L1 (RIG_RAM + 0xc000)
#define DESC_TABLE   3ull
#define DESC_PAGE    (3ull | 3 << 8) /* inner shareable */
#define DESC_AF      (1ull << 10)
#define DESC_EL0     (1ull << 6)
#define DESC_RO      (1ull << 7)
#define DESC_NG      (1ull << 11)
#define DESC_GP      (1ull << 50)
#define DESC_XN      (3ull << 53)
#define DESC_ATTR1   (1ull << 2)

/* By virtual page of the data, what it is. */
extern const enum rig_page rig_pages[RIG_PAGES];

/* The state of the world that a run starts in, but for its registers. */
struct rig_world {
    uint8_t el, spsel;
    bool mmu, big;   /* stage 1 on; 16 KiB pages instead of 4 KiB */
    bool counted;    /* slices and a clock of instructions; else time stands */
    bool fp_trapped; /* at EL0 and EL1 */
    bool high;       /* addresses of the upper half are used, too */
    bool many;       /* the VM has a second CPU, which does nothing */
    bool host;       /* with EL2: HCR_EL2.{E2H,TGE} are set, and where EL1 is said, EL2 is meant */
    uint64_t sctlr;  /* bits beside M */
    uint64_t tbi;    /* TCR.TBI1:TBI0 in bits 1..0 */
    uint32_t fpcr;
    uint8_t pan, uao, btype_pages;
    uint16_t asid;
    uint64_t watchpoint, breakpoint; /* addresses; 0: none */
};

struct rig_side {
    struct a64_system sys;
    struct a64_cpu *cpu, *second;
    uint8_t *ram;
    const struct hv_engine *engine;
    enum engine_stop stop;
    uint64_t limit;    /* icount at which the run ends */
    uint64_t deadline; /* ticks at which the timers must be looked at */
};

struct rig {
    struct rig_side side[2];
    struct a64_cpu *start[2]; /* the state that runs start from, by side */
    struct rig_world world;
    uint64_t seed; /* of rig_random() */
};

uint64_t rig_random(struct rig *rig);
static inline unsigned rig_pick(struct rig *rig, unsigned count)
{
    return (unsigned)(rig_random(rig) >> 33) % count;
}

/* Two CPUs of MODEL, with EL2 or not, the second one's engine with KNOBS
 * (hv_pomona_vm_config_set_engine_knobs; NULL: none) and its code kept in the directory CODE_CACHE
 * (NULL: nowhere); exits the program with a message when an engine is unknown or refuses. */
void rig_create(struct rig *rig, const char *model, bool el2, const char *const engine[2],
                const char *knobs, const char *code_cache);
void rig_destroy(struct rig *rig);

/* Both sides get WORLD: system registers, tables, memory that is 0, an empty TLB. rig->start[] is
 * that state, with general and vector registers 0 and the PC at RIG_CODE. */
void rig_set_world(struct rig *rig, const struct rig_world *world);
/* Both sides start again from rig->start[], with the first one's instruction count. */
void rig_restart(struct rig *rig);
/* Page size, and bytes of data, of the world. */
unsigned rig_page_size(const struct rig *rig);
unsigned rig_data_size(const struct rig *rig);
uint64_t rig_high(const struct rig *rig);
/* Guest-physical PA in SIDE's memory. */
void *rig_at(struct rig_side *side, uint64_t pa);
/* WORDS to PA of both sides; the engines are told. */
void rig_put_code(struct rig *rig, uint64_t pa, const uint32_t *words, unsigned count);

/* Runs SIDE's engine until it stops, at most until COUNT more instructions (~0: no limit). The
 * virtual timer is its IRQ line, where the world counts. */
void rig_run(struct rig_side *side, uint64_t count);
/* Entry INDEX of the table at PA. */
void rig_put_entry(struct rig_side *side, uint64_t pa, uint64_t index, uint64_t descriptor);

/* Whether the two sides agree: registers, and memory too where asked for. What differs is printed
 * to OUT, if any. */
bool rig_same_state(struct rig *rig, FILE *out);
bool rig_same_memory(struct rig *rig, FILE *out);
/* Bytes for the data, as many as there may be; to be freed. */
uint8_t *rig_image(uint64_t seed);

/* Prints the registers of CPU that are not 0. */
void rig_print_state(const struct a64_cpu *cpu, FILE *out);

/* A second engine that is wrong, to see that it is found: whenever it has run an instruction of
 * ROW, bit 0 of the register in the instruction's field d is turned round. */
extern const struct hv_engine rig_planted;
void rig_plant(const char *row);

#endif
