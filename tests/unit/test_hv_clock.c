/* SPDX-License-Identifier: MIT */
/* The instruction clock: time is a function of instructions, several vCPUs interleave the same way
 * each time, waiting jumps, deadlines fire at their tick. The host's clock: no timer is missed. */

#include "hv_guest.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <mach/mach_time.h>

#define DIST    0x10000000ull
#define REDIST  0x10010000ull
#define HOUR    (3600ull * 24000000)
#define CNTVCT  0xdf02
#define ISR_EL1 0xc608

static void gic_create(void)
{
    hv_gic_config_t config = hv_gic_config_create();
    OK(hv_gic_config_set_distributor_base(config, DIST));
    OK(hv_gic_config_set_redistributor_base(config, REDIST));
    OK(hv_gic_create(config));
    os_release(config);
}

static void vm_create(uint64_t quantum)
{
    const hv_pomona_clock_config_t clock = {
        .clock = HV_POMONA_CLOCK_INSN, .insns_per_tick = 10, .quantum = quantum, .start = 1000};
    hv_vm_config_t vm = hv_vm_config_create();
    OK(hv_pomona_vm_config_set_clock(vm, &clock));
    OK(hv_vm_create(vm));
    os_release(vm);
    gic_create();
}

static void enable_interrupts(struct guest *guest)
{
    OK(hv_vcpu_set_trap_debug_exceptions(guest->vcpu, true));
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_CTLR, 3));
    OK(hv_gic_set_icc_reg(guest->vcpu, HV_GIC_ICC_REG_PMR_EL1, 0xff));
    OK(hv_gic_set_icc_reg(guest->vcpu, HV_GIC_ICC_REG_IGRPEN0_EL1, 1));
    OK(hv_gic_set_redistributor_reg(guest->vcpu, HV_GIC_REDISTRIBUTOR_REG_GICR_ISENABLER0,
                                    1 << 27));
}

static void guest_with_clock(struct guest *guest)
{
    vm_create(0);
    guest_map(guest);
    guest_vcpu(guest);
    enable_interrupts(guest);
}

static void test_time_is_instructions(void **state)
{
    struct guest guest;
    uint64_t count, time;
    guest_with_clock(&guest);
    const uint32_t code[] = {
        MRS(0, CNTVCT), MOVZ(2, 1000), 0xf1000442, /* subs x2, x2, #1 */
        0x54ffffe1,                                /* b.ne .-4 */
        MRS(1, CNTVCT), BRK(0),
    };
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 1000);
    assert_int_equal(guest_reg(&guest, HV_REG_X1), 1000 + 2002 / 10);
    OK(hv_pomona_vcpu_get_instruction_count(guest.vcpu, &count));
    assert_int_equal(count, 2003);
    OK(hv_pomona_vm_get_instruction_count(&count));
    assert_int_equal(count, 2003);
    OK(hv_pomona_vm_get_time(&time));
    assert_int_equal(time, 1200);
    guest_destroy(&guest);
}

/* An hour's sleep takes no time. */
static void test_waiting_jumps(void **state)
{
    struct guest guest;
    guest_with_clock(&guest);
    const uint64_t start = mach_absolute_time();
    const uint32_t code[] = {MSR(HV_SYS_REG_CNTV_CVAL_EL0, 1), MSR(HV_SYS_REG_CNTV_CTL_EL0, 2), WFI,
                             MRS(0, CNTVCT), BRK(7)};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, HOUR);
    guest_set_reg(&guest, HV_REG_X2, 1);
    guest_run_to(&guest, 0x3c);
    assert_true(guest_reg(&guest, HV_REG_X0) >= HOUR && guest_reg(&guest, HV_REG_X0) <= HOUR + 1);
    assert_true(mach_absolute_time() - start < SOON);
    guest_destroy(&guest);
}

/* A timer interrupts a spinning guest at its tick, not later than the next instruction. */
static void test_timer_is_exact(void **state)
{
    struct guest guest;
    uint64_t count;
    guest_with_clock(&guest);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t fiq = BRK(1), code[] = {MSR(HV_SYS_REG_CNTV_CVAL_EL0, 1),
                                           MSR(HV_SYS_REG_CNTV_CTL_EL0, 2), DAIFCLR(1), B_SELF};
    guest_code(&guest, 0x1300, &fiq, 1);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, 1000 + 5000);
    guest_set_reg(&guest, HV_REG_X2, 1);
    guest_run_to(&guest, 0x3c);
    OK(hv_pomona_vcpu_get_instruction_count(guest.vcpu, &count));
    assert_int_equal(count, 50000);
    guest_destroy(&guest);
}

struct fired {
    unsigned count;
    uint64_t at[4];
};

static void fire(void *context)
{
    struct fired *fired = context;
    OK(hv_pomona_vm_get_time(&fired->at[fired->count++]));
    if (fired->count < 3)
        OK(hv_pomona_vm_set_deadline(fired->at[fired->count - 1] + 500, fire, fired));
    else
        OK(hv_gic_set_spi(40, true));
}

/* The machine's deadlines: while the guest spins, and while it waits for what the last one raises.
 */
static void test_deadlines(void **state)
{
    struct guest guest;
    struct fired fired = {0};
    guest_with_clock(&guest);
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_ISENABLER1, 1 << 8));
    OK(hv_gic_set_distributor_reg(HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32 + 64, 1ull << 31));
    OK(hv_pomona_vm_set_deadline(1200, fire, &fired));
    const uint32_t code[] = {MOVZ(2, 2000), 0xf1000442, 0x54ffffe1, WFI, MRS(0, CNTVCT), BRK(0)};
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(fired.count, 3);
    assert_int_equal(fired.at[0], 1200);
    assert_int_equal(fired.at[1], 1700); /* the guest was waiting since 1400 */
    assert_int_equal(fired.at[2], 2200);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 2200);
    guest_destroy(&guest);
}

static void test_budget(void **state)
{
    struct guest guest;
    uint64_t count;
    guest_with_clock(&guest);
    const uint32_t code[] = {B_SELF};
    guest_start(&guest, code);
    OK(hv_pomona_vcpu_set_budget(guest.vcpu, 12345));
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    OK(hv_pomona_vcpu_get_instruction_count(guest.vcpu, &count));
    assert_int_equal(count, 12345);
    guest_destroy(&guest);
}

/* ---- several vCPUs ---- */

#define CPUS  4
#define TURNS 3000

/* Each CPU takes the next place in a list (LDADD) and puts its number there, TURNS times, with WFE
 * and WFI now and then. */
static const uint32_t writers[] = {
    /* x0 counter, x1 list, x2 number, x3 turns */
    MOVZ(4, 1), 0xf8240005, /* loop: ldadd x4, x5, [x0] */
    0x38256822,             /* strb w2, [x1, x5] */
    0xf1000463,             /* subs x3, x3, #1 */
    0xf240147f,             /* tst x3, #0x3f */
    0x54000041,             /* b.ne .+8 */
    WFE,        0xb5ffff43, /* cbnz x3, loop (.-24) */
    BRK(0),
};

struct writer {
    pthread_barrier_t *start;
    unsigned number;
    hv_vcpu_t vcpu;
    bool created;
    uint64_t icount;
};

static void *writer_thread(void *arg)
{
    struct writer *writer = arg;
    struct guest guest;
    guest_vcpu(&guest);
    writer->vcpu = guest.vcpu;
    __atomic_store_n(&writer->created, true, __ATOMIC_SEQ_CST);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_set_reg(&guest, HV_REG_CPSR, CPSR_EL1H);
    guest_set_reg(&guest, HV_REG_X0, RAM_BASE + 0x2000);
    guest_set_reg(&guest, HV_REG_X1, RAM_BASE + 0x4000);
    guest_set_reg(&guest, HV_REG_X2, writer->number);
    guest_set_reg(&guest, HV_REG_X3, TURNS);
    pthread_barrier_wait(writer->start);
    pthread_barrier_wait(writer->start); /* all are online */
    guest_run_to(&guest, 0x3c);
    OK(hv_pomona_vcpu_get_instruction_count(guest.vcpu, &writer->icount));
    OK(hv_pomona_vcpu_set_online(guest.vcpu, false));
    pthread_barrier_wait(writer->start);
    OK(hv_vcpu_destroy(guest.vcpu));
    return NULL;
}

static void run_writers(uint8_t list[CPUS * TURNS], uint64_t *total)
{
    struct guest guest;
    struct writer writer[CPUS];
    pthread_t thread[CPUS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, CPUS + 1);
    vm_create(777);
    guest_map(&guest);
    guest_code(&guest, 0, writers, sizeof(writers) / 4);
    for (unsigned i = 0; i < CPUS; i++) {
        writer[i] = (struct writer){.start = &start, .number = i};
        pthread_create(&thread[i], NULL, writer_thread, &writer[i]);
        while (!__atomic_load_n(&writer[i].created, __ATOMIC_SEQ_CST))
            sched_yield(); /* ids in order */
    }
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < CPUS; i++)
        OK(hv_pomona_vcpu_set_online(writer[i].vcpu, true));
    pthread_barrier_wait(&start);
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < CPUS; i++)
        pthread_join(thread[i], NULL);
    OK(hv_pomona_vm_get_instruction_count(total));
    memcpy(list, guest.ram + 0x4000, CPUS * TURNS);
    OK(hv_vm_destroy());
    OK(hv_vm_deallocate(guest.ram, RAM_SIZE));
    pthread_barrier_destroy(&start);
}

static void test_interleaving(void **state)
{
    static uint8_t first[CPUS * TURNS], again[CPUS * TURNS];
    uint64_t total, total2;
    unsigned changes = 0, seen[CPUS] = {0};
    run_writers(first, &total);
    for (int i = 0; i < 5; i++) {
        run_writers(again, &total2);
        assert_memory_equal(first, again, sizeof(first));
        assert_int_equal(total, total2);
    }
    for (unsigned i = 0; i < sizeof(first); i++) {
        seen[first[i]]++;
        changes += i && first[i] != first[i - 1];
    }
    for (unsigned i = 0; i < CPUS; i++)
        assert_int_equal(seen[i], TURNS);
    assert_true(changes > 100);
}

/* Timers up to 63 ticks ahead (2.6 us) on the host's clock, awaited by WAIT. One that got lost
 * would leave the guest waiting for ever. */
static void await_timers(uint32_t wait)
{
    struct guest guest;
    OK(hv_vm_create(NULL));
    gic_create();
    guest_map(&guest);
    guest_vcpu(&guest);
    enable_interrupts(&guest);
    const uint32_t code[] = {
        MRS(0, CNTVCT),
        0x92401424, /* and x4, x1, #63 */
        0x8b040000, /* add x0, x0, x4 */
        MSR(HV_SYS_REG_CNTV_CVAL_EL0, 0),
        MSR(HV_SYS_REG_CNTV_CTL_EL0, 2),
        wait,
        MRS(3, ISR_EL1),
        0x3637ffc3, /* tbz x3, #6 (F), back to WAIT */
        MSR(HV_SYS_REG_CNTV_CTL_EL0, 31),
        0xf1000421, /* subs x1, x1, #1 */
        0x54fffec1, /* b.ne back to the start */
        BRK(7),
    };
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, 20000);
    guest_set_reg(&guest, HV_REG_X2, 1);
    alarm(60);
    guest_run_to(&guest, 0x3c);
    alarm(0);
    assert_int_equal(guest_reg(&guest, HV_REG_X1), 0);
    guest_destroy(&guest);
}

static void test_no_timer_is_missed(void **state)
{
    await_timers(WFI);
    await_timers(NOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_is_instructions),
        cmocka_unit_test(test_waiting_jumps),
        cmocka_unit_test(test_timer_is_exact),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_interleaving),
        cmocka_unit_test(test_no_timer_is_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
