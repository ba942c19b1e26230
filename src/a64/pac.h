/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_PAC_H
#define POMONA_A64_PAC_H

/* Pointer authentication (Arm ARM D8.10): sign, authenticate, strip; QARMA5 and our IMPDEF mix. */

#include "cpu.h"

#define A64_APCTL_APPLE_MODE  (1u << 0)
#define A64_APCTL_KERN_KEY_EN (1u << 1)
#define A64_APCTL_USER_KEY_EN (1u << 4)

/* The constants of our own ComputePAC (pac.c), which the translator emits too. */
#define A64_PAC_MIX_DATA     0x9e3779b97f4a7c15ull
#define A64_PAC_MIX_MODIFIER 0xd1b54a32d192ed03ull
#define A64_PAC_MIX_FIRST    0x8cb92ba72f3d8dd7ull
#define A64_PAC_MIX_SECOND   0xaaaaaaaaaaaaaaabull

/* The bit of SCTLR_ELx that enables KEY; 0: none does (PACGA's). */
static inline uint64_t a64_pac_enable(enum a64_key key)
{
    static const uint8_t bit[A64_KEY_COUNT] = {
        [A64_KEY_IA] = 31, [A64_KEY_IB] = 30, [A64_KEY_DA] = 27, [A64_KEY_DB] = 13};
    return key == A64_KEY_GA ? 0 : 1ull << bit[key];
}

/* KEY as it acts now: IA and DA are diversified by KERNKEY where APCTL says so; XNU gives each
 * process a diversifier, and takes it on itself while it signs for a process. The other keys never
 * change under it, since its own return addresses are signed with IB meanwhile. */
static inline struct a64_pac_key a64_pac_key_now(const struct a64_cpu *cpu, enum a64_key key)
{
    const unsigned enable = cpu->ps.el == 0 ? A64_APCTL_USER_KEY_EN : A64_APCTL_KERN_KEY_EN;
    struct a64_pac_key now = cpu->sr.key[key];
    if ((cpu->sr.apctl & enable) && (key == A64_KEY_IA || key == A64_KEY_DA)) {
        now.lo ^= cpu->sr.kernkey.lo;
        now.hi ^= cpu->sr.kernkey.hi;
    }
    return now;
}

/* AddPAC: the signed pointer; unchanged where the key is disabled (SCTLR_ELx.EnIA ...). The caller
 * asked a64_pac_check_key() before. */
uint64_t a64_pac_sign(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier, enum a64_key key);
/* Auth: *RESULT the pointer or the poisoned one; with FPAC a failure returns A64_FAULT (EC 0x1c).
 * So does the trap of a64_pac_check_key(). */
int a64_pac_auth(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier, enum a64_key key,
                 uint64_t *result);
/* The same within BRAA, BLRAA, RETAA, ERETAA and LDRAA, which fault only with FPACCOMBINE: else the
 * poisoned pointer is branched to or loaded through. */
int a64_pac_auth_combined(struct a64_cpu *cpu, uint64_t pointer, uint64_t modifier,
                          enum a64_key key, uint64_t *result);
/* XPACI (data false), XPACD; never traps. */
uint64_t a64_pac_strip(struct a64_cpu *cpu, uint64_t pointer, bool data);
/* PACGA: the 32-bit code in bits 63..32. */
uint64_t a64_pac_generic(struct a64_cpu *cpu, uint64_t x, uint64_t y);

/* HCR_EL2.API's trap: of instructions that use KEY, where that is enabled (disabled ones are NOPs,
 * hints or not); and of PACGA, always. A64_NEXT or A64_FAULT. */
int a64_pac_check_key(struct a64_cpu *cpu, enum a64_key key);
int a64_pac_check_trap(struct a64_cpu *cpu);

#endif
