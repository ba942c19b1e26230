/* SPDX-License-Identifier: MIT */
/* Entry of all CPUs (8 at most) at EL1, the MMU (atomics need Normal memory), and PSCI. */

    .section .text.start, "ax"
    .globl _start
_start:
    mov x19, #0
    b enter
    .globl secondary
secondary:                      /* context id: its number */
    mov x19, x0
enter:
    adrp x1, stacks
    add x1, x1, :lo12:stacks
    add x0, x19, #1
    add x1, x1, x0, lsl #14
    mov sp, x1
    mov x0, #(3 << 20)
    msr cpacr_el1, x0
    adr x0, vectors
    msr vbar_el1, x0
    adrp x0, l1
    add x0, x0, :lo12:l1
    msr ttbr0_el1, x0
    cbnz x19, 1f
    mov x1, #0x405              /* 0..1 GiB: a Device block */
    str x1, [x0]
    ldr x1, =0x40000701         /* 1..2 GiB: a Normal block, inner shareable */
    str x1, [x0, #8]
    dsb sy
1:  mov x0, #0xff               /* attribute 0 Normal, 1 Device */
    msr mair_el1, x0
    ldr x0, =0x200803519        /* T0SZ 25, cacheable walks, inner shareable, no TTBR1, 40 bits */
    msr tcr_el1, x0
    isb
    mrs x0, sctlr_el1
    orr x0, x0, #1
    bic x0, x0, #2
    msr sctlr_el1, x0
    isb
    mov x0, x19
    bl main
off:
    ldr w0, =0x84000008         /* PSCI SYSTEM_OFF */
    hvc #0
    b .

    .balign 2048
vectors:
    .set vector, 0
    .rept 16
    .balign 128
    .if vector == 4             /* synchronous, from EL1 with its own stack pointer */
    b synchronous
    .else
    b unexpected
    .endif
    .set vector, vector + 1
    .endr
synchronous:                    /* fault() says whether to try again */
    sub sp, sp, #160
    stp x0, x1, [sp]
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x30, [sp, #144]
    mrs x0, esr_el1
    mrs x1, far_el1
    bl fault
    cbz w0, unexpected
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x30, [sp, #144]
    ldp x0, x1, [sp], #160
    eret
unexpected:
    mrs x0, esr_el1
    mrs x1, elr_el1
    bl trap
    b off

    .bss
    .balign 4096
    .globl l1
l1: .space 4096
stacks:
    .space 8 * 16384
