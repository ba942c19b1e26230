/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_SYSTEM_H
#define POMONA_A64_SYSTEM_H

/* What the CPUs of one VM share: physical memory, the counter, broadcast maintenance, the code generation.
 * The hv layer makes one per VM. */

#include <pthread.h>

#include "cpu.h"
#include "mmu.h"

#define A64_MAX_CPUS 64
#define A64_CODE_LOG 1024u
#define A64_CODE_ALL (~0ull)
#define A64_COUNTER_HZ 24000000ull

/* What the VM has mapped at a 4 KiB page of guest-physical memory. */
struct a64_page {
    void *host;     /* first byte of the page */
    uint32_t flags; /* HV_MEMORY_READ 1, WRITE 2, EXEC 4 */
    /* Bytes before the page and behind it that are mapped alike, and follow one another in the host; 0 is always true. */
    uint64_t before, behind;
};

struct a64_bus {
    /* The page at PA (4 KiB aligned); false where nothing is mapped. Any vCPU thread; must be cheap. */
    bool (*page)(void *ctx, uint64_t pa, struct a64_page *out);
    void *ctx;
};

/* Time, in ticks of the 24 MHz system counter (before any offset). */
struct a64_clock {
    uint64_t (*now)(struct a64_cpu *cpu);
    /* The icount at which `now` will reach TICKS (insn clock), or 0: poll with host time. */
    uint64_t (*icount_at)(struct a64_cpu *cpu, uint64_t ticks);
    /* a64_timer_update tells here when the timers of CPU need it next, in ticks (~0: never), whenever that
     * changed: the clock's owner then sets A64_ATT_TIMER in time (host clock) or slice_end (insn clock).
     * On the CPU's own thread; NULL is allowed. */
    void (*deadline)(struct a64_cpu *cpu, uint64_t ticks);
    void *ctx;
};

/* Ways to make what is rare common, for tests; see hv_pomona_vm_config_set_engine_knobs. */
struct a64_knobs {
    bool avx2;          /* no host features beyond AVX2's time */
    bool one_tlb;       /* the TLB holds one page */
    bool every_block;   /* translated blocks are not joined */
    bool evict;         /* code caches are emptied now and then */
    bool no_slots;      /* accesses of translated code remember no pages */
    bool windows;       /* they get windows (src/dbt/window.c) at once */
    bool old_host;      /* the translator does not run here */
    uint16_t plant;     /* the row that translated code gets wrong, plus 1; 0: none */
    bool vipt;          /* CTR_EL0 says that instruction caches are VIPT: guests use IC IALLU for new code */
    bool perf_map;      /* not a knob: Linux's perf gets a map of translated code */
    bool count_refills; /* nor this: emitted code counts what it finds in the TLB */
    /* Nor this: both engines run each block, and this is told, in several lines, of the first difference;
     * with every_block. Memory must be one CPU's alone while it runs. */
    void (*differs)(void *ctx, const char *text);
    void *differs_ctx;
    uint32_t code_size; /* bytes of a code cache; 0: what is good */
    /* Not a knob: the directory of a code cache that outlives the process, or NULL, and who is told, in a line, why
     * it is not used. */
    const char *code_cache;
    void (*code_cache_said)(void *ctx, const char *text);
    void *code_cache_ctx;
};

struct a64_system {
    struct a64_knobs knobs; /* before there are CPUs */
    struct a64_bus bus;
    struct a64_clock clock;
    struct a64_cpu *cpus[A64_MAX_CPUS];
    unsigned cpu_count;
    pthread_mutex_t lock;          /* cpus[] */
    /* Grows with every IC, host write and map change; whoever keeps code compares it with memory then. What
     * changed is in code_log[], by generation: a page of 4 KiB, or A64_CODE_ALL. */
    _Atomic uint64_t code_generation;
    _Atomic uint64_t code_log[A64_CODE_LOG];
    atomic_flag code_lock; /* of who adds to it */
    struct a64_monitor *monitor;   /* exclusive monitors, src/a64/monitor.h */
    struct a64_broadcast *broadcast; /* TLBI inboxes, src/a64/broadcast.h */
    /* The wire of a timer or of the GIC's maintenance interrupt changed: PPI INTID (16..31) of CPU is LEVEL. */
    void (*ppi)(struct a64_cpu *cpu, unsigned intid, bool level);
    /* Whether the monitor below the guest traps this MRS or MSR (CNTP_*, ICC_*, PMU, debug registers ...), also for
     * encodings without a row. sysreg.c asks after the guest's own UNDEFINED and trap rules passed and
     * exits with EC 0x18 if so. NULL: never. */
    bool (*sysreg_trap)(struct a64_cpu *cpu, unsigned enc, bool write);
    /* Asks CPU's thread, maybe asleep in WFI, to look at attention. */
    void (*kick)(struct a64_cpu *cpu);
    /* By row of the decode table: an engine has decoded such an instruction to execute it. */
    _Atomic bool row_met[A64_ROW_COUNT];
    /* Nobody but CPUs uses atomic operations on guest memory, so that those of a lone CPU need not be atomic. */
    bool private_memory;
    uint64_t paravirt_pac;         /* 1: HVC #0 with x0 = 0xC10000xx is answered here */
};

/* Code in the page at PA (4 KiB), or anywhere (A64_CODE_ALL), may have changed. Any thread. */
static inline void a64_code_changed_at(struct a64_system *sys, uint64_t pa)
{
    while (atomic_flag_test_and_set_explicit(&sys->code_lock, memory_order_acquire))
        ;
    const uint64_t next = atomic_load_explicit(&sys->code_generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&sys->code_log[next % A64_CODE_LOG], pa, memory_order_relaxed);
    atomic_store_explicit(&sys->code_generation, next, memory_order_seq_cst);
    atomic_flag_clear_explicit(&sys->code_lock, memory_order_release);
}

static inline void a64_code_changed(struct a64_system *sys)
{
    a64_code_changed_at(sys, A64_CODE_ALL);
}

/* Sends OP to every other CPU and applies it here; a later DSB of this CPU waits for all (broadcast.c). */
void a64_tlbi_broadcast(struct a64_cpu *cpu, const struct a64_tlbi *op);
/* DSB: waits until the others have applied what this CPU broadcast. A CPU outside run counts as done: it drains on entry.
 * Whether it applied its own inbox meanwhile, by which others go on: whoever keeps copies of its translations must follow. */
bool a64_tlbi_wait(struct a64_cpu *cpu);
/* Applies this CPU's inbox; called at block boundaries when A64_ATT_TLBI is set, and on entry to run. */
void a64_tlbi_drain(struct a64_cpu *cpu);
/* This CPU's thread leaves or enters guest execution (also around WFI sleep and waiting). */
void a64_cpu_enter(struct a64_cpu *cpu);
void a64_cpu_leave(struct a64_cpu *cpu);

#endif
