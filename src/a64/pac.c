/* SPDX-License-Identifier: MIT */

/* Pointer authentication: AddPAC, Auth and Strip of the Arm ARM (D8.10, shared pseudocode
 * functions/pac), with FEAT_EPAC, FEAT_PAuth2 and FEAT_FPAC as the CPU model has them.
 *
 * The code fills the pointer's unused high bits: all above the address bits of its half (TCR.T0SZ
 * or T1SZ) but bit 55, which goes on saying which half; and not the top byte where that is ignored.
 *
 * ComputePAC is QARMA5 where the model says so, else a function of our own: Apple's is not
 * published, and software can see the difference only by comparing codes with those of another
 * machine. Ours is two folded multiplications, quick and well mixed, and no cipher: it keeps a
 * guest's bugs and exploits out, not a cryptanalyst. */

#include "pac.h"

#include "exception.h"
#include "mmu.h"
#include "qarma.h"

#define BIT55 A64_PAC_BIT55

static bool is_data(enum a64_key key)
{
    return key == A64_KEY_DA || key == A64_KEY_DB;
}

static bool key_enabled(const struct a64_cpu *cpu, enum a64_key key)
{
    const unsigned el = a64_current_regime(cpu) == A64_REGIME_EL10 ? 1 : 2;
    return cpu->sr.sctlr[el] & a64_pac_enable(key);
}

/* ---- traps ---- */

int a64_pac_check_trap(struct a64_cpu *cpu)
{
    const uint64_t hcr = a64_hcr(cpu);
    const bool host = hcr & A64_HCR_E2H && hcr & A64_HCR_TGE;
    if (!a64_el2_enabled(cpu) || hcr & A64_HCR_API || cpu->ps.el == 2 || (cpu->ps.el == 0 && host))
        return A64_NEXT;
    return a64_raise(cpu, A64_EC_PAC, 0, 2);
}

int a64_pac_check_key(struct a64_cpu *cpu, enum a64_key key)
{
    return key_enabled(cpu, key) ? a64_pac_check_trap(cpu) : A64_NEXT;
}

/* ---- the code ---- */

static uint64_t fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t mix(uint64_t data, uint64_t modifier, const struct a64_pac_key *key)
{
    const uint64_t a =
        fold(data ^ key->lo ^ A64_PAC_MIX_DATA, modifier ^ key->hi ^ A64_PAC_MIX_MODIFIER);
    return fold(a ^ key->hi ^ A64_PAC_MIX_FIRST, data ^ modifier << 1 ^ A64_PAC_MIX_SECOND);
}

static uint64_t compute(const struct a64_cpu *cpu, uint64_t data, uint64_t modifier,
                        enum a64_key key)
{
    const struct a64_pac_key now = a64_pac_key_now(cpu, key);
    if (a64_has(&cpu->feat, A64_FEAT_PACQARMA5))
        return a64_qarma5(data, modifier, now.hi, now.lo);
    return mix(data, modifier, &now);
}

/* ---- the pointer ---- */

static bool ignores_top_byte(const struct a64_cpu *cpu, uint64_t pointer, bool data)
{
    const struct a64_mmu *mmu = cpu->mmu;
    return (data ? mmu->tbi : mmu->tbi_fetch)[pointer >> 55 & 1];
}

/* The bits that hold the code in a pointer of the half HIGH. */
static uint64_t field(const struct a64_cpu *cpu, bool high, bool tbi)
{
    return a64_pac_field(cpu->mmu->va_bits[high], tbi);
}

/* POINTER with all of MASK equal to HIGH. */
static uint64_t extend(uint64_t pointer, uint64_t mask, bool high)
{
    return high ? pointer | mask : pointer & ~mask;
}

/* Which half a pointer to be signed means: bit 55 where the top byte of either half is ignored,
 * else bit 63. */
static bool chosen_half(const struct a64_cpu *cpu, uint64_t pointer, bool data)
{
    const struct a64_mmu *mmu = cpu->mmu;
    const bool *tbi = data ? mmu->tbi : mmu->tbi_fetch;
    return pointer >> (tbi[0] || tbi[1] ? 55 : 63) & 1;
}

uint64_t a64_pac_sign(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier, enum a64_key key)
{
    if (!key_enabled(cpu, key))
        return pointer;
    const bool tbi = ignores_top_byte(cpu, pointer, is_data(key));
    const bool high = chosen_half(cpu, pointer, is_data(key));
    const bool pauth2 = a64_has(&cpu->feat, A64_FEAT_PAuth2);
    const uint64_t code_bits = field(cpu, high, tbi);
    const uint64_t sign_bits = code_bits | BIT55;
    uint64_t code = compute(cpu, extend(pointer, sign_bits, high), modifier, key);
    if (pointer & sign_bits && ~pointer & sign_bits && !pauth2) {
        /* Not a valid pointer: make sure that it does not become one. */
        if (a64_has(&cpu->feat, A64_FEAT_EPAC))
            code = 0;
        else
            code ^= tbi ? 1ull << 54 : 1ull << 62;
    }
    if (pauth2)
        code ^= pointer;
    return extend(pointer & ~sign_bits, BIT55, high) | (code & code_bits);
}

/* FEAT_PAuth2: the code is taken out by exclusive or; what is left of a wrong one spoils the
 * pointer. */
static int auth2(struct a64_cpu *cpu, uint64_t pointer, uint64_t code, uint64_t code_bits,
                 enum a64_key key, bool may_fault, uint64_t *result)
{
    *result = pointer ^ (code & code_bits);
    if (*result == extend(*result, code_bits, pointer & BIT55) || !may_fault)
        return A64_NEXT;
    const bool b = key == A64_KEY_IB || key == A64_KEY_DB;
    return a64_raise(cpu, A64_EC_FPAC, (uint32_t)is_data(key) << 1 | b, 0);
}

/* Before: a wrong code leaves an error code in two of the pointer's high bits. */
static uint64_t auth1(uint64_t pointer, uint64_t original, uint64_t code, uint64_t code_bits,
                      bool tbi, enum a64_key key)
{
    if (!((code ^ pointer) & code_bits))
        return original;
    const uint64_t error = key == A64_KEY_IB || key == A64_KEY_DB ? 2 : 1;
    const unsigned shift = tbi ? 53 : 61;
    return (original & ~(3ull << shift)) | error << shift;
}

static int auth(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier, enum a64_key key,
                bool may_fault, uint64_t *result)
{
    *result = pointer;
    if (!key_enabled(cpu, key))
        return A64_NEXT;
    if (a64_pac_check_trap(cpu))
        return A64_FAULT;
    const bool high = pointer & BIT55;
    const bool tbi = ignores_top_byte(cpu, pointer, is_data(key));
    const uint64_t code_bits = field(cpu, high, tbi);
    const uint64_t original = extend(pointer, code_bits, high);
    const uint64_t code = compute(cpu, original, modifier, key);
    if (a64_has(&cpu->feat, A64_FEAT_PAuth2))
        return auth2(cpu, pointer, code, code_bits, key, may_fault, result);
    *result = auth1(pointer, original, code, code_bits, tbi, key);
    return A64_NEXT;
}

int a64_pac_auth(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier, enum a64_key key,
                 uint64_t *result)
{
    return auth(cpu, pointer, modifier, key, a64_has(&cpu->feat, A64_FEAT_FPAC), result);
}

int a64_pac_auth_combined(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier,
                          enum a64_key key, uint64_t *result)
{
    return auth(cpu, pointer, modifier, key, a64_has(&cpu->feat, A64_FEAT_FPACCOMBINE), result);
}

uint64_t a64_pac_strip(struct a64_cpu *cpu, uint64_t pointer, bool data)
{
    const bool high = pointer & BIT55;
    return extend(pointer, field(cpu, high, ignores_top_byte(cpu, pointer, data)), high);
}

uint64_t a64_pac_generic(struct a64_cpu *cpu, uint64_t x, uint64_t y)
{
    return compute(cpu, x, y, A64_KEY_GA) & 0xffffffff00000000ull;
}
