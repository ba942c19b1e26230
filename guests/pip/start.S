/* SPDX-License-Identifier: MIT */
/* Entry as XNU has it: EL1, MMU off, x0 = physical address of boot_args, code running from its physical address. PAC keys are
 * asked of the hypervisor first, then the tables are built at topOfKernelData, and the rest runs in the 47-bit kernel half.
 * Secondary CPUs enter at the page of _start (PSCI gives the address of secondary_start) with x0 = their number. */

#define SCTLR_ON 0xfc55f81d /* M C I SA SA0 nTWI nTWE DZE UCT UCI, all four PAC enables, RES1 */

.macro load_address reg, symbol
    adrp \reg, \symbol
    add \reg, \reg, :lo12:\symbol
.endm

/* Asks the hypervisor to load this CPU's default keys; any answer but 0 hangs, as XNU does. */
.macro pac_initial_state
    mov w0, #0xc1000000
    hvc #0
1:  cbnz x0, 1b
.endm

/* Translation registers; x9-x11 are lost. x20 = TTBR0 table, x21 = TTBR1 table. */
.macro load_regime
    mov x9, #0x04ff               /* MAIR: 0 normal write-back, 1 Device-nGnRE */
    msr mair_el1, x9
    ldr x9, =0x217511b511   /* T0SZ = T1SZ = 17, 16K granules, inner shareable, write-back, 36-bit, TBI0 */
    msr tcr_el1, x9
    msr ttbr0_el1, x20
    msr ttbr1_el1, x21
    isb
    tlbi vmalle1
    dsb sy
    isb
.endm

    .section .text.start, "ax"
    .globl _start
_start:
    b first_cpu

    .globl secondary_start
secondary_start:
    msr daifset, #15
    mov x19, x0
    pac_initial_state
    load_address x9, pip_tables
    ldp x20, x21, [x9]
    load_regime
    load_address x9, pip_slide
    ldr x22, [x9]                 /* VA - PA */
    ldr x9, =SCTLR_ON
    msr sctlr_el1, x9
    isb
    adr x9, 2f
    add x9, x9, x22
    br x9
2:  load_address x9, vectors
    msr vbar_el1, x9
    load_address x9, secondary_stacks
    add x10, x19, #1
    add x9, x9, x10, lsl #13      /* 8 KiB each */
    mov sp, x9
    mov x0, x19
    bl secondary_main
3:  wfi
    b 3b

first_cpu:
    msr daifset, #15
    msr oslar_el1, xzr
    mov x19, x0
    pac_initial_state
    ldr x9, =0x217511b511
    msr tcr_el1, x9
    ldr x9, =SCTLR_ON
    bic x9, x9, #1                /* M, C and I stay off until there are tables */
    bic x9, x9, #4
    bic x9, x9, #0x1000
    msr sctlr_el1, x9
    isb
    load_address x9, boot_stack_top
    mov sp, x9
    mov x0, x19
    bl early_map
    load_address x9, pip_tables
    ldp x20, x21, [x9]
    load_regime
    load_address x9, pip_slide
    ldr x22, [x9]
    ldr x9, =SCTLR_ON
    msr sctlr_el1, x9
    isb
    adr x9, 4f
    add x9, x9, x22
    br x9
4:  load_address x9, vectors
    msr vbar_el1, x9
    load_address x9, boot_stack_top
    mov sp, x9
    ldr x0, [x19, #0x10]          /* boot_args through the kernel half */
    add x0, x19, x22
    bl main
5:  wfi
    b 5b
    .ltorg

/* Saves x0-x30, ELR, SPSR in a frame, calls the handler with its address and restores. */
.macro vector kind
    .balign 128
    sub sp, sp, #272
    stp x0, x1, [sp]
    mov x0, #\kind
    b exception_common
.endm

    .text
    .balign 2048
    .globl vectors
vectors:
    vector 0
    vector 1
    vector 2
    vector 3
    vector 4
    vector 5
    vector 6
    vector 7
    vector 8
    vector 9
    vector 10
    vector 11
    vector 12
    vector 13
    vector 14
    vector 15

exception_common:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x2, elr_el1
    stp x30, x2, [sp, #240]
    mrs x2, spsr_el1
    str x2, [sp, #256]
    mov x1, sp
    bl exception
    ldr x2, [sp, #256]
    msr spsr_el1, x2
    ldp x30, x2, [sp, #240]
    msr elr_el1, x2
    ldp x28, x29, [sp, #224]
    ldp x26, x27, [sp, #208]
    ldp x24, x25, [sp, #192]
    ldp x22, x23, [sp, #176]
    ldp x20, x21, [sp, #160]
    ldp x18, x19, [sp, #144]
    ldp x16, x17, [sp, #128]
    ldp x14, x15, [sp, #112]
    ldp x12, x13, [sp, #96]
    ldp x10, x11, [sp, #80]
    ldp x8, x9, [sp, #64]
    ldp x6, x7, [sp, #48]
    ldp x4, x5, [sp, #32]
    ldp x2, x3, [sp, #16]
    ldp x0, x1, [sp]
    add sp, sp, #272
    eret

/* bool try_call(function): 0 when FUNCTION returned, 1 when an exception sent us back here (exception() sets ELR to
 * try_failed). SP and the callee-saved registers are kept in try_frame. */
    .globl try_call
try_call:
    paciasp
    load_address x9, try_frame
    mov x10, sp
    stp x19, x20, [x9]
    stp x21, x22, [x9, #16]
    stp x23, x24, [x9, #32]
    stp x25, x26, [x9, #48]
    stp x27, x28, [x9, #64]
    stp x29, x30, [x9, #80]
    str x10, [x9, #96]
    blr x0
    mov x0, #0
    b 6f
    .globl try_failed
try_failed:
    mov x0, #1
6:  load_address x9, try_frame
    ldp x19, x20, [x9]
    ldp x21, x22, [x9, #16]
    ldp x23, x24, [x9, #32]
    ldp x25, x26, [x9, #48]
    ldp x27, x28, [x9, #64]
    ldp x29, x30, [x9, #80]
    ldr x10, [x9, #96]
    mov sp, x10
    retaa

    .bss
    .balign 16
try_frame:
    .space 112
    .balign 16
    .globl boot_stack
boot_stack:
    .space 0x8000
boot_stack_top:
    .globl secondary_stacks
secondary_stacks:
    .space 0x42000
