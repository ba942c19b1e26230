/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_CPU_H
#define POMONA_A64_CPU_H

/* The state of one Arm CPU, independent of what executes it: the interpreter, the translator and the
 * Hypervisor API all work on this struct. Names are the Arm manual's. Nothing here knows of machines.
 *
 * Rules that every engine keeps:
 *  - x[31] is the zero register: it reads 0 and is 0 again after every instruction. The selected stack
 *    pointer is `sp`; the others wait in sp_el[] (a64_select_sp moves them).
 *  - While an instruction runs, pc is its own address.
 *  - An instruction that returns A64_FAULT has changed nothing but `exc`. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "feat.h"

struct a64_model;
struct a64_sysreg;
struct a64_system;
struct a64_mmu;
struct gic_cpu;

union a64_vreg {
    uint64_t d[2];
    uint32_t s[4];
    uint16_t h[8];
    uint8_t b[16];
} __attribute__((aligned(16)));

/* PSTATE but NZCV. `daif` is D:A:I:F in bits 3..0. */
struct a64_pstate {
    uint8_t el, spsel, daif, btype;
    bool ss, il, pan, uao, dit, ssbs, tco;
};

/* NZCV lives in its architectural place, bits 31..28. */
#define A64_N 0x80000000u
#define A64_Z 0x40000000u
#define A64_C 0x20000000u
#define A64_V 0x10000000u

/* Where an event that stops an instruction goes. */
enum a64_exc_kind {
    A64_EXC_SYNC,   /* a synchronous exception of the guest's: a64_take_exception routes and takes it */
    A64_EXC_VMEXIT, /* for the virtual machine monitor: hv_vcpu_run returns it (stage-2 of the VM's map, HVC, ...) */
};

struct a64_exc {
    enum a64_exc_kind kind;
    uint8_t target_el; /* SYNC: 0 = by the default routing rules, 1 or 2 = there */
    uint8_t ec;        /* ESR_ELx.EC */
    bool after;        /* the preferred return address is pc + 4 (SVC, HVC) */
    bool stage2;       /* SYNC: HPFAR_EL2 = ipa is written too */
    uint32_t iss;      /* ESR_ELx.ISS, 25 bits; IL is always 1 here */
    uint64_t far;      /* FAR_ELx, or the faulting virtual address of a VMEXIT */
    uint64_t ipa;      /* the faulting intermediate physical address */
    uint32_t bus_iss;  /* VMEXIT by an abort: the ISS if the bus answers with an external abort; */
    bool bus_stage2;   /* and whether that is to a walk of stage 2, whose aborts are EL2's */
};

/* Interrupt lines into the CPU (level). */
enum a64_line {
    A64_LINE_IRQ = 1 << 0,
    A64_LINE_FIQ = 1 << 1,
    A64_LINE_SERROR = 1 << 2,
    A64_LINE_VIRQ = 1 << 3, /* from the list registers; HCR_EL2.VI is or-ed in by a64_pending */
    A64_LINE_VFIQ = 1 << 4,
};

/* Why an engine must leave translated or cached blocks at the next boundary (cpu->attention). */
enum a64_attention {
    A64_ATT_CANCEL = 1 << 0, /* hv_vcpus_exit */
    A64_ATT_LINES = 1 << 1,  /* a line or a mask changed: look for an interrupt to take */
    A64_ATT_TLBI = 1 << 2,   /* another CPU's broadcast waits in the inbox */
    A64_ATT_TIMER = 1 << 3,  /* timers must be evaluated */
    A64_ATT_PAUSE = 1 << 4,  /* the machine wants all CPUs outside run */
};

/* One debug-register pair. */
struct a64_dbg_pair {
    uint64_t value, control;
};

struct a64_timer {
    uint64_t cval;
    uint32_t ctl; /* ENABLE, IMASK; ISTATUS is computed */
    bool output;  /* the level last sent on the wire */
};

enum a64_timer_id {
    A64_TIMER_VIRT,   /* CNTV:  EL1 virtual */
    A64_TIMER_PHYS,   /* CNTP:  EL1 physical */
    A64_TIMER_HYP,    /* CNTHP: EL2 physical */
    A64_TIMER_HYPVIRT, /* CNTHV: EL2 virtual (VHE) */
    A64_TIMER_COUNT
};

/* Performance Monitors Extension, `max` only. A counter's value is `base` plus what its event counted since
 * `since`; see src/a64/sysreg_pmu.c. */
#define A64_PMU_COUNTERS 6
#define A64_PMU_CYCLE 31 /* the index of the cycle counter in the bit masks */
struct a64_pmu {
    uint64_t pmcr, selr, cnten, inten, ovs, userenr;
    uint64_t ccfiltr, evtyper[A64_PMU_COUNTERS];
    uint64_t cycle, count[A64_PMU_COUNTERS]; /* as of `seen_*` */
    uint64_t seen_icount;
    bool output; /* the overflow wire's level */
};

/* A pointer-authentication key. */
struct a64_pac_key {
    uint64_t lo, hi;
};

enum a64_key {
    A64_KEY_IA, A64_KEY_IB, A64_KEY_DA, A64_KEY_DB, A64_KEY_GA, A64_KEY_COUNT
};

/* System registers with state. _el[n] is indexed by exception level (1, 2); [0] is unused. Registers that
 * need no code beyond being stored live in `misc`, indexed by src/a64/sysreg.c. */
struct a64_sysregs {
    uint64_t sctlr[3], tcr[3], ttbr0[3], ttbr1[3], mair[3], amair[3], vbar[3];
    uint64_t elr[3], spsr[3], esr[3], far[3], afsr0[3], afsr1[3], contextidr[3], actlr[3];
    uint64_t tpidr[3], tpidrro_el0, cpacr_el1, par_el1, csselr_el1, cntkctl_el1;
    uint64_t hcr_el2, hpfar_el2, vttbr_el2, vtcr_el2, cptr_el2, mdcr_el2, hstr_el2, hacr_el2;
    uint64_t vpidr_el2, vmpidr_el2, cntfrq_el0, cnthctl_el2, cntvoff_el2, cntpoff_el2;
    uint64_t hfgrtr_el2, hfgwtr_el2, hfgitr_el2, hdfgrtr_el2, hdfgwtr_el2;
    uint64_t vdisr_el2, vsesr_el2, disr_el1;
    uint64_t mdscr_el1, mdccint_el1, oslsr_el1, osdlr_el1, dbgclaim_el1;
    struct a64_dbg_pair bp[16], wp[16];
    struct a64_pac_key key[A64_KEY_COUNT];
    /* Apple's extension, set by the paravirtual PAC calls of a virtual machine: KERNKEY diversifies the A keys at
     * EL0 (APCTL bit 4) and at EL1 (bit 1). See a64_pac_key_now(). */
    struct a64_pac_key kernkey;
    uint64_t apctl;
    uint64_t misc[128];
};

#define A64_LOOP_EXCEPTIONS 1000

struct a64_cpu {
    uint64_t x[32];
    uint64_t sp;
    uint64_t pc;
    /* The translator's: 0 while V0..V31 are in registers of the host. It looks at this and `attention` as
     * one number. */
    _Alignas(8) uint32_t vectors_away;
    _Atomic uint32_t attention; /* enum a64_attention */
    _Atomic uint32_t lines;     /* enum a64_line */
    _Atomic uint32_t monitored; /* stores must look at their entry of the exclusive monitor first */
    uint64_t icount;            /* instructions retired */
    uint64_t slice_end;         /* leave the blocks when icount reaches this (next timer, token, budget) */
    uint32_t nzcv;
    uint32_t fpcr, fpsr;
    struct a64_pstate ps;

    /* What makes an engine stop before an instruction whose flags intersect it: A64_F_FP while FP is
     * trapped, A64_F_ANY while BTYPE, PSTATE.IL, a breakpoint or a software step must be looked at.
     * Kept by a64_update_watch(). */
    uint32_t watch;

    union a64_vreg v[32];

    struct a64_exc exc;
    uint64_t sp_el[3]; /* SP_EL0, SP_EL1, SP_EL2; the selected one is stale, see `sp` */
    struct a64_sysregs sr;
    struct a64_timer timer[A64_TIMER_COUNT];
    uint64_t vtimer_offset; /* the hypervisor's own offset below the guest's (hv_vcpu_set_vtimer_offset) */

    /* Exclusive monitor: see src/a64/monitor.h. */
    struct {
        uint64_t key;      /* what LDXR loaded: a64_exclusive_key(); 0: no mark */
        uint64_t value[2]; /* as loaded */
        struct a64_monitor_entry *entry; /* of the granule, and its state when LDXR looked */
        uint64_t version;
        int32_t looks;        /* that stores may take until the monitor is swept */
        struct a64_monitor_entry *table; /* NULL: there is no monitor */
    } excl;
    bool event; /* the event register of WFE and SEV */
    /* A64_WAIT of WFIT and WFET: when the wait ends, in ticks of the system counter; ~0: never. */
    uint64_t wait_until;

    /* The monitor's MDCR_EL2.TDE: debug exceptions (EC 0x30, 0x32, 0x34, 0x3c) leave the guest; a64_raise turns
     * them into exits. */
    bool trap_debug_exceptions;
    /* HLT goes to the monitor (EC 0, its immediate in ISS) instead of being UNDEFINED. */
    bool trap_hlt;

    /* The instruction that software step let run last: while pc and icount are still these, it has not
     * retired and PSTATE.SS counts as 1 (src/a64/debug.c). */
    struct {
        bool armed;
        bool ran;       /* a step exception would report an instruction as stepped */
        bool exclusive; /* which was a load-exclusive */
        uint64_t pc, icount;
    } step;
    /* The synchronous exception taken last, and how often it was taken with nothing retired between: a guest at
     * A64_LOOP_EXCEPTIONS does nothing else any more. */
    struct {
        uint64_t vector, icount;
        unsigned repeats;
    } loop;
    struct a64_pmu pmu;
    uint64_t event_seen[2]; /* virtual, physical counter when the event stream was last looked at */

    /* Not architectural. */
    const struct a64_sysreg **sysregs; /* rows by encoding, see src/a64/sysreg.c */
    bool e2h_fixed;                    /* HCR_EL2.E2H reads as 1 */
    struct a64_features feat;
    const struct a64_model *model;
    struct a64_system *sys;
    struct a64_mmu *mmu;
    struct gic_cpu *gic;   /* NULL: no GIC CPU interface */
    void *engine;          /* the engine's own state (interpreter block cache, translator) */
    void *owner;           /* the hv layer's vCPU */
    unsigned index;        /* in its system */
};

/* N more instructions retired. Other threads look at icount for statistics (a64_retired()). */
static inline void a64_retire(struct a64_cpu *cpu, uint64_t n)
{
    __atomic_store_n(&cpu->icount, cpu->icount + n, __ATOMIC_RELAXED);
}

static inline uint64_t a64_retired(const struct a64_cpu *cpu)
{
    return __atomic_load_n(&cpu->icount, __ATOMIC_RELAXED);
}

static inline uint64_t a64_x(const struct a64_cpu *cpu, unsigned n)
{
    return cpu->x[n];
}

/* Writes X<n>; a write to number 31 is lost. */
static inline void a64_set_x(struct a64_cpu *cpu, unsigned n, uint64_t value)
{
    cpu->x[n] = value;
    cpu->x[31] = 0;
}

/* Writes W<n>: bits 63..32 become zero. */
static inline void a64_set_w(struct a64_cpu *cpu, unsigned n, uint32_t value)
{
    a64_set_x(cpu, n, value);
}

/* X<n>, or the stack pointer for 31. */
static inline uint64_t a64_xsp(const struct a64_cpu *cpu, unsigned n)
{
    return n == 31 ? cpu->sp : cpu->x[n];
}

static inline void a64_set_xsp(struct a64_cpu *cpu, unsigned n, uint64_t value)
{
    if (n == 31)
        cpu->sp = value;
    else
        cpu->x[n] = value;
}

#endif
