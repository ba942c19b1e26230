/* SPDX-License-Identifier: MIT */
/* Entry at EL3, and a vector that notes a synchronous exception and steps over its instruction. */
    .text
    .globl _start
_start:
    ldr x0, =0x4f000000
    mov sp, x0
    adr x0, vectors
    msr vbar_el3, x0
    ldr x0, =0x30531 | (1 << 16)     /* SCR_EL3: NS, RES1, HCE, RW, APK, API */
    msr scr_el3, x0
    isb
    bl guest_main
1:  b 1b

    .balign 2048
vectors:
    .balign 128
sync_sp0:
    b sync
    .balign 512
sync_spx:
    b sync
    .balign 2048
sync:
    stp x0, x1, [sp, #-16]!
    adrp x0, faulted
    add x0, x0, :lo12:faulted
    mov x1, #1
    str x1, [x0]
    mrs x0, elr_el3
    add x0, x0, #4
    msr elr_el3, x0
    ldp x0, x1, [sp], #16
    eret
