/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_EXCEPTION_H
#define POMONA_A64_EXCEPTION_H

/* Raising, routing, taking exceptions and returning from them (Arm ARM D1). */

#include "cpu.h"
#include "decode.h"

enum a64_ec {
    A64_EC_UNKNOWN = 0x00,
    A64_EC_WFX = 0x01,
    A64_EC_FP = 0x07,
    A64_EC_PAC = 0x09,
    A64_EC_BTI = 0x0d,
    A64_EC_ILLEGAL = 0x0e,
    A64_EC_SVC = 0x15,
    A64_EC_HVC = 0x16,
    A64_EC_SMC = 0x17,
    A64_EC_SYSREG = 0x18,
    A64_EC_ERET = 0x1a,
    A64_EC_FPAC = 0x1c,
    A64_EC_IABT_LOW = 0x20,
    A64_EC_IABT = 0x21,
    A64_EC_PC_ALIGN = 0x22,
    A64_EC_DABT_LOW = 0x24,
    A64_EC_DABT = 0x25,
    A64_EC_SP_ALIGN = 0x26,
    A64_EC_FPE = 0x2c,
    A64_EC_SERROR = 0x2f,
    A64_EC_BREAK_LOW = 0x30,
    A64_EC_BREAK = 0x31,
    A64_EC_STEP_LOW = 0x32,
    A64_EC_STEP = 0x33,
    A64_EC_WATCH_LOW = 0x34,
    A64_EC_WATCH = 0x35,
    A64_EC_BRK = 0x3c,
};

/* Fills cpu->exc with a synchronous exception and returns A64_FAULT. target_el 0: default routing.
 */
int a64_raise(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, unsigned target_el);
/* The same with FAR. */
int a64_raise_far(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, uint64_t far,
                  unsigned target_el);
/* EC 0: an UNDEFINED instruction. */
int a64_undefined(struct a64_cpu *cpu);
/* Fills cpu->exc with an exit to the monitor and returns A64_FAULT. */
int a64_vmexit(struct a64_cpu *cpu, enum a64_ec ec, uint32_t iss, bool after);

/* Takes cpu->exc (kind SYNC): routes it, writes ESR, FAR, HPFAR, ELR, SPSR, enters the vector. */
void a64_take_exception(struct a64_cpu *cpu);

/* Takes the highest-priority pending and unmasked interrupt or SError, if any; true if one was
 * taken. Returns with cpu->pc at the vector. */
bool a64_take_interrupt(struct a64_cpu *cpu);
/* Whether a64_take_interrupt() would take one. */
bool a64_interrupt_deliverable(const struct a64_cpu *cpu);
/* After anything that may unmask an interrupt (DAIF, HCR_EL2, the EL): sets A64_ATT_LINES if one
 * can be taken. */
void a64_recheck_interrupts(struct a64_cpu *cpu);
/* ESB: a pending, masked SError is moved to DISR_EL1 or VDISR_EL2. A64_SYNC. */
int a64_esb(struct a64_cpu *cpu);
/* Whether an interrupt is pending so that WFI completes, masked by PSTATE or not (D1: wake-up
 * events). */
bool a64_wakeup_pending(const struct a64_cpu *cpu);

/* ERET with the given address: restores PSTATE from SPSR_ELx, checks for an illegal return.
 * A64_BRANCH. */
int a64_exception_return(struct a64_cpu *cpu, uint64_t address);

/* The checks that cpu->watch asked for, before INSN runs at cpu->pc: illegal state, software step,
 * breakpoints, BTI, FP traps. A64_NEXT: go on. A64_FAULT: cpu->exc is set. */
int a64_check_watch(struct a64_cpu *cpu, const struct a64_insn *insn);
/* The software step exception alone, which comes before a failed fetch: when A64_F_ANY is watched and the fetch of
 * the instruction at cpu->pc faults. A64_FAULT: cpu->exc is the step's. */
int a64_check_step(struct a64_cpu *cpu);
/* The FP and SIMD access controls alone (CPACR_EL1.FPEN, CPTR_EL2): A64_NEXT, or A64_FAULT with
 * cpu->exc set. */
int a64_check_fp(struct a64_cpu *cpu);
/* Recomputes cpu->watch; after anything that changes PSTATE, CPACR, CPTR, MDSCR, debug registers.
 */
void a64_update_watch(struct a64_cpu *cpu);

/* SPSR format <-> PSTATE with NZCV. Setting moves the stack pointers. */
uint64_t a64_get_spsr(const struct a64_cpu *cpu);
void a64_set_spsr(struct a64_cpu *cpu, uint64_t spsr);
/* Changes PSTATE.EL and PSTATE.SP, exchanging the banked stack pointers, and all that depends on
 * the EL. */
void a64_select_el(struct a64_cpu *cpu, unsigned el, unsigned spsel);

/* SP_ELn wherever it is now. */
uint64_t a64_get_sp_el(const struct a64_cpu *cpu, unsigned el);
void a64_set_sp_el(struct a64_cpu *cpu, unsigned el, uint64_t value);

/* Interrupt line LINE (enum a64_line) to LEVEL, from any thread; sets attention. */
void a64_set_line(struct a64_cpu *cpu, unsigned line, bool level);

/* PC after a branch, ERET or exception return to ADDRESS at the current EL: a tag that the regime
 * ignores on instruction addresses (TBI and not TBID) is replaced by copies of bit 55, or zeros in
 * a one-range regime. */
uint64_t a64_branch_address(const struct a64_cpu *cpu, uint64_t address);

static inline bool a64_el2_enabled(const struct a64_cpu *cpu)
{
    return a64_has(&cpu->feat, A64_FEAT_EL2);
}

/* HCR_EL2 as it acts: 0 without EL2. */
static inline uint64_t a64_hcr(const struct a64_cpu *cpu)
{
    return a64_el2_enabled(cpu) ? cpu->sr.hcr_el2 : 0;
}

#define A64_HCR_VM     (1ull << 0)
#define A64_HCR_SWIO   (1ull << 1)
#define A64_HCR_PTW    (1ull << 2)
#define A64_HCR_FMO    (1ull << 3)
#define A64_HCR_IMO    (1ull << 4)
#define A64_HCR_AMO    (1ull << 5)
#define A64_HCR_VF     (1ull << 6)
#define A64_HCR_VI     (1ull << 7)
#define A64_HCR_VSE    (1ull << 8)
#define A64_HCR_FB     (1ull << 9)
#define A64_HCR_BSU    (3ull << 10)
#define A64_HCR_DC     (1ull << 12)
#define A64_HCR_TWI    (1ull << 13)
#define A64_HCR_TWE    (1ull << 14)
#define A64_HCR_TID1   (1ull << 16)
#define A64_HCR_TID2   (1ull << 17)
#define A64_HCR_TID3   (1ull << 18)
#define A64_HCR_TSC    (1ull << 19)
#define A64_HCR_TIDCP  (1ull << 20)
#define A64_HCR_TACR   (1ull << 21)
#define A64_HCR_TSW    (1ull << 22)
#define A64_HCR_TPCP   (1ull << 23)
#define A64_HCR_TPU    (1ull << 24)
#define A64_HCR_TTLB   (1ull << 25)
#define A64_HCR_TVM    (1ull << 26)
#define A64_HCR_TGE    (1ull << 27)
#define A64_HCR_TDZ    (1ull << 28)
#define A64_HCR_HCD    (1ull << 29)
#define A64_HCR_TRVM   (1ull << 30)
#define A64_HCR_RW     (1ull << 31)
#define A64_HCR_CD     (1ull << 32)
#define A64_HCR_ID     (1ull << 33)
#define A64_HCR_E2H    (1ull << 34)
#define A64_HCR_TLOR   (1ull << 35)
#define A64_HCR_TERR   (1ull << 36)
#define A64_HCR_TEA    (1ull << 37)
#define A64_HCR_APK    (1ull << 40)
#define A64_HCR_API    (1ull << 41)
#define A64_HCR_FWB    (1ull << 46)
#define A64_HCR_TID4   (1ull << 49)
#define A64_HCR_TICAB  (1ull << 50)
#define A64_HCR_TOCU   (1ull << 52)
#define A64_HCR_TTLBIS (1ull << 54)
#define A64_HCR_TTLBOS (1ull << 55)

#define A64_SCTLR_UMA    (1ull << 9)
#define A64_SCTLR_ENRCTX (1ull << 10)
#define A64_SCTLR_DZE    (1ull << 14)
#define A64_SCTLR_UCT    (1ull << 15)
#define A64_SCTLR_SPAN   (1ull << 23)
#define A64_SCTLR_UCI    (1ull << 26)
#define A64_SCTLR_BT0    (1ull << 35)
#define A64_SCTLR_BT1    (1ull << 36)
#define A64_SCTLR_DSSBS  (1ull << 44)

/* HCR_EL2.{E2H,TGE} are both set: EL0 is an application of the host at EL2. */
static inline bool a64_e2h_tge(const struct a64_cpu *cpu)
{
    const uint64_t both = A64_HCR_E2H | A64_HCR_TGE;
    return (a64_hcr(cpu) & both) == both;
}

/* The EL2&0 translation regime is the current one: EL2 with E2H, or EL0 of a host. */
static inline bool a64_in_host(const struct a64_cpu *cpu)
{
    if (cpu->ps.el == 2)
        return a64_hcr(cpu) & A64_HCR_E2H;
    return cpu->ps.el == 0 && a64_e2h_tge(cpu);
}

/* The EL whose SCTLR, TCR ... govern the current EL: its own, and for EL0 EL1 or, of a host, EL2.
 */
static inline unsigned a64_regime_el(const struct a64_cpu *cpu)
{
    if (cpu->ps.el)
        return cpu->ps.el;
    return a64_e2h_tge(cpu) ? 2 : 1;
}

/* SCTLR_ELx of the current translation regime. */
static inline uint64_t a64_sctlr(const struct a64_cpu *cpu)
{
    return cpu->sr.sctlr[a64_regime_el(cpu)];
}

#endif
