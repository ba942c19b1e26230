/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TESTS_HV_GUEST_H
#define POMONA_TESTS_HV_GUEST_H

/* A small VM for the tests of the Hypervisor API: some RAM, one vCPU of this thread, code given as
 * words. */

#include <Hypervisor/hv_pomona.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x40000000ull
#define RAM_SIZE 0x100000u
#define OK(call) assert_int_equal((call), HV_SUCCESS)

/* Ticks within which what happens at once has happened, on a busy host. */
#define SOON (24000000ull * 10)

#define CPSR_EL1H 0x3c5u
#define EC(exit)  ((unsigned)((exit)->exception.syndrome >> 26) & 0x3f)

/* Instructions that assemblers would make; X is a register number. */
#define BRK(imm)             (0xd4200000u | (imm) << 5)
#define HVC(imm)             (0xd4000002u | (imm) << 5)
#define SMC(imm)             (0xd4000003u | (imm) << 5)
#define WFI                  0xd503207fu
#define WFE                  0xd503205fu
#define NOP                  0xd503201fu
#define B_SELF               0x14000000u
#define B(words)             (0x14000000u | ((uint32_t)(words)&0x3ffffff))
#define MOVZ(x, imm)         (0xd2800000u | (uint32_t)(imm) << 5 | (x))
#define MOVK16(x, imm)       (0xf2a00000u | (uint32_t)(imm) << 5 | (x))
#define MRS(x, enc)          (0xd5200000u | ((uint32_t)(enc)&0xffff) << 5 | (x))
#define MSR(enc, x)          (0xd5000000u | ((uint32_t)(enc)&0xffff) << 5 | (x))
#define LDR_X(t, n)          (0xf9400000u | (n) << 5 | (t))
#define LDR_W(t, n)          (0xb9400000u | (n) << 5 | (t))
#define STR_X(t, n)          (0xf9000000u | (n) << 5 | (t))
#define STR_W(t, n)          (0xb9000000u | (n) << 5 | (t))
#define STR_W_PRE(t, n, imm) (0xb8000c00u | ((uint32_t)(imm)&0x1ff) << 12 | (n) << 5 | (t))
#define DAIFCLR(imm)         (0xd50340ffu | (imm) << 8)
#define ISB                  0xd5033fdfu

struct guest {
    hv_vcpu_t vcpu;
    hv_vcpu_exit_t *exit;
    uint8_t *ram;
};

static inline void guest_map(struct guest *guest)
{
    void *ram;
    OK(hv_vm_allocate(&ram, RAM_SIZE, HV_ALLOCATE_DEFAULT));
    guest->ram = ram;
    OK(hv_vm_map(ram, RAM_BASE, RAM_SIZE, HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC));
}

static inline void guest_vcpu(struct guest *guest)
{
    OK(hv_vcpu_create(&guest->vcpu, &guest->exit, NULL));
}

static inline void guest_create(struct guest *guest)
{
    OK(hv_vm_create(NULL));
    guest_map(guest);
    guest_vcpu(guest);
}

static inline void guest_destroy(struct guest *guest)
{
    OK(hv_vcpu_destroy(guest->vcpu));
    OK(hv_vm_destroy());
    OK(hv_vm_deallocate(guest->ram, RAM_SIZE));
}

/* Puts COUNT words at OFFSET of RAM. */
static inline void guest_code(struct guest *guest, uint32_t offset, const uint32_t *words,
                              size_t count)
{
    memcpy(guest->ram + offset, words, count * sizeof(*words));
}

/* Puts CODE (an array) at the start of RAM and the vCPU there, at EL1h. */
#define guest_start(guest, code)                                                                   \
    do {                                                                                           \
        guest_code(guest, 0, code, sizeof(code) / sizeof((code)[0]));                              \
        OK(hv_vcpu_set_reg((guest)->vcpu, HV_REG_PC, RAM_BASE));                                   \
        OK(hv_vcpu_set_reg((guest)->vcpu, HV_REG_CPSR, CPSR_EL1H));                                \
    } while (0)

static inline uint64_t guest_reg(struct guest *guest, unsigned reg)
{
    uint64_t value = ~0ull;
    OK(hv_vcpu_get_reg(guest->vcpu, (hv_reg_t)reg, &value));
    return value;
}

static inline void guest_set_reg(struct guest *guest, unsigned reg, uint64_t value)
{
    OK(hv_vcpu_set_reg(guest->vcpu, (hv_reg_t)reg, value));
}

/* Runs; the exit must be an exception of class EC. */
static inline void guest_run_to(struct guest *guest, unsigned ec)
{
    OK(hv_vcpu_run(guest->vcpu));
    assert_int_equal(guest->exit->reason, HV_EXIT_REASON_EXCEPTION);
    assert_int_equal(EC(guest->exit), ec);
}

/* ---- rule by rule ---- */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An address where nothing is. */
#define NOWHERE 0x20000000ull

/* A system register that can be read. */
static inline uint64_t guest_sys_reg(struct guest *guest, unsigned reg)
{
    uint64_t value = ~0ull;
    const hv_return_t result = hv_vcpu_get_sys_reg(guest->vcpu, (hv_sys_reg_t)reg, &value);
    if (result != HV_SUCCESS)
        fail_msg("register %#x: %#x", reg, (unsigned)result);
    return value;
}

/* Runs WORD alone, with X1 = ADDRESS, until it exits with class EC. */
static inline void guest_run_one(struct guest *guest, uint32_t word, uint64_t address, unsigned ec)
{
    const uint32_t code[] = {word, BRK(0x77)};
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_X1, address);
    OK(hv_vcpu_run(guest->vcpu));
    if (guest->exit->reason != HV_EXIT_REASON_EXCEPTION || EC(guest->exit) != ec)
        fail_msg("%08x: reason %u, EC %#x", word, guest->exit->reason, EC(guest->exit));
}

/* Which EC ends it: that of the BRK behind it when nothing exits. */
static inline void guest_runs_inside(struct guest *guest, uint32_t word)
{
    guest_run_one(guest, word, RAM_BASE + 0x8000, 0x3c);
    assert_int_equal(guest->exit->exception.syndrome & 0xffff, 0x77);
    assert_int_equal(guest_reg(guest, HV_REG_PC), RAM_BASE + 4);
}

static inline void guest_with_traps(struct guest *guest)
{
    guest_create(guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest->vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    const uint32_t unexpected = BRK(0x44);
    guest_code(guest, 0x1200, &unexpected, 1);
}

#endif
