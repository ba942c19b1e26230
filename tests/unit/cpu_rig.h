/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_CPU_RIG_H
#define POMONA_TESTS_CPU_RIG_H

/* A whole CPU without an engine: 1 MiB of RAM at 0, the MMU off, a clock that the test turns, and a
 * record of what the CPU did to the world. For tests of system registers, exceptions and timers. */

#include "a64/exception.h"
#include "a64/model.h"
#include "a64/sysreg.h"
#include "a64/system.h"
#include "a64/timer.h"

#define RIG_RAM_SIZE (1u << 20)

struct cpu_rig {
    struct a64_system sys;
    struct a64_cpu *cpu;
    uint8_t *ram;
    uint64_t now;      /* of the system counter */
    uint64_t pace;     /* ticks that go by with each look at it */
    uint64_t deadline; /* told last by the timers */
    bool wire[32];     /* PPIs */
    bool trap_all;     /* the monitor wants every system register */
};

struct cpu_rig *cpu_rig_new(const char *model, bool el2);
void cpu_rig_free(struct cpu_rig *rig);
/* PSTATE.EL and SP, as EL0t, EL1t, EL1h, EL2t, EL2h: 0, 4, 5, 8, 9. */
void cpu_rig_mode(struct a64_cpu *cpu, unsigned mode);

/* MRS X3, ENC: the value; the status where it did not work is in *status (NULL: must be A64_NEXT).
 */
uint64_t cpu_rig_mrs(struct a64_cpu *cpu, unsigned enc, int *status);
/* MSR ENC, X3: the status. */
int cpu_rig_msr(struct a64_cpu *cpu, unsigned enc, uint64_t value);
/* SYS #op1, CRn, CRm, #op2, X3. */
int cpu_rig_sys(struct a64_cpu *cpu, unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                uint64_t value);

#endif
