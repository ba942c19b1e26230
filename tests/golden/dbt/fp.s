fmov d0, d1
fmov x0, d1
fmov d0, x1
fmov s0, #1.0
fadd d0, d1, d2
fadd d0, d0, d1
fsub s0, s1, s2
fmul d0, d1, d2
fdiv s0, s1, s2
fmadd d0, d1, d2, d3
fnmsub s0, s1, s2, s3
fsqrt d0, d1
fabs d0, d1
fneg s0, s1
fmax d0, d1, d2
fminnm s0, s1, s2
fcvt d0, s1
fcvt s0, d1
fcvt h0, s1
scvtf d0, x1
ucvtf s0, w1
fcvtzs x0, d1
fcvtzu w0, s1
fcvtms w0, s1
frinta d0, d1
frintm s0, s1
fadd d0, d1, d2; fmul d0, d0, d3
ldr d0, [x0]; fadd d0, d0, d1; str d0, [x0]
fadd d30, d31, d30
fmadd d0, d1, d2, d0
fmul d0, d1, d1
frecpe v0.4s, v1.4s
frsqrte s0, s1
fcmla v0.4s, v1.4s, v2.4s, #90
fmulx v0.4s, v1.4s, v2.s[1]
