/* SPDX-License-Identifier: MIT */
/* Entry of every CPU, vectors of EL1 and EL2, and calls into lower Exception levels.
 *
 * Exceptions are given to exception() in C, which says in the frame where to go on. Both ELs share one handler:
 * the frame is the same, only the names of the registers differ. HVC and SVC #0x77 end a call of lower(). */

#define FRAME    0x120
#define F_VECTOR 0xf8
#define F_ESR    0x100
#define F_ELR    0x108
#define F_SPSR   0x110
#define F_FAR    0x118

    .section .text.start, "ax"
    .globl _start
_start:
    mov x19, #0
    b enter
    .globl secondary             /* CPU_ON's entry: x0 is the context */
secondary:
    mov x19, x0
enter:
    mrs x1, mpidr_el1
    and x2, x1, #0xff
    ubfx x1, x1, #8, #8
    add x20, x2, x1, lsl #4      /* the board has 16 CPUs a cluster */
    msr spsel, #1
    adrp x0, stacks
    add x0, x0, :lo12:stacks
    add x1, x20, #1
    add x0, x0, x1, lsl #13
    mov sp, x0
    adr x1, vectors_el1
    mrs x2, CurrentEL
    cmp x2, #8
    b.ne 1f
    adr x2, vectors_el2
    msr vbar_el2, x2
    mrs x2, hcr_el2
    tbz x2, #34, 1f
    msr s3_5_c12_c0_0, x1        /* vbar_el12: E2H is fixed */
    b 4f
1:  msr vbar_el1, x1
4:  isb
    cbnz x19, 2f
    bl main
    bl power_off
2:  mov x0, x20
    mov x1, x19
    bl secondary_main
3:  wfi
    b 3b

    .macro vector number, el
    .balign 0x80
    sub sp, sp, #FRAME
    stp x0, x1, [sp]
    mov x0, #\number
    b save_el\el
    .endm

    .macro both op
    \op x2, x3, [sp, #16]
    \op x4, x5, [sp, #32]
    \op x6, x7, [sp, #48]
    \op x8, x9, [sp, #64]
    \op x10, x11, [sp, #80]
    \op x12, x13, [sp, #96]
    \op x14, x15, [sp, #112]
    \op x16, x17, [sp, #128]
    \op x18, x19, [sp, #144]
    \op x20, x21, [sp, #160]
    \op x22, x23, [sp, #176]
    \op x24, x25, [sp, #192]
    \op x26, x27, [sp, #208]
    \op x28, x29, [sp, #224]
    .endm

    .macro table el
    .balign 0x800
    .globl vectors_el\el
vectors_el\el:
    .set n, 0
    .rept 16
    vector n, \el
    .set n, n + 1
    .endr
save_el\el:
    str x0, [sp, #F_VECTOR]
    both stp
    str x30, [sp, #240]
    mrs x0, esr_el\el
    mrs x1, elr_el\el
    mrs x2, spsr_el\el
    mrs x3, far_el\el
    stp x0, x1, [sp, #F_ESR]
    stp x2, x3, [sp, #F_SPSR]
    mov x0, sp
    mov x1, #\el
    bl exception
    cbnz x0, finish_el\el
    ldp x0, x1, [sp, #F_ELR]
    msr elr_el\el, x0
    msr spsr_el\el, x1
    both ldp
    ldr x30, [sp, #240]
    ldp x0, x1, [sp]
    add sp, sp, #FRAME
    eret
    .endm

    .text
    table 2
    table 1

/* uint64_t lower(void (*fn)(uint64_t), uint64_t x0, uint64_t spsr): FN at a lower EL than this; it may not return but by
 * end(). EL2 calls it for EL1 and EL0, EL1 for EL0. */
    .globl lower
lower:
    sub sp, sp, #0x70
    stp x19, x20, [sp, #0x00]
    stp x21, x22, [sp, #0x10]
    stp x23, x24, [sp, #0x20]
    stp x25, x26, [sp, #0x30]
    stp x27, x28, [sp, #0x40]
    stp x29, x30, [sp, #0x50]
    mrs x9, CurrentEL
    adrp x10, low_stacks
    add x10, x10, :lo12:low_stacks
    mrs x11, mpidr_el1
    and x11, x11, #0xff
    add x11, x11, #1
    add x10, x10, x11, lsl #13
    msr sp_el0, x10
    sub x10, x10, #0x1000
    cmp x9, #8
    b.ne 1f
    msr sp_el1, x10
    msr elr_el2, x0
    msr spsr_el2, x2
    b 2f
1:  msr elr_el1, x0
    msr spsr_el1, x2
2:  mov x0, x1
    eret
finish_el2:
finish_el1:
    ldr x0, [sp]
    add sp, sp, #FRAME
    ldp x19, x20, [sp, #0x00]
    ldp x21, x22, [sp, #0x10]
    ldp x23, x24, [sp, #0x20]
    ldp x25, x26, [sp, #0x30]
    ldp x27, x28, [sp, #0x40]
    ldp x29, x30, [sp, #0x50]
    add sp, sp, #0x70
    ret

    .bss
    .balign 8192
stacks:
    .skip 8192 * 33
low_stacks:
    .skip 8192 * 33
