/* SPDX-License-Identifier: MIT */
/* Entry at EL1; an exception goes to the address in TPIDR_EL1 with X10 = 1. */

    .section .text.start, "ax"
    .globl _start
_start:
    adrp x1, stack
    add x1, x1, :lo12:stack
    mov sp, x1
    adr x0, vectors
    msr vbar_el1, x0
    ldr x0, =0x80190019         /* T0SZ = T1SZ = 25, 4K: where a PAC stands */
    msr tcr_el1, x0
    mrs x0, sctlr_el1
    orr x0, x0, #(1 << 31)      /* EnIA, EnIB, EnDA, EnDB */
    orr x0, x0, #(1 << 30)
    orr x0, x0, #(1 << 27)
    orr x0, x0, #(1 << 13)
    msr sctlr_el1, x0
    isb
    bl main
    ldr w0, =0x84000008         /* PSCI SYSTEM_OFF */
    hvc #0
    b .

    .balign 2048
vectors:
    .rept 16
    .balign 128
    mrs x9, tpidr_el1
    msr elr_el1, x9
    mov x10, #1
    eret
    .endr

    .bss
    .balign 16
    .space 16384
stack:
