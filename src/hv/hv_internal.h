/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HV_INTERNAL_H
#define POMONA_HV_INTERNAL_H

/* The Hypervisor API's own structures: context > VM > vCPU.
 *
 * Locks, outermost first: context.lock (the VM's existence, its vCPU table, changes of its memory
 * map), vm.pause_lock (stopping all vCPUs), the GIC's lock, vcpu.line_lock, the clock's lock,
 * vcpu.wait_lock (sleep). A thread that executes the guest ("inside") holds none, and takes none
 * that is held while waiting for it to come outside: only the GIC's and those below it. */

#include <pthread.h>

#include <Hypervisor/hv_pomona.h>

#include "../a64/model.h"
#include "../a64/system.h"
#include "engine.h"

#define HV_MAX_VCPUS        A64_MAX_CPUS
#define HV_MAX_CONTEXTS     64
#define HV_GRANULE_16K      0x4000u
#define HV_GRANULE_4K       0x1000u
#define HV_MAX_IPA_BITS     40
#define HV_DEFAULT_IPA_BITS 36

struct hv_gic;
struct hv_vm;

/* ---- objects: what os_retain and os_release count (object.c) ---- */

struct hv_object {
    _Atomic unsigned references;
    void (*destroy)(struct hv_object *object); /* NULL: free() */
};
/* SIZE zeroed bytes that begin with a struct hv_object, with one reference; NULL without memory. */
void *hv_object_create(size_t size);

struct hv_vm_config_s {
    struct hv_object object;
    uint32_t ipa_bits; /* 0: the default */
    hv_ipa_granule_t granule;
    bool el2;
    uint32_t pa_bits; /* 0: ipa_bits */
    bool e2h_fixed, loop_exit, timers_to_fiq, private_memory;
    const struct a64_model *model;
    const struct hv_engine *engine;
    struct a64_knobs knobs;
    hv_pomona_clock_config_t clock;
};
/* What the CPUs of VM are to be like beside their model. */
struct a64_model_options hv_model_options(const struct hv_vm *vm);
/* What a VM gets without a configuration. */
void hv_vm_config_defaults(struct hv_vm_config_s *config);

struct hv_vcpu_config_s {
    struct hv_object object;
};

/* ---- contexts (context.c) ---- */

struct hv_pomona_context_s {
    pthread_mutex_t lock;
    struct hv_vm *vm; /* NULL: none */
    uint32_t number;  /* high half of its vCPUs' ids */
};

/* The calling thread's context. */
struct hv_pomona_context_s *hv_context(void);
/* The context with NUMBER, or NULL. */
struct hv_pomona_context_s *hv_context_find(uint32_t number);

/* ---- memory (memory.c) ---- */

struct hv_slot {
    uint64_t ipa, size;
    uint8_t *host;
    uint32_t flags;
};

/* Sorted by address, never overlapping. Immutable once published in vm.map. */
struct hv_map {
    size_t count;
    struct hv_slot slot[];
};

/* ---- time (clock.c, clock_insn.c) ---- */

struct hv_clock {
    pthread_mutex_t lock;
    pthread_cond_t cond; /* host: a deadline moved nearer; insn: the token moved or somebody woke */
    /* Host clock: the thread that sets A64_ATT_TIMER. */
    pthread_t thread;
    bool thread_runs, stop;
    _Atomic uint64_t next; /* ticks at which the thread wakes by itself; ~0: never */
    /* Instruction clock. */
    hv_pomona_clock_config_t config;
    uint64_t insns;   /* retired by all vCPUs, less what the holder retired since icount_start */
    uint64_t skipped; /* ticks that went by in jumps, with the start */
    struct hv_vcpu *_Atomic holder; /* has the token; NULL: nobody is online */
    uint64_t icount_start;          /* holder's icount when `insns` was last brought up to date */
    uint64_t quantum_end;           /* holder's icount at which it gives the token away */
    uint64_t deadline;              /* ticks */
    void (*fire)(void *context);
    void *fire_context;
};

struct hv_vm {
    struct hv_pomona_context_s *context;
    struct hv_vm_config_s config; /* resolved: no defaults left */
    uint64_t granule;             /* bytes */
    uint64_t retired_before;      /* instructions of vCPUs that are gone */
    struct a64_system sys;
    struct hv_map *map; /* changes only while no vCPU is inside, under context->lock */
    struct hv_vcpu *vcpus[HV_MAX_VCPUS];
    unsigned vcpu_count;
    struct hv_gic *gic; /* NULL: none */
    struct hv_clock clock;

    pthread_mutex_t pause_lock;
    pthread_cond_t pause_cond;
    _Atomic unsigned pauses;
    pthread_t pauser; /* of hv_pomona_vm_pause, while user_pauses */
    unsigned user_pauses;
};

/* Where a level of the vCPU's IRQ or FIQ line comes from; they are or-ed. */
enum hv_line_source {
    HV_SOURCE_RUN = 1 << 0,   /* hv_vcpu_set_pending_interrupt */
    HV_SOURCE_LEVEL = 1 << 1, /* hv_pomona_vcpu_set_line */
    HV_SOURCE_TIMER = 1 << 2, /* timers wired to FIQ */
    HV_SOURCE_GIC = 1 << 3,   /* the GIC's CPU interface */
};

struct hv_vcpu {
    struct a64_cpu cpu;
    hv_vcpu_t id;
    struct hv_vm *vm;
    hv_vcpu_exit_t exit;

    _Atomic bool inside;       /* its thread is in the engine */
    _Atomic bool flush;        /* the memory map changed */
    _Atomic uint64_t deadline; /* of its timers, in ticks; ~0: none */
    pthread_mutex_t wait_lock;
    pthread_cond_t wait_cond; /* sleep in WFI */
    bool sleeping;
    uint64_t wfe_icount; /* at the last WFE; how many of its loop came so far */
    unsigned wfe_count;
    pthread_mutex_t line_lock;
    uint8_t line_sources[2]; /* enum hv_line_source, by hv_interrupt_type_t; under line_lock */
    uint8_t timer_lines;     /* timers' outputs by enum a64_timer_id, without a GIC */

    bool pending[2]; /* for the next run */
    bool vtimer_mask;
    bool trap_debug_regs;
    bool cpsr_written; /* before the first run: CPSR reads and runs differently until then */
    bool has_run;
    uint32_t cpsr;      /* as written, until the next run */
    bool wait_first;    /* hv_pomona_vcpu_wait_for_interrupt */
    bool exit_is_abort; /* the last exit can be completed by hv_pomona_vcpu_mmio */
    uint64_t exit_pc;
    uint64_t exec_ticks, wait_ticks;
    uint64_t budget_end; /* icount; ~0: none */

    bool online, waiting; /* instruction clock; under its lock */
    pthread_cond_t token_cond;
};

static inline struct hv_vcpu *hv_vcpu_of(struct a64_cpu *cpu)
{
    return cpu->owner;
}

static inline struct hv_vm *hv_vm_of(struct a64_cpu *cpu)
{
    return hv_vcpu_of(cpu)->vm;
}

/* The vCPU when the calling thread may use it: it is its own, or the thread paused the VM. Else
 * NULL. */
struct hv_vcpu *hv_vcpu_mine(hv_vcpu_t id);
/* The vCPU when it is the calling thread's own. Else NULL. */
struct hv_vcpu *hv_vcpu_own(hv_vcpu_t id);

/* ---- memory.c ---- */

bool hv_bus_page(void *vm, uint64_t pa, struct a64_page *out);
/* Bytes [ipa, ipa + size) of guest memory <-> DATA; false where some byte has no memory. Caller:
 * inside, or with context->lock held. */
bool hv_memory_copy(struct hv_vm *vm, uint64_t ipa, void *data, size_t size, bool write);

/* ---- pause.c ---- */

/* Returns when every vCPU is outside; none enters before hv_resume. */
void hv_pause(struct hv_vm *vm);
void hv_resume(struct hv_vm *vm);
/* The calling thread's vCPU goes into the guest (waits while paused) or comes out. */
void hv_enter(struct hv_vcpu *vcpu);
void hv_leave(struct hv_vcpu *vcpu);

/* ---- vcpu.c ---- */

/* Wakes the vCPU if it sleeps; sys->kick. */
void hv_kick(struct a64_cpu *cpu);
/* Sets SOURCE's level of an interrupt line. Any thread. */
void hv_set_line(struct hv_vcpu *vcpu, hv_interrupt_type_t type, enum hv_line_source source,
                 bool level);

/* ---- registers.c ---- */

/* Makes vcpu->cpsr the CPU's PSTATE. */
void hv_apply_cpsr(struct hv_vcpu *vcpu);

/* ---- run.c ---- */

/* A timer's output (by its INTID) in a VM without a GIC. The vCPU's own thread. */
void hv_timer_line(struct hv_vcpu *vcpu, unsigned intid, bool level);
/* Whether WFI has nothing to wait for. The vCPU's own thread. */
bool hv_must_wake(struct hv_vcpu *vcpu);

/* ---- clock.c ---- */

void hv_clock_init(struct hv_vm *vm);
void hv_clock_fini(struct hv_vm *vm);
/* Ticks of CLOCK_MONOTONIC at 24 MHz, and back to a time that pthread_cond_timedwait takes. */
uint64_t hv_host_ticks(void);
struct timespec hv_host_time(uint64_t ticks);

/* ---- clock_insn.c: the token; all of them do nothing with the host clock ---- */

static inline bool hv_insn_clock(const struct hv_vm *vm)
{
    return vm->config.clock.clock == HV_POMONA_CLOCK_INSN;
}
void hv_insn_clock_init(struct hv_vm *vm);
/* Waits for the token, fires due deadlines, and sets cpu.slice_end for the next stretch. Called
 * outside. False: cancelled meanwhile. */
bool hv_token_acquire(struct hv_vcpu *vcpu);
/* After a stretch: counts its instructions; gives the token away when the quantum is used up. */
void hv_token_account(struct hv_vcpu *vcpu);
/* Gives the token away for good reason (WFI, WFE, offline). WAITING: until something wakes the
 * vCPU. */
void hv_token_yield(struct hv_vcpu *vcpu, bool waiting);
/* The vCPU may have something to do again. Any thread. */
void hv_token_wake(struct hv_vcpu *vcpu);
void hv_token_set_online(struct hv_vcpu *vcpu, bool online);

/* ---- exits.c ---- */

/* cpu->exc is for the monitor. False: served here, the guest goes on. True: vcpu->exit is filled
 * in. */
bool hv_exit(struct hv_vcpu *vcpu);
/* sys->sysreg_trap */
bool hv_sysreg_trap(struct a64_cpu *cpu, unsigned enc, bool write);

/* ---- mmio.c ---- */

struct a64_mmio_plan;
/* Plans the access that cpu->exc, a data abort, stopped; false: not one that devices understand.
 * Caller: inside, or with context->lock held. */
bool hv_mmio_plan(struct hv_vcpu *vcpu, struct a64_mmio_plan *plan);
/* The IPA of VA, one of the access's addresses: near the one that faulted, or in another page.
 * False: that one is not mapped. Caller as above. */
bool hv_mmio_ipa(struct hv_vcpu *vcpu, uint64_t va, uint64_t *ipa);
/* Writes the registers and moves on. */
void hv_mmio_finish(struct hv_vcpu *vcpu, const struct a64_mmio_plan *plan);

/* ---- pv_pac.c ---- */

/* Answers the paravirtual PAC call in x0. */
void hv_pv_pac_call(struct a64_cpu *cpu);

#endif
