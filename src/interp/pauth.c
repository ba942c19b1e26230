/* SPDX-License-Identifier: MIT */
/* Pointer authentication: PAC*, AUT*, XPAC*, PACGA and their forms among the hints. The hints do
 * nothing on a CPU without FEAT_PAuth. The codes themselves are made in src/a64/pac.c. */

#include "a64_exec.h"

#include "../a64/cpu.h"
#include "../a64/decode.h"
#include "../a64/pac.h"

/* Signs X<d>. */
static int sign(struct a64_cpu *cpu, unsigned d, uint64_t modifier, enum a64_key key)
{
    if (a64_pac_check_key(cpu, key))
        return A64_FAULT;
    a64_set_x(cpu, d, a64_pac_sign(cpu, cpu->x[d], modifier, key));
    return A64_NEXT;
}

/* Authenticates X<d>. */
static int auth(struct a64_cpu *cpu, unsigned d, uint64_t modifier, enum a64_key key)
{
    uint64_t result;
    if (a64_pac_auth(cpu, cpu->x[d], modifier, key, &result))
        return A64_FAULT;
    a64_set_x(cpu, d, result);
    return A64_NEXT;
}

/* PACIA <Xd>, <Xn|SP> and PACIZA <Xd>, and so on. */
#define PAUTH(name, zero_name, operation, key)                                                     \
    int exec_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                              \
    {                                                                                              \
        return operation(cpu, insn->rd, a64_xsp(cpu, insn->rn), key);                              \
    }                                                                                              \
    int exec_##zero_name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        return operation(cpu, insn->rd, 0, key);                                                   \
    }
PAUTH(pacia, paciza, sign, A64_KEY_IA)
PAUTH(pacib, pacizb, sign, A64_KEY_IB)
PAUTH(pacda, pacdza, sign, A64_KEY_DA)
PAUTH(pacdb, pacdzb, sign, A64_KEY_DB)
PAUTH(autia, autiza, auth, A64_KEY_IA)
PAUTH(autib, autizb, auth, A64_KEY_IB)
PAUTH(autda, autdza, auth, A64_KEY_DA)
PAUTH(autdb, autdzb, auth, A64_KEY_DB)

/* The hints: X17 by X16, X30 by SP, X30 by zero. */
#define PAUTH_HINTS(name, operation, key)                                                          \
    int exec_##name##1716(struct a64_cpu * cpu, const struct a64_insn *insn)                       \
    {                                                                                              \
        return has_pauth(cpu) ? operation(cpu, 17, cpu->x[16], key) : A64_NEXT;                    \
    }                                                                                              \
    int exec_##name##sp(struct a64_cpu *cpu, const struct a64_insn *insn)                          \
    {                                                                                              \
        return has_pauth(cpu) ? operation(cpu, 30, cpu->sp, key) : A64_NEXT;                       \
    }                                                                                              \
    int exec_##name##z(struct a64_cpu *cpu, const struct a64_insn *insn)                           \
    {                                                                                              \
        return has_pauth(cpu) ? operation(cpu, 30, 0, key) : A64_NEXT;                             \
    }

static bool has_pauth(const struct a64_cpu *cpu)
{
    return a64_has(&cpu->feat, A64_FEAT_PAuth);
}

PAUTH_HINTS(pacia, sign, A64_KEY_IA)
PAUTH_HINTS(pacib, sign, A64_KEY_IB)
PAUTH_HINTS(autia, auth, A64_KEY_IA)
PAUTH_HINTS(autib, auth, A64_KEY_IB)

int exec_xpaci(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, a64_pac_strip(cpu, cpu->x[insn->rd], false));
    return A64_NEXT;
}

int exec_xpacd(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    a64_set_x(cpu, insn->rd, a64_pac_strip(cpu, cpu->x[insn->rd], true));
    return A64_NEXT;
}

int exec_xpaclri(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (has_pauth(cpu))
        cpu->x[30] = a64_pac_strip(cpu, cpu->x[30], false);
    return A64_NEXT;
}

/* There is no enable bit for the generic key. */
int exec_pacga(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (a64_pac_check_trap(cpu))
        return A64_FAULT;
    a64_set_x(cpu, insn->rd, a64_pac_generic(cpu, cpu->x[insn->rn], a64_xsp(cpu, insn->rm)));
    return A64_NEXT;
}
