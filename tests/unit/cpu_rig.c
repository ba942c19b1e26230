/* SPDX-License-Identifier: MIT */
#include "cpu_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "a64/broadcast.h"

#define RT 3u

static bool page(void *ctx, uint64_t pa, struct a64_page *out)
{
    struct cpu_rig *rig = ctx;
    if (pa >= RIG_RAM_SIZE)
        return false;
    const uint64_t behind = RIG_RAM_SIZE - A64_PAGE_MASK - 1 - pa;
    *out = (struct a64_page){.host = rig->ram + pa, .flags = 7, .before = pa, .behind = behind};
    return true;
}

static struct cpu_rig *rig_of(struct a64_cpu *cpu)
{
    return (struct cpu_rig *)cpu->sys;
}

static uint64_t clock_now(struct a64_cpu *cpu)
{
    struct cpu_rig *rig = rig_of(cpu);
    rig->now += rig->pace;
    return rig->now;
}

static void deadline(struct a64_cpu *cpu, uint64_t ticks)
{
    rig_of(cpu)->deadline = ticks;
}

static void ppi(struct a64_cpu *cpu, unsigned intid, bool level)
{
    rig_of(cpu)->wire[intid] = level;
}

static bool trap(struct a64_cpu *cpu, unsigned enc, bool write)
{
    return rig_of(cpu)->trap_all;
}

struct cpu_rig *cpu_rig_new(const char *model, bool el2)
{
    struct cpu_rig *rig = calloc(1, sizeof *rig);
    rig->ram = aligned_alloc(4096, RIG_RAM_SIZE);
    memset(rig->ram, 0, RIG_RAM_SIZE);
    rig->cpu = aligned_alloc(64, (sizeof(struct a64_cpu) + 63) & ~(size_t)63);
    memset(rig->cpu, 0, sizeof *rig->cpu);
    rig->sys.bus = (struct a64_bus){page, rig};
    rig->sys.clock = (struct a64_clock){.now = clock_now, .deadline = deadline};
    rig->sys.ppi = ppi;
    rig->sys.sysreg_trap = trap;
    assert_int_equal(a64_broadcast_create(&rig->sys), 0);
    const struct a64_model_options options = {.el2 = el2};
    assert_int_equal(a64_cpu_init(rig->cpu, &rig->sys, a64_model_find(model), &options), 0);
    rig->sys.cpus[0] = rig->cpu;
    rig->sys.cpu_count = 1;
    return rig;
}

void cpu_rig_free(struct cpu_rig *rig)
{
    a64_cpu_free(rig->cpu);
    a64_broadcast_destroy(&rig->sys);
    free(rig->cpu);
    free(rig->ram);
    free(rig);
}

void cpu_rig_mode(struct a64_cpu *cpu, unsigned mode)
{
    a64_select_el(cpu, mode >> 2, mode & 1);
}

static struct a64_insn move(unsigned enc, bool read)
{
    const uint32_t word = 0xd5000000 | (uint32_t)read << 21 | 1u << 20 | (enc >> 14 & 1) << 19 |
                          (enc & 0x3fff) << 5 | RT;
    return (struct a64_insn){.word = word, .rd = RT};
}

uint64_t cpu_rig_mrs(struct a64_cpu *cpu, unsigned enc, int *status)
{
    const struct a64_insn insn = move(enc, true);
    uint64_t value = 0xdeaddeaddeaddead;
    assert_int_equal(a64_sysreg_of(insn.word), enc);
    const int result = a64_mrs(cpu, &insn, enc, &value);
    if (status)
        *status = result;
    else
        assert_int_equal(result, A64_NEXT);
    return value;
}

int cpu_rig_msr(struct a64_cpu *cpu, unsigned enc, uint64_t value)
{
    const struct a64_insn insn = move(enc, false);
    return a64_msr(cpu, &insn, enc, value);
}

int cpu_rig_sys(struct a64_cpu *cpu, unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                uint64_t value)
{
    const struct a64_insn insn = {
        .word = 0xd5080000 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | RT,
        .rd = RT,
    };
    return a64_sys(cpu, &insn, value);
}
