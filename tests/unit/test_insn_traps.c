/* SPDX-License-Identifier: MIT */
/* Instructions that EL1 and EL2 may take away, other than accesses to registers: who gets the
 * exception, with which class and syndrome, where it returns to, and which of several comes first.
 * Facts: Arm ARM D1.3.5 (priorities), D19.2 (HCR_EL2, HFGITR_EL2, CPTR_EL2, SCTLR_EL1). */

#include "hv_guest.h"

#define HCR_RW  (1ull << 31)
#define HCR_API (1ull << 41)
#define HCR_APK (1ull << 40)
#define HCR_TGE (1ull << 27)
#define HCR_E2H (1ull << 34)
#define HCR_TWI (1ull << 13)
#define HCR_TWE (1ull << 14)
#define HCR_HCD (1ull << 29)
#define NTWI    (1ull << 16)
#define NTWE    (1ull << 18)
#define ENIA    (1ull << 31)
#define HFGITR  0xe08e

#define EL0 0x3c0u
#define EL1 0x3c5u
#define EL2 0x3c9u

#define SVC_5  0xd40000a1u
#define ERET   0xd69f03e0u
#define ERETAA 0xd69f0bffu
#define ERETAB 0xd69f0fffu
#define WFET   0xd5031000u /* wfet x0 */
#define WFIT   0xd5031020u
#define FMOV   0x9e670000u /* fmov d0, x0 */
#define PACIA  0xdac10020u /* pacia x0, x1 */
#define PACIB  0xdac10420u
#define PACGA  0x9ac23020u /* pacga x0, x1, x2 */

#define IL        (1u << 25)
#define ESR(ec)   ((uint32_t)(ec) << 26 | IL)
#define WFX(kind) (ESR(1) | 1u << 24 | 0xeu << 20 | (kind))
#define FP        (ESR(7) | 1u << 24 | 0xeu << 20)

/* taken: the EL that gets the exception, 0: none. */
static const struct {
    const char *what;
    uint32_t word, cpsr;
    uint64_t hcr, fgt, sctlr, cpacr, cptr;
    unsigned taken;
    uint32_t esr, behind; /* ELR: so many bytes behind the instruction's address */
} cases[] = {
    {"svc at EL0", SVC_5, EL0, 0, 0, 0, 0, 0, 1, ESR(0x15) | 5, 4},
    {"svc at EL0, TGE", SVC_5, EL0, HCR_TGE, 0, 0, 0, 0, 2, ESR(0x15) | 5, 4},
    {"svc at EL0, trapped", SVC_5, EL0, 0, 1ull << 52, 0, 0, 0, 2, ESR(0x15) | 5, 0},
    {"svc at EL0, EL1's trap", SVC_5, EL0, 0, 1ull << 53, 0, 0, 0, 1, ESR(0x15) | 5, 4},
    {"svc at EL1, trapped", SVC_5, EL1, 0, 1ull << 53, 0, 0, 0, 2, ESR(0x15) | 5, 0},
    {"svc at EL1, EL0's trap", SVC_5, EL1, 0, 1ull << 52, 0, 0, 0, 1, ESR(0x15) | 5, 4},
    {"svc of a host's EL0", SVC_5, EL0, HCR_TGE | HCR_E2H, 3ull << 52, 0, 0, 0, 2, ESR(0x15) | 5,
     4},
    {"svc at EL2", SVC_5, EL2, 0, 3ull << 52, 0, 0, 0, 2, ESR(0x15) | 5, 4},
    {"eret, trapped", ERET, EL1, 0, 1ull << 51, 0, 0, 0, 2, ESR(0x1a), 0},
    {"eretaa, trapped", ERETAA, EL1, HCR_API, 1ull << 51, 0, 0, 0, 2, ESR(0x1a) | 2, 0},
    {"eretab, trapped", ERETAB, EL1, HCR_API, 1ull << 51, 0, 0, 0, 2, ESR(0x1a) | 3, 0},
    {"eret at EL0", ERET, EL0, 0, 1ull << 51, 0, 0, 0, 1, ESR(0), 0},
    {"hvc at EL0", 0xd40000a2, EL0, 0, 0, 0, 0, 0, 1, ESR(0), 0},
    {"hvc at EL1", 0xd40000a2, EL1, 0, 0, 0, 0, 0, 2, ESR(0x16) | 5, 4},
    {"hvc, HCD", 0xd40000a2, EL1, HCR_HCD, 0, 0, 0, 0, 1, ESR(0), 0},
    {"hvc at EL2, HCD", 0xd40000a2, EL2, HCR_HCD, 0, 0, 0, 0, 2, ESR(0), 0},
    {"wfi at EL0", WFI, EL0, 0, 0, 0, 0, 0, 1, WFX(0), 0},
    {"wfi at EL0, both", WFI, EL0, HCR_TWI, 0, 0, 0, 0, 1, WFX(0), 0},
    {"wfi at EL0, EL2", WFI, EL0, HCR_TWI, 0, NTWI, 0, 0, 2, WFX(0), 0},
    {"wfi at EL0, TGE", WFI, EL0, HCR_TGE, 0, 0, 0, 0, 2, WFX(0), 0},
    {"wfi at EL1", WFI, EL1, HCR_TWI, 0, 0, 0, 0, 2, WFX(0), 0},
    {"wfe at EL0", WFE, EL0, HCR_TWE, 0, NTWI, 0, 0, 1, WFX(1), 0},
    {"wfe at EL1", WFE, EL1, HCR_TWE, 0, 0, 0, 0, 2, WFX(1), 0},
    {"wfit at EL1", WFIT, EL1, HCR_TWI, 0, 0, 0, 0, 2, WFX(2), 0},
    {"wfet at EL0", WFET, EL0, HCR_TWE, 0, NTWE, 0, 0, 2, WFX(3), 0},
    {"fp, CPACR", FMOV, EL1, 0, 0, 0, 0, 0, 1, FP, 0},
    {"fp, CPACR and CPTR", FMOV, EL1, 0, 0, 0, 0, 1 << 10, 1, FP, 0},
    {"fp, CPTR", FMOV, EL1, 0, 0, 0, 3 << 20, 1 << 10, 2, FP, 0},
    {"fp, CPTR with E2H", FMOV, EL1, HCR_E2H, 0, 0, 3 << 20, 0, 2, FP, 0},
    {"fp at EL0, FPEN 1", FMOV, EL0, 0, 0, 0, 1 << 20, 0, 1, FP, 0},
    {"fp at EL2", FMOV, EL2, 0, 0, 0, 0, 1 << 10, 2, FP, 0},
    {"pacia, off", PACIA, EL1, 0, 0, 0, 0, 0, 0, 0, 0},
    {"pacia, trapped", PACIA, EL1, 0, 0, ENIA, 0, 0, 2, ESR(9), 0},
    {"pacia, allowed", PACIA, EL1, HCR_API, 0, ENIA, 0, 0, 0, 0, 0},
    {"pacib: another key", PACIB, EL1, 0, 0, ENIA, 0, 0, 0, 0, 0},
    {"pacga is never off", PACGA, EL1, 0, 0, 0, 0, 0, 2, ESR(9), 0},
    {"pacga at EL0", PACGA, EL0, 0, 0, 0, 0, 0, 2, ESR(9), 0},
    {"pacga at EL2", PACGA, EL2, 0, 0, 0, 0, 0, 0, 0, 0},
    {"pacga of a host's EL0", PACGA, EL0, HCR_TGE | HCR_E2H, 0, 0, 0, 0, 0, 0, 0},
};

static void write_by_guest(struct guest *guest, unsigned enc, uint64_t value)
{
    const uint32_t code[] = {MSR(enc, 0), BRK(1)};
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_CPSR, EL2);
    guest_set_reg(guest, HV_REG_X0, value);
    guest_run_to(guest, 0x3c);
    assert_int_equal(guest_reg(guest, HV_REG_PC), RAM_BASE + 4);
}

/* The EL whose vectors the vCPU stands at; 0: it went through. */
static unsigned taken_at(struct guest *guest)
{
    const uint64_t offset = guest_reg(guest, HV_REG_PC) - RAM_BASE;
    return offset < 0x1000 ? 0 : offset < 0x2000 ? 1 : 2;
}

static void check_case(struct guest *guest, unsigned k)
{
    write_by_guest(guest, HFGITR, cases[k].fgt);
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_HCR_EL2, cases[k].hcr | HCR_RW));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_SCTLR_EL1, cases[k].sctlr));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_CPACR_EL1, cases[k].cpacr));
    OK(hv_vcpu_set_sys_reg(guest->vcpu, HV_SYS_REG_CPTR_EL2, cases[k].cptr));
    const uint32_t code[] = {cases[k].word, BRK(2)};
    guest_start(guest, code);
    guest_set_reg(guest, HV_REG_CPSR, cases[k].cpsr);
    guest_set_reg(guest, HV_REG_X0, UINT64_MAX); /* WFET, WFIT: for ever */
    guest_run_to(guest, 0x3c);
    const unsigned taken = taken_at(guest);
    if (taken != cases[k].taken)
        fail_msg("%s: taken at EL%u", cases[k].what, taken);
    if (!taken)
        return;
    const uint64_t esr = guest_sys_reg(guest, taken == 2 ? HV_SYS_REG_ESR_EL2 : HV_SYS_REG_ESR_EL1);
    const uint64_t elr = guest_sys_reg(guest, taken == 2 ? HV_SYS_REG_ELR_EL2 : HV_SYS_REG_ELR_EL1);
    if (esr != cases[k].esr || elr != RAM_BASE + cases[k].behind)
        fail_msg("%s: ESR %#llx, ELR %#llx", cases[k].what, (unsigned long long)esr,
                 (unsigned long long)elr);
}

static void test_cases(void **state)
{
    struct guest guest;
    hv_vm_config_t config = hv_vm_config_create();
    OK(hv_pomona_vm_config_set_cpu_model(config, "max"));
    OK(hv_vm_config_set_el2_enabled(config, true));
    OK(hv_vm_create(config));
    os_release(config);
    guest_map(&guest);
    guest_vcpu(&guest);
    OK(hv_vcpu_set_trap_debug_exceptions(guest.vcpu, true));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL1, RAM_BASE + 0x1000));
    OK(hv_vcpu_set_sys_reg(guest.vcpu, HV_SYS_REG_VBAR_EL2, RAM_BASE + 0x2000));
    const uint32_t vector = BRK(3);
    for (uint32_t at = 0x1000; at < 0x2800; at += 0x80)
        guest_code(&guest, at, &vector, 1);
    for (unsigned k = 0; k < COUNT(cases); k++)
        check_case(&guest, k);
    guest_destroy(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
