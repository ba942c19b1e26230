/* SPDX-License-Identifier: MIT */
/* LDRAA and LDRAB: loads through a signed pointer, with key DA or DB and modifier zero. The
 * write-back form leaves the authenticated address, with the offset, in the base. */

#include "ldst.h"

#include "../a64/pac.h"

static int load_authenticated(struct a64_cpu *cpu, const struct a64_insn *insn, bool wback)
{
    const enum a64_key key = insn->word >> 23 & 1 ? A64_KEY_DB : A64_KEY_DA;
    uint64_t base, address, value;
    if (ldst_base(cpu, insn->rn, &base) || a64_pac_auth_combined(cpu, base, 0, key, &address))
        return A64_FAULT;
    address += insn->imm;
    if (a64_ld(cpu, address, 8, 0, &value))
        return A64_FAULT;
    if (wback)
        a64_set_xsp(cpu, insn->rn, address);
    a64_set_x(cpu, insn->rd, value);
    return A64_NEXT;
}

int exec_ldraa_off(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return load_authenticated(cpu, insn, false);
}

int exec_ldraa_pre(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    return load_authenticated(cpu, insn, true);
}
