add v0.4s, v1.4s, v2.4s
add d0, d1, d2
sub v0.16b, v1.16b, v2.16b
add v0.8b, v1.8b, v2.8b
mul v0.4s, v1.4s, v2.4s
mul v0.8h, v1.8h, v2.h[3]
mla v0.8h, v1.8h, v2.8h
and v0.16b, v1.16b, v2.16b
orn v0.16b, v1.16b, v2.16b
bsl v0.16b, v1.16b, v2.16b
bit v0.16b, v1.16b, v2.16b
not v0.16b, v1.16b
movi v0.2d, #0
movi v0.16b, #0x5a
mvni v0.4s, #1, lsl #8
mov v0.16b, v1.16b
dup v0.4s, w1
dup v0.8h, v1.h[2]
umov w0, v1.b[3]
mov x0, v1.d[1]
ins v0.s[1], w2
ins v0.d[1], v1.d[0]
ext v0.16b, v1.16b, v2.16b, #5
zip1 v0.4s, v1.4s, v2.4s
uzp2 v0.16b, v1.16b, v2.16b
trn1 v0.2d, v1.2d, v2.2d
rev64 v0.8h, v1.8h
tbl v0.16b, {v1.16b}, v2.16b
tbl v0.16b, {v1.16b, v2.16b}, v3.16b
cmeq v0.16b, v1.16b, v2.16b
cmhi v0.8h, v1.8h, v2.8h
cmge v0.2d, v1.2d, #0
cmtst v0.4s, v1.4s, v2.4s
umax v0.16b, v1.16b, v2.16b
smin v0.8h, v1.8h, v2.8h
abs v0.4s, v1.4s
cnt v0.16b, v1.16b
clz v0.4s, v1.4s
addp v0.4s, v1.4s, v2.4s
addv s0, v1.4s
uaddlv h0, v1.16b
umaxv b0, v1.16b
shl v0.4s, v1.4s, #3
sshr v0.16b, v1.16b, #2
ushr v0.2d, v1.2d, #17
usra v0.8h, v1.8h, #4
sri v0.4s, v1.4s, #8
ushl v0.4s, v1.4s, v2.4s
sshll v0.8h, v1.8b, #0
ushll2 v0.4s, v1.8h, #3
shrn v0.8b, v1.8h, #4
xtn v0.8b, v1.8h
xtn2 v0.4s, v1.2d
sqxtn v0.4h, v1.4s
uqadd v0.16b, v1.16b, v2.16b
sqdmulh v0.8h, v1.8h, v2.8h
uabd v0.16b, v1.16b, v2.16b
sabal v0.8h, v1.8b, v2.8b
uaddl v0.8h, v1.8b, v2.8b
umull v0.2d, v1.2s, v2.2s
smlal2 v0.4s, v1.8h, v2.8h
uadalp v0.8h, v1.16b
udot v0.4s, v1.16b, v2.16b
sdot v0.4s, v1.16b, v2.4b[1]
fadd v0.4s, v1.4s, v2.4s
fmla v0.2d, v1.2d, v2.2d
fmul v0.4s, v1.4s, v2.s[1]
fcmgt v0.4s, v1.4s, v2.4s
faddp v0.2d, v1.2d, v2.2d
fmax v0.4s, v1.4s, v2.4s
scvtf v0.4s, v1.4s
fcvtzs v0.2d, v1.2d
frintn v0.4s, v1.4s
fdiv v0.2d, v1.2d, v2.2d
frecpe v0.4s, v1.4s
aese v0.16b, v1.16b
aese v0.16b, v1.16b; aesmc v0.16b, v0.16b
aesd v0.16b, v1.16b; aesimc v0.16b, v0.16b
pmull v0.1q, v1.1d, v2.1d
pmul v0.16b, v1.16b, v2.16b
sha256h q0, q1, v2.4s
sha1c q0, s1, v2.4s
sha512h q0, q1, v2.2d
eor3 v0.16b, v1.16b, v2.16b, v3.16b
bcax v0.16b, v1.16b, v2.16b, v3.16b
xar v0.2d, v1.2d, v2.2d, #7
rax1 v0.2d, v1.2d, v2.2d
uabdl2 v0.8h, v1.16b, v2.16b; uabal v0.8h, v1.8b, v2.8b; uadalp v3.4s, v0.8h
saddw v0.4s, v0.4s, v1.4h; saddw2 v0.4s, v0.4s, v1.8h
sqdmlal v0.4s, v1.4h, v2.4h
sqdmlsl v0.2d, v1.2s, v2.s[1]
sqshl v0.8h, v1.8h, #3
uqshl v0.16b, v1.16b, #3
sqshlu v0.2d, v1.2d, #3
smmla v0.4s, v1.16b, v2.16b
ummla v0.4s, v1.16b, v2.16b
suqadd v0.16b, v1.16b
usqadd h0, h1
saddl v0.4s, v1.4h, v2.4h; saddl2 v1.4s, v1.8h, v2.8h
ssubl v0.4s, v1.4h, v2.4h
uaddl v0.8h, v1.8b, v2.8b; usubl2 v3.8h, v1.16b, v2.16b
shrn v0.4h, v0.4s, #2; shrn2 v0.8h, v1.4s, #2
shrn v0.8b, v0.8h, #3; shrn2 v0.16b, v1.8h, #3
ushl v0.16b, v1.16b, v2.16b
srshl v0.8b, v1.8b, v2.8b
sqshl v0.8h, v1.8h, v2.8h
uqrshl d0, d1, d2
sqrdmlah v0.8h, v1.8h, v2.8h
sqrdmlsh v0.4h, v1.4h, v2.h[3]
pmull v0.8h, v1.8b, v2.8b
saddw v0.4s, v0.4s, v1.4h; saddw2 v0.4s, v0.4s, v1.8h; saddw v0.4s, v0.4s, v2.4h; saddw2 v0.4s, v0.4s, v2.8h
