/* SPDX-License-Identifier: MIT */
/* The guest of the guest: runs at EL1 under KVM, at RAM, MMU off. Tells what it found by stores to REPORT, which exit:
 * a step number in bits 63..32, a value below. */

#define DIST   0x08000000
#define REDIST 0x080a0000
#define REPORT 0x10000000
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_RPR_EL1     S3_0_C12_C11_3
#define ICC_SGI1R_EL1   S3_0_C12_C11_5

    .macro report step, reg
    mov     x9, \reg
    mov     x10, #\step
    bfi     x9, x10, #32, #32
    str     x9, [x28]
    .endm

    .text
    .global _start
_start:
    mov     x28, #REPORT
    mrs     x0, CurrentEL
    report  1, x0
    adr     x0, vectors
    msr     vbar_el1, x0
    ldr     x0, =DIST
    mov     w1, #0x12                   /* ARE, EnableGrp1 */
    str     w1, [x0]
    ldr     x0, =REDIST
    ldr     w1, [x0, #0x14]             /* GICR_WAKER */
    bic     w1, w1, #2
    str     w1, [x0, #0x14]
    add     x0, x0, #0x10000
    mov     w1, #-1
    str     w1, [x0, #0x80]             /* GICR_IGROUPR0 */
    ldr     w1, =0x08000008             /* PPI 27, SGI 3 */
    str     w1, [x0, #0x100]
    mov     x0, #1
    msr     ICC_SRE_EL1, x0
    isb
    mov     x0, #0xff
    msr     ICC_PMR_EL1, x0
    mov     x0, #1
    msr     ICC_IGRPEN1_EL1, x0
    mrs     x0, ICC_PMR_EL1
    report  2, x0
    isb
    msr     daifclr, #2

    /* An SGI to itself. */
    mov     x20, #0
    ldr     x0, =0x03000001
    msr     ICC_SGI1R_EL1, x0
    isb
1:  cbz     x20, 1b
    report  3, x20

    /* Ten timer interrupts, each waited for in WFI; masked, so that none comes between the look and WFI. */
    mov     x21, #10
2:  msr     daifset, #2
    mov     x20, #0
    mrs     x0, cntvct_el0
    mov     x1, #24000
    add     x0, x0, x1
    msr     cntv_cval_el0, x0
    mov     x0, #1
    msr     cntv_ctl_el0, x0
    isb
3:  wfi
    msr     daifclr, #2
    isb
    msr     daifset, #2
    cbz     x20, 3b
    subs    x21, x21, #1
    b.ne    2b
    report  4, x20
    mrs     x0, ICC_RPR_EL1
    report  5, x0

    /* Memory by stage 2: KVM gives pages as they are touched. */
    adr     x0, _start
    add     x0, x0, #0x100000
    mov     x1, #64
4:  str     x1, [x0]
    add     x0, x0, #4096
    subs    x1, x1, #1
    b.ne    4b
    sub     x0, x0, #4096
    ldr     x1, [x0]
    report  6, x1
    movz    x0, #0x0008
    movk    x0, #0x8400, lsl #16        /* PSCI SYSTEM_OFF */
    hvc     #0
    b       .

    .balign 2048
vectors:
    .rept 5
    report  0x66, xzr
    b       .
    .balign 128
    .endr
    mrs     x20, ICC_IAR1_EL1           /* 0x280: IRQ */
    msr     cntv_ctl_el0, xzr
    isb
    msr     ICC_EOIR1_EL1, x20
    eret
    .balign 128
    .rept 10
    report  0x77, xzr
    b       .
    .balign 128
    .endr
