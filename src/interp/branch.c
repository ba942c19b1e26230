/* SPDX-License-Identifier: MIT */
/* Branches, and the instructions that raise exceptions or return from them (Arm ARM C4.1.89).
 *
 * A taken branch returns A64_BRANCH with cpu->pc at the target; one not taken returns A64_NEXT.
 * Indirect branches set PSTATE.BTYPE where the CPU has FEAT_BTI, and leave A64_F_ANY watched so
 * that the target is checked (a64_check_watch) and BTYPE cleared behind it. */

#include "a64_exec.h"
#include "alu.h"

#include "../a64/exception.h"
#include "../a64/mmu.h"
#include "../a64/pac.h"
#include "../a64/sysreg.h"

static int branch_by(struct a64_cpu *cpu, uint64_t offset)
{
    cpu->pc += offset;
    return A64_BRANCH;
}

/* To an address from a register, less the byte that TBI ignores (AArch64.BranchAddr). */
static int branch_to(struct a64_cpu *cpu, uint64_t target)
{
    if (cpu->mmu->tbi_fetch[target >> 55 & 1])
        target = (uint64_t)((int64_t)(target << 8) >> 8);
    cpu->pc = target;
    return A64_BRANCH;
}

int exec_b(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return branch_by(cpu, insn->imm);
}

int exec_bl(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    cpu->x[30] = cpu->pc + 4;
    return branch_by(cpu, insn->imm);
}

int exec_b_cond(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return condition_holds(cpu->nzcv, insn->word & 15) ? branch_by(cpu, insn->imm) : A64_NEXT;
}

#define COMPARE_AND_BRANCH(w, type)                                                                \
    int exec_cbz_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                             \
    {                                                                                              \
        return (type)cpu->x[insn->rd] ? A64_NEXT : branch_by(cpu, insn->imm);                      \
    }                                                                                              \
    int exec_cbnz_##w(struct a64_cpu *cpu, const struct a64_insn *insn)                            \
    {                                                                                              \
        return (type)cpu->x[insn->rd] ? branch_by(cpu, insn->imm) : A64_NEXT;                      \
    }
COMPARE_AND_BRANCH(w, uint32_t)
COMPARE_AND_BRANCH(x, uint64_t)

static bool tested_bit(const struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned bit = (insn->word >> 31) << 5 | (insn->word >> 19 & 31);
    return cpu->x[insn->rd] >> bit & 1;
}

int exec_tbz(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return tested_bit(cpu, insn) ? A64_NEXT : branch_by(cpu, insn->imm);
}

int exec_tbnz(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return tested_bit(cpu, insn) ? branch_by(cpu, insn->imm) : A64_NEXT;
}

/* ---- indirect ---- */

/* Values of PSTATE.BTYPE. */
enum { BTYPE_JUMP_VENEER = 1, BTYPE_CALL = 2, BTYPE_JUMP = 3 };

static void set_btype(struct a64_cpu *cpu, uint8_t btype)
{
    cpu->ps.btype = btype;
    cpu->watch |= A64_F_ANY;
}

/* BR and its kin count as calls too when they go through X16 or X17, as linker veneers do, and when
 * they come from a page that is not guarded. */
static int jump(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t target)
{
    if (a64_has(&cpu->feat, A64_FEAT_BTI)) {
        uint64_t pa;
        bool guarded = false;
        a64_fetch_host(cpu, cpu->pc, &pa, &guarded);
        const bool veneer = insn->rn == 16 || insn->rn == 17;
        set_btype(cpu, guarded && !veneer ? BTYPE_JUMP : BTYPE_JUMP_VENEER);
    }
    return branch_to(cpu, target);
}

static int call(struct a64_cpu *cpu, uint64_t target)
{
    if (a64_has(&cpu->feat, A64_FEAT_BTI))
        set_btype(cpu, BTYPE_CALL);
    cpu->x[30] = cpu->pc + 4;
    return branch_to(cpu, target);
}

int exec_br(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return jump(cpu, insn, cpu->x[insn->rn]);
}

int exec_blr(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return call(cpu, cpu->x[insn->rn]);
}

int exec_ret(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return branch_to(cpu, cpu->x[insn->rn]);
}

/* ISS of a trapped exception return. */
enum eret_kind { ERET = 0, ERET_Aa = 2, ERET_Ab = 3 };

/* UNDEFINED at EL0; HFGITR_EL2.ERET traps EL1's. */
static int check_eret(struct a64_cpu *cpu, enum eret_kind kind)
{
    if (cpu->ps.el == 0)
        return a64_undefined(cpu);
    if (a64_fgt_trap(cpu, cpu->sr.hfgitr_el2, A64_HFGITR_ERET))
        return a64_raise(cpu, A64_EC_ERET, kind, 2);
    return A64_NEXT;
}

/* With pointer authentication. The modifier of BRAA and BLRAA is in the place of Rd. */
#define AUTHENTICATED(key, letter)                                                                 \
    int exec_bra##letter(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        uint64_t target;                                                                           \
        const uint64_t modifier = a64_xsp(cpu, insn->rd);                                          \
        if (a64_pac_auth_combined(cpu, cpu->x[insn->rn], modifier, key, &target))                  \
            return A64_FAULT;                                                                      \
        return jump(cpu, insn, target);                                                            \
    }                                                                                              \
    int exec_bra##letter##z(struct a64_cpu *cpu, const struct a64_insn *insn)                      \
    {                                                                                              \
        uint64_t target;                                                                           \
        if (a64_pac_auth_combined(cpu, cpu->x[insn->rn], 0, key, &target))                         \
            return A64_FAULT;                                                                      \
        return jump(cpu, insn, target);                                                            \
    }                                                                                              \
    int exec_blra##letter(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        uint64_t target;                                                                           \
        const uint64_t modifier = a64_xsp(cpu, insn->rd);                                          \
        if (a64_pac_auth_combined(cpu, cpu->x[insn->rn], modifier, key, &target))                  \
            return A64_FAULT;                                                                      \
        return call(cpu, target);                                                                  \
    }                                                                                              \
    int exec_blra##letter##z(struct a64_cpu *cpu, const struct a64_insn *insn)                     \
    {                                                                                              \
        uint64_t target;                                                                           \
        if (a64_pac_auth_combined(cpu, cpu->x[insn->rn], 0, key, &target))                         \
            return A64_FAULT;                                                                      \
        return call(cpu, target);                                                                  \
    }                                                                                              \
    int exec_reta##letter(struct a64_cpu *cpu, const struct a64_insn *insn)                        \
    {                                                                                              \
        uint64_t target;                                                                           \
        if (a64_pac_auth_combined(cpu, cpu->x[30], cpu->sp, key, &target))                         \
            return A64_FAULT;                                                                      \
        return branch_to(cpu, target);                                                             \
    }                                                                                              \
    int exec_ereta##letter(struct a64_cpu *cpu, const struct a64_insn *insn)                       \
    {                                                                                              \
        uint64_t target;                                                                           \
        if (check_eret(cpu, ERET_A##letter))                                                       \
            return A64_FAULT;                                                                      \
        if (a64_pac_auth_combined(cpu, cpu->sr.elr[cpu->ps.el], cpu->sp, key, &target))            \
            return A64_FAULT;                                                                      \
        return a64_exception_return(cpu, target);                                                  \
    }
AUTHENTICATED(A64_KEY_IA, a)
AUTHENTICATED(A64_KEY_IB, b)

/* ---- exceptions ---- */

int exec_eret(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (check_eret(cpu, ERET))
        return A64_FAULT;
    return a64_exception_return(cpu, cpu->sr.elr[cpu->ps.el]);
}

static uint32_t imm16(const struct a64_insn *insn)
{
    return insn->word >> 5 & 0xffff;
}

int exec_svc(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned trap = cpu->ps.el ? A64_HFGITR_SVC_EL1 : A64_HFGITR_SVC_EL0;
    if (a64_fgt_trap(cpu, cpu->sr.hfgitr_el2, trap))
        return a64_raise(cpu, A64_EC_SVC, imm16(insn), 2);
    const int status = a64_raise(cpu, A64_EC_SVC, imm16(insn), 0);
    cpu->exc.after = true;
    return status;
}

/* Without EL2 the monitor below the guest takes the call. */
int exec_hvc(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (cpu->ps.el == 0 || a64_hcr(cpu) & A64_HCR_HCD)
        return a64_undefined(cpu);
    if (!a64_el2_enabled(cpu))
        return a64_vmexit(cpu, A64_EC_HVC, imm16(insn), true);
    const int status = a64_raise(cpu, A64_EC_HVC, imm16(insn), 2);
    cpu->exc.after = true;
    return status;
}

/* There is no EL3; the monitor takes the call, with the PC at it as a trapped SMC leaves it. */
int exec_smc(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (cpu->ps.el == 0)
        return a64_undefined(cpu);
    if (cpu->ps.el == 1 && a64_hcr(cpu) & A64_HCR_TSC)
        return a64_raise(cpu, A64_EC_SMC, imm16(insn), 2);
    return a64_vmexit(cpu, A64_EC_SMC, imm16(insn), false);
}

int exec_brk(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_raise(cpu, A64_EC_BRK, imm16(insn), 0);
}

/* Undefined while halting debug is not enabled; semihosting's call to the monitor. */
int exec_hlt(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (cpu->trap_hlt)
        return a64_vmexit(cpu, A64_EC_UNKNOWN, insn->word >> 5 & 0xffff, false);
    return a64_undefined(cpu);
}

/* UDF; DCPSn and DRPS, which are undefined while halting debug is not enabled. */
int exec_undefined_always(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return a64_undefined(cpu);
}
