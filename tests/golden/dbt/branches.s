b .+64
b .-0x2000
bl .+64
bl .+0x100000
ret
ret x1
br x0
blr x0
cbz x0, .+32
cbnz w9, .+32
cbz xzr, .+32
tbz x0, #0, .+32
tbnz x9, #63, .+32
cbz x0, .+0x2000
stp x29, x30, [sp, #-16]!; mov x29, sp; bl .+64
ldp x29, x30, [sp], #16; ret
nop
bti c
svc #0
