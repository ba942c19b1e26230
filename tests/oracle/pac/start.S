/* SPDX-License-Identifier: MIT */
    .text
    .globl _start
_start:
    ldr x0, =0x4f000000
    mov sp, x0
    bl guest_main
1:  b 1b
