/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_EXCEPTION_H
#define POMONA_A64_EXCEPTION_H

/* Raising, routing, taking exceptions and returning from them (Arm ARM D1). */

#include "cpu.h"
#include "decode.h"

enum a64_ec {
    A64_EC_UNKNOWN = 0x00, A64_EC_WFX = 0x01, A64_EC_FP = 0x07, A64_EC_PAC = 0x09, A64_EC_BTI = 0x0d,
    A64_EC_ILLEGAL = 0x0e, A64_EC_SVC = 0x15, A64_EC_HVC = 0x16, A64_EC_SMC = 0x17, A64_EC_SYSREG = 0x18,
    A64_EC_ERET = 0x1a, A64_EC_FPAC = 0x1c, A64_EC_IABT_LOW = 0x20, A64_EC_IABT = 0x21,
    A64_EC_PC_ALIGN = 0x22, A64_EC_DABT_LOW = 0x24, A64_EC_DABT = 0x25, A64_EC_SP_ALIGN = 0x26,
    A64_EC_FPE = 0x2c, A64_EC_SERROR = 0x2f, A64_EC_BREAK_LOW = 0x30, A64_EC_BREAK = 0x31,
    A64_EC_STEP_LOW = 0x32, A64_EC_STEP = 0x33, A64_EC_WATCH_LOW = 0x34, A64_EC_WATCH = 0x35,
    A64_EC_BRK = 0x3c,
};

/* Fills cpu->exc with a synchronous exception and returns A64_FAULT. target_el 0: default routing. */
int a64_raise(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, unsigned target_el);
/* The same with FAR. */
int a64_raise_far(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, uint64_t far, unsigned target_el);
/* EC 0: an UNDEFINED instruction. */
int a64_undefined(struct a64_cpu *cpu);
/* Fills cpu->exc with an exit to the monitor and returns A64_FAULT. */
int a64_vmexit(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, bool after);

/* Takes cpu->exc (kind SYNC): routes it, writes ESR, FAR, HPFAR, ELR, SPSR, enters the vector. */
void a64_take_exception(struct a64_cpu *cpu);

/* Takes the highest-priority pending and unmasked interrupt or SError, if any; true if one was taken.
 * Returns with cpu->pc at the vector. */
bool a64_take_interrupt(struct a64_cpu *cpu);
/* Whether an interrupt is pending so that WFI completes, masked by PSTATE or not (D1: wake-up events). */
bool a64_wakeup_pending(const struct a64_cpu *cpu);

/* ERET with the given address: restores PSTATE from SPSR_ELx, checks for an illegal return. A64_BRANCH. */
int a64_exception_return(struct a64_cpu *cpu, uint64_t address);

/* The checks that cpu->watch asked for, before INSN runs at cpu->pc: illegal state, software step, breakpoints, BTI,
 * FP traps. A64_NEXT: go on. A64_FAULT: cpu->exc is set. */
int a64_check_watch(struct a64_cpu *cpu, const struct a64_insn *insn);
/* Recomputes cpu->watch; after anything that changes PSTATE, CPACR, CPTR, MDSCR, debug registers. */
void a64_update_watch(struct a64_cpu *cpu);

/* SPSR format <-> PSTATE with NZCV. Setting moves the stack pointers. */
uint64_t a64_get_spsr(const struct a64_cpu *cpu);
void a64_set_spsr(struct a64_cpu *cpu, uint64_t spsr);
/* Changes PSTATE.EL and PSTATE.SP, exchanging the banked stack pointers, and all that depends on the EL. */
void a64_select_el(struct a64_cpu *cpu, unsigned el, unsigned spsel);

/* SP_ELn wherever it is now. */
uint64_t a64_get_sp_el(const struct a64_cpu *cpu, unsigned el);
void a64_set_sp_el(struct a64_cpu *cpu, unsigned el, uint64_t value);

/* Interrupt line LINE (enum a64_line) to LEVEL, from any thread; sets attention. */
void a64_set_line(struct a64_cpu *cpu, unsigned line, bool level);

static inline bool a64_el2_enabled(const struct a64_cpu *cpu)
{
    return a64_has(&cpu->feat, A64_FEAT_EL2);
}

/* HCR_EL2 as it acts: 0 without EL2. */
static inline uint64_t a64_hcr(const struct a64_cpu *cpu)
{
    return a64_el2_enabled(cpu) ? cpu->sr.hcr_el2 : 0;
}

#define A64_HCR_VM (1ull << 0)
#define A64_HCR_FMO (1ull << 3)
#define A64_HCR_IMO (1ull << 4)
#define A64_HCR_AMO (1ull << 5)
#define A64_HCR_VF (1ull << 6)
#define A64_HCR_VI (1ull << 7)
#define A64_HCR_VSE (1ull << 8)
#define A64_HCR_DC (1ull << 12)
#define A64_HCR_TWI (1ull << 13)
#define A64_HCR_TWE (1ull << 14)
#define A64_HCR_TSC (1ull << 19)
#define A64_HCR_TGE (1ull << 27)
#define A64_HCR_E2H (1ull << 34)
#define A64_HCR_API (1ull << 41)
#define A64_HCR_APK (1ull << 40)

#endif
