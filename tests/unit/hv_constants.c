/* SPDX-License-Identifier: MIT */
/* Every name, value, width and layout of Apple's arm64 headers, asserted by the compiler: built
 * into test_hv_rules, and by tests/steps/15-hv-headers.test with each compiler, as C and as C++.
 * The numbers are written down here again from the documentation, by rule where Apple has one (a
 * system register is its encoding, a GIC register its offset), so that a slip in the headers shows.
 */

#include <Hypervisor/Hypervisor.h>

#ifdef __cplusplus
#define SAME(a, b) static_assert((a) == (b), #a)
#else
#define SAME(a, b) _Static_assert((a) == (b), #a)
#endif
#define IS(name, value) SAME((unsigned long long)(name), (unsigned long long)(value))

/* ---- rows of numbers: X(n) for n of a range, by decimal digits ---- */

#define TEN(X, d)                                                                                  \
    X(d##0);                                                                                       \
    X(d##1);                                                                                       \
    X(d##2);                                                                                       \
    X(d##3);                                                                                       \
    X(d##4);                                                                                       \
    X(d##5);                                                                                       \
    X(d##6);                                                                                       \
    X(d##7);                                                                                       \
    X(d##8);                                                                                       \
    X(d##9)
#define HUNDRED(X, d)                                                                              \
    TEN(X, d##0);                                                                                  \
    TEN(X, d##1);                                                                                  \
    TEN(X, d##2);                                                                                  \
    TEN(X, d##3);                                                                                  \
    TEN(X, d##4);                                                                                  \
    TEN(X, d##5);                                                                                  \
    TEN(X, d##6);                                                                                  \
    TEN(X, d##7);                                                                                  \
    TEN(X, d##8);                                                                                  \
    TEN(X, d##9)
#define TO_7(X)                                                                                    \
    X(0);                                                                                          \
    X(1);                                                                                          \
    X(2);                                                                                          \
    X(3);                                                                                          \
    X(4);                                                                                          \
    X(5);                                                                                          \
    X(6);                                                                                          \
    X(7)
#define TO_9(X)                                                                                    \
    TO_7(X);                                                                                       \
    X(8);                                                                                          \
    X(9)
#define TO_15(X)                                                                                   \
    TO_9(X);                                                                                       \
    X(10);                                                                                         \
    X(11);                                                                                         \
    X(12);                                                                                         \
    X(13);                                                                                         \
    X(14);                                                                                         \
    X(15)
#define TO_31(X)                                                                                   \
    TO_9(X);                                                                                       \
    TEN(X, 1);                                                                                     \
    TEN(X, 2);                                                                                     \
    X(30);                                                                                         \
    X(31)

/* ---- A0, A1: types and return codes ---- */

#define BASE(type, bytes) SAME(sizeof(type), bytes)
#define UNSIGNED(type)    SAME((type)-1 > (type)0, 1)

BASE(hv_return_t, 4);
SAME((hv_return_t)-1 < (hv_return_t)0, 1);
BASE(hv_vcpu_t, 8);
BASE(hv_ipa_t, 8);
BASE(hv_memory_flags_t, 8);
BASE(hv_allocate_flags_t, 8);
BASE(hv_exception_syndrome_t, 8);
BASE(hv_exception_address_t, 8);
BASE(hv_exit_reason_t, 4);
BASE(hv_reg_t, 4);
BASE(hv_simd_fp_reg_t, 4);
BASE(hv_sme_z_reg_t, 4);
BASE(hv_sme_p_reg_t, 4);
BASE(hv_interrupt_type_t, 4);
BASE(hv_cache_type_t, 4);
BASE(hv_feature_reg_t, 4);
BASE(hv_ipa_granule_t, 4);
BASE(hv_gic_redistributor_reg_t, 4);
BASE(hv_sys_reg_t, 2);
BASE(hv_gic_intid_t, 2);
BASE(hv_gic_distributor_reg_t, 2);
BASE(hv_gic_icc_reg_t, 2);
BASE(hv_gic_ich_reg_t, 2);
BASE(hv_gic_icv_reg_t, 2);
BASE(hv_gic_msi_reg_t, 2);
UNSIGNED(hv_exit_reason_t);
UNSIGNED(hv_reg_t);
UNSIGNED(hv_sys_reg_t);
UNSIGNED(hv_gic_distributor_reg_t);
UNSIGNED(hv_gic_redistributor_reg_t);
BASE(hv_vm_config_t, sizeof(void *));
BASE(hv_vcpu_config_t, sizeof(void *));
BASE(hv_gic_config_t, sizeof(void *));
BASE(hv_gic_state_t, sizeof(void *));
BASE(hv_simd_fp_uchar16_t, 16);
BASE(hv_sme_zt0_uchar64_t, 64);
BASE(hv_vcpu_sme_state_t, 2);
SAME(offsetof(hv_vcpu_sme_state_t, streaming_sve_mode_enabled), 0);
SAME(offsetof(hv_vcpu_sme_state_t, za_storage_enabled), 1);
BASE(hv_vcpu_exit_exception_t, 24);
SAME(offsetof(hv_vcpu_exit_exception_t, syndrome), 0);
SAME(offsetof(hv_vcpu_exit_exception_t, virtual_address), 8);
SAME(offsetof(hv_vcpu_exit_exception_t, physical_address), 16);
BASE(hv_vcpu_exit_t, 32);
SAME(offsetof(hv_vcpu_exit_t, reason), 0);
SAME(offsetof(hv_vcpu_exit_t, exception), 8);

SAME(HV_SUCCESS, 0);
SAME(HV_ERROR, -85377023);
SAME(HV_BUSY, -85377022);
SAME(HV_BAD_ARGUMENT, -85377021);
SAME(HV_ILLEGAL_GUEST_STATE, -85377020);
SAME(HV_NO_RESOURCES, -85377019);
SAME(HV_NO_DEVICE, -85377018);
SAME(HV_DENIED, -85377017);
SAME(HV_EXISTS, -85377016);
SAME(HV_FAULT, -85377016);
SAME(HV_UNSUPPORTED, -85377009);
SAME((unsigned)HV_UNSUPPORTED, 0x3eu << 26 | 0xba5u << 14 | 0xfu);

IS(HV_MEMORY_READ, 1);
IS(HV_MEMORY_WRITE, 2);
IS(HV_MEMORY_EXEC, 4);
IS(HV_ALLOCATE_DEFAULT, 0);
IS(HV_IPA_GRANULE_4KB, 0);
IS(HV_IPA_GRANULE_16KB, 1);

/* ---- A4: a vCPU's registers ---- */

IS(HV_EXIT_REASON_CANCELED, 0);
IS(HV_EXIT_REASON_EXCEPTION, 1);
IS(HV_EXIT_REASON_VTIMER_ACTIVATED, 2);
IS(HV_EXIT_REASON_UNKNOWN, 3);
IS(HV_INTERRUPT_TYPE_IRQ, 0);
IS(HV_INTERRUPT_TYPE_FIQ, 1);
IS(HV_CACHE_TYPE_DATA, 0);
IS(HV_CACHE_TYPE_INSTRUCTION, 1);

#define X_REG(n) IS(HV_REG_X##n, n)
TO_9(X_REG);
TEN(X_REG, 1);
TEN(X_REG, 2);
X_REG(30);
IS(HV_REG_FP, 29);
IS(HV_REG_LR, 30);
IS(HV_REG_PC, 31);
IS(HV_REG_FPCR, 32);
IS(HV_REG_FPSR, 33);
IS(HV_REG_CPSR, 34);
#define Q_REG(n) IS(HV_SIMD_FP_REG_Q##n, n)
TO_31(Q_REG);
#define Z_REG(n) IS(HV_SME_Z_REG_##n, n)
TO_31(Z_REG);
#define P_REG(n) IS(HV_SME_P_REG_##n, n)
TO_15(P_REG);

IS(HV_FEATURE_REG_ID_AA64DFR0_EL1, 0);
IS(HV_FEATURE_REG_ID_AA64DFR1_EL1, 1);
IS(HV_FEATURE_REG_ID_AA64ISAR0_EL1, 2);
IS(HV_FEATURE_REG_ID_AA64ISAR1_EL1, 3);
IS(HV_FEATURE_REG_ID_AA64MMFR0_EL1, 4);
IS(HV_FEATURE_REG_ID_AA64MMFR1_EL1, 5);
IS(HV_FEATURE_REG_ID_AA64MMFR2_EL1, 6);
IS(HV_FEATURE_REG_ID_AA64PFR0_EL1, 7);
IS(HV_FEATURE_REG_ID_AA64PFR1_EL1, 8);
IS(HV_FEATURE_REG_CTR_EL0, 9);
IS(HV_FEATURE_REG_CLIDR_EL1, 10);
IS(HV_FEATURE_REG_DCZID_EL0, 11);
IS(HV_FEATURE_REG_ID_AA64SMFR0_EL1, 12);
IS(HV_FEATURE_REG_ID_AA64ZFR0_EL1, 13);

/* The name, the value that Apple's header has, and the encoding that MRS has: op0, op1, CRn, CRm,
 * op2. */
#define SYS(name, value, op0, op1, crn, crm, op2)                                                  \
    IS(HV_SYS_REG_##name, value);                                                                  \
    SAME(value, (op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

#define DEBUG_PAIRS(n)                                                                             \
    SYS(DBGBVR##n##_EL1, 0x8004 + 8 * n, 2, 0, 0, n, 4);                                           \
    SYS(DBGBCR##n##_EL1, 0x8005 + 8 * n, 2, 0, 0, n, 5);                                           \
    SYS(DBGWVR##n##_EL1, 0x8006 + 8 * n, 2, 0, 0, n, 6);                                           \
    SYS(DBGWCR##n##_EL1, 0x8007 + 8 * n, 2, 0, 0, n, 7)
TO_15(DEBUG_PAIRS);
SYS(MDCCINT_EL1, 0x8010, 2, 0, 0, 2, 0);
SYS(MDSCR_EL1, 0x8012, 2, 0, 0, 2, 2);
SYS(MIDR_EL1, 0xc000, 3, 0, 0, 0, 0);
SYS(MPIDR_EL1, 0xc005, 3, 0, 0, 0, 5);
SYS(ID_AA64PFR0_EL1, 0xc020, 3, 0, 0, 4, 0);
SYS(ID_AA64PFR1_EL1, 0xc021, 3, 0, 0, 4, 1);
SYS(ID_AA64PFR2_EL1, 0xc022, 3, 0, 0, 4, 2);
SYS(ID_AA64ZFR0_EL1, 0xc024, 3, 0, 0, 4, 4);
SYS(ID_AA64SMFR0_EL1, 0xc025, 3, 0, 0, 4, 5);
SYS(ID_AA64DFR0_EL1, 0xc028, 3, 0, 0, 5, 0);
SYS(ID_AA64DFR1_EL1, 0xc029, 3, 0, 0, 5, 1);
SYS(ID_AA64ISAR0_EL1, 0xc030, 3, 0, 0, 6, 0);
SYS(ID_AA64ISAR1_EL1, 0xc031, 3, 0, 0, 6, 1);
SYS(ID_AA64ISAR2_EL1, 0xc032, 3, 0, 0, 6, 2);
SYS(ID_AA64MMFR0_EL1, 0xc038, 3, 0, 0, 7, 0);
SYS(ID_AA64MMFR1_EL1, 0xc039, 3, 0, 0, 7, 1);
SYS(ID_AA64MMFR2_EL1, 0xc03a, 3, 0, 0, 7, 2);
SYS(ID_AA64MMFR3_EL1, 0xc03b, 3, 0, 0, 7, 3);
SYS(ID_AA64MMFR4_EL1, 0xc03c, 3, 0, 0, 7, 4);
SYS(SCTLR_EL1, 0xc080, 3, 0, 1, 0, 0);
SYS(ACTLR_EL1, 0xc081, 3, 0, 1, 0, 1);
SYS(CPACR_EL1, 0xc082, 3, 0, 1, 0, 2);
SYS(SMPRI_EL1, 0xc094, 3, 0, 1, 2, 4);
SYS(SMCR_EL1, 0xc096, 3, 0, 1, 2, 6);
SYS(TTBR0_EL1, 0xc100, 3, 0, 2, 0, 0);
SYS(TTBR1_EL1, 0xc101, 3, 0, 2, 0, 1);
SYS(TCR_EL1, 0xc102, 3, 0, 2, 0, 2);
SYS(APIAKEYLO_EL1, 0xc108, 3, 0, 2, 1, 0);
SYS(APIAKEYHI_EL1, 0xc109, 3, 0, 2, 1, 1);
SYS(APIBKEYLO_EL1, 0xc10a, 3, 0, 2, 1, 2);
SYS(APIBKEYHI_EL1, 0xc10b, 3, 0, 2, 1, 3);
SYS(APDAKEYLO_EL1, 0xc110, 3, 0, 2, 2, 0);
SYS(APDAKEYHI_EL1, 0xc111, 3, 0, 2, 2, 1);
SYS(APDBKEYLO_EL1, 0xc112, 3, 0, 2, 2, 2);
SYS(APDBKEYHI_EL1, 0xc113, 3, 0, 2, 2, 3);
SYS(APGAKEYLO_EL1, 0xc118, 3, 0, 2, 3, 0);
SYS(APGAKEYHI_EL1, 0xc119, 3, 0, 2, 3, 1);
SYS(SPSR_EL1, 0xc200, 3, 0, 4, 0, 0);
SYS(ELR_EL1, 0xc201, 3, 0, 4, 0, 1);
SYS(SP_EL0, 0xc208, 3, 0, 4, 1, 0);
SYS(AFSR0_EL1, 0xc288, 3, 0, 5, 1, 0);
SYS(AFSR1_EL1, 0xc289, 3, 0, 5, 1, 1);
SYS(ESR_EL1, 0xc290, 3, 0, 5, 2, 0);
SYS(FAR_EL1, 0xc300, 3, 0, 6, 0, 0);
SYS(PAR_EL1, 0xc3a0, 3, 0, 7, 4, 0);
SYS(MAIR_EL1, 0xc510, 3, 0, 10, 2, 0);
SYS(AMAIR_EL1, 0xc518, 3, 0, 10, 3, 0);
SYS(VBAR_EL1, 0xc600, 3, 0, 12, 0, 0);
SYS(CONTEXTIDR_EL1, 0xc681, 3, 0, 13, 0, 1);
SYS(TPIDR_EL1, 0xc684, 3, 0, 13, 0, 4);
SYS(SCXTNUM_EL1, 0xc687, 3, 0, 13, 0, 7);
SYS(CNTKCTL_EL1, 0xc708, 3, 0, 14, 1, 0);
SYS(CSSELR_EL1, 0xd000, 3, 2, 0, 0, 0);
SYS(TPIDR_EL0, 0xde82, 3, 3, 13, 0, 2);
SYS(TPIDRRO_EL0, 0xde83, 3, 3, 13, 0, 3);
SYS(TPIDR2_EL0, 0xde85, 3, 3, 13, 0, 5);
SYS(SCXTNUM_EL0, 0xde87, 3, 3, 13, 0, 7);
SYS(CNTP_TVAL_EL0, 0xdf10, 3, 3, 14, 2, 0);
SYS(CNTP_CTL_EL0, 0xdf11, 3, 3, 14, 2, 1);
SYS(CNTP_CVAL_EL0, 0xdf12, 3, 3, 14, 2, 2);
SYS(CNTV_CTL_EL0, 0xdf19, 3, 3, 14, 3, 1);
SYS(CNTV_CVAL_EL0, 0xdf1a, 3, 3, 14, 3, 2);
SYS(SP_EL1, 0xe208, 3, 4, 4, 1, 0);
SYS(VPIDR_EL2, 0xe000, 3, 4, 0, 0, 0);
SYS(VMPIDR_EL2, 0xe005, 3, 4, 0, 0, 5);
SYS(SCTLR_EL2, 0xe080, 3, 4, 1, 0, 0);
SYS(HCR_EL2, 0xe088, 3, 4, 1, 1, 0);
SYS(MDCR_EL2, 0xe089, 3, 4, 1, 1, 1);
SYS(CPTR_EL2, 0xe08a, 3, 4, 1, 1, 2);
SYS(TTBR0_EL2, 0xe100, 3, 4, 2, 0, 0);
SYS(TTBR1_EL2, 0xe101, 3, 4, 2, 0, 1);
SYS(TCR_EL2, 0xe102, 3, 4, 2, 0, 2);
SYS(VTTBR_EL2, 0xe108, 3, 4, 2, 1, 0);
SYS(VTCR_EL2, 0xe10a, 3, 4, 2, 1, 2);
SYS(SPSR_EL2, 0xe200, 3, 4, 4, 0, 0);
SYS(ELR_EL2, 0xe201, 3, 4, 4, 0, 1);
SYS(ESR_EL2, 0xe290, 3, 4, 5, 2, 0);
SYS(FAR_EL2, 0xe300, 3, 4, 6, 0, 0);
SYS(HPFAR_EL2, 0xe304, 3, 4, 6, 0, 4);
SYS(MAIR_EL2, 0xe510, 3, 4, 10, 2, 0);
SYS(VBAR_EL2, 0xe600, 3, 4, 12, 0, 0);
SYS(TPIDR_EL2, 0xe682, 3, 4, 13, 0, 2);
SYS(CNTVOFF_EL2, 0xe703, 3, 4, 14, 0, 3);
SYS(CNTHCTL_EL2, 0xe708, 3, 4, 14, 1, 0);
SYS(CNTHP_TVAL_EL2, 0xe710, 3, 4, 14, 2, 0);
SYS(CNTHP_CTL_EL2, 0xe711, 3, 4, 14, 2, 1);
SYS(CNTHP_CVAL_EL2, 0xe712, 3, 4, 14, 2, 2);
SYS(SP_EL2, 0xf208, 3, 6, 4, 1, 0);

/* TLBI operations of macOS 27: CRm << 3 | op2 of the instruction. */
IS(HV_TLBI_OP_RVAE1IS, 0x11);
IS(HV_TLBI_OP_RVAAE1IS, 0x13);
IS(HV_TLBI_OP_RVALE1IS, 0x15);
IS(HV_TLBI_OP_RVAALE1IS, 0x17);
IS(HV_TLBI_OP_VMALLE1IS, 0x18);
IS(HV_TLBI_OP_VAE1IS, 0x19);
IS(HV_TLBI_OP_ASIDE1IS, 0x1a);
IS(HV_TLBI_OP_VAAE1IS, 0x1b);
IS(HV_TLBI_OP_VALE1IS, 0x1d);
IS(HV_TLBI_OP_VAALE1IS, 0x1f);

/* ---- A8: the GIC ---- */

IS(HV_GIC_INT_PERFORMANCE_MONITOR, 23);
IS(HV_GIC_INT_MAINTENANCE, 25);
IS(HV_GIC_INT_EL2_PHYSICAL_TIMER, 26);
IS(HV_GIC_INT_EL1_VIRTUAL_TIMER, 27);
IS(HV_GIC_INT_EL1_PHYSICAL_TIMER, 30);

#define GICD(name, value) IS(HV_GIC_DISTRIBUTOR_REG_GICD_##name, value)
GICD(CTLR, 0);
GICD(TYPER, 4);
GICD(PIDR2, 0xffe8);
#define GICD_BITS(n)                                                                               \
    GICD(IGROUPR##n, 0x80 + 4 * n);                                                                \
    GICD(ISENABLER##n, 0x100 + 4 * n);                                                             \
    GICD(ICENABLER##n, 0x180 + 4 * n);                                                             \
    GICD(ISPENDR##n, 0x200 + 4 * n);                                                               \
    GICD(ICPENDR##n, 0x280 + 4 * n);                                                               \
    GICD(ISACTIVER##n, 0x300 + 4 * n);                                                             \
    GICD(ICACTIVER##n, 0x380 + 4 * n)
TO_31(GICD_BITS);
#define GICD_IPRIORITYR(n) GICD(IPRIORITYR##n, 0x400 + 4 * n)
TO_9(GICD_IPRIORITYR);
TEN(GICD_IPRIORITYR, 1);
TEN(GICD_IPRIORITYR, 2);
TEN(GICD_IPRIORITYR, 3);
TEN(GICD_IPRIORITYR, 4);
TEN(GICD_IPRIORITYR, 5);
TEN(GICD_IPRIORITYR, 6);
TEN(GICD_IPRIORITYR, 7);
TEN(GICD_IPRIORITYR, 8);
TEN(GICD_IPRIORITYR, 9);
HUNDRED(GICD_IPRIORITYR, 1);
TEN(GICD_IPRIORITYR, 20);
TEN(GICD_IPRIORITYR, 21);
TEN(GICD_IPRIORITYR, 22);
TEN(GICD_IPRIORITYR, 23);
TEN(GICD_IPRIORITYR, 24);
GICD_IPRIORITYR(250);
GICD_IPRIORITYR(251);
GICD_IPRIORITYR(252);
GICD_IPRIORITYR(253);
GICD_IPRIORITYR(254);
#define GICD_ICFGR(n) GICD(ICFGR##n, 0xc00 + 4 * n)
TO_9(GICD_ICFGR);
TEN(GICD_ICFGR, 1);
TEN(GICD_ICFGR, 2);
TEN(GICD_ICFGR, 3);
TEN(GICD_ICFGR, 4);
TEN(GICD_ICFGR, 5);
GICD_ICFGR(60);
GICD_ICFGR(61);
GICD_ICFGR(62);
GICD_ICFGR(63);
#define GICD_IROUTER(n) GICD(IROUTER##n, 0x6000 + 8 * n)
GICD_IROUTER(32);
GICD_IROUTER(33);
GICD_IROUTER(34);
GICD_IROUTER(35);
GICD_IROUTER(36);
GICD_IROUTER(37);
GICD_IROUTER(38);
GICD_IROUTER(39);
TEN(GICD_IROUTER, 4);
TEN(GICD_IROUTER, 5);
TEN(GICD_IROUTER, 6);
TEN(GICD_IROUTER, 7);
TEN(GICD_IROUTER, 8);
TEN(GICD_IROUTER, 9);
HUNDRED(GICD_IROUTER, 1);
HUNDRED(GICD_IROUTER, 2);
HUNDRED(GICD_IROUTER, 3);
HUNDRED(GICD_IROUTER, 4);
HUNDRED(GICD_IROUTER, 5);
HUNDRED(GICD_IROUTER, 6);
HUNDRED(GICD_IROUTER, 7);
HUNDRED(GICD_IROUTER, 8);
HUNDRED(GICD_IROUTER, 9);
TEN(GICD_IROUTER, 100);
TEN(GICD_IROUTER, 101);

#define GICR(name, value) IS(HV_GIC_REDISTRIBUTOR_REG_GICR_##name, value)
GICR(TYPER, 8);
GICR(PIDR2, 0xffe8);
GICR(IGROUPR0, 0x10080);
GICR(ISENABLER0, 0x10100);
GICR(ICENABLER0, 0x10180);
GICR(ISPENDR0, 0x10200);
GICR(ICPENDR0, 0x10280);
GICR(ISACTIVER0, 0x10300);
GICR(ICACTIVER0, 0x10380);
#define GICR_IPRIORITYR(n) GICR(IPRIORITYR##n, 0x10400 + 4 * n)
TO_7(GICR_IPRIORITYR);
GICR(ICFGR0, 0x10c00);
GICR(ICFGR1, 0x10c04);

/* The CPU interface: the guest's, and a nested guest's. */
#define ICC(name, value) IS(HV_GIC_ICC_REG_##name, value)
#define BOTH(name, value)                                                                          \
    ICC(name, value);                                                                              \
    IS(HV_GIC_ICV_REG_##name, value)
BOTH(PMR_EL1, 0xc230);
BOTH(BPR0_EL1, 0xc643);
BOTH(AP0R0_EL1, 0xc644);
BOTH(AP1R0_EL1, 0xc648);
BOTH(RPR_EL1, 0xc65b);
BOTH(BPR1_EL1, 0xc663);
BOTH(CTLR_EL1, 0xc664);
BOTH(SRE_EL1, 0xc665);
BOTH(IGRPEN0_EL1, 0xc666);
BOTH(IGRPEN1_EL1, 0xc667);
ICC(SRE_EL2, 0xe64d);

#define ICH(name, value) IS(HV_GIC_ICH_REG_##name##_EL2, value)
ICH(AP0R0, 0xe640);
ICH(AP1R0, 0xe648);
ICH(HCR, 0xe658);
ICH(VTR, 0xe659);
ICH(MISR, 0xe65a);
ICH(EISR, 0xe65b);
ICH(ELRSR, 0xe65d);
ICH(VMCR, 0xe65f);
#define ICH_LR(n) ICH(LR##n, 0xe660 + n)
TO_15(ICH_LR);

IS(HV_GIC_REG_GICM_TYPER, 8);
IS(HV_GIC_REG_GICM_SET_SPI_NSR, 0x40);

/* ---- A2, A8, A9: the functions, declared again: another type is an error ---- */

#ifdef __cplusplus
extern "C" {
#endif

hv_return_t hv_vm_get_max_vcpu_count(uint32_t *);
hv_return_t hv_vm_create(hv_vm_config_t);
hv_return_t hv_vm_destroy(void);
hv_return_t hv_vm_map(void *, hv_ipa_t, size_t, hv_memory_flags_t);
hv_return_t hv_vm_unmap(hv_ipa_t, size_t);
hv_return_t hv_vm_protect(hv_ipa_t, size_t, hv_memory_flags_t);
hv_return_t hv_vm_allocate(void **, size_t, hv_allocate_flags_t);
hv_return_t hv_vm_deallocate(void *, size_t);
hv_vm_config_t hv_vm_config_create(void);
hv_return_t hv_vm_config_get_max_ipa_size(uint32_t *);
hv_return_t hv_vm_config_get_default_ipa_size(uint32_t *);
hv_return_t hv_vm_config_set_ipa_size(hv_vm_config_t, uint32_t);
hv_return_t hv_vm_config_get_ipa_size(hv_vm_config_t, uint32_t *);
hv_return_t hv_vm_config_get_el2_supported(bool *);
hv_return_t hv_vm_config_get_el2_enabled(hv_vm_config_t, bool *);
hv_return_t hv_vm_config_set_el2_enabled(hv_vm_config_t, bool);
hv_return_t hv_vm_config_get_default_ipa_granule(hv_ipa_granule_t *);
hv_return_t hv_vm_config_get_ipa_granule(hv_vm_config_t, hv_ipa_granule_t *);
hv_return_t hv_vm_config_set_ipa_granule(hv_vm_config_t, hv_ipa_granule_t);

hv_vcpu_config_t hv_vcpu_config_create(void);
hv_return_t hv_vcpu_config_get_feature_reg(hv_vcpu_config_t, hv_feature_reg_t, uint64_t *);
hv_return_t hv_vcpu_config_get_ccsidr_el1_sys_reg_values(hv_vcpu_config_t, hv_cache_type_t,
                                                         uint64_t[8]);
hv_return_t hv_vcpu_create(hv_vcpu_t *, hv_vcpu_exit_t **, hv_vcpu_config_t);
hv_return_t hv_vcpu_destroy(hv_vcpu_t);
hv_return_t hv_vcpu_get_reg(hv_vcpu_t, hv_reg_t, uint64_t *);
hv_return_t hv_vcpu_set_reg(hv_vcpu_t, hv_reg_t, uint64_t);
hv_return_t hv_vcpu_get_simd_fp_reg(hv_vcpu_t, hv_simd_fp_reg_t, hv_simd_fp_uchar16_t *);
hv_return_t hv_vcpu_set_simd_fp_reg(hv_vcpu_t, hv_simd_fp_reg_t, hv_simd_fp_uchar16_t);
hv_return_t hv_vcpu_get_sys_reg(hv_vcpu_t, hv_sys_reg_t, uint64_t *);
hv_return_t hv_vcpu_set_sys_reg(hv_vcpu_t, hv_sys_reg_t, uint64_t);
hv_return_t hv_vcpu_get_pending_interrupt(hv_vcpu_t, hv_interrupt_type_t, bool *);
hv_return_t hv_vcpu_set_pending_interrupt(hv_vcpu_t, hv_interrupt_type_t, bool);
hv_return_t hv_vcpu_get_trap_debug_exceptions(hv_vcpu_t, bool *);
hv_return_t hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t, bool);
hv_return_t hv_vcpu_get_trap_debug_reg_accesses(hv_vcpu_t, bool *);
hv_return_t hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t, bool);
hv_return_t hv_vcpu_run(hv_vcpu_t);
hv_return_t hv_vcpus_exit(hv_vcpu_t *, uint32_t);
hv_return_t hv_vcpu_get_exec_time(hv_vcpu_t, uint64_t *);
hv_return_t hv_vcpu_get_vtimer_mask(hv_vcpu_t, bool *);
hv_return_t hv_vcpu_set_vtimer_mask(hv_vcpu_t, bool);
hv_return_t hv_vcpu_get_vtimer_offset(hv_vcpu_t, uint64_t *);
hv_return_t hv_vcpu_set_vtimer_offset(hv_vcpu_t, uint64_t);
hv_return_t hv_vcpu_get_serror(hv_vcpu_t, bool *);
hv_return_t hv_vcpu_set_serror(hv_vcpu_t, bool);
hv_return_t hv_vcpu_get_wait_for_interrupt_time(hv_vcpu_t, uint64_t *);
hv_return_t hv_vcpu_invalidate_tlb(hv_vcpu_t, hv_tlbi_op_t, uint64_t);

hv_gic_config_t hv_gic_config_create(void);
hv_return_t hv_gic_config_set_distributor_base(hv_gic_config_t, hv_ipa_t);
hv_return_t hv_gic_config_set_redistributor_base(hv_gic_config_t, hv_ipa_t);
hv_return_t hv_gic_config_set_msi_region_base(hv_gic_config_t, hv_ipa_t);
hv_return_t hv_gic_config_set_msi_interrupt_range(hv_gic_config_t, uint32_t, uint32_t);
hv_return_t hv_gic_create(hv_gic_config_t);
hv_return_t hv_gic_set_spi(uint32_t, bool);
hv_return_t hv_gic_send_msi(hv_ipa_t, uint32_t);
hv_return_t hv_gic_get_distributor_reg(hv_gic_distributor_reg_t, uint64_t *);
hv_return_t hv_gic_set_distributor_reg(hv_gic_distributor_reg_t, uint64_t);
hv_return_t hv_gic_get_redistributor_base(hv_vcpu_t, hv_ipa_t *);
hv_return_t hv_gic_get_redistributor_reg(hv_vcpu_t, hv_gic_redistributor_reg_t, uint64_t *);
hv_return_t hv_gic_set_redistributor_reg(hv_vcpu_t, hv_gic_redistributor_reg_t, uint64_t);
hv_return_t hv_gic_get_icc_reg(hv_vcpu_t, hv_gic_icc_reg_t, uint64_t *);
hv_return_t hv_gic_set_icc_reg(hv_vcpu_t, hv_gic_icc_reg_t, uint64_t);
hv_return_t hv_gic_get_ich_reg(hv_vcpu_t, hv_gic_ich_reg_t, uint64_t *);
hv_return_t hv_gic_set_ich_reg(hv_vcpu_t, hv_gic_ich_reg_t, uint64_t);
hv_return_t hv_gic_get_icv_reg(hv_vcpu_t, hv_gic_icv_reg_t, uint64_t *);
hv_return_t hv_gic_set_icv_reg(hv_vcpu_t, hv_gic_icv_reg_t, uint64_t);
hv_return_t hv_gic_get_msi_reg(hv_gic_msi_reg_t, uint64_t *);
hv_return_t hv_gic_set_msi_reg(hv_gic_msi_reg_t, uint64_t);
hv_return_t hv_gic_set_state(const void *, size_t);
hv_return_t hv_gic_reset(void);
hv_return_t hv_gic_get_distributor_size(size_t *);
hv_return_t hv_gic_get_distributor_base_alignment(size_t *);
hv_return_t hv_gic_get_redistributor_region_size(size_t *);
hv_return_t hv_gic_get_redistributor_size(size_t *);
hv_return_t hv_gic_get_redistributor_base_alignment(size_t *);
hv_return_t hv_gic_get_msi_region_size(size_t *);
hv_return_t hv_gic_get_msi_region_base_alignment(size_t *);
hv_return_t hv_gic_get_spi_interrupt_range(uint32_t *, uint32_t *);
hv_return_t hv_gic_get_intid(hv_gic_intid_t, uint32_t *);
hv_gic_state_t hv_gic_state_create(void);
hv_return_t hv_gic_state_get_size(hv_gic_state_t, size_t *);
hv_return_t hv_gic_state_get_data(hv_gic_state_t, void *);

hv_return_t hv_sme_config_get_max_svl_bytes(size_t *);
hv_return_t hv_vcpu_get_sme_state(hv_vcpu_t, hv_vcpu_sme_state_t *);
hv_return_t hv_vcpu_set_sme_state(hv_vcpu_t, const hv_vcpu_sme_state_t *);
hv_return_t hv_vcpu_get_sme_z_reg(hv_vcpu_t, hv_sme_z_reg_t, uint8_t *, size_t);
hv_return_t hv_vcpu_set_sme_z_reg(hv_vcpu_t, hv_sme_z_reg_t, const uint8_t *, size_t);
hv_return_t hv_vcpu_get_sme_p_reg(hv_vcpu_t, hv_sme_p_reg_t, uint8_t *, size_t);
hv_return_t hv_vcpu_set_sme_p_reg(hv_vcpu_t, hv_sme_p_reg_t, const uint8_t *, size_t);
hv_return_t hv_vcpu_get_sme_za_reg(hv_vcpu_t, uint8_t *, size_t);
hv_return_t hv_vcpu_set_sme_za_reg(hv_vcpu_t, const uint8_t *, size_t);
hv_return_t hv_vcpu_get_sme_zt0_reg(hv_vcpu_t, hv_sme_zt0_uchar64_t *);
hv_return_t hv_vcpu_set_sme_zt0_reg(hv_vcpu_t, const hv_sme_zt0_uchar64_t *);

#ifdef __cplusplus
}
#endif
