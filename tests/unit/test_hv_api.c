/* SPDX-License-Identifier: MIT */
/* Each fact of the API sheet about the VM, its memory, vCPUs, registers and exits (A1 to A7) has a
 * check here. */

#include "hv_guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mach/mach_time.h>

/* ---- A0, A1 ---- */

static void test_shapes(void **state)
{
    assert_int_equal(sizeof(hv_vcpu_exit_t), 32);
    assert_int_equal(offsetof(hv_vcpu_exit_t, exception), 8);
    assert_int_equal(sizeof(hv_vcpu_exit_exception_t), 24);
    assert_int_equal(offsetof(hv_vcpu_exit_exception_t, virtual_address), 8);
    assert_int_equal(offsetof(hv_vcpu_exit_exception_t, physical_address), 16);
    assert_int_equal(sizeof(hv_reg_t), 4);
    assert_int_equal(sizeof(hv_sys_reg_t), 2);
    assert_int_equal(sizeof(hv_gic_distributor_reg_t), 2);
    assert_int_equal(sizeof(hv_gic_redistributor_reg_t), 4);
    assert_int_equal(sizeof(hv_simd_fp_uchar16_t), 16);
    assert_int_equal(sizeof(hv_sme_zt0_uchar64_t), 64);
    assert_int_equal(HV_ERROR, -85377023);
    assert_int_equal(HV_BUSY, -85377022);
    assert_int_equal(HV_BAD_ARGUMENT, -85377021);
    assert_int_equal(HV_ILLEGAL_GUEST_STATE, -85377020);
    assert_int_equal(HV_NO_RESOURCES, -85377019);
    assert_int_equal(HV_NO_DEVICE, -85377018);
    assert_int_equal(HV_DENIED, -85377017);
    assert_int_equal(HV_EXISTS, -85377016);
    assert_int_equal(HV_FAULT, -85377016);
    assert_int_equal(HV_UNSUPPORTED, -85377009);
    assert_int_equal(HV_INTERRUPT_TYPE_IRQ, 0);
    assert_int_equal(HV_INTERRUPT_TYPE_FIQ, 1);
    assert_int_equal(HV_SYS_REG_DBGWCR15_EL1, 0x807f);
    assert_int_equal(HV_SYS_REG_SP_EL1, 0xe208);
    assert_int_equal(HV_SYS_REG_CNTV_CVAL_EL0, 0xdf1a);
}

/* ---- A2: VMs and configurations ---- */

static void test_vm_lifetime(void **state)
{
    hv_vcpu_t vcpu;
    hv_vcpu_exit_t *exit;
    uint32_t max = 0;
    OK(hv_vm_get_max_vcpu_count(&max));
    assert_true(max >= 32);
    assert_int_equal(hv_vm_destroy(), HV_NO_DEVICE);
    assert_int_equal(hv_vcpu_create(&vcpu, &exit, NULL), HV_NO_DEVICE);
    for (int i = 0; i < 3; i++) {
        OK(hv_vm_create(NULL));
        assert_int_equal(hv_vm_create(NULL), HV_BUSY);
        OK(hv_vcpu_create(&vcpu, &exit, NULL));
        assert_int_equal(vcpu, 0);
        assert_int_equal(hv_vcpu_create(&vcpu, &exit, NULL), HV_BUSY);
        assert_int_equal(hv_vm_destroy(), HV_BUSY);
        OK(hv_vcpu_destroy(vcpu));
        assert_int_equal(hv_vcpu_destroy(vcpu), HV_BAD_ARGUMENT);
        OK(hv_vm_destroy());
    }
}

static void test_engine_by_environment(void **state)
{
    const char *before = getenv("POMONA_ENGINE");
    char *saved = before ? strdup(before) : NULL;
    setenv("POMONA_ENGINE", "steam", 1);
    assert_int_equal(hv_vm_create(NULL), HV_BAD_ARGUMENT);
    setenv("POMONA_ENGINE", "interp", 1);
    OK(hv_vm_create(NULL));
    OK(hv_vm_destroy());
    if (saved)
        setenv("POMONA_ENGINE", saved, 1);
    else
        unsetenv("POMONA_ENGINE");
    free(saved);
}

static void test_old_host(void **state)
{
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_pomona_vm_config_set_engine_knobs(config, "old-host"));
    OK(hv_pomona_vm_config_set_engine(config, "interp"));
    OK(hv_vm_create(config));
    OK(hv_vm_destroy());
    if (!hv_pomona_vm_config_set_engine(config, "dbt"))
        assert_int_equal(hv_vm_create(config), HV_UNSUPPORTED);
    os_release(config);
}

static void test_knobs(void **state)
{
    static const char *const good[] = {"", "avx2", "code=64K", "code=1024M,evict", "one-tlb,no-slots,every-block", "vipt", "plant=ADD_64_addsub_imm"};
    static const char *const bad[] = {"avx", "avx22", "avx2,,evict", "code=", "code=63K", "code=1025M", "code=64",
                                      "code=64KB", "code=-1K", "no-slots one-tlb", "plant=", "plant=ADD"};
    hv_vm_config_t config = hv_vm_config_create();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        OK(hv_pomona_vm_config_set_engine_knobs(config, good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(hv_pomona_vm_config_set_engine_knobs(config, bad[i]), HV_BAD_ARGUMENT);
    assert_int_equal(hv_pomona_vm_config_set_engine_knobs(config, NULL), HV_BAD_ARGUMENT);
    assert_int_equal(hv_pomona_vm_config_set_engine_knobs(NULL, ""), HV_BAD_ARGUMENT);
    os_release(config);
}

static void test_vm_config(void **state)
{
    uint32_t max, bits = 1;
    bool el2 = true;
    hv_ipa_granule_t granule;
    hv_vm_config_t config = hv_vm_config_create();
    assert_non_null(config);
    OK(hv_vm_config_get_max_ipa_size(&max));
    OK(hv_vm_config_set_ipa_size(config, 0));
    OK(hv_vm_config_get_ipa_size(config, &bits));
    assert_int_equal(bits, 0);
    OK(hv_vm_config_set_ipa_size(config, max));
    assert_int_equal(hv_vm_config_set_ipa_size(config, max + 1), HV_UNSUPPORTED);
    OK(hv_vm_config_get_default_ipa_size(&bits));
    assert_true(bits <= max);
    OK(hv_vm_config_get_el2_enabled(config, &el2));
    assert_false(el2);
    OK(hv_vm_config_set_el2_enabled(config, true));
    OK(hv_vm_config_get_el2_enabled(config, &el2));
    assert_true(el2);
    OK(hv_vm_config_get_default_ipa_granule(&granule));
    assert_int_equal(granule, HV_IPA_GRANULE_16KB);
    OK(hv_vm_config_set_ipa_granule(config, HV_IPA_GRANULE_4KB));
    OK(hv_vm_config_get_ipa_granule(config, &granule));
    assert_int_equal(granule, HV_IPA_GRANULE_4KB);
    assert_ptr_equal(os_retain(config), config);
    os_release(config);
    os_release(config);
    os_release(NULL);
    hv_vcpu_config_t vcpu_config = hv_vcpu_config_create();
    uint64_t value, ccsidr[8] = {0};
    OK(hv_vcpu_config_get_feature_reg(vcpu_config, HV_FEATURE_REG_ID_AA64ISAR0_EL1, &value));
    assert_true(value == 0x0221100110212120ull);
    OK(hv_vcpu_config_get_ccsidr_el1_sys_reg_values(vcpu_config, HV_CACHE_TYPE_DATA, ccsidr));
    assert_int_not_equal(ccsidr[0], 0);
    assert_int_equal(ccsidr[7], 0);
    os_release(vcpu_config);
}

/* ---- A3: memory ---- */

static void test_memory_rules(void **state)
{
    const hv_memory_flags_t rwx = HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC;
    const size_t page = 0x4000;
    uint8_t *memory =
        mmap(NULL, 0x20000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(hv_vm_map(memory, 0x10000, page, rwx), HV_NO_DEVICE);
    OK(hv_vm_create(NULL));
    assert_int_equal(hv_vm_map(memory, 0x1000, page, rwx), HV_BAD_ARGUMENT);
    assert_int_equal(hv_vm_map(memory, 0x4000, 0x1000, rwx), HV_BAD_ARGUMENT);
    assert_int_equal(hv_vm_map(memory + 8, 0x4000, page, rwx), HV_BAD_ARGUMENT);
    OK(hv_vm_map(memory + sysconf(_SC_PAGESIZE), 0x40000, page, rwx)); /* the host's alignment */
    assert_int_equal(hv_vm_map(memory, 1ull << 36, page, rwx), HV_BAD_ARGUMENT);
    assert_int_equal(hv_vm_map(memory, 0x4000, 0, rwx), HV_BAD_ARGUMENT);
    assert_int_equal(hv_vm_map(memory, 0x4000, page, 8), HV_BAD_ARGUMENT);
    for (hv_memory_flags_t flags = 0; flags < 8; flags++) {
        OK(hv_vm_map(memory, 0, page, flags));
        OK(hv_vm_unmap(0, page));
    }
    OK(hv_vm_map(memory, 0x10000, 4 * page, rwx));
    assert_int_equal(hv_vm_map(memory, 0x10000, 4 * page, rwx), HV_ERROR);
    assert_int_equal(hv_vm_map(memory, 0xc000, 2 * page, rwx), HV_ERROR);
    assert_int_equal(hv_vm_map(memory, 0x1c000, 2 * page, rwx), HV_ERROR);
    OK(hv_vm_unmap(0x14000, page));
    assert_int_equal(hv_vm_map(memory, 0x14000, 2 * page, rwx), HV_ERROR);
    OK(hv_vm_map(memory, 0x14000, page, rwx));
    OK(hv_vm_unmap(0x14000, page));
    OK(hv_vm_unmap(0x14000, page));
    OK(hv_vm_unmap(0x10000, 4 * page));
    assert_int_equal(hv_vm_protect(0x10000, page, HV_MEMORY_READ), HV_ERROR);
    OK(hv_vm_destroy());
    munmap(memory, 0x20000);
}

static void test_allocate(void **state)
{
    void *memory;
    assert_int_equal(hv_vm_allocate(&memory, 0x1000, 0), HV_BAD_ARGUMENT);
    OK(hv_vm_allocate(&memory, 0x8000, HV_ALLOCATE_DEFAULT));
    assert_int_equal((uintptr_t)memory & 0x3fff, 0);
    memset(memory, 1, 0x8000);
    OK(hv_vm_deallocate(memory, 0x8000));
}

/* An unmapped page aborts; mapped between two runs, the same instruction goes through. */
static void test_map_between_runs(void **state)
{
    struct guest guest;
    guest_create(&guest);
    const uint32_t code[] = {LDR_X(0, 1), BRK(0)};
    guest_start(&guest, code);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    guest_set_reg(&guest, HV_REG_X1, 0x20000128);
    guest_run_to(&guest, 0x24);
    assert_int_equal(guest.exit->exception.physical_address, 0x20000128);
    assert_int_equal(guest.exit->exception.virtual_address, 0x20000128);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE);
    void *memory;
    OK(hv_vm_allocate(&memory, 0x4000, 0));
    memset((uint8_t *)memory + 0x128, 0x5a, 8);
    OK(hv_vm_map(memory, 0x20000000, 0x4000, HV_MEMORY_READ));
    guest_run_to(&guest, 0x3c);
    assert_true(guest_reg(&guest, HV_REG_X0) == 0x5a5a5a5a5a5a5a5aull);
    OK(hv_vm_unmap(0x20000000, 0x4000));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_run_to(&guest, 0x24); /* the TLB has forgotten it */
    OK(hv_vm_deallocate(memory, 0x4000));
    guest_destroy(&guest);
}

/* Code in memory that is told changed, and then is the host's no more: nobody looks at it again. */
static void test_code_unmapped(void **state)
{
    struct guest guest;
    void *memory;
    guest_create(&guest);
    OK(hv_vm_allocate(&memory, 0x4000, 0));
    const uint32_t code[] = {MOVZ(0, 42), HVC(0)}, other[] = {MOVZ(0, 7), HVC(0)};
    memcpy(memory, code, sizeof(code));
    OK(hv_vm_map(memory, 0x20000000, 0x4000, HV_MEMORY_READ | HV_MEMORY_EXEC));
    guest_start(&guest, other);
    for (unsigned i = 0; i < 3; i++) {
        guest_set_reg(&guest, HV_REG_PC, 0x20000000);
        guest_run_to(&guest, 0x16);
        assert_int_equal(guest_reg(&guest, HV_REG_X0), 42);
    }
    OK(hv_pomona_code_changed(0x20000000, 4));
    OK(hv_vm_unmap(0x20000000, 0x4000));
    OK(hv_vm_deallocate(memory, 0x4000));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_run_to(&guest, 0x16);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 7);
    guest_destroy(&guest);
}

/* Unmapped under a running guest: the next access aborts; nothing reaches the memory after
 * hv_vm_unmap. */
static _Atomic bool abort_seen;

static void *take_memory_away(void *arg)
{
    uint32_t *memory = arg;
    /* On a busy host it may take long until the guest's thread runs just then. */
    for (int i = 0; i < 200 || (!abort_seen && i < 100000); i++) {
        usleep(100);
        OK(hv_vm_unmap(0x20000000, 0x4000));
        const uint32_t before = __atomic_load_n(memory, __ATOMIC_SEQ_CST);
        sched_yield();
        assert_int_equal(before, __atomic_load_n(memory, __ATOMIC_SEQ_CST));
        OK(hv_vm_map(memory, 0x20000000, 0x4000, HV_MEMORY_READ | HV_MEMORY_WRITE));
    }
    return NULL;
}

static void test_map_while_running(void **state)
{
    struct guest guest;
    pthread_t thread;
    void *memory, *done = &thread;
    unsigned aborts = 0;
    guest_create(&guest);
    OK(hv_vm_allocate(&memory, 0x4000, 0));
    OK(hv_vm_map(memory, 0x20000000, 0x4000, HV_MEMORY_READ | HV_MEMORY_WRITE));
    const uint32_t code[] = {0x11000400 /* add w0, w0, #1 */, STR_W(0, 1), B(-2)};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, 0x20000000);
    pthread_create(&thread, NULL, take_memory_away, memory);
    while (pthread_tryjoin_np(thread, &done)) {
        OK(hv_pomona_vcpu_set_budget(guest.vcpu, 1000000));
        OK(hv_vcpu_run(guest.vcpu));
        aborts += guest.exit->reason == HV_EXIT_REASON_EXCEPTION;
        abort_seen = aborts > 0;
    }
    assert_null(done);
    assert_true(aborts > 0);
    OK(hv_vm_unmap(0x20000000, 0x4000));
    OK(hv_vm_deallocate(memory, 0x4000));
    guest_destroy(&guest);
}

static void test_permissions(void **state)
{
    struct guest guest;
    guest_create(&guest);
    const uint32_t code[] = {STR_W(0, 1), BRK(0)};
    guest_start(&guest, code);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    guest_set_reg(&guest, HV_REG_X1, RAM_BASE + 0x8010);
    guest_run_to(&guest, 0x3c);
    OK(hv_vm_protect(RAM_BASE + 0x8000, 0x4000, HV_MEMORY_READ));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_run_to(&guest, 0x24);
    const uint64_t iss = guest.exit->exception.syndrome;
    assert_true(iss & 1 << 24); /* ISV */
    assert_int_equal(iss >> 22 & 3, 2);
    assert_int_equal(iss >> 16 & 31, 0);
    assert_true(iss & 1 << 6);          /* WnR */
    assert_int_equal(iss & 0x3c, 0x0c); /* permission fault */
    assert_true(iss & 1 << 25);         /* IL */
    OK(hv_vm_protect(RAM_BASE, RAM_SIZE, HV_MEMORY_READ | HV_MEMORY_WRITE));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_run_to(&guest, 0x20);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE);
    guest_destroy(&guest);
}

/* ---- A4: registers ---- */

static void test_general_registers(void **state)
{
    struct guest guest;
    uint64_t value;
    guest_create(&guest);
    for (unsigned i = 0; i <= HV_REG_PC; i++) {
        assert_int_equal(guest_reg(&guest, i), 0);
        guest_set_reg(&guest, i, 0xfeedface00000000ull + i);
        assert_true(guest_reg(&guest, i) == 0xfeedface00000000ull + i);
    }
    for (unsigned i = HV_REG_FPCR; i <= HV_REG_CPSR; i++) {
        guest_set_reg(&guest, i, 0xdeadbeef);
        assert_int_equal(guest_reg(&guest, i), 0xdeadbeef);
    }
    assert_int_equal(hv_vcpu_get_reg(guest.vcpu, (hv_reg_t)35, &value), HV_BAD_ARGUMENT);
    assert_int_equal(hv_vcpu_set_reg(guest.vcpu, (hv_reg_t)35, 0), HV_BAD_ARGUMENT);
    hv_simd_fp_uchar16_t vector, back;
    for (unsigned i = 0; i < 32; i++) {
        OK(hv_vcpu_get_simd_fp_reg(guest.vcpu, (hv_simd_fp_reg_t)i, &back));
        memset(&vector, 0, 16);
        assert_memory_equal(&vector, &back, 16);
        memset(&vector, (int)i + 1, 16);
        OK(hv_vcpu_set_simd_fp_reg(guest.vcpu, (hv_simd_fp_reg_t)i, vector));
        OK(hv_vcpu_get_simd_fp_reg(guest.vcpu, (hv_simd_fp_reg_t)i, &back));
        assert_memory_equal(&vector, &back, 16);
    }
    guest_destroy(&guest);
}

/* Every name of the 15.x SDK that a VM without EL2, SME and GIC has: settable, with exact readback.
 */
static const uint16_t plain_registers[] = {
    HV_SYS_REG_MDCCINT_EL1,      HV_SYS_REG_MDSCR_EL1,        HV_SYS_REG_MIDR_EL1,
    HV_SYS_REG_MPIDR_EL1,        HV_SYS_REG_ID_AA64PFR0_EL1,  HV_SYS_REG_ID_AA64PFR1_EL1,
    HV_SYS_REG_ID_AA64DFR0_EL1,  HV_SYS_REG_ID_AA64DFR1_EL1,  HV_SYS_REG_ID_AA64ISAR0_EL1,
    HV_SYS_REG_ID_AA64ISAR1_EL1, HV_SYS_REG_ID_AA64MMFR0_EL1, HV_SYS_REG_ID_AA64MMFR1_EL1,
    HV_SYS_REG_ID_AA64MMFR2_EL1, HV_SYS_REG_SCTLR_EL1,        HV_SYS_REG_CPACR_EL1,
    HV_SYS_REG_TTBR0_EL1,        HV_SYS_REG_TTBR1_EL1,        HV_SYS_REG_TCR_EL1,
    HV_SYS_REG_APIAKEYLO_EL1,    HV_SYS_REG_APIAKEYHI_EL1,    HV_SYS_REG_APIBKEYLO_EL1,
    HV_SYS_REG_APIBKEYHI_EL1,    HV_SYS_REG_APDAKEYLO_EL1,    HV_SYS_REG_APDAKEYHI_EL1,
    HV_SYS_REG_APDBKEYLO_EL1,    HV_SYS_REG_APDBKEYHI_EL1,    HV_SYS_REG_APGAKEYLO_EL1,
    HV_SYS_REG_APGAKEYHI_EL1,    HV_SYS_REG_SPSR_EL1,         HV_SYS_REG_ELR_EL1,
    HV_SYS_REG_SP_EL0,           HV_SYS_REG_AFSR0_EL1,        HV_SYS_REG_AFSR1_EL1,
    HV_SYS_REG_ESR_EL1,          HV_SYS_REG_FAR_EL1,          HV_SYS_REG_PAR_EL1,
    HV_SYS_REG_MAIR_EL1,         HV_SYS_REG_AMAIR_EL1,        HV_SYS_REG_VBAR_EL1,
    HV_SYS_REG_CONTEXTIDR_EL1,   HV_SYS_REG_TPIDR_EL1,        HV_SYS_REG_CNTKCTL_EL1,
    HV_SYS_REG_CSSELR_EL1,       HV_SYS_REG_TPIDR_EL0,        HV_SYS_REG_TPIDRRO_EL0,
    HV_SYS_REG_CNTV_CVAL_EL0,    HV_SYS_REG_SP_EL1,
};

static void check_readback(struct guest *guest, unsigned reg, uint64_t value)
{
    uint64_t before, after = 0;
    if (hv_vcpu_get_sys_reg(guest->vcpu, (hv_sys_reg_t)reg, &before) != HV_SUCCESS)
        fail_msg("register %#x cannot be read", reg);
    OK(hv_vcpu_set_sys_reg(guest->vcpu, (hv_sys_reg_t)reg, value));
    OK(hv_vcpu_get_sys_reg(guest->vcpu, (hv_sys_reg_t)reg, &after));
    if (after != value)
        fail_msg("register %#x: wrote %#llx, read %#llx", reg, (unsigned long long)value,
                 (unsigned long long)after);
    OK(hv_vcpu_set_sys_reg(guest->vcpu, (hv_sys_reg_t)reg, before));
}

static void test_system_registers(void **state)
{
    struct guest guest;
    uint64_t value;
    guest_create(&guest);
    for (unsigned reg = HV_SYS_REG_DBGBVR0_EL1; reg <= HV_SYS_REG_DBGWCR15_EL1; reg++)
        if (reg & 4)
            check_readback(&guest, reg, 0x1234);
    for (size_t i = 0; i < sizeof(plain_registers) / sizeof(plain_registers[0]); i++)
        check_readback(&guest, plain_registers[i], 0x10);
    assert_int_equal(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_HCR_EL2, &value), HV_UNSUPPORTED);
    assert_int_equal(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MDCR_EL2, 0), HV_UNSUPPORTED);
    assert_int_equal(hv_vcpu_set_sys_reg(guest.vcpu, (hv_sys_reg_t)0xe019, 0), HV_UNSUPPORTED);
    assert_int_equal(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_SMCR_EL1, &value), HV_UNSUPPORTED);
    assert_int_equal(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_CNTP_CTL_EL0, &value),
                     HV_UNSUPPORTED);
    assert_int_equal(hv_vcpu_get_sys_reg(guest.vcpu, (hv_sys_reg_t)0xffff, &value),
                     HV_BAD_ARGUMENT);
    guest_destroy(&guest);
}

/* The guest sees the ID value that the monitor wrote. */
static void test_id_registers_are_the_monitors(void **state)
{
    struct guest guest;
    guest_create(&guest);
    const uint32_t code[] = {MRS(0, HV_SYS_REG_ID_AA64ISAR0_EL1), MRS(1, HV_SYS_REG_MIDR_EL1),
                             BRK(0)};
    guest_start(&guest, code);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_ID_AA64ISAR0_EL1, 0x12340));
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 0x12340);
    assert_int_equal(guest_reg(&guest, HV_REG_X1), 0x610f0000);
    guest_destroy(&guest);
}

/* ---- A5: the state of a new vCPU ---- */

static void test_initial_state(void **state)
{
    struct guest guest;
    uint64_t value;
    bool flag;
    guest_create(&guest);
    assert_int_equal(guest_reg(&guest, HV_REG_CPSR), 0x3c5);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_SCTLR_EL1, &value));
    assert_int_equal(value, 0x30100180);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_MIDR_EL1, &value));
    assert_int_equal(value, 0x610f0000);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_PAR_EL1, &value));
    assert_int_equal(value, 0x800);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ID_AA64PFR0_EL1, &value));
    assert_true(value == 0x1101000010110011ull); /* the sheet's, with GIC = 0: there is none */
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ID_AA64DFR0_EL1, &value));
    assert_int_equal(value, 0x10305006);
    OK(hv_vcpu_get_vtimer_offset(guest.vcpu, &value));
    assert_int_equal(value, 0);
    OK(hv_vcpu_get_vtimer_mask(guest.vcpu, &flag));
    assert_false(flag);
    OK(hv_vcpu_get_pending_interrupt(guest.vcpu, HV_INTERRUPT_TYPE_FIQ, &flag));
    assert_false(flag);
    OK(hv_vcpu_get_trap_debug_exceptions(guest.vcpu, &flag));
    assert_false(flag);
    OK(hv_vcpu_get_trap_debug_reg_accesses(guest.vcpu, &flag));
    assert_false(flag);
    guest_destroy(&guest);
}

/* Without a write of CPSR the guest starts at EL0, where HVC is undefined. */
static void test_cpsr_quirk(void **state)
{
    struct guest guest;
    guest_create(&guest);
    const uint32_t code[] = {MOVZ(0, 42), BRK(0)};
    guest_code(&guest, 0, code, 2);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 42);
    assert_int_equal(guest_reg(&guest, HV_REG_CPSR), 0x3c0);
    guest_set_reg(&guest, HV_REG_CPSR, 0x3c5);
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_CPSR), 0x3c5);
    guest_destroy(&guest);
}

/* ---- A6: exits ---- */

static void test_seed_demo(void **state)
{
    static const uint32_t fibonacci[] = {0xd2800000, 0xd2800021, 0xd2800142, 0x8b010003, 0xaa0103e0,
                                         0xaa0303e1, 0xd1000442, 0xb5ffff82, 0xd4200000};
    static const uint32_t answer[] = {0xd2800540, 0xd4200000};
    hv_vcpu_t vcpu;
    hv_vcpu_exit_t *exit;
    uint64_t value;
    void *memory;
    OK(hv_vm_create(NULL));
    OK(hv_vcpu_create(&vcpu, &exit, NULL));
    OK(hv_vm_allocate(&memory, 0x4000, HV_ALLOCATE_DEFAULT));
    OK(hv_vm_map(memory, 0x10000, 0x4000, HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC));
    OK(hv_vcpu_set_trap_debug_exceptions(vcpu, true));
    memcpy(memory, answer, sizeof(answer));
    OK(hv_vcpu_set_reg(vcpu, HV_REG_PC, 0x10000));
    OK(hv_vcpu_set_reg(vcpu, HV_REG_CPSR, 0x3c4));
    OK(hv_vcpu_run(vcpu));
    assert_int_equal(exit->reason, HV_EXIT_REASON_EXCEPTION);
    assert_int_equal(exit->exception.syndrome, 0xf2000000);
    OK(hv_vcpu_get_reg(vcpu, HV_REG_PC, &value));
    assert_int_equal(value, 0x10004);
    OK(hv_vcpu_get_reg(vcpu, HV_REG_X0, &value));
    assert_int_equal(value, 42);
    memcpy(memory, fibonacci, sizeof(fibonacci));
    OK(hv_vcpu_set_reg(vcpu, HV_REG_PC, 0x10000));
    OK(hv_vcpu_run(vcpu));
    OK(hv_vcpu_get_reg(vcpu, HV_REG_PC, &value));
    assert_int_equal(value, 0x10020);
    OK(hv_vcpu_get_reg(vcpu, HV_REG_X0, &value));
    assert_int_equal(value, 55);
    OK(hv_vcpu_get_reg(vcpu, HV_REG_X1, &value));
    assert_int_equal(value, 89);
    OK(hv_vcpu_get_reg(vcpu, HV_REG_X2, &value));
    assert_int_equal(value, 0);
    OK(hv_vcpu_destroy(vcpu));
    OK(hv_vm_destroy());
    OK(hv_vm_deallocate(memory, 0x4000));
}

static void test_calls(void **state)
{
    struct guest guest;
    guest_create(&guest);
    const uint32_t code[] = {HVC(0x1234), SMC(7), NOP, WFI, WFE};
    guest_start(&guest, code);
    guest_run_to(&guest, 0x16);
    assert_int_equal(guest.exit->exception.syndrome, 0x5a001234);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 4);
    guest_run_to(&guest, 0x17);
    assert_int_equal(guest.exit->exception.syndrome, 0x5e000007);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 4);
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE + 8);
    guest_run_to(&guest, 0x01);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 12);
    assert_int_equal(guest.exit->exception.syndrome & 3, 0);
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE + 16);
    guest_run_to(&guest, 0x01);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 16);
    assert_int_equal(guest.exit->exception.syndrome & 3, 1);
    guest_destroy(&guest);
}

/* HVC at EL0 and BRK without the trap are the guest's own exceptions: the vector is not mapped. */
static void test_guest_exceptions(void **state)
{
    struct guest guest;
    uint64_t value;
    guest_create(&guest);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, 0x30000000));
    const uint32_t code[] = {HVC(0), BRK(3)};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 0x3c0);
    guest_run_to(&guest, 0x20);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), 0x30000400);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ESR_EL1, &value));
    assert_int_equal(value, 0x02000000);
    guest_set_reg(&guest, HV_REG_CPSR, CPSR_EL1H);
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE + 4);
    guest_run_to(&guest, 0x20);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), 0x30000200);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ESR_EL1, &value));
    assert_int_equal(value, 0xf2000003);
    guest_destroy(&guest);
}

static void expect_sysreg_exit(struct guest *guest, uint32_t word, unsigned rt, bool read)
{
    const uint32_t code[] = {word};
    guest_start(guest, code);
    guest_run_to(guest, 0x18);
    assert_int_equal(guest_reg(guest, HV_REG_PC), RAM_BASE);
    assert_int_equal(guest->exit->exception.syndrome & 1, read);
    assert_int_equal(guest->exit->exception.syndrome >> 5 & 31, rt);
}

static void test_trapped_registers(void **state)
{
    struct guest guest;
    guest_create(&guest);
    expect_sysreg_exit(&guest, MRS(3, HV_SYS_REG_CNTP_CTL_EL0), 3, true);
    expect_sysreg_exit(&guest, MSR(HV_GIC_ICC_REG_PMR_EL1, 31), 31, false);
    expect_sysreg_exit(&guest, MRS(5, 0xdce0), 5, true); /* PMCR_EL0 */
    OK(hv_vcpu_set_trap_debug_reg_accesses(guest.vcpu, true));
    expect_sysreg_exit(&guest, MRS(6, HV_SYS_REG_DBGBVR0_EL1), 6, true);
    expect_sysreg_exit(&guest, MSR(HV_SYS_REG_MDSCR_EL1, 7), 7, false);
    OK(hv_vcpu_set_trap_debug_reg_accesses(guest.vcpu, false));
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {MSR(HV_SYS_REG_MDSCR_EL1, 31), BRK(0)};
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    guest_destroy(&guest);
}

/* Forms without a valid syndrome: ISV is 0 for the pair, and hv_pomona_vcpu_mmio completes it. */
static uint64_t mmio_read(void *context, hv_ipa_t ipa, size_t size)
{
    return 0x1111111100000000ull + ipa;
}

static void mmio_write(void *context, hv_ipa_t ipa, size_t size, uint64_t value)
{
    uint64_t *last = context;
    last[0] = ipa;
    last[1] = size;
    last[2] = value;
}

static void test_no_syndrome(void **state)
{
    struct guest guest;
    uint64_t last[3];
    const hv_pomona_mmio_ops_t ops = {mmio_read, mmio_write, last};
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {0xa9400420 /* ldp x0, x1, [x1] */, STR_W_PRE(2, 3, 8), BRK(0)};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, 0x20000000);
    guest_set_reg(&guest, HV_REG_X2, 77);
    guest_set_reg(&guest, HV_REG_X3, 0x20000100);
    guest_run_to(&guest, 0x24);
    assert_false(guest.exit->exception.syndrome & 1 << 24);
    OK(hv_pomona_vcpu_mmio(guest.vcpu, &ops));
    assert_true(guest_reg(&guest, HV_REG_X0) == 0x1111111120000000ull);
    assert_true(guest_reg(&guest, HV_REG_X1) == 0x1111111120000008ull);
    assert_int_equal(hv_pomona_vcpu_mmio(guest.vcpu, &ops), HV_BAD_ARGUMENT);
    guest_run_to(&guest, 0x24);
    assert_false(guest.exit->exception.syndrome & 1 << 24);
    assert_int_equal(guest.exit->exception.physical_address, 0x20000108);
    OK(hv_pomona_vcpu_mmio(guest.vcpu, &ops));
    assert_int_equal(last[0], 0x20000108);
    assert_int_equal(last[1], 4);
    assert_int_equal(last[2], 77);
    assert_int_equal(guest_reg(&guest, HV_REG_X3), 0x20000108);
    guest_run_to(&guest, 0x3c);
    guest_destroy(&guest);
}

static void test_paravirtual_pac(void **state)
{
    static const uint64_t k = 0xfeedfacefeedfacfull;
    struct guest guest;
    uint64_t value;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {HVC(0), BRK(0)};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X0, 0xc1000000);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 0);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_APIAKEYLO_EL1, &value));
    assert_true(value == k);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_APDBKEYHI_EL1, &value));
    assert_true(value == k + 9);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X0, 0xc1000001);
    guest_run_to(&guest, 0x3c);
    assert_true(guest_reg(&guest, HV_REG_X1) == k);
    assert_true(guest_reg(&guest, HV_REG_X2) == k + 6);
    assert_true(guest_reg(&guest, HV_REG_X3) == k + 4);
    assert_true(guest_reg(&guest, HV_REG_X4) == k + 10);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X0, 0xc1000003);
    guest_set_reg(&guest, HV_REG_X1, 0x5000);
    guest_run_to(&guest, 0x3c);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_APIBKEYHI_EL1, &value));
    assert_int_equal(value, 0x5001);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_APDBKEYLO_EL1, &value));
    assert_int_equal(value, 0x5002);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X0, 0xc10000f0);
    guest_run_to(&guest, 0x3c);
    assert_true(guest_reg(&guest, HV_REG_X0) == ~0ull);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X0, 0xc1000007);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 0xffffffff);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X0, 0x84000000); /* PSCI is the monitor's */
    guest_run_to(&guest, 0x16);
    guest_destroy(&guest);
}

static uint64_t call_pac(struct guest *guest, uint64_t function, uint64_t x1, uint64_t x2)
{
    const uint32_t code[] = {HVC(0), BRK(0)};
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_X0, function);
    guest_set_reg(guest, HV_REG_X1, x1);
    guest_set_reg(guest, HV_REG_X2, x2);
    guest_run_to(guest, 0x3c);
    return guest_reg(guest, HV_REG_X0);
}

/* A pointer signed by WORD (PACIA or PACIB x0, x1) at the EL of CPSR. */
static uint64_t signed_pointer(struct guest *guest, uint32_t word, uint32_t cpsr)
{
    const uint32_t code[] = {word, BRK(0)};
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_CPSR, cpsr);
    guest_set_reg(guest, HV_REG_X0, RAM_BASE + 0x123450);
    guest_set_reg(guest, HV_REG_X1, 42);
    guest_run_to(guest, 0x3c);
    return guest_reg(guest, HV_REG_X0);
}

/* The diversifier changes A-key signatures of a process, and the kernel's while it acts for one; B
 * keys never. */
static void test_pac_diversifier(void **state)
{
    static const uint32_t pacia = 0xdac10020, pacib = 0xdac10420;
    struct guest guest;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_SCTLR_EL1, 0x30100180 | 1u << 31 | 1u << 30));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_TCR_EL1, 0x19 | 0x19 << 16));
    assert_int_equal(call_pac(&guest, 0xc1000000, 0, 0), 0);
    assert_int_equal(call_pac(&guest, 0xc1000004, 0x1234, 0), 0);
    const uint64_t kernel = signed_pointer(&guest, pacia, 0x3c5);
    const uint64_t user = signed_pointer(&guest, pacia, 0x3c0);
    const uint64_t kernel_b = signed_pointer(&guest, pacib, 0x3c5);
    assert_true(kernel != RAM_BASE + 0x123450);
    assert_true(kernel != user);
    assert_true(signed_pointer(&guest, pacib, 0x3c0) == kernel_b);
    assert_int_equal(call_pac(&guest, 0xc1000005, 1, 0x1234), 0);
    assert_true(signed_pointer(&guest, pacia, 0x3c5) == user);
    assert_true(signed_pointer(&guest, pacib, 0x3c5) == kernel_b);
    assert_int_equal(call_pac(&guest, 0xc1000005, 0, 0x5678), 0);
    assert_true(signed_pointer(&guest, pacia, 0x3c5) == kernel);
    assert_true(signed_pointer(&guest, pacia, 0x3c0) != user);
    guest_destroy(&guest);
}

/* ---- A7 ---- */

static void test_cancel_is_sticky(void **state)
{
    struct guest guest;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {MOVZ(0, 1), BRK(0)};
    guest_start(&guest, code);
    OK(hv_vcpus_exit(&guest.vcpu, 1));
    OK(hv_vcpus_exit(&guest.vcpu, 1));
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 0);
    guest_run_to(&guest, 0x3c);
    hv_vcpu_t nobody = 17;
    assert_int_equal(hv_vcpus_exit(&nobody, 1), HV_BAD_ARGUMENT);
    guest_destroy(&guest);
}

static void *cancel_soon(void *arg)
{
    usleep(300000);
    hv_vcpus_exit(arg, 1);
    return NULL;
}

static void test_cancel_of_a_spinning_guest(void **state)
{
    struct guest guest;
    pthread_t thread;
    uint64_t time = 0;
    guest_create(&guest);
    const uint32_t code[] = {B_SELF};
    guest_start(&guest, code);
    pthread_create(&thread, NULL, cancel_soon, &guest.vcpu);
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    pthread_join(thread, NULL);
    OK(hv_vcpu_get_exec_time(guest.vcpu, &time));
    assert_true(time > 24000 * 10);
    guest_destroy(&guest);
}

static void test_pending_is_for_one_run(void **state)
{
    struct guest guest;
    bool pending;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t vector[] = {BRK(0x99)};
    guest_code(&guest, 0x1280, vector, 1); /* IRQ */
    guest_code(&guest, 0x1300, vector, 1); /* FIQ */
    const uint32_t code[] = {NOP, BRK(0)};
    guest_start(&guest, code);
    OK(hv_vcpu_set_pending_interrupt(guest.vcpu, HV_INTERRUPT_TYPE_IRQ, true));
    OK(hv_vcpu_get_pending_interrupt(guest.vcpu, HV_INTERRUPT_TYPE_IRQ, &pending));
    assert_true(pending);
    guest_run_to(&guest, 0x3c); /* masked: not taken, and gone */
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 4);
    OK(hv_vcpu_get_pending_interrupt(guest.vcpu, HV_INTERRUPT_TYPE_IRQ, &pending));
    assert_false(pending);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 5);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 4);
    for (unsigned type = 0; type < 2; type++) {
        guest_start(&guest, code);
        guest_set_reg(&guest, HV_REG_CPSR, 5);
        OK(hv_vcpu_set_pending_interrupt(guest.vcpu, (hv_interrupt_type_t)type, true));
        guest_run_to(&guest, 0x3c);
        assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 0x1280 + 0x80 * type);
    }
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 5);
    OK(hv_pomona_vcpu_set_line(guest.vcpu, HV_INTERRUPT_TYPE_FIQ, true));
    for (int i = 0; i < 2; i++) { /* a level stays */
        guest_run_to(&guest, 0x3c);
        assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 0x1300);
        guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
        guest_set_reg(&guest, HV_REG_CPSR, 5);
    }
    guest_destroy(&guest);
}

static void test_vtimer(void **state)
{
    struct guest guest;
    bool masked;
    uint64_t ctl;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    /* cval = 0, enabled: fires at once. */
    const uint32_t code[] = {MSR(HV_SYS_REG_CNTV_CVAL_EL0, 31), MOVZ(0, 1),
                             MSR(HV_SYS_REG_CNTV_CTL_EL0, 0), B_SELF};
    guest_start(&guest, code);
    for (int i = 0; i < 2; i++) {
        OK(hv_vcpu_run(guest.vcpu));
        assert_int_equal(guest.exit->reason, HV_EXIT_REASON_VTIMER_ACTIVATED);
        OK(hv_vcpu_get_vtimer_mask(guest.vcpu, &masked));
        assert_true(masked);
        OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_CNTV_CTL_EL0, &ctl));
        assert_int_equal(ctl, 5);
        OK(hv_vcpu_set_vtimer_mask(guest.vcpu, false));
    }
    OK(hv_vcpu_set_vtimer_mask(guest.vcpu, true));
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_soon, &guest.vcpu);
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_CANCELED);
    pthread_join(thread, NULL);
    /* In the future: a spinning guest notices. */
    OK(hv_vcpu_set_vtimer_mask(guest.vcpu, false));
    const uint64_t when = mach_absolute_time() + 24000 * 20;
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_CNTV_CVAL_EL0, when));
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_VTIMER_ACTIVATED);
    const uint64_t late = mach_absolute_time() - when;
    assert_true((int64_t)late >= 0 && late < SOON);
    guest_destroy(&guest);
}

static void test_counter_offset(void **state)
{
    struct guest guest;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {MRS(0, 0xdf02) /* CNTVCT_EL0 */, BRK(0)};
    guest_start(&guest, code);
    const uint64_t offset = 0x8000000000000123ull, before = mach_absolute_time();
    uint64_t back;
    OK(hv_vcpu_set_vtimer_offset(guest.vcpu, offset));
    OK(hv_vcpu_get_vtimer_offset(guest.vcpu, &back));
    assert_true(back == offset);
    guest_run_to(&guest, 0x3c);
    const uint64_t seen = guest_reg(&guest, HV_REG_X0) + offset;
    assert_true(seen >= before && seen <= mach_absolute_time());
    mach_timebase_info_data_t info;
    assert_int_equal(mach_timebase_info(&info), 0);
    assert_int_equal(info.numer, 125);
    assert_int_equal(info.denom, 3);
    guest_destroy(&guest);
}

static void *use_foreign_vcpu(void *arg)
{
    hv_vcpu_t other, *vcpu = arg;
    hv_vcpu_exit_t *exit;
    uint64_t value;
    assert_int_equal(hv_vcpu_get_reg(*vcpu, HV_REG_X0, &value), HV_BAD_ARGUMENT);
    assert_int_equal(hv_vcpu_run(*vcpu), HV_BAD_ARGUMENT);
    OK(hv_vcpu_create(&other, &exit, NULL));
    assert_int_equal(other, *vcpu + 1);
    OK(hv_vcpu_destroy(other));
    OK(hv_pomona_vm_pause());
    OK(hv_vcpu_get_reg(*vcpu, HV_REG_X0, &value));
    OK(hv_pomona_vm_resume());
    assert_int_equal(hv_vcpu_get_reg(*vcpu, HV_REG_X0, &value), HV_BAD_ARGUMENT);
    return NULL;
}

static void test_owner_thread(void **state)
{
    struct guest guest;
    pthread_t thread;
    guest_create(&guest);
    pthread_create(&thread, NULL, use_foreign_vcpu, &guest.vcpu);
    pthread_join(thread, NULL);
    guest_destroy(&guest);
}

/* As many vCPUs as advertised, one thread each, at once. */
static pthread_barrier_t barrier;

static void *one_of_many(void *arg)
{
    hv_vcpu_t vcpu;
    hv_vcpu_exit_t *exit;
    const hv_return_t result = hv_vcpu_create(&vcpu, &exit, NULL);
    pthread_barrier_wait(&barrier);
    if (result == HV_SUCCESS)
        hv_vcpu_destroy(vcpu);
    return (void *)(intptr_t)result;
}

static void test_max_vcpus(void **state)
{
    uint32_t max;
    pthread_t thread[128];
    OK(hv_vm_get_max_vcpu_count(&max));
    OK(hv_vm_create(NULL));
    pthread_barrier_init(&barrier, NULL, max);
    for (uint32_t i = 0; i < max; i++)
        pthread_create(&thread[i], NULL, one_of_many, NULL);
    for (uint32_t i = 0; i < max; i++) {
        void *result;
        pthread_join(thread[i], &result);
        assert_null(result);
    }
    pthread_barrier_destroy(&barrier);
    OK(hv_vm_destroy());
}

/* ---- EL2, A9, ours ---- */

static void test_el2(void **state)
{
    struct guest guest;
    uint64_t value;
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_vm_config_set_el2_enabled(config, true));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MDCR_EL2, 6));
    OK(hv_vcpu_get_sys_reg(guest.vcpu, (hv_sys_reg_t)0xe019, &value));
    assert_int_equal(value, 6);
    /* At EL2: HVC is the guest's, SMC exits. */
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL2, RAM_BASE + 0x1000));
    const uint32_t vector[] = {SMC(2)};
    guest_code(&guest, 0x1200, vector, 1);
    const uint32_t code[] = {SMC(1), HVC(5)};
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_CPSR, 0x3c9);
    guest_run_to(&guest, 0x17);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 1);
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE + 4);
    guest_run_to(&guest, 0x17);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 2);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ESR_EL2, &value));
    assert_int_equal(value, 0x5a000005);
    guest_destroy(&guest);
}

static void test_sme_is_absent(void **state)
{
    struct guest guest;
    size_t size;
    hv_vcpu_sme_state_t sme;
    guest_create(&guest);
    assert_int_equal(hv_sme_config_get_max_svl_bytes(&size), HV_UNSUPPORTED);
    assert_int_equal(hv_vcpu_get_sme_state(guest.vcpu, &sme), HV_UNSUPPORTED);
    guest_destroy(&guest);
}

/* A guest whose vector is itself undefined gets nowhere: with the option, the run ends. */
static void test_loop_exit(void **state)
{
    struct guest guest;
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_pomona_vm_config_set_loop_exit(config, true));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t code[] = {0 /* udf #0 */};
    guest_start(&guest, code);
    OK(hv_vcpu_run(guest.vcpu));
    assert_int_equal(guest.exit->reason, HV_EXIT_REASON_UNKNOWN);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 0x1200);
    guest_destroy(&guest);
}

/* The M1's way: timers drive FIQ, WFI exits. */
static void test_timers_on_fiq(void **state)
{
    struct guest guest;
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_pomona_vm_config_set_timer_wires(config, true));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t fiq = BRK(2), code[] = {MSR(HV_SYS_REG_CNTV_CVAL_EL0, 31), MOVZ(0, 1),
                                           MSR(HV_SYS_REG_CNTV_CTL_EL0, 0), DAIFCLR(1), B_SELF};
    guest_code(&guest, 0x1300, &fiq, 1);
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 2);
    guest_destroy(&guest);
}

static void test_serror(void **state)
{
    struct guest guest;
    bool pending;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t handler = BRK(3), code[] = {BRK(0), DAIFCLR(4), B_SELF};
    guest_code(&guest, 0x1380, &handler, 1);
    guest_start(&guest, code);
    OK(hv_vcpu_set_serror(guest.vcpu, true));
    guest_run_to(&guest, 0x3c);
    OK(hv_vcpu_get_serror(guest.vcpu, &pending));
    assert_true(pending);
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE + 4);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest.exit->exception.syndrome & 0xffff, 3);
    OK(hv_vcpu_get_serror(guest.vcpu, &pending));
    assert_false(pending);
    guest_destroy(&guest);
}

static void test_injection(void **state)
{
    struct guest guest;
    uint64_t value;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t handler = BRK(4), code[] = {LDR_X(0, 1)};
    guest_code(&guest, 0x1200, &handler, 1);
    guest_start(&guest, code);
    guest_set_reg(&guest, HV_REG_X1, 0x20000008);
    guest_run_to(&guest, 0x24);
    OK(hv_pomona_vcpu_inject_abort(guest.vcpu));
    guest_run_to(&guest, 0x3c);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ESR_EL1, &value));
    assert_int_equal(value, 0x96000010);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_FAR_EL1, &value));
    assert_int_equal(value, 0x20000008);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ELR_EL1, &value));
    assert_int_equal(value, RAM_BASE);
    const uint32_t trapped[] = {MRS(0, HV_SYS_REG_CNTP_CTL_EL0)};
    guest_start(&guest, trapped);
    guest_run_to(&guest, 0x18);
    OK(hv_pomona_vcpu_inject_undefined(guest.vcpu));
    guest_run_to(&guest, 0x3c);
    OK(hv_vcpu_get_sys_reg(guest.vcpu, HV_SYS_REG_ESR_EL1, &value));
    assert_int_equal(value, 0x02000000);
    guest_destroy(&guest);
}

/* Software step and breakpoints, with the trap. */
static void test_debug_exceptions(void **state)
{
    struct guest guest;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {NOP, NOP, STR_W(0, 1), B_SELF};
    guest_start(&guest, code);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MDSCR_EL1, 1));
    guest_set_reg(&guest, HV_REG_CPSR, CPSR_EL1H | 1 << 21);
    guest_run_to(&guest, 0x32);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 4);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_MDSCR_EL1, 1 << 15));
    guest_set_reg(&guest, HV_REG_CPSR, CPSR_EL1H);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_DBGBVR0_EL1, RAM_BASE + 12));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_DBGBCR0_EL1, 0x1e7));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_DBGWVR0_EL1, RAM_BASE + 0x8000));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_DBGWCR0_EL1, 0x1ff7));
    guest_set_reg(&guest, HV_REG_X1, RAM_BASE + 0x8000);
    guest_run_to(&guest, 0x34);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 8);
    assert_int_equal(guest.exit->exception.virtual_address, RAM_BASE + 0x8000);
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_DBGWCR0_EL1, 0));
    guest_run_to(&guest, 0x30);
    assert_int_equal(guest_reg(&guest, HV_REG_PC), RAM_BASE + 12);
    guest_destroy(&guest);
}

static void *other_context(void *arg)
{
    hv_pomona_context_t context = hv_pomona_context_create();
    assert_non_null(context);
    OK(hv_pomona_context_set_current(context));
    struct guest guest;
    guest_create(&guest);
    assert_true(guest.vcpu > UINT32_MAX);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {MOVZ(0, 7), BRK(0)};
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(hv_pomona_context_destroy(context), HV_BUSY);
    guest_destroy(&guest);
    OK(hv_pomona_context_destroy(context));
    return NULL;
}

static void test_contexts(void **state)
{
    struct guest guest;
    pthread_t thread;
    guest_create(&guest);
    pthread_create(&thread, NULL, other_context, NULL);
    pthread_join(thread, NULL);
    guest_destroy(&guest);
}

static void test_debugger_memory(void **state)
{
    struct guest guest;
    uint64_t value = 0, ipa, count;
    guest_create(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    const uint32_t code[] = {MOVZ(0, 7), BRK(0)}, changed = MOVZ(0, 9);
    guest_start(&guest, code);
    guest_run_to(&guest, 0x3c);
    OK(hv_pomona_vcpu_get_instruction_count(guest.vcpu, &count));
    assert_int_equal(count, 1);
    OK(hv_pomona_vcpu_read(guest.vcpu, RAM_BASE, &value, 8));
    assert_true(value == (code[0] | (uint64_t)code[1] << 32));
    OK(hv_pomona_vcpu_translate(guest.vcpu, RAM_BASE + 5, &ipa));
    assert_int_equal(ipa, RAM_BASE + 5);
    assert_int_equal(hv_pomona_vcpu_read(guest.vcpu, 0x20000000, &value, 8), HV_FAULT);
    OK(hv_pomona_vcpu_write(guest.vcpu, RAM_BASE, &changed, 4));
    guest_set_reg(&guest, HV_REG_PC, RAM_BASE);
    guest_run_to(&guest, 0x3c);
    assert_int_equal(guest_reg(&guest, HV_REG_X0), 9);
    guest_destroy(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_vm_lifetime),
        cmocka_unit_test(test_engine_by_environment),
        cmocka_unit_test(test_knobs),
        cmocka_unit_test(test_old_host),
        cmocka_unit_test(test_vm_config),
        cmocka_unit_test(test_memory_rules),
        cmocka_unit_test(test_allocate),
        cmocka_unit_test(test_map_between_runs),
        cmocka_unit_test(test_code_unmapped),
        cmocka_unit_test(test_map_while_running),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_general_registers),
        cmocka_unit_test(test_system_registers),
        cmocka_unit_test(test_id_registers_are_the_monitors),
        cmocka_unit_test(test_initial_state),
        cmocka_unit_test(test_cpsr_quirk),
        cmocka_unit_test(test_seed_demo),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_guest_exceptions),
        cmocka_unit_test(test_trapped_registers),
        cmocka_unit_test(test_no_syndrome),
        cmocka_unit_test(test_paravirtual_pac),
        cmocka_unit_test(test_pac_diversifier),
        cmocka_unit_test(test_cancel_is_sticky),
        cmocka_unit_test(test_cancel_of_a_spinning_guest),
        cmocka_unit_test(test_pending_is_for_one_run),
        cmocka_unit_test(test_vtimer),
        cmocka_unit_test(test_counter_offset),
        cmocka_unit_test(test_owner_thread),
        cmocka_unit_test(test_max_vcpus),
        cmocka_unit_test(test_el2),
        cmocka_unit_test(test_sme_is_absent),
        cmocka_unit_test(test_loop_exit),
        cmocka_unit_test(test_timers_on_fiq),
        cmocka_unit_test(test_serror),
        cmocka_unit_test(test_injection),
        cmocka_unit_test(test_debug_exceptions),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_debugger_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
