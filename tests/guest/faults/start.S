/* SPDX-License-Identifier: MIT */
/* Entry at EL1 (or EL2, left at once), the exception vector, and probe(): one instruction from `slot` on a given register
 * state. */

    .section .text.start, "ax"
    .globl _start
_start:
    mrs x0, CurrentEL
    cmp x0, #8
    b.ne 1f
    mov x0, #(1 << 31)
    msr hcr_el2, x0
    mov x0, #0x3c5
    msr spsr_el2, x0
    adr x0, 1f
    msr elr_el2, x0
    eret
1:  mov x0, #(3 << 20)          /* CPACR_EL1.FPEN */
    msr cpacr_el1, x0
    adr x0, vectors
    msr vbar_el1, x0
    adrp x0, stack_top
    add x0, x0, :lo12:stack_top
    mov sp, x0
    isb
    bl main
    ldr w0, =0x84000008         /* PSCI SYSTEM_OFF */
    hvc #0
    b .

    .text
/* void probe(struct state *in, struct state *out): 31 X registers, SP kept, 32 V registers from offset 256. OUT gets
 * them back; out->esr is 0 unless the instruction faulted. */
    .globl probe
probe:
    stp x19, x20, [sp, #-112]!
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    str x1, [sp, #96]
    mov x30, sp
    msr tpidr_el1, x30
    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    add x2, x0, #(256 + \n * 16)
    .set m, \n + 1
    ld1 {v\n\().2d}, [x2]
    .endr
    .irp n, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
    add x2, x0, #(256 + \n * 16)
    ld1 {v\n\().2d}, [x2]
    .endr
    .irp n, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28
    ldr x\n, [x0, #(\n * 8)]
    .endr
    .irp n, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29
    ldr x\n, [x0, #(\n * 8)]
    .endr
    ldr x0, [x0]
    adrp x30, slot
    add x30, x30, :lo12:slot
    br x30
    .globl probe_end
probe_end:                      /* the slot ends in a jump to here */
    mrs x30, tpidr_el1
    ldr x30, [x30, #96]
    str x0, [x30]
    str xzr, [x30, #248]        /* esr */
store_all:
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    str x\n, [x30, #(\n * 8)]
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    add x0, x30, #(256 + \n * 16)
    st1 {v\n\().2d}, [x0]
    .endr
    mrs x0, tpidr_el1
    mov sp, x0
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp x19, x20, [sp], #112
    ret

/* A fault of the probed instruction: X30 is free, as the slot was entered through it. */
fault:
    mrs x30, tpidr_el1
    ldr x30, [x30, #96]
    str x0, [x30]
    mrs x0, esr_el1
    str x0, [x30, #248]
    mrs x0, far_el1
    str x0, [x30, #768]
    mrs x0, elr_el1
    str x0, [x30, #776]
    b store_all

    .balign 2048
vectors:
    .rept 16
    .balign 128
    b fault
    .endr

    .data
    .balign 64
    .globl slot
slot:
    .word 0
    .word 0
    ldr x30, 1f
    br x30
1:  .quad probe_end

    .bss
    .balign 16
    .space 16384
    .globl stack_top
stack_top:
