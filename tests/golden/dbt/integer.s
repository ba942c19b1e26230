add x0, x1, x2
add w0, w1, w2
add x6, x7, x9
add x0, x0, #1
add x0, x1, #0x123, lsl #12
add x0, x1, x2, lsl #3
add x0, x1, x9, asr #5
add x0, sp, w2, uxtw #2
add sp, sp, #16
sub x0, x1, x2
sub w0, w0, #1
sub x3, x4, x5, lsr #7
neg x0, x1
adds x0, x1, x2
subs w0, w1, #7
adc x0, x1, x2
sbcs x0, x1, x2
and x0, x1, x2
and w0, w1, #0xff
orr x0, x1, #0xff00ff00ff00ff00
eor x0, x1, x2, ror #13
bic x0, x1, x2
orn w0, w1, w2
ands x0, x1, #1
mov x0, x1
mov x9, x10
mvn x0, x1
movz x0, #0x1234
movz x0, #0x1234, lsl #32
movn w0, #0
movk x0, #0x5678, lsl #16
movz x0, #0x1111; movk x0, #0x2222, lsl #16; movk x0, #0x3333, lsl #32; movk x0, #0x4444, lsl #48
adr x0, .+64
adrp x0, .+8192
lsl x0, x1, #4
lsr w0, w1, #9
asr x0, x1, #63
ror x0, x1, #8
lsl x0, x1, x2
lsr x0, x1, x2
asr w0, w1, w2
ror x0, x1, x2
ubfx x0, x1, #8, #16
sbfx x0, x1, #3, #7
bfi x0, x1, #8, #8
bfxil x0, x1, #8, #8
sxtw x0, w1
uxtb w0, w1
sxth x0, w1
extr x0, x1, x2, #17
mul x0, x1, x2
madd x0, x1, x2, x3
msub w0, w1, w2, w3
smull x0, w1, w2
umaddl x0, w1, w2, x3
umulh x0, x1, x2
mul x0, x1, x2; umulh x1, x2, x1
smulh x0, x1, x2
udiv x0, x1, x2
sdiv w0, w1, w2
udiv x0, x1, x2; msub x3, x0, x2, x1
clz x0, x1
cls w0, w1
rbit x0, x1
rev x0, x1
rev16 w0, w1
rev32 x0, x1
crc32cx w0, w1, x2
crc32b w0, w1, w2
