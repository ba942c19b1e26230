/* SPDX-License-Identifier: MIT */
/* The interpreter's main loop and block cache, and the branches and system instructions that only
 * make sense there: exact budgets, stepping, code that changes, calls to the monitor, waiting,
 * exceptions, BTYPE. Guests are a few words each. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broadcast.h"
#include "cpu.h"
#include "exception.h"
#include "interp.h"
#include "mmu.h"
#include "model.h"
#include "monitor.h"
#include "system.h"

#define RAM_BASE 0x40000000ull
#define RAM_SIZE 0x1000000ull
#define VECTORS  (RAM_BASE + 0x10000)
#define TABLES   (RAM_BASE + 0x800000)

enum word {
    NOP = 0xd503201f,
    ADD_X0_1 = 0x91000400,
    ADD_X0_7 = 0x91001c00,
    B_BACK_1 = 0x17ffffff,
    SVC_5 = 0xd40000a1,
    HVC_5 = 0xd40000a2,
    SMC_5 = 0xd40000a3,
    BRK_5 = 0xd42000a0,
    UDF = 0,
    WFI = 0xd503207f,
    WFE = 0xd503205f,
    SEVL = 0xd50320bf,
    ISB = 0xd5033fdf,
    IC_IALLU = 0xd508751f,
    STR_W1_X2 = 0xb9000041,
    LDR_W3_X2 = 0xb9400043,
    LDR_X3_X2_POST = 0xf8408443,
    BR_X1 = 0xd61f0020,
    BR_X16 = 0xd61f0200,
    BLR_X1 = 0xd63f0020,
    RET = 0xd65f03c0,
    BTI_C = 0xd503245f,
    BTI_J = 0xd503249f,
    ERET = 0xd69f03e0,
};

struct rig {
    struct a64_system sys;
    struct a64_cpu cpu;
    unsigned char *ram;
};

static bool ram_page(void *ctx, uint64_t pa, struct a64_page *out)
{
    struct rig *rig = ctx;
    if (pa - RAM_BASE >= RAM_SIZE)
        return false;
    *out = (struct a64_page){.host = rig->ram + (pa - RAM_BASE), .flags = 7};
    return true;
}

static uint64_t no_time(struct a64_cpu *cpu)
{
    return 0;
}

static struct rig *make(const char *model, bool el2)
{
    const struct a64_model_options options = {.el2 = el2, .pa_bits = 36};
    struct rig *rig = calloc(1, sizeof(*rig));
    rig->ram = calloc(1, RAM_SIZE);
    rig->sys.bus = (struct a64_bus){ram_page, rig};
    rig->sys.clock.now = no_time;
    pthread_mutex_init(&rig->sys.lock, NULL);
    assert_int_equal(a64_monitor_create(&rig->sys), 0);
    assert_int_equal(a64_broadcast_create(&rig->sys), 0);
    assert_int_equal(a64_cpu_init(&rig->cpu, &rig->sys, a64_model_find(model), &options), 0);
    assert_int_equal(interp_init(&rig->cpu), 0);
    rig->sys.cpus[0] = &rig->cpu;
    rig->sys.cpu_count = 1;
    rig->cpu.pc = RAM_BASE;
    rig->cpu.sr.vbar[1] = rig->cpu.sr.vbar[2] = VECTORS;
    rig->cpu.slice_end = ~0ull;
    return rig;
}

static void destroy(struct rig *rig)
{
    interp_free(&rig->cpu);
    a64_cpu_free(&rig->cpu);
    a64_broadcast_destroy(&rig->sys);
    a64_monitor_destroy(&rig->sys);
    free(rig->ram);
    free(rig);
}

static void put(struct rig *rig, uint64_t pa, const uint32_t *words, size_t count)
{
    memcpy(rig->ram + (pa - RAM_BASE), words, count * sizeof(*words));
    a64_code_changed(&rig->sys);
}

#define PUT(rig, pa, ...)                                                                          \
    put(rig, pa, (const uint32_t[]){__VA_ARGS__},                                                  \
        sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* ---- the loop ---- */

static void budgets_are_exact(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    uint64_t total = 0;
    PUT(rig, RAM_BASE, ADD_X0_1, NOP, NOP, 0x17fffffd);
    for (unsigned budget = 0; budget < 200; budget++) {
        total += budget;
        cpu->slice_end = cpu->icount + budget;
        assert_int_equal(interp_run(cpu), ENGINE_SLICE);
        assert_int_equal(cpu->icount, total);
        assert_int_equal(cpu->x[0], (total + 3) / 4);
        assert_int_equal(cpu->pc, RAM_BASE + total % 4 * 4);
    }
    destroy(rig);
}

static void a_step_is_one_instruction(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, ADD_X0_1, ADD_X0_7, UDF);
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->x[0], 1);
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->x[0], 8);
    assert_int_equal(interp_step(cpu),
                     ENGINE_SLICE); /* takes the exception and stops at the vector */
    assert_int_equal(cpu->pc, VECTORS + 0x200);
    assert_int_equal(cpu->icount, 2);
    destroy(rig);
}

static void attention_stops_between_instructions(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, ADD_X0_1, B_BACK_1);
    atomic_fetch_or(&cpu->attention, A64_ATT_CANCEL);
    assert_int_equal(interp_run(cpu), ENGINE_ATTENTION);
    assert_int_equal(cpu->icount, 0);
    assert_int_equal(interp_step(cpu), ENGINE_ATTENTION);
    assert_int_equal(cpu->pc, RAM_BASE);
    destroy(rig);
}

static void interrupts_are_taken_at_boundaries(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, ADD_X0_1, B_BACK_1);
    PUT(rig, VECTORS + 0x280, HVC_5);
    a64_set_line(cpu, A64_LINE_IRQ, true);
    cpu->slice_end = 10;
    assert_int_equal(interp_run(cpu), ENGINE_SLICE); /* masked */
    a64_set_spsr(cpu, a64_get_spsr(cpu) & ~0x80ull);
    atomic_fetch_or(&cpu->attention, A64_ATT_LINES);
    cpu->slice_end = ~0ull;
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_HVC);
    assert_int_equal(cpu->sr.elr[1], RAM_BASE);
    destroy(rig);
}

static void a_guest_that_only_faults_is_noticed(void **state)
{
    struct rig *rig = make("apple-m1", false);
    PUT(rig, RAM_BASE, NOP, UDF);
    assert_int_equal(interp_run(&rig->cpu), ENGINE_LOOP); /* the vector holds UDF too */
    assert_int_equal(rig->cpu.icount, 1);
    /* One that retires something between is not lost. */
    PUT(rig, VECTORS + 0x200, NOP, UDF);
    rig->cpu.slice_end = rig->cpu.icount + 5000;
    assert_int_equal(interp_run(&rig->cpu), ENGINE_SLICE);
    destroy(rig);
}

/* ---- blocks ---- */

static void changed_code_is_seen_after_ic(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    const uint64_t target = RAM_BASE + 0x1000;
    PUT(rig, RAM_BASE, BLR_X1, STR_W1_X2, IC_IALLU, ISB, 0xaa0403e1 /* mov x1, x4 */, BLR_X1,
        HVC_5);
    PUT(rig, target, ADD_X0_1, RET);
    cpu->x[1] = cpu->x[4] = cpu->x[2] = target;
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    cpu->slice_end = cpu->icount + 2;
    assert_int_equal(interp_run(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->x[0], 1);
    cpu->x[1] = ADD_X0_7;
    cpu->slice_end = ~0ull;
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_HVC);
    assert_int_equal(cpu->x[0], 8);
    destroy(rig);
}

static void the_cache_survives_more_code_than_it_holds(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    const uint64_t count = 0x300000; /* words: twelve megabytes */
    uint32_t *code = (uint32_t *)rig->ram;
    for (uint64_t k = 0; k < count; k++)
        code[k] = k % 7 ? NOP : ADD_X0_1;
    code[count] = HVC_5;
    for (unsigned round = 1; round <= 2; round++) {
        cpu->pc = RAM_BASE;
        assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
        assert_int_equal(cpu->x[0], round * ((count + 6) / 7));
        assert_int_equal(cpu->icount, round * (count + 1));
    }
    destroy(rig);
}

/* ---- exceptions and exits ---- */

static void calls_to_the_monitor(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, HVC_5, SMC_5);
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_HVC);
    assert_int_equal(cpu->exc.iss, 5);
    assert_int_equal(cpu->pc, RAM_BASE + 4);
    assert_int_equal(cpu->icount, 1);
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_SMC);
    assert_int_equal(cpu->pc, RAM_BASE + 4);
    assert_int_equal(cpu->icount, 1);
    destroy(rig);
}

static void calls_to_el2(void **state)
{
    struct rig *rig = make("apple-m1", true);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, HVC_5);
    a64_select_el(cpu, 1, 1);
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->ps.el, 2);
    assert_int_equal(cpu->sr.elr[2], RAM_BASE + 4);
    assert_int_equal(cpu->sr.esr[2], (uint64_t)A64_EC_HVC << 26 | 1 << 25 | 5);
    a64_select_el(cpu, 1, 1);
    cpu->sr.hcr_el2 |= A64_HCR_TSC;
    PUT(rig, RAM_BASE, SMC_5);
    cpu->pc = RAM_BASE;
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->sr.elr[2], RAM_BASE); /* a trap: the SMC has not happened */
    assert_int_equal(cpu->sr.esr[2] >> 26, A64_EC_SMC);
    destroy(rig);
}

static void from_el0_calls_are_undefined(void **state)
{
    static const uint32_t words[] = {HVC_5, SMC_5, ERET, UDF, 0xd4400000 /* hlt */};
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    for (unsigned k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
        PUT(rig, RAM_BASE, words[k]);
        a64_select_el(cpu, 0, 0);
        cpu->pc = RAM_BASE;
        assert_int_equal(interp_step(cpu), ENGINE_SLICE);
        assert_int_equal(cpu->pc, VECTORS + 0x400);
        assert_int_equal(cpu->sr.esr[1], 1 << 25); /* EC 0 */
        assert_int_equal(cpu->sr.elr[1], RAM_BASE);
    }
    destroy(rig);
}

static void exceptions_to_el1(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, SVC_5, BRK_5, BR_X1);
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->sr.elr[1], RAM_BASE + 4);
    assert_int_equal(cpu->sr.esr[1], (uint64_t)A64_EC_SVC << 26 | 1 << 25 | 5);
    assert_int_equal(cpu->icount, 1);
    cpu->pc = RAM_BASE + 4;
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->sr.elr[1], RAM_BASE + 4);
    assert_int_equal(cpu->sr.esr[1], (uint64_t)A64_EC_BRK << 26 | 1 << 25 | 5);
    cpu->pc = RAM_BASE + 8;
    cpu->x[1] = RAM_BASE + 2;
    assert_int_equal(interp_step(cpu), ENGINE_SLICE); /* the branch is taken */
    assert_int_equal(interp_step(cpu), ENGINE_SLICE); /* and its target faults */
    assert_int_equal(cpu->sr.esr[1] >> 26, A64_EC_PC_ALIGN);
    assert_int_equal(cpu->sr.far[1], RAM_BASE + 2);
    destroy(rig);
}

static void accesses_without_memory_leave(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, LDR_W3_X2, LDR_X3_X2_POST);
    cpu->x[2] = 0x9000018;
    cpu->x[3] = 42;
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_true(cpu->exc.ec == A64_EC_DABT || cpu->exc.ec == A64_EC_DABT_LOW);
    assert_int_equal(cpu->exc.ipa, 0x9000018);
    assert_int_equal(cpu->exc.iss >> 24 & 1, 1);  /* ISV */
    assert_int_equal(cpu->exc.iss >> 22 & 3, 2);  /* SAS: a word */
    assert_int_equal(cpu->exc.iss >> 16 & 31, 3); /* SRT */
    assert_int_equal(cpu->pc, RAM_BASE);
    assert_int_equal(cpu->x[3], 42);
    cpu->pc += 4;
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_int_equal(cpu->exc.iss >> 24 & 1, 0); /* writeback: no syndrome */
    assert_int_equal(cpu->x[2], 0x9000018);
    destroy(rig);
}

static void waiting(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, WFI, SEVL, WFE, WFE, HVC_5);
    assert_int_equal(interp_run(cpu), ENGINE_WAIT);
    assert_int_equal(cpu->pc, RAM_BASE + 4);
    assert_int_equal(cpu->exc.iss & 1, 0);
    assert_int_equal(interp_run(cpu), ENGINE_WAIT); /* SEVL lets the first WFE through */
    assert_int_equal(cpu->pc, RAM_BASE + 16);
    assert_int_equal(cpu->exc.iss & 1, 1);
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    cpu->pc = RAM_BASE; /* a masked interrupt ends WFI all the same, but not WFE */
    a64_set_line(cpu, A64_LINE_IRQ, true);
    assert_int_equal(interp_run(cpu), ENGINE_WAIT);
    assert_int_equal(cpu->pc, RAM_BASE + 16);
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_HVC);
    destroy(rig);
}

static void waiting_is_trapped_from_el0(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, WFI);
    cpu->sr.sctlr[1] &= ~(1ull << 16); /* nTWI */
    a64_select_el(cpu, 0, 0);
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->sr.esr[1], (uint64_t)A64_EC_WFX << 26 | 1 << 25 | 1 << 24 | 0xe << 20);
    assert_int_equal(cpu->sr.elr[1], RAM_BASE);
    destroy(rig);
}

/* A stepped branch has happened, wherever it leads: the step exception comes before what its target
 * raises. */
static void a_step_comes_before_a_failed_fetch(void **state)
{
    struct rig *rig = make("apple-m1", false);
    struct a64_cpu *cpu = &rig->cpu;
    PUT(rig, RAM_BASE, ERET, BR_X1);
    PUT(rig, VECTORS + 0x400, HVC_5);
    cpu->sr.mdscr_el1 = 1; /* SS */
    cpu->sr.oslsr_el1 = 0;
    cpu->sr.elr[1] = RAM_BASE + 4;
    cpu->sr.spsr[1] = 1 << 21 | 0x3c0; /* SS, EL0 */
    cpu->x[1] = 0x9000000;             /* nothing is there */
    assert_int_equal(interp_run(cpu), ENGINE_VMEXIT);
    assert_int_equal(cpu->exc.ec, A64_EC_HVC);
    assert_int_equal(cpu->sr.esr[1] >> 26, A64_EC_STEP_LOW);
    assert_int_equal(cpu->sr.elr[1], 0x9000000);
    destroy(rig);
}

/* ---- BTYPE ---- */

/* The M2 with its memory in guarded pages. */
static struct rig *make_guarded(void)
{
    struct rig *rig = make("apple-m2", false);
    struct a64_cpu *cpu = &rig->cpu;
    const uint64_t block =
        RAM_BASE | 1ull << 50 /* GP */ | 1 << 10 /* AF */ | 3 << 8 /* inner */ | 1;
    memcpy(rig->ram + (TABLES - RAM_BASE) + 8, &block, sizeof(block));
    cpu->sr.mair[1] = 0xff;
    cpu->sr.tcr[1] = 25 /* T0SZ */ | 1ull << 23 /* EPD1 */ | 1ull << 32 /* 36 bits */;
    cpu->sr.ttbr0[1] = TABLES;
    cpu->sr.sctlr[1] |= 1;
    a64_mmu_update(cpu);
    return rig;
}

/* The exception class after branching by BRANCH to TARGET; 0 if it was allowed. */
static unsigned indirect(struct rig *rig, uint32_t branch, uint32_t target)
{
    struct a64_cpu *cpu = &rig->cpu;
    const uint64_t to = RAM_BASE + 0x2000;
    PUT(rig, RAM_BASE, branch);
    PUT(rig, to, target, NOP);
    cpu->x[1] = cpu->x[16] = cpu->x[30] = to;
    cpu->pc = RAM_BASE;
    cpu->sr.esr[1] = 0;
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    const uint8_t btype = cpu->ps.btype;
    assert_int_equal(interp_step(cpu), ENGINE_SLICE);
    assert_int_equal(cpu->ps.btype, 0);
    if (cpu->pc == to + 4)
        return 0;
    assert_int_equal(cpu->pc, VECTORS + 0x200);
    assert_int_equal(cpu->sr.elr[1], to);
    assert_int_equal(cpu->sr.spsr[1] >> 10 & 3, btype);
    assert_int_equal(cpu->sr.esr[1] & 3, btype);
    return (unsigned)(cpu->sr.esr[1] >> 26);
}

static void indirect_branches_land_on_bti(void **state)
{
    struct rig *rig = make_guarded();
    assert_int_equal(indirect(rig, BR_X1, NOP), A64_EC_BTI);
    assert_int_equal(indirect(rig, BR_X1, BTI_J), 0);
    assert_int_equal(indirect(rig, BR_X1, BTI_C), A64_EC_BTI);
    assert_int_equal(indirect(rig, BR_X16, BTI_C), 0);
    assert_int_equal(indirect(rig, BR_X16, BTI_J), 0);
    assert_int_equal(indirect(rig, BLR_X1, BTI_C), 0);
    assert_int_equal(indirect(rig, BLR_X1, BTI_J), A64_EC_BTI);
    assert_int_equal(indirect(rig, BLR_X1, ADD_X0_1), A64_EC_BTI);
    assert_int_equal(indirect(rig, BLR_X1, 0xd503233f /* paciasp */), 0);
    assert_int_equal(indirect(rig, RET, ADD_X0_1), 0);
    destroy(rig);
}

static void without_bti_branches_land_anywhere(void **state)
{
    struct rig *rig = make("apple-m1", false);
    assert_int_equal(indirect(rig, BR_X1, NOP), 0);
    assert_int_equal(indirect(rig, BLR_X1, ADD_X0_1), 0);
    destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_are_exact),
        cmocka_unit_test(a_step_is_one_instruction),
        cmocka_unit_test(attention_stops_between_instructions),
        cmocka_unit_test(interrupts_are_taken_at_boundaries),
        cmocka_unit_test(a_guest_that_only_faults_is_noticed),
        cmocka_unit_test(changed_code_is_seen_after_ic),
        cmocka_unit_test(the_cache_survives_more_code_than_it_holds),
        cmocka_unit_test(calls_to_the_monitor),
        cmocka_unit_test(calls_to_el2),
        cmocka_unit_test(from_el0_calls_are_undefined),
        cmocka_unit_test(exceptions_to_el1),
        cmocka_unit_test(accesses_without_memory_leave),
        cmocka_unit_test(waiting),
        cmocka_unit_test(waiting_is_trapped_from_el0),
        cmocka_unit_test(a_step_comes_before_a_failed_fetch),
        cmocka_unit_test(indirect_branches_land_on_bti),
        cmocka_unit_test(without_bti_branches_land_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
