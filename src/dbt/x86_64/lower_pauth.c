/* SPDX-License-Identifier: MIT */
/* Pointer authentication: PAC*, AUT*, XPAC*, PACGA, their hints, and LDRAA, LDRAB. Calls of the
 * stubs in pauth.c, which keep all pinned registers; branches with authentication are in
 * lower_branch.c. */

#include "lower_mem.h"
#include "pauth.h"

/* Stands for a modifier of zero. */
#define NO_MODIFIER 31u

/* Calls STUB with register D by register N (or zero); what it returns becomes register D. */
static void call_stub(struct lower *l, const struct a64_insn *insn, unsigned d, unsigned n,
                      uintptr_t stub)
{
    lower_clobber(l);
    lower_copy(l, 1, d, RAX);
    lower_copy(l, 1, n, RDX);
    const struct lower_miss miss = lower_pac(l, insn, stub);
    lower_done(l, d, RAX);
    lower_checked(l, miss);
}

struct lower_miss lower_pac(struct lower *l, const struct a64_insn *insn, uintptr_t stub)
{
    struct x86 *a = &l->a, *cold = &l->cold;
    x86_call_to(a, stub);
    const struct x86_label other = x86_jcc(a, CC_B);
    const uintptr_t slow = x86_here(cold);
    x86_land(cold, other);
    lower_call_cold(l, insn);
    return (struct lower_miss){.done = x86_jmp(cold), .slow = slow};
}

static uintptr_t stub_of(const struct lower *l, enum a64_key key, bool auth)
{
    const unsigned place = dbt_pac_place(l->mode);
    return auth ? l->dbt->stub.auth[place][key] : l->dbt->stub.sign[place][key];
}

static void by_register(struct lower *l, const struct a64_insn *insn, enum a64_key key, bool auth)
{
    if (insn->rd == 31)
        lower_call(l, insn);
    else
        call_stub(l, insn, insn->rd, lower_base(insn), stub_of(l, key, auth));
}

static void by_zero(struct lower *l, const struct a64_insn *insn, enum a64_key key, bool auth)
{
    if (insn->rd == 31)
        lower_call(l, insn);
    else
        call_stub(l, insn, insn->rd, NO_MODIFIER, stub_of(l, key, auth));
}

/* A hint: nothing on a CPU without FEAT_PAuth. */
static void hint(struct lower *l, const struct a64_insn *insn, unsigned d, unsigned n,
                 enum a64_key key, bool auth)
{
    if (a64_has(&l->dbt->cpu->feat, A64_FEAT_PAuth))
        call_stub(l, insn, d, n, stub_of(l, key, auth));
}

static void strip(struct lower *l, unsigned d, bool data)
{
    lower_clobber(l);
    lower_copy(l, 1, d, RAX);
    x86_call_to(&l->a, l->dbt->stub.strip[data]);
    lower_done(l, d, RAX);
}

static void lower_xpaci(struct lower *l, const struct a64_insn *insn)
{
    strip(l, insn->rd, false);
}

static void lower_xpacd(struct lower *l, const struct a64_insn *insn)
{
    strip(l, insn->rd, true);
}

static void lower_xpaclri(struct lower *l, const struct a64_insn *insn)
{
    if (a64_has(&l->dbt->cpu->feat, A64_FEAT_PAuth))
        strip(l, 30, false);
}

static void lower_pacga(struct lower *l, const struct a64_insn *insn)
{
    lower_clobber(l);
    lower_copy(l, 1, insn->rn, RAX);
    lower_copy(l, 1, insn->rm == 31 ? GUEST_SP : insn->rm, RDX);
    const struct lower_miss miss = lower_pac(l, insn, stub_of(l, A64_KEY_GA, false));
    lower_done(l, insn->rd, RAX);
    lower_checked(l, miss);
}

/* ---- loads ---- */

static void load_authenticated(struct lower *l, const struct a64_insn *insn, bool wback)
{
    struct x86 *a = &l->a;
    const enum a64_key key = insn->word >> 23 & 1 ? A64_KEY_DB : A64_KEY_DA;
    if (lower_sp_faults(l, insn) || l->mode & DBT_MODE_ALIGN) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_copy(l, 1, lower_base(insn), RAX);
    x86_imm(a, RDX, 0);
    x86_call_to(a, stub_of(l, key, true));
    const struct x86_label other = x86_jcc(a, CC_B);
    if (insn->imm)
        x86_lea(a, 1, RAX, x86_m(RAX, (int32_t)insn->imm));
    const struct lower_miss miss = lower_check_with_slow(l, insn, 8, DBT_FILL_READ);
    if (!a->full && !l->cold.full)
        x86_patch(a, other, miss.slow);
    x86_mov(a, 1, RDX, lower_operand(0));
    if (wback)
        lower_done(l, lower_base(insn), RAX);
    lower_done(l, insn->rd, RDX);
    lower_checked(l, miss);
    if (wback && insn->rn == 31)
        lower_sp_written(l, false);
}

static void lower_ldraa_off(struct lower *l, const struct a64_insn *insn)
{
    load_authenticated(l, insn, false);
}

static void lower_ldraa_pre(struct lower *l, const struct a64_insn *insn)
{
    load_authenticated(l, insn, true);
}

/* ---- the table ---- */

#define KEY(letters, zero_letters, key, auth)                                                      \
    ONE(letters, by_register, key, auth)                                                           \
    ONE(zero_letters, by_zero, key, auth)
#define HINTS(name, key, auth)                                                                     \
    ONE(name##1716, hint, 17, 16, key, auth)                                                       \
    ONE(name##sp, hint, 30, GUEST_SP, key, auth)                                                   \
    ONE(name##z, hint, 30, NO_MODIFIER, key, auth)

KEY(pacia, paciza, A64_KEY_IA, false)
KEY(pacib, pacizb, A64_KEY_IB, false)
KEY(pacda, pacdza, A64_KEY_DA, false)
KEY(pacdb, pacdzb, A64_KEY_DB, false)
KEY(autia, autiza, A64_KEY_IA, true)
KEY(autib, autizb, A64_KEY_IB, true)
KEY(autda, autdza, A64_KEY_DA, true)
KEY(autdb, autdzb, A64_KEY_DB, true)
HINTS(pacia, A64_KEY_IA, false)
HINTS(pacib, A64_KEY_IB, false)
HINTS(autia, A64_KEY_IA, true)
HINTS(autib, A64_KEY_IB, true)

#define HINT_ROWS(name) ROW(name##1716), ROW(name##sp), ROW(name##z)

lower_fn *const lower_pauth_table[A64_EXEC_COUNT] = {
    ROW(pacia),       ROW(paciza),      ROW(pacib), ROW(pacizb), ROW(pacda),       ROW(pacdza),
    ROW(pacdb),       ROW(pacdzb),      ROW(autia), ROW(autiza), ROW(autib),       ROW(autizb),
    ROW(autda),       ROW(autdza),      ROW(autdb), ROW(autdzb), HINT_ROWS(pacia), HINT_ROWS(pacib),
    HINT_ROWS(autia), HINT_ROWS(autib), ROW(xpaci), ROW(xpacd),  ROW(xpaclri),     ROW(pacga),
    ROW(ldraa_off),   ROW(ldraa_pre),
};
