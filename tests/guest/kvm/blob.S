/* SPDX-License-Identifier: MIT */
/* guest.S, assembled by itself, as data of init. */
    .section .rodata
    .balign 8
    .global guest_start, guest_end
guest_start:
    .incbin "guest.bin"
guest_end:
