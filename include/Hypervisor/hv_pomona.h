/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_POMONA_H
#define POMONA_HYPERVISOR_HV_POMONA_H

/* What Apple's API cannot say. Every call here is one that an engine may lack: ask
 * hv_pomona_supports() first, or handle HV_UNSUPPORTED. Apple's calls and these mix freely.
 *
 * Contexts. Apple's calls act on "the" virtual machine of the process. Here they act on the current
 * context of the calling thread, which is the process's default context unless the thread chose
 * another; each context holds one VM. vCPU numbers are unique in the process (those of the default
 * context are Apple's small ones), so calls that take a vCPU need no context. */

#include <Hypervisor/Hypervisor.h>

HV_DECLS_BEGIN

/* Things that an engine can or cannot do. */
/* clang-format off */
HV_ENUM(hv_pomona_capability, uint32_t,
    HV_POMONA_CAP_CONTEXTS,         /* hv_pomona_context_* */
    HV_POMONA_CAP_CPU_MODEL,        /* hv_pomona_vm_config_set_cpu_model */
    HV_POMONA_CAP_EL2,              /* hv_vm_config_set_el2_enabled, whatever the host */
    HV_POMONA_CAP_INSN_CLOCK,       /* hv_pomona_vm_config_set_clock */
    HV_POMONA_CAP_LEVEL_INTERRUPTS, /* hv_pomona_vcpu_set_line */
    HV_POMONA_CAP_CODE_CHANGED,     /* hv_pomona_code_changed does something */
    HV_POMONA_CAP_INSTRUCTION_COUNT, /* hv_pomona_vcpu_get_instruction_count */
    HV_POMONA_CAP_GUEST_MEMORY,     /* hv_pomona_vcpu_translate, _read, _write */
    HV_POMONA_CAP_PAUSE,            /* hv_pomona_vm_pause */
    HV_POMONA_CAP_LOOP_EXIT,        /* hv_pomona_vm_config_set_loop_exit */
    HV_POMONA_CAP_NO_SYNDROME_MMIO, /* hv_pomona_vcpu_mmio */
    HV_POMONA_CAP_ENGINES,          /* hv_pomona_vm_config_set_engine */
    HV_POMONA_CAP_TIMER_WIRES,      /* hv_pomona_vm_config_set_timer_wires */
    HV_POMONA_CAP_TRAP_HLT,         /* hv_pomona_vcpu_set_trap_hlt */
    HV_POMONA_CAP_ENCODINGS,        /* hv_pomona_vm_each_encoding */
    HV_POMONA_CAP_STATISTICS,       /* hv_pomona_vm_each_statistic */
    HV_POMONA_CAP_RESET,            /* hv_pomona_vcpu_reset */
    HV_POMONA_CAP_WAIT,             /* hv_pomona_vcpu_wait_for_interrupt */
);
/* clang-format on */
HV_EXPORT bool hv_pomona_supports(hv_pomona_capability_t capability);

/* ---- contexts ---- */

typedef struct hv_pomona_context_s *hv_pomona_context_t;

/* A further context; NULL when there are too many. */
HV_EXPORT hv_pomona_context_t hv_pomona_context_create(void);

/* HV_BUSY while it has a VM; HV_BAD_ARGUMENT for the default one. */
HV_EXPORT hv_return_t hv_pomona_context_destroy(hv_pomona_context_t context);

/* The context that this thread's calls act on; NULL: the default one. */
HV_EXPORT hv_return_t hv_pomona_context_set_current(hv_pomona_context_t context);
HV_EXPORT hv_pomona_context_t hv_pomona_context_get_current(void);

/* ---- what a VM is to be like; before hv_vm_create ---- */

/* "apple-m1" (the default), "apple-m2", "max". HV_BAD_ARGUMENT: unknown. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_cpu_model(hv_vm_config_t config, const char *name);

/* ID_AA64MMFR0_EL1.PARange in bits: 32, 36, 40, 42, 44 or 48; 0: the IPA size's. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_pa_bits(hv_vm_config_t config, uint32_t bits);

/* HCR_EL2.E2H reads as one and cannot be cleared, as on the M1. With EL2 only. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_e2h_fixed(hv_vm_config_t config, bool fixed);

/* The engine of a VM that names none: the first of "dbt", the translator (x86-64 hosts with AVX2, BMI2, FMA, LZCNT and F16C),
 * and "interp" that runs here. */
HV_EXPORT const char *hv_pomona_preferred_engine(void);

/* "dbt" or "interp". HV_BAD_ARGUMENT: unknown; one that does not run here makes hv_vm_create return HV_UNSUPPORTED. Where nobody chooses, POMONA_ENGINE in the environment does;
 * an unknown name there makes hv_vm_create return HV_BAD_ARGUMENT. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_engine(hv_vm_config_t config, const char *name);

/* For tests: makes what is rare in engines common. LIST has any of these, between commas:
 *     avx2         translated code keeps to the host features of AVX2's time
 *     code=SIZE    of a CPU's code cache: 64K to 1024M
 *     every-block  translated blocks are not joined: each returns to the main loop
 *     evict        code caches are emptied now and then
 *     no-slots     accesses of translated code remember no pages
 *     old-host     the processor is one that translated code does not run on; in POMONA_ENGINE_KNOBS, the
 *                  preferred engine is another then, too
 *     one-tlb      the TLB holds one page
 *     plant=ROW    translated code gets instructions of that row of the decode table wrong (it reads their
 *                  words with bit 0 turned round, but where it calls the interpreter's function), so that it is
 *                  seen whether this is found; no code is kept then
 *     vipt         CTR_EL0 calls instruction caches VIPT, so that guests use IC IALLU for new code
 *     windows      they are mapped in the order of their addresses at once
 * Guests see no other difference but time, and what is planted. HV_BAD_ARGUMENT: something else. Where nobody chooses,
 * POMONA_ENGINE_KNOBS in the environment does; with something else there hv_vm_create returns
 * HV_BAD_ARGUMENT. With HV_POMONA_CAP_ENGINES. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_engine_knobs(hv_vm_config_t config, const char *list);

/* The translator is checked against the interpreter: both run each block that can be run twice, and DIFFERS is
 * told, in several lines, where registers or memory then differ; the guest goes on with what the translator
 * made of them. On the vCPU's thread, inside hv_vcpu_run. With one vCPU, or the instruction clock. With
 * HV_POMONA_CAP_ENGINES. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_engine_check(hv_vm_config_t config,
                                                           void (*differs)(void *context, const char *text),
                                                           void *context);

/* Code that an engine makes is kept in DIRECTORY, for later runs: of the same program, on a host and with vCPUs
 * of the same features, for guest code that is the same word by word. The directory is made if need be; it and
 * what is in it must be this user's and nobody else's (mode 0700), and is otherwise not used, nor is a file that
 * is damaged: SAID is told so in a line, on a vCPU's thread. What is new is written when the last vCPU goes. The
 * string must live as long as the VM. With HV_POMONA_CAP_ENGINES. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_code_cache(hv_vm_config_t config, const char *directory,
                                                         void (*said)(void *context, const char *text),
                                                         void *context);
/* How much memory a vCPU's translated code may take: 64 KiB to 1 GiB. With HV_POMONA_CAP_ENGINES. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_code_memory(hv_vm_config_t config, size_t size);

/* Code that an engine makes gets names in /tmp/perf-PID.map, for Linux's perf. With
 * HV_POMONA_CAP_ENGINES. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_perf_map(hv_vm_config_t config, bool enabled);

/* hv_pomona_vm_each_statistic() will be asked: what is counted at some cost is counted too. With
 * HV_POMONA_CAP_STATISTICS. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_statistics(hv_vm_config_t config, bool enabled);

/* Guest time. With the instruction clock the counter advances by one tick (1/24 us) for every
 * INSNS_PER_TICK instructions that the VM's vCPUs retire together, at most one vCPU runs at a time,
 * and a token passes between the online ones (hv_pomona_vcpu_set_online) in their order every
 * QUANTUM instructions, or when its holder waits in WFI. When all wait, time jumps to the next
 * timer or deadline. So nothing in the guest depends on the host's speed. */
/* clang-format off */
HV_ENUM(hv_pomona_clock, uint32_t,
    HV_POMONA_CLOCK_HOST, /* mach_absolute_time() */
    HV_POMONA_CLOCK_INSN,
);
/* clang-format on */
typedef struct {
    hv_pomona_clock_t clock;
    uint32_t insns_per_tick; /* 0: 10 */
    uint64_t quantum;        /* 0: 100000 */
    uint64_t start;          /* ticks at the VM's creation */
} hv_pomona_clock_config_t;
HV_EXPORT hv_return_t hv_pomona_vm_config_set_clock(hv_vm_config_t config,
                                                    const hv_pomona_clock_config_t *clock);

/* A guest that takes 1,000 synchronous exceptions at one vector with nothing retired between exits
 * with HV_EXIT_REASON_UNKNOWN instead of spinning for ever. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_loop_exit(hv_vm_config_t config, bool enabled);

/* Without a GIC: all timers' outputs are or-ed on the vCPU's FIQ line, as on the M1, instead of the
 * HV_EXIT_REASON_VTIMER_ACTIVATED protocol. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_timer_wires(hv_vm_config_t config, bool to_fiq);

/* Nobody outside of the VM uses atomic operations or exclusives on words of its memory that the
 * guest does so as well on: devices write what is theirs, and order it by barriers. A lone vCPU's
 * atomic instructions then need not be atomic for the host. */
HV_EXPORT hv_return_t hv_pomona_vm_config_set_private_memory(hv_vm_config_t config, bool enabled);

/* ---- the VM ---- */

/* hv_vm_allocate, with the file that the memory is, which is the caller's to close; *FD is -1 where it is none. What is
 * written to the file is in memory, and pages that are so written as a whole need not be cleared first. */
HV_EXPORT hv_return_t hv_pomona_vm_allocate(void **uvap, size_t size, int *fd);

/* The host wrote [ipa, ipa + size) of guest memory: code there is looked at again before it runs.
 * Any thread. */
HV_EXPORT hv_return_t hv_pomona_code_changed(hv_ipa_t ipa, size_t size);

/* Stops all vCPUs between instructions, and lets them go on. While stopped, the pausing thread may
 * use every vCPU's register calls. Pauses nest. Any thread but one inside a deadline callback. */
HV_EXPORT hv_return_t hv_pomona_vm_pause(void);
HV_EXPORT hv_return_t hv_pomona_vm_resume(void);

/* The VM's time in ticks of 24 MHz, before any vCPU's offset. */
HV_EXPORT hv_return_t hv_pomona_vm_get_time(uint64_t *ticks);

/* Instruction clock: FIRE is called once, between instructions, on the thread of the vCPU that
 * holds the token, when time reaches TICKS; it may set the next deadline. UINT64_MAX: never. With
 * the host clock HV_UNSUPPORTED: use the host's timers. Call it from FIRE, from the token's holder
 * outside run, or before the first run. */
HV_EXPORT hv_return_t hv_pomona_vm_set_deadline(uint64_t ticks, void (*fire)(void *context),
                                                void *context);

/* Instructions that all vCPUs retired together. */
HV_EXPORT hv_return_t hv_pomona_vm_get_instruction_count(uint64_t *count);

/* Calls MET with each counter that the VM's engine keeps, summed over the vCPUs there are. */
HV_EXPORT hv_return_t hv_pomona_vm_each_statistic(void (*met)(void *context, const char *name,
                                                              uint64_t value),
                                                  void *context);

/* Calls MET with Arm's name of each encoding that the VM's vCPUs have met so far ("ADD_64_addsub_imm"). */
HV_EXPORT hv_return_t hv_pomona_vm_each_encoding(void (*met)(void *context, const char *name),
                                                 void *context);

/* ---- a vCPU ---- */

/* Instruction clock: whether the token waits for this vCPU. A vCPU is online from its first run, or
 * earlier when another one's thread says so (PSCI CPU_ON), or until it is said not to be (CPU_OFF).
 * Any thread. */
HV_EXPORT hv_return_t hv_pomona_vcpu_set_online(hv_vcpu_t vcpu, bool online);

/* The level of the vCPU's IRQ or FIQ input; it stays until changed. Any thread. */
HV_EXPORT hv_return_t hv_pomona_vcpu_set_line(hv_vcpu_t vcpu, hv_interrupt_type_t type, bool level);

/* Makes all registers of the vCPU, those without a name in Apple's API among them, and its GIC CPU
 * interface what they are after creation; identification registers and the monitor's own settings
 * stay. Its redistributor is not touched. Owner. */
HV_EXPORT hv_return_t hv_pomona_vcpu_reset(hv_vcpu_t vcpu);

/* The next hv_vcpu_run begins as if the guest executed WFI: it waits for an interrupt, masked or
 * not, before anything else. For firmware that suspends a CPU. HV_UNSUPPORTED without a GIC. Owner.
 */
HV_EXPORT hv_return_t hv_pomona_vcpu_wait_for_interrupt(hv_vcpu_t vcpu);

/* Instructions retired. Owner, or while paused. */
HV_EXPORT hv_return_t hv_pomona_vcpu_get_instruction_count(hv_vcpu_t vcpu, uint64_t *count);

/* Exits after COUNT more instructions with HV_EXIT_REASON_CANCELED; 0: no limit. */
HV_EXPORT hv_return_t hv_pomona_vcpu_set_budget(hv_vcpu_t vcpu, uint64_t count);

/* Guest-virtual memory in the current translation regime, without side effects or permission
 * checks. HV_FAULT: not mapped. Owner, or while paused. Writes tell the engine
 * (hv_pomona_code_changed). */
HV_EXPORT hv_return_t hv_pomona_vcpu_translate(hv_vcpu_t vcpu, uint64_t va, hv_ipa_t *ipa);
HV_EXPORT hv_return_t hv_pomona_vcpu_read(hv_vcpu_t vcpu, uint64_t va, void *data, size_t size);
HV_EXPORT hv_return_t hv_pomona_vcpu_write(hv_vcpu_t vcpu, uint64_t va, const void *data,
                                           size_t size);

/* A data abort that hv_vcpu_run returned for a device's registers, completed whatever the
 * instruction is (pairs, write-back, SIMD: forms without a valid syndrome): READ and WRITE are
 * called for each access, in order, the destination registers and the base are written, the PC
 * moves on. HV_BAD_ARGUMENT: the last exit was no data abort, or the instruction is none that may
 * access devices (exclusives, atomics, DC ZVA); then nothing has changed and
 * hv_pomona_vcpu_inject_abort is the way out. SIZE is 1, 2, 4, 8; 16-byte accesses come as two. */
typedef struct {
    uint64_t (*read)(void *context, hv_ipa_t ipa, size_t size);
    void (*write)(void *context, hv_ipa_t ipa, size_t size, uint64_t value);
    void *context;
} hv_pomona_mmio_ops_t;
HV_EXPORT hv_return_t hv_pomona_vcpu_mmio(hv_vcpu_t vcpu, const hv_pomona_mmio_ops_t *ops);

/* HLT exits, for semihosting: exception class 0, the immediate in bits 15:0 of the syndrome, the PC
 * at the instruction. Without it HLT is UNDEFINED. Owner. */
HV_EXPORT hv_return_t hv_pomona_vcpu_set_trap_hlt(hv_vcpu_t vcpu, bool enabled);

/* Gives the guest the synchronous external abort that the bus would have (at the exit's
 * instruction). */
HV_EXPORT hv_return_t hv_pomona_vcpu_inject_abort(hv_vcpu_t vcpu);

/* Gives the guest an UNDEFINED exception at its PC, for a trapped register that nobody knows. */
HV_EXPORT hv_return_t hv_pomona_vcpu_inject_undefined(hv_vcpu_t vcpu);

HV_DECLS_END

#endif
