/* SPDX-License-Identifier: MIT */
/* Stubs of pointer authentication; pauth.h tells how they are called, src/a64/pac.c is what they
 * must agree with. They do what is usual: a pointer whose bits above the address are all alike is
 * signed, a right code is taken out. All else is left to the interpreter: other pointers, wrong
 * codes with their poisoned results and faults, traps.
 *
 * Our own ComputePAC is a dozen instructions; QARMA5 is a call of the C function, which is compiled
 * to leave vector registers alone. */

#include "pauth.h"

#include "../../a64/exception.h"
#include "../../a64/pac.h"
#include "../../a64/qarma.h"

/* By DBT_PAC_PLACES: EL0, EL1, EL2, EL0 of a host at EL2. */
static const struct place {
    uint8_t regime_el; /* whose SCTLR has the enable bits */
    uint8_t kernkey;   /* bit of APCTL */
    bool traps;        /* HCR_EL2.API is looked at */
} places[DBT_PAC_PLACES] = {
    {1, A64_APCTL_USER_KEY_EN, true},
    {1, A64_APCTL_KERN_KEY_EN, true},
    {2, A64_APCTL_KERN_KEY_EN, false},
    {2, A64_APCTL_USER_KEY_EN, false},
};

/* Within a stub: RSI is the pointer without a code, RDI bit 55 of it all over (and then, in auth,
 * the pointer as it came), R8 where the code is. */
static const uint8_t lent[] = {RSI, RDI, R8, R9};

static void lend(struct x86 *a)
{
    for (unsigned i = 0; i < sizeof lent; i++)
        x86_push(a, lent[i]);
}

/* Flags stay. */
static void give_back(struct x86 *a)
{
    for (unsigned i = sizeof lent; i--;)
        x86_pop(a, lent[i]);
}

static void multiply(struct x86 *a, unsigned r)
{
    x86_op(a, 0xf7 | X_W, 4, x86_r((int)r), 0); /* MUL: RDX:RAX = RAX * r */
}

/* RCX and RAX: KEY's halves as they act now (a64_pac_key_now()). */
static void load_key(struct x86 *a, const struct place *place, enum a64_key key)
{
    x86_mov(a, 1, RCX, CPU(sr.key[key].hi));
    x86_mov(a, 1, RAX, CPU(sr.key[key].lo));
    if (key != A64_KEY_IA && key != A64_KEY_DA)
        return;
    x86_test8_imm(a, CPU(sr.apctl), place->kernkey);
    const struct x86_label plain = x86_jcc(a, CC_E);
    x86_alu(a, ALU_XOR, 1, RCX, CPU(sr.kernkey.hi));
    x86_alu(a, ALU_XOR, 1, RAX, CPU(sr.kernkey.lo));
    x86_land(a, plain);
}

static void xor_constant(struct x86 *a, unsigned r, uint64_t value)
{
    x86_imm(a, R9, value);
    x86_alu(a, ALU_XOR, 1, r, x86_r(R9));
}

/* mix() of pac.c. */
static void emit_mix(struct x86 *a)
{
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RSI));
    xor_constant(a, RAX, A64_PAC_MIX_DATA);
    x86_imm(a, R9, A64_PAC_MIX_SECOND);
    x86_alu(a, ALU_XOR, 1, R9, x86_r(RSI));
    x86_push(a, R9);
    x86_lea(a, 1, R9, x86_mx(RDX, RDX, 0, 0));
    x86_alu_store(a, ALU_XOR, 1, x86_m(RSP, 0), R9);
    x86_alu(a, ALU_XOR, 1, RDX, x86_r(RCX));
    xor_constant(a, RDX, A64_PAC_MIX_MODIFIER);
    multiply(a, RDX);
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RDX));
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RCX));
    xor_constant(a, RAX, A64_PAC_MIX_FIRST);
    x86_pop(a, R9);
    multiply(a, R9);
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RDX));
}

static void emit_qarma(struct x86 *a)
{
    static const uint8_t kept[] = {RSI, RDI, R8, R10, R11};
    for (unsigned i = 0; i < sizeof kept; i++)
        x86_push(a, kept[i]);
    x86_mov_rr(a, 1, RDI, RSI);
    x86_mov_rr(a, 1, RSI, RDX);
    x86_mov_rr(a, 1, RDX, RCX);
    x86_mov_rr(a, 1, RCX, RAX);
    x86_imm(a, RAX, (uintptr_t)a64_qarma5);
    x86_call_rm(a, x86_r(RAX));
    for (unsigned i = sizeof kept; i--;)
        x86_pop(a, kept[i]);
}

/* RAX = ComputePAC(RSI, RDX). */
static void compute(struct dbt *dbt, struct x86 *a, const struct place *place, enum a64_key key)
{
    load_key(a, place, key);
    if (a64_has(&dbt->cpu->feat, A64_FEAT_PACQARMA5))
        emit_qarma(a);
    else
        emit_mix(a);
}

/* The two ways out; CF tells which. */
static void finish(struct x86 *a, const struct x86_label *slow, unsigned count)
{
    give_back(a);
    x86_ret(a);
    for (unsigned i = 0; i < count; i++)
        x86_land(a, slow[i]);
    give_back(a);
    x86_stc(a);
    x86_ret(a);
}

/* Returns at once where KEY is disabled, and with CF where its use traps. */
static void check_enabled(struct dbt *dbt, struct x86 *a, const struct place *place,
                          enum a64_key key)
{
    const uint64_t enable = a64_pac_enable(key);
    if (enable) {
        x86_test_imm(a, 0, CPU(sr.sctlr[place->regime_el]), (int32_t)enable);
        const struct x86_label enabled = x86_jcc(a, CC_NE);
        x86_ret(a);
        x86_land(a, enabled);
    }
    if (place->traps && a64_has(&dbt->cpu->feat, A64_FEAT_EL2)) {
        x86_bt_imm(a, 1, CPU(sr.hcr_el2), (unsigned)__builtin_ctzll(A64_HCR_API));
        x86_cmc(a);
        const struct x86_label allowed = x86_jcc(a, CC_AE);
        x86_ret(a);
        x86_land(a, allowed);
    }
}

/* RDI = bit 55 of RAX all over, R8 = where the code is. */
static void find_field(struct x86 *a, bool data)
{
    x86_mov_rr(a, 1, RDI, RAX);
    x86_shift_imm(a, SHIFT_SHL, 1, RDI, 8);
    x86_shift_imm(a, SHIFT_SAR, 1, RDI, 63);
    x86_mov(a, 1, RCX, CPU(mmu));
    const size_t low = offsetof(struct a64_mmu, pac_field[0][1]) + (data ? 16 : 0);
    x86_mov(a, 1, R8, x86_mx(RCX, RDI, 3, (int32_t)low));
}

static bool is_data(enum a64_key key)
{
    return key == A64_KEY_DA || key == A64_KEY_DB;
}

static uintptr_t emit_sign(struct dbt *dbt, struct x86 *a, const struct place *place,
                           enum a64_key key)
{
    const uintptr_t here = x86_here(a);
    check_enabled(dbt, a, place, key);
    lend(a);
    find_field(a, is_data(key));
    x86_mov_rr(a, 1, RSI, RAX);
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RDI));
    x86_test(a, 1, RAX, x86_r(R8));
    const struct x86_label other = x86_jcc(a, CC_NE); /* not an address */
    compute(dbt, a, place, key);
    if (!a64_has(&dbt->cpu->feat, A64_FEAT_PAuth2))
        x86_alu(a, ALU_XOR, 1, RAX, x86_r(RSI));
    x86_alu(a, ALU_AND, 1, RAX, x86_r(R8));
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RSI));
    finish(a, &other, 1);
    return here;
}

static uintptr_t emit_auth(struct dbt *dbt, struct x86 *a, const struct place *place,
                           enum a64_key key)
{
    const uintptr_t here = x86_here(a);
    check_enabled(dbt, a, place, key);
    lend(a);
    find_field(a, is_data(key));
    x86_mov_rr(a, 1, RSI, RAX);
    x86_alu(a, ALU_XOR, 1, RSI, x86_r(RDI));
    x86_alu(a, ALU_AND, 1, RSI, x86_r(R8));
    x86_alu(a, ALU_XOR, 1, RSI, x86_r(RAX));
    x86_mov_rr(a, 1, RDI, RAX);
    compute(dbt, a, place, key);
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RDI));
    if (a64_has(&dbt->cpu->feat, A64_FEAT_PAuth2))
        x86_alu(a, ALU_XOR, 1, RAX, x86_r(RSI));
    x86_test(a, 1, RAX, x86_r(R8));
    const struct x86_label wrong = x86_jcc(a, CC_NE);
    x86_mov_rr(a, 1, RAX, RSI);
    finish(a, &wrong, 1);
    return here;
}

/* PACGA. */
static uintptr_t emit_generic(struct dbt *dbt, struct x86 *a, const struct place *place)
{
    const uintptr_t here = x86_here(a);
    check_enabled(dbt, a, place, A64_KEY_GA);
    lend(a);
    x86_mov_rr(a, 1, RSI, RAX);
    compute(dbt, a, place, A64_KEY_GA);
    x86_shift_imm(a, SHIFT_SHR, 1, RAX, 32);
    x86_shift_imm(a, SHIFT_SHL, 1, RAX, 32); /* CF is bit 32, which is 0 */
    finish(a, NULL, 0);
    return here;
}

static uintptr_t emit_strip(struct x86 *a, bool data)
{
    const uintptr_t here = x86_here(a);
    lend(a);
    find_field(a, data);
    x86_alu(a, ALU_XOR, 1, RDI, x86_r(RAX));
    x86_alu(a, ALU_AND, 1, RDI, x86_r(R8));
    x86_alu(a, ALU_XOR, 1, RAX, x86_r(RDI));
    finish(a, NULL, 0);
    return here;
}

void dbt_emit_pauth(struct dbt *dbt, struct x86 *a)
{
    const unsigned count = a64_has(&dbt->cpu->feat, A64_FEAT_EL2) ? DBT_PAC_PLACES : 2;
    if (!a64_has(&dbt->cpu->feat, A64_FEAT_PAuth))
        return;
    for (unsigned place = 0; place < count; place++) {
        for (unsigned key = A64_KEY_IA; key <= A64_KEY_DB; key++) {
            dbt->stub.sign[place][key] = emit_sign(dbt, a, &places[place], (enum a64_key)key);
            dbt->stub.auth[place][key] = emit_auth(dbt, a, &places[place], (enum a64_key)key);
        }
        dbt->stub.sign[place][A64_KEY_GA] = emit_generic(dbt, a, &places[place]);
    }
    dbt->stub.strip[0] = emit_strip(a, false);
    dbt->stub.strip[1] = emit_strip(a, true);
}
