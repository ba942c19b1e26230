/* SPDX-License-Identifier: MIT */
/* What a random program's exception vectors do: a synchronous exception is summed up and stepped
 * over, unless it was of the instruction's own address, which returns to the caller, or the SVC
 * that leaves EL0. A timer interrupt sets the next, an FIQ asks the host to lower its line. */

#include "a64/exception.h"
#include "asm.h"
#include "program.h"

/* What the vectors hold. */
static unsigned handler(unsigned timer_period, uint32_t *out, bool synchronous, bool fiq)
{
    unsigned n = 0;
    if (fiq) {
        out[n++] = asm_hvc(HOST_LOWER_FIQ);
        out[n++] = asm_add_imm(SUM, SUM, 3);
        out[n++] = ASM_ERET;
        return n;
    }
    if (!synchronous) {
        out[n++] = asm_mrs(H1, CNTVCT);
        out[n++] = asm_add(SUM, SUM, H1, 3);
        out[n++] = asm_add_imm(H1, H1, timer_period);
        out[n++] = asm_msr(CNTV_CVAL, H1);
        out[n++] = ASM_ERET;
        return n;
    }
    out[n++] = asm_mrs(H1, ESR);
    out[n++] = 0xcac00000u | SUM << 16 | 7 << 10 | H1 << 5 | SUM; /* EOR SUM, H1, SUM, ROR #7 */
    out[n++] = asm_mrs(H0, FAR);
    out[n++] = asm_add(SUM, SUM, H0, 0);
    out[n++] = asm_mrs(H0, SPSR);
    out[n++] = asm_add(SUM, SUM, H0, 1);
    out[n++] = asm_lsr(H0, H1, 26);
    out[n++] = asm_subs_imm(31, H0, A64_EC_SVC);
    out[n++] = asm_bcond(0, 9);
    out[n++] = asm_sub_imm(H0, H0, A64_EC_IABT_LOW);
    out[n++] = asm_subs_imm(31, H0, A64_EC_PC_ALIGN - A64_EC_IABT_LOW);
    out[n++] =
        asm_bcond(9, 4); /* LS: instruction aborts and a misaligned PC return to the caller */
    out[n++] = asm_mrs(H0, ELR);
    out[n++] = asm_add_imm(H0, H0, 4);
    out[n++] = asm_b(2);
    out[n++] = asm_mov(H0, LR);
    out[n++] = asm_msr(ELR, H0);
    /* SVC */
    out[n - 9] = asm_bcond(0, 10);
    out[n++] = ASM_ERET;
    out[n++] = 0x92403c00u | H1 << 5 | H1; /* AND H1, H1, #0xffff */
    out[n++] = asm_subs_imm(31, H1, SVC_BACK);
    out[n++] = asm_bcond(1, 4);
    out[n++] = asm_msr(ELR, BACK);
    out[n++] = asm_movz(H1, SPSR_EL1, 0);
    out[n++] = asm_msr(SPSR, H1);
    out[n++] = ASM_ERET;
    return n;
}

void program_put_vectors(struct rig *rig, unsigned timer_period)
{
    uint32_t words[32];
    for (unsigned vector = 0; vector < 12; vector++) {
        const unsigned kind = vector % 4;
        const unsigned count = handler(timer_period, words, kind == 0, kind == 2);
        if (kind != 3)
            rig_put_code(rig, RIG_VECTORS + vector * 0x80, words, count);
    }
}
