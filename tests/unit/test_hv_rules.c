/* SPDX-License-Identifier: MIT */
/* The rules of the API sheet that test_hv_api.c and test_hv_gic.c leave open, rule by rule: bad
 * arguments, ids, the memory map at its edges, every register by name, every class of exit, and
 * what stays inside. hv_constants.c, built in here, has the values. */

#include "hv_guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define RWX  (HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC)
#define PAGE 0x4000u

#define BAD(call)         assert_int_equal((call), HV_BAD_ARGUMENT)
#define UNSUPPORTED(call) assert_int_equal((call), HV_UNSUPPORTED)

/* ---- A2: arguments, and calls before their time ---- */

static void test_null_arguments(void **state)
{
    struct guest guest;
    hv_vcpu_exit_t *exit;
    hv_vcpu_t other;
    hv_simd_fp_uchar16_t vector = {0};
    hv_vm_config_t config = hv_vm_config_create();
    hv_vcpu_config_t vcpu_config = hv_vcpu_config_create();
    BAD(hv_vm_get_max_vcpu_count(NULL));
    BAD(hv_vm_config_get_max_ipa_size(NULL));
    BAD(hv_vm_config_get_default_ipa_size(NULL));
    BAD(hv_vm_config_get_ipa_size(config, NULL));
    BAD(hv_vm_config_set_ipa_size(NULL, 36));
    BAD(hv_vm_config_get_el2_supported(NULL));
    BAD(hv_vm_config_set_el2_enabled(NULL, true));
    BAD(hv_vm_config_set_ipa_granule(config, (hv_ipa_granule_t)2));
    BAD(hv_vcpu_config_get_feature_reg(vcpu_config, HV_FEATURE_REG_CTR_EL0, NULL));
    BAD(hv_vcpu_config_get_ccsidr_el1_sys_reg_values(vcpu_config, (hv_cache_type_t)2,
                                                     (uint64_t[8]){0}));
    os_release(config);
    os_release(vcpu_config);
    guest_create(&guest);
    BAD(hv_vcpu_create(NULL, &exit, NULL));
    BAD(hv_vcpu_create(&other, NULL, NULL));
    BAD(hv_vcpu_get_reg(guest.vcpu, HV_REG_X0, NULL));
    BAD(hv_vcpu_get_simd_fp_reg(guest.vcpu, HV_SIMD_FP_REG_Q0, NULL));
    BAD(hv_vcpu_get_simd_fp_reg(guest.vcpu, (hv_simd_fp_reg_t)32, &vector));
    BAD(hv_vcpu_set_simd_fp_reg(guest.vcpu, (hv_simd_fp_reg_t)32, vector));
    BAD(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_MIDR_EL1, NULL));
    BAD(hv_vcpu_set_sys_reg(guest.vcpu, (hv_sys_reg_t)0xffff, 0));
    BAD(hv_vcpu_set_pending_interrupt(guest.vcpu, (hv_interrupt_type_t)2, true));
    BAD(hv_vcpu_get_pending_interrupt(guest.vcpu, HV_INTERRUPT_TYPE_IRQ, NULL));
    BAD(hv_vcpu_get_exec_time(guest.vcpu, NULL));
    BAD(hv_vcpu_get_vtimer_mask(guest.vcpu, NULL));
    BAD(hv_vcpu_get_vtimer_offset(guest.vcpu, NULL));
    BAD(hv_vcpus_exit(NULL, 1));
    OK(hv_vcpus_exit(NULL, 0));
    BAD(hv_vcpu_run(guest.vcpu + 1));
    BAD(hv_vcpu_run(guest.vcpu | 1ull << 40));
    guest_destroy(&guest);
}

/* Every call that needs a VM, without one. */
static void test_no_vm(void **state)
{
    hv_vcpu_t vcpu;
    hv_vcpu_exit_t *exit;
    void *memory = NULL;
    bool el2 = false;
    OK(hv_vm_config_get_el2_supported(&el2));
    assert_true(el2);
    OK(hv_vm_allocate(&memory, PAGE, HV_ALLOCATE_DEFAULT));
    assert_int_equal(hv_vm_map(memory, 0, PAGE, RWX), HV_NO_DEVICE);
    assert_int_equal(hv_vm_unmap(0, PAGE), HV_NO_DEVICE);
    assert_int_equal(hv_vm_protect(0, PAGE, RWX), HV_NO_DEVICE);
    assert_int_equal(hv_vcpu_create(&vcpu, &exit, NULL), HV_NO_DEVICE);
    assert_int_equal(hv_vm_destroy(), HV_NO_DEVICE);
    BAD(hv_vcpu_run(0));
    BAD(hv_vcpus_exit(&(hv_vcpu_t){0}, 1));
    OK(hv_vm_deallocate(memory, PAGE));
    BAD(hv_vm_allocate(NULL, PAGE, HV_ALLOCATE_DEFAULT));
    BAD(hv_vm_allocate(&memory, 0, HV_ALLOCATE_DEFAULT));
    BAD(hv_vm_allocate(&memory, PAGE, 1));
    BAD(hv_vm_deallocate(NULL, PAGE));
}

/* Any size up to the greatest; a map may reach the end of it and not beyond; PARange says as much.
 */
static void test_ipa_sizes(void **state)
{
    struct guest guest;
    uint32_t max, bits;
    OK(hv_vm_config_get_max_ipa_size(&max));
    hv_vm_config_t config = hv_vm_config_create();
    for (uint32_t want = 0; want <= max; want++) {
        OK(hv_vm_config_set_ipa_size(config, want));
        OK(hv_vm_config_get_ipa_size(config, &bits));
        assert_int_equal(bits, want);
    }
    UNSUPPORTED(hv_vm_config_set_ipa_size(config, max + 1));
    UNSUPPORTED(hv_vm_config_set_ipa_size(config, UINT32_MAX));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    static const uint8_t widths[] = {32, 36, 40, 42, 44, 48};
    assert_int_equal(widths[guest_sys_reg(&guest, HV_SYS_REG_ID_AA64MMFR0_EL1) & 15], max);
    void *memory;
    OK(hv_vm_allocate(&memory, 2 * PAGE, HV_ALLOCATE_DEFAULT));
    const uint64_t end = 1ull << max;
    OK(hv_vm_map(memory, end - PAGE, PAGE, RWX));
    BAD(hv_vm_map(memory, end, PAGE, RWX));
    OK(hv_vm_unmap(end - PAGE, PAGE));
    BAD(hv_vm_map(memory, end - PAGE, 2 * PAGE, RWX));
    BAD(hv_vm_unmap(end - PAGE, 2 * PAGE));
    BAD(hv_vm_map(memory, UINT64_MAX - PAGE + 1, PAGE, RWX));
    OK(hv_vm_deallocate(memory, 2 * PAGE));
    guest_destroy(&guest);
}

/* ---- A2: ids are small, the lowest free one first; their number is limited ---- */

struct crew {
    pthread_barrier_t made, leave;
    hv_vcpu_t ids[65];
    hv_return_t results[65];
};

struct member {
    struct crew *crew;
    unsigned number;
};

static void *crew_member(void *arg)
{
    const struct member *self = arg;
    hv_vcpu_exit_t *exit;
    self->crew->results[self->number] = hv_vcpu_create(&self->crew->ids[self->number], &exit, NULL);
    pthread_barrier_wait(&self->crew->made);
    pthread_barrier_wait(&self->crew->leave);
    if (self->crew->results[self->number] == HV_SUCCESS)
        OK(hv_vcpu_destroy(self->crew->ids[self->number]));
    return NULL;
}

static void test_ids(void **state)
{
    static struct crew crew;
    static struct member members[64];
    pthread_t threads[64];
    hv_vcpu_t id, again;
    hv_vcpu_exit_t *exit;
    uint32_t max;
    OK(hv_vm_get_max_vcpu_count(&max));
    assert_int_equal(max, 64);
    pthread_barrier_init(&crew.made, NULL, max);
    pthread_barrier_init(&crew.leave, NULL, max);
    OK(hv_vm_create(NULL));
    OK(hv_vcpu_create(&id, &exit, NULL));
    assert_int_equal(id, 0);
    for (unsigned k = 1; k < max; k++) {
        members[k] = (struct member){&crew, k};
        pthread_create(&threads[k], NULL, crew_member, &members[k]);
    }
    pthread_barrier_wait(&crew.made);
    uint64_t seen = 1;
    for (unsigned k = 1; k < max; k++) {
        OK(crew.results[k]);
        assert_true(crew.ids[k] < max);
        seen |= 1ull << crew.ids[k];
    }
    assert_true(seen == ~0ull);
    OK(hv_vcpu_destroy(id)); /* the table has one free place now, the first */
    OK(hv_vcpu_create(&again, &exit, NULL));
    assert_int_equal(again, 0);
    pthread_barrier_wait(&crew.leave);
    for (unsigned k = 1; k < max; k++)
        pthread_join(threads[k], NULL);
    OK(hv_vcpu_destroy(again));
    OK(hv_vm_destroy());
    pthread_barrier_destroy(&crew.made);
    pthread_barrier_destroy(&crew.leave);
}

static void *one_too_many(void *arg)
{
    hv_vcpu_t id;
    hv_vcpu_exit_t *exit;
    *(hv_return_t *)arg = hv_vcpu_create(&id, &exit, NULL);
    return NULL;
}

static void test_table_full(void **state)
{
    static struct crew crew;
    static struct member members[64];
    pthread_t threads[64], last;
    hv_return_t result = HV_SUCCESS;
    pthread_barrier_init(&crew.made, NULL, 65);
    pthread_barrier_init(&crew.leave, NULL, 65);
    OK(hv_vm_create(NULL));
    for (unsigned k = 0; k < 64; k++) {
        members[k] = (struct member){&crew, k};
        pthread_create(&threads[k], NULL, crew_member, &members[k]);
    }
    pthread_barrier_wait(&crew.made);
    pthread_create(&last, NULL, one_too_many, &result);
    pthread_join(last, NULL);
    assert_int_equal(result, HV_NO_RESOURCES);
    pthread_barrier_wait(&crew.leave);
    for (unsigned k = 0; k < 64; k++)
        pthread_join(threads[k], NULL);
    OK(hv_vm_destroy());
    pthread_barrier_destroy(&crew.made);
    pthread_barrier_destroy(&crew.leave);
}

/* Each call of a vCPU from a thread that it is not. */
static void *foreign_calls(void *arg)
{
    const hv_vcpu_t vcpu = *(hv_vcpu_t *)arg;
    uint64_t value;
    bool flag;
    hv_simd_fp_uchar16_t vector = {0};
    BAD(hv_vcpu_destroy(vcpu));
    BAD(hv_vcpu_run(vcpu));
    BAD(hv_vcpu_get_reg(vcpu, HV_REG_PC, &value));
    BAD(hv_vcpu_set_reg(vcpu, HV_REG_PC, 0));
    BAD(hv_vcpu_get_simd_fp_reg(vcpu, HV_SIMD_FP_REG_Q1, &vector));
    BAD(hv_vcpu_set_simd_fp_reg(vcpu, HV_SIMD_FP_REG_Q1, vector));
    BAD(hv_vcpu_get_sys_reg(vcpu, HV_SYS_REG_MIDR_EL1, &value));
    BAD(hv_vcpu_set_sys_reg(vcpu, HV_SYS_REG_MIDR_EL1, 0));
    BAD(hv_vcpu_get_pending_interrupt(vcpu, HV_INTERRUPT_TYPE_IRQ, &flag));
    BAD(hv_vcpu_set_pending_interrupt(vcpu, HV_INTERRUPT_TYPE_IRQ, true));
    BAD(hv_vcpu_get_trap_debug_exceptions(vcpu, &flag));
    BAD(hv_vcpu_set_trap_debug_exceptions(vcpu, true));
    BAD(hv_vcpu_get_trap_debug_reg_accesses(vcpu, &flag));
    BAD(hv_vcpu_set_trap_debug_reg_accesses(vcpu, true));
    BAD(hv_vcpu_get_exec_time(vcpu, &value));
    BAD(hv_vcpu_get_vtimer_mask(vcpu, &flag));
    BAD(hv_vcpu_set_vtimer_mask(vcpu, true));
    BAD(hv_vcpu_get_vtimer_offset(vcpu, &value));
    BAD(hv_vcpu_set_vtimer_offset(vcpu, 1));
    BAD(hv_vcpu_get_serror(vcpu, &flag));
    BAD(hv_vcpu_set_serror(vcpu, true));
    BAD(hv_vcpu_invalidate_tlb(vcpu, HV_TLBI_OP_VMALLE1IS, 0));
    OK(hv_vcpus_exit(arg, 1)); /* the only one that any thread may make */
    return NULL;
}

static void test_threads(void **state)
{
    struct guest guest;
    pthread_t thread;
    guest_create(&guest);
    pthread_create(&thread, NULL, foreign_calls, &guest.vcpu);
    pthread_join(thread, NULL);
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    guest_destroy(&guest);
}

/* What the configuration says of a CPU is what its guest reads. */
static void test_feature_registers(void **state)
{
    static const uint16_t encodings[] = {0xc028, 0xc029, 0xc030, 0xc031, 0xc038, 0xc039, 0xc03a,
                                         0xc020, 0xc021, 0xd801, 0xc801, 0xd807, 0xc025, 0xc024};
    struct guest guest;
    uint64_t value;
    hv_vcpu_config_t config = hv_vcpu_config_create();
    guest_with_traps(&guest);
    for (unsigned k = 0; k < COUNT(encodings); k++) {
        OK(hv_vcpu_config_get_feature_reg(config, (hv_feature_reg_t)k, &value));
        guest_runs_inside(&guest, MRS(5, encodings[k]));
        assert_true(guest_reg(&guest, HV_REG_X0 + 5) == value);
    }
    BAD(hv_vcpu_config_get_feature_reg(config, (hv_feature_reg_t)COUNT(encodings), &value));
    uint64_t ccsidr[9] = {[8] = 0x1234};
    OK(hv_vcpu_config_get_ccsidr_el1_sys_reg_values(config, HV_CACHE_TYPE_INSTRUCTION, ccsidr));
    assert_int_equal(ccsidr[8], 0x1234); /* eight, not nine */
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_CSSELR_EL1, 1));
    guest_runs_inside(&guest, MRS(5, 0xc800)); /* CCSIDR_EL1 */
    assert_true(guest_reg(&guest, HV_REG_X0 + 5) == ccsidr[0]);
    os_release(config);
    guest_destroy(&guest);
}

/* ---- A3: memory ---- */

static void test_4k_granule(void **state)
{
    hv_vm_config_t config = hv_vm_config_create();
    void *memory;
    OK(hv_vm_allocate(&memory, PAGE, HV_ALLOCATE_DEFAULT));
    OK(hv_vm_config_set_ipa_granule(config, HV_IPA_GRANULE_4KB));
    OK(hv_vm_create(config));
    os_release(config);
    OK(hv_vm_map(memory, 0x1000, 0x1000, RWX));
    OK(hv_vm_map(memory, 0x2000, 0x3000, RWX));
    BAD(hv_vm_map(memory, 0x5800, 0x1000, RWX));
    BAD(hv_vm_map(memory, 0x6000, 0x800, RWX));
    OK(hv_vm_protect(0x2000, 0x1000, HV_MEMORY_READ));
    OK(hv_vm_unmap(0x1000, 0x1000));
    assert_int_equal(hv_vm_map(memory, 0x1000, 0x2000, RWX), HV_ERROR);
    OK(hv_vm_destroy());
    OK(hv_vm_deallocate(memory, PAGE));
}

/* A private mapping of a file changes alone, a shared one with its file. */
static void test_file_backed(void **state)
{
    struct guest guest;
    char name[] = "/tmp/hv_rules.XXXXXX";
    const int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(ftruncate(fd, PAGE), 0);
    guest_with_traps(&guest);
    for (unsigned shared = 0; shared < 2; shared++) {
        uint32_t word = 1;
        void *memory =
            mmap(NULL, PAGE, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        OK(hv_vm_map(memory, NOWHERE, PAGE, HV_MEMORY_READ | HV_MEMORY_WRITE));
        const uint32_t code[] = {MOVZ(0, 0x42), STR_W(0, 1), BRK(0)};
        guest_start(&guest, code);
        guest_set_reg(&guest, HV_REG_X1, NOWHERE);
        guest_run_to(&guest, 0x3c);
        assert_int_equal(pread(fd, &word, 4, 0), 4);
        assert_int_equal(word, shared ? 0x42 : 0);
        OK(hv_vm_unmap(NOWHERE, PAGE));
        munmap(memory, PAGE);
    }
    close(fd);
    guest_destroy(&guest);
}

/* Each combination of flags lets through what it names and nothing else. */
static void test_flags_are_enforced(void **state)
{
    struct guest guest;
    void *memory;
    guest_with_traps(&guest);
    OK(hv_vm_allocate(&memory, PAGE, HV_ALLOCATE_DEFAULT));
    const uint32_t brk = BRK(5);
    memcpy(memory, &brk, 4);
    for (hv_memory_flags_t flags = 0; flags < 8; flags++) {
        OK(hv_vm_map(memory, NOWHERE, PAGE, flags));
        const unsigned load = flags & HV_MEMORY_READ ? 0x3c : 0x24;
        guest_run_one(&guest, LDR_W(0, 1), NOWHERE, load);
        if (load == 0x24)
            assert_int_equal(guest.exit->exception.syndrome & 0x3f, 0x0f);
        const unsigned store = flags & HV_MEMORY_WRITE ? 0x3c : 0x24;
        guest_run_one(&guest, STR_W(31, 1), NOWHERE + 8, store);
        if (store == 0x24)
            assert_int_equal(guest.exit->exception.syndrome & 0x7f, 0x4f);
        guest_set_reg(&guest, HV_REG_PC, NOWHERE);
        guest_run_to(&guest, flags & HV_MEMORY_EXEC ? 0x3c : 0x20);
        OK(hv_vm_unmap(NOWHERE, PAGE));
    }
    OK(hv_vm_deallocate(memory, PAGE));
    guest_destroy(&guest);
}

/* ---- A4: registers ---- */

static void test_32_bit_registers(void **state)
{
    struct guest guest;
    guest_create(&guest);
    for (unsigned reg = HV_REG_FPCR; reg <= HV_REG_CPSR; reg++) {
        guest_set_reg(&guest, reg, 0xaaaaaaaa55555555ull);
        assert_int_equal(guest_reg(&guest, reg), 0x55555555);
    }
    guest_destroy(&guest);
}

/* Every system register that a VM without EL2, GIC and SME has reads back what was written, before
 * a run and after one. Those with fewer bits than that say which. */
static const struct {
    uint16_t reg;
    uint64_t mask; /* 0: all */
} readable[] = {
    {0x8010, 0}, {0x8012, 0}, {0xc000, 0}, {0xc005, 0}, {0xc020, 0}, {0xc021, 0}, {0xc022, 0},
    {0xc024, 0}, {0xc025, 0}, {0xc028, 0}, {0xc029, 0}, {0xc030, 0}, {0xc031, 0}, {0xc032, 0},
    {0xc038, 0}, {0xc039, 0}, {0xc03a, 0}, {0xc03b, 0}, {0xc03c, 0}, {0xc080, 0}, {0xc081, 2},
    {0xc082, 0}, {0xc100, 0}, {0xc101, 0}, {0xc102, 0}, {0xc108, 0}, {0xc109, 0}, {0xc10a, 0},
    {0xc10b, 0}, {0xc110, 0}, {0xc111, 0}, {0xc112, 0}, {0xc113, 0}, {0xc118, 0}, {0xc119, 0},
    {0xc200, 0}, {0xc201, 0}, {0xc208, 0}, {0xc288, 0}, {0xc289, 0}, {0xc290, 0}, {0xc300, 0},
    {0xc3a0, 0}, {0xc510, 0}, {0xc518, 0}, {0xc600, 0}, {0xc681, 0}, {0xc684, 0}, {0xc708, 0x203ff},
    {0xd000, 0}, {0xde82, 0}, {0xde83, 0}, {0xdf19, 3}, {0xdf1a, 0}, {0xe208, 0},
};

static void check_register(struct guest *guest, unsigned reg, uint64_t mask)
{
    const uint64_t before = guest_sys_reg(guest, reg), value = 0x5a5a1234deadbeefull;
    OK(hv_vcpu_set_sys_reg(guest->vcpu, (hv_sys_reg_t)reg, value));
    const uint64_t got = guest_sys_reg(guest, reg);
    const uint64_t want = mask ? value & mask : value;
    if ((mask ? got & mask : got) != want)
        fail_msg("register %#x: %#llx", reg, (unsigned long long)got);
    OK(hv_vcpu_set_sys_reg(guest->vcpu, (hv_sys_reg_t)reg, before));
}

static void test_every_register(void **state)
{
    struct guest guest;
    guest_with_traps(&guest);
    for (unsigned run = 0; run < 2; run++) {
        for (unsigned reg = HV_SYS_REG_DBGBVR0_EL1; reg <= HV_SYS_REG_DBGWCR15_EL1; reg++)
            if (reg & 4)
                check_register(&guest, reg, 0);
        for (unsigned k = 0; k < COUNT(readable); k++)
            check_register(&guest, readable[k].reg, readable[k].mask);
        guest_runs_inside(&guest, NOP);
    }
    guest_destroy(&guest);
}

static const uint16_t el2_registers[] = {
    0xe000, 0xe005, 0xe080, 0xe088, 0xe089, 0xe019, 0xe08a, 0xe100, 0xe101,
    0xe102, 0xe108, 0xe10a, 0xe200, 0xe201, 0xe290, 0xe300, 0xe304, 0xe510,
    0xe600, 0xe682, 0xe703, 0xe708, 0xe710, 0xe711, 0xe712, 0xf208,
};

static void test_el2_registers(void **state)
{
    struct guest guest;
    uint64_t value;
    guest_create(&guest);
    for (unsigned k = 0; k < COUNT(el2_registers); k++) {
        UNSUPPORTED(hv_vcpu_get_sys_reg(guest.vcpu, (hv_sys_reg_t)el2_registers[k], &value));
        UNSUPPORTED(hv_vcpu_set_sys_reg(guest.vcpu, (hv_sys_reg_t)el2_registers[k], 0));
    }
    guest_destroy(&guest);
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_vm_config_set_el2_enabled(config, true));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    assert_int_equal(guest_reg(&guest, HV_REG_CPSR), 0x3c9);
    for (unsigned k = 0; k < COUNT(el2_registers); k++) {
        OK(hv_vcpu_get_sys_reg(guest.vcpu, (hv_sys_reg_t)el2_registers[k], &value));
        OK(hv_vcpu_set_sys_reg(guest.vcpu, (hv_sys_reg_t)el2_registers[k], value));
    }
    OK(hv_vcpu_set_sys_reg(guest.vcpu, (hv_sys_reg_t)0xe019, 0x106));
    assert_int_equal(guest_sys_reg(&guest, HV_SYS_REG_MDCR_EL2), 0x106);
    guest_destroy(&guest);
}

static void test_absent_registers(void **state)
{
    static const uint16_t absent[] = {
        HV_SYS_REG_SMPRI_EL1,     HV_SYS_REG_SMCR_EL1,     HV_SYS_REG_TPIDR2_EL0,
        HV_SYS_REG_CNTP_TVAL_EL0, HV_SYS_REG_CNTP_CTL_EL0, HV_SYS_REG_CNTP_CVAL_EL0,
    };
    struct guest guest;
    uint64_t value;
    guest_create(&guest);
    for (unsigned k = 0; k < COUNT(absent); k++) {
        UNSUPPORTED(hv_vcpu_get_sys_reg(guest.vcpu, (hv_sys_reg_t)absent[k], &value));
        UNSUPPORTED(hv_vcpu_set_sys_reg(guest.vcpu, (hv_sys_reg_t)absent[k], 0));
    }
    guest_destroy(&guest);
}

/* ---- A5: a new vCPU ---- */

static void test_reset(void **state)
{
    static const uint16_t zeroes[] = {0xc108, 0xc109, 0xc10a, 0xc10b, 0xc110, 0xc111, 0xc112,
                                      0xc113, 0xc118, 0xc119, 0xc600, 0x8012, 0xd000, 0xc081,
                                      0x8004, 0x8005, 0x8006, 0x8007, 0xc201, 0xe208};
    static const struct {
        uint16_t reg;
        uint64_t value;
    } m1[] = {
        {HV_SYS_REG_MIDR_EL1, 0x610f0000},
        {HV_SYS_REG_SCTLR_EL1, 0x30100180},
        {HV_SYS_REG_PAR_EL1, 0x800},
        {HV_SYS_REG_ID_AA64PFR1_EL1, 0x20},
        {HV_SYS_REG_ID_AA64DFR0_EL1, 0x10305006},
        {HV_SYS_REG_ID_AA64DFR1_EL1, 0},
        {HV_SYS_REG_ID_AA64ISAR0_EL1, 0x0221100110212120},
        {HV_SYS_REG_ID_AA64ISAR1_EL1, 0x0000011110211202},
        {HV_SYS_REG_ID_AA64MMFR0_EL1, 0x000010000f100001},
        {HV_SYS_REG_ID_AA64MMFR1_EL1, 0x11212000},
        {HV_SYS_REG_ID_AA64MMFR2_EL1, 0x1001001100001011},
        {HV_SYS_REG_ID_AA64ZFR0_EL1, 0},
        {HV_SYS_REG_ID_AA64SMFR0_EL1, 0},
    };
    struct guest guest;
    bool pending = true;
    uint64_t time = 1;
    guest_create(&guest);
    for (unsigned k = 0; k < COUNT(zeroes); k++)
        assert_true(guest_sys_reg(&guest, zeroes[k]) == 0);
    for (unsigned k = 0; k < COUNT(m1); k++)
        assert_true(guest_sys_reg(&guest, m1[k].reg) == m1[k].value);
    OK(hv_vcpu_get_serror(guest.vcpu, &pending));
    assert_false(pending);
    OK(hv_vcpu_get_exec_time(guest.vcpu, &time));
    assert_int_equal(time, 0);
    UNSUPPORTED(hv_vcpu_get_wait_for_interrupt_time(guest.vcpu, &time));
    const uint32_t code[] = {BRK(0)};
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    OK(hv_vcpu_get_exec_time(guest.vcpu, &time));
    assert_true(time > 0);
    guest_destroy(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_arguments),
        cmocka_unit_test(test_no_vm),
        cmocka_unit_test(test_ipa_sizes),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_table_full),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_feature_registers),
        cmocka_unit_test(test_4k_granule),
        cmocka_unit_test(test_file_backed),
        cmocka_unit_test(test_flags_are_enforced),
        cmocka_unit_test(test_32_bit_registers),
        cmocka_unit_test(test_every_register),
        cmocka_unit_test(test_el2_registers),
        cmocka_unit_test(test_absent_registers),
        cmocka_unit_test(test_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
