/* SPDX-License-Identifier: MIT */
/* Time spent in known places: outer calls warm and hot in turns, which spin for one and three parts of it;
 * in many turns, so that both lose alike where the host has something else to do. All keep frame records,
 * as AAPCS64 asks. */

#define TURNS 30
#define ROUND 2000000

    .macro function name
\name:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    .endm

    .macro leave
    ldp x29, x30, [sp], #16
    ret
    .endm

    .global _start
_start:
    adr x0, stack
    mov sp, x0
    mov x29, #0
    mov x30, #0
    bl outer
    movz x0, #0x8400, lsl #16 /* PSCI SYSTEM_OFF */
    movk x0, #8
    hvc #0
    b .

function outer
    mov x19, #TURNS
1:  bl warm
    bl hot
    subs x19, x19, #1
    b.ne 1b
    leave

function warm
    ldr x0, =ROUND
    bl spin
    leave

function hot
    ldr x0, =ROUND * 3
    bl spin
    leave

function spin
1:  subs x0, x0, #1
    b.ne 1b
    leave

    .balign 16
    .space 512
stack:
