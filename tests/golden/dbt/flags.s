cmp x0, x1; b.eq .+32
cmp w0, #7; b.hi .+32
cmp x0, x9; b.lt .+0x4000
cmn x0, #1; b.ne .+32
tst x0, x1; b.mi .+32
tst w0, #0x80; b.ne .+32
ands x0, x0, #0xff; b.gt .+32
subs x0, x0, #1; b.ne .-4
adds x0, x0, x1; adcs x2, x2, x3
subs x0, x0, x1; sbc x2, x2, x3
adds x0, x0, x1; b.cs .+32
cmp x0, x1; csel x2, x3, x4, lt
cmp x0, x1; cset w2, hi
cmp x0, x1; csetm x2, eq
cmp x0, x1; csinc x2, x3, x4, ge
adds x0, x1, x2; cinc x3, x4, cs; adds x0, x0, x5
subs x0, x1, x2; cinc x3, x3, cc; cmp x0, x1
cmp x0, x1; cneg x2, x3, mi
cmp x0, #0; csinv x2, x3, x4, ne
cmp x0, #0; ccmp x1, #5, #4, ne; b.eq .+32
adds x0, x1, x2; adc x3, x4, x5; ccmp x3, x5, #0, cs; ccmp x3, x5, #0, ne; cinc x6, x6, cc
cmp w0, #3; ccmp w1, #7, #2, ne; b.ls .+32
cmp x0, x1; ccmp x1, xzr, #8, le; b.mi .+32
cmp x0, x1; ccmn w1, w2, #0, lt; b.ge .+32
cmp x0, x1; add x2, x3, x4; b.eq .+32
cmp x0, x1; and x2, x3, x4; b.eq .+32
cmp x0, x1; ldr x2, [x3]; b.eq .+32
cmp x0, x1; cmp x2, x3; b.eq .+32
b.vs .+32
cset w0, cs
mrs x0, nzcv
msr nzcv, x0
cfinv
rmif x0, #4, #15
fcmp d0, d1; b.mi .+32
fcmp s0, #0.0; b.eq .+32
fcmp d0, d1; fcsel d2, d3, d4, gt
fccmp s0, s1, #0, ne; b.vs .+32
