/* SPDX-License-Identifier: MIT */
/* Entry at EL2, vectors, and probe(): one instruction at a chosen Exception level, and back. */

#define SAVED 0x00   /* x19..x30, sp */
#define RESULT 0x80  /* struct result of traps.c */

    .section .text.start, "ax"
    .globl _start
_start:
    mrs x0, mpidr_el1
    tst x0, #0xff
    b.ne .
    adrp x0, stack_top
    add x0, x0, :lo12:stack_top
    msr spsel, #1
    mov sp, x0
    bl main
    ldr w0, =0x84000008         /* PSCI SYSTEM_OFF */
    smc #0
    b .

/* void probe(uint64_t hcr, uint64_t spsr, uint64_t x3): runs the words at `slot`; what happened is in `context`. */
    .text
    .globl probe
probe:
    adrp x4, context
    add x4, x4, :lo12:context
    stp x19, x20, [x4, #SAVED + 0x00]
    stp x21, x22, [x4, #SAVED + 0x10]
    stp x23, x24, [x4, #SAVED + 0x20]
    stp x25, x26, [x4, #SAVED + 0x30]
    stp x27, x28, [x4, #SAVED + 0x40]
    stp x29, x30, [x4, #SAVED + 0x50]
    mov x5, sp
    str x5, [x4, #SAVED + 0x60]
    adrp x5, slot
    add x5, x5, :lo12:slot
    msr elr_el2, x5
    msr spsr_el2, x1
    mov x3, x2
    msr hcr_el2, x0
    isb
    eret

    .macro vector from
    .balign 0x80
    msr tpidr_el2, x0
    mov x0, #\from
    b from_vector
    .endm

    .balign 0x800
    .globl vectors_el2
vectors_el2:
    .set n, 0
    .rept 16
    vector n
    .set n, n + 1
    .endr

/* EL1 knows its own registers only under the configuration that is tested, so it hands over at once. */
    .macro vector1 from
    .balign 0x80
    mov x0, #\from
    hvc #0x99
    b .
    .endm

    .balign 0x800
    .globl vectors_el1
vectors_el1:
    .set n, 0
    .rept 16
    vector1 n
    .set n, n + 1
    .endr

from_vector:
    adrp x1, context
    add x1, x1, :lo12:context
    str x0, [x1, #RESULT + 0x00]
    mrs x0, tpidr_el2
    str x0, [x1, #RESULT + 0x08]
    str x3, [x1, #RESULT + 0x10]
    mrs x0, esr_el2
    str x0, [x1, #RESULT + 0x18]
    mrs x0, spsr_el2
    str x0, [x1, #RESULT + 0x20]
    mrs x0, elr_el2
    str x0, [x1, #RESULT + 0x28]
    mrs x0, far_el2
    str x0, [x1, #RESULT + 0x48]
    mov x0, #(1 << 31)
    msr hcr_el2, x0
    isb
    mrs x0, esr_el1
    str x0, [x1, #RESULT + 0x30]
    mrs x0, spsr_el1
    str x0, [x1, #RESULT + 0x38]
    mrs x0, elr_el1
    str x0, [x1, #RESULT + 0x40]
    ldp x19, x20, [x1, #SAVED + 0x00]
    ldp x21, x22, [x1, #SAVED + 0x10]
    ldp x23, x24, [x1, #SAVED + 0x20]
    ldp x25, x26, [x1, #SAVED + 0x30]
    ldp x27, x28, [x1, #SAVED + 0x40]
    ldp x29, x30, [x1, #SAVED + 0x50]
    ldr x0, [x1, #SAVED + 0x60]
    msr spsel, #1
    mov sp, x0
    ret

    .bss
    .balign 4096
    .globl slot
slot:
    .skip 4096
    .globl context
context:
    .skip 4096
    .skip 16384
stack_top:
