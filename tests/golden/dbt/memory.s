ldr x0, [x1]
ldr w0, [x1, #4]
ldr x9, [x10, #64]
ldr x0, [x0]
ldr x0, [x1, #8]!
ldr x0, [x1], #8
ldr x0, [x1, x2]
ldr x0, [x1, x2, lsl #3]
ldr w0, [x1, w2, sxtw #2]
ldr x0, [sp, #8]
ldr x0, .+64
ldrb w0, [x1]
ldrsb x0, [x1]
ldrsb w0, [x1, #1]
ldrh w0, [x1, #2]
ldrsh x0, [x1], #2
ldrsw x0, [x1, #4]
ldur x0, [x1, #-3]
ldtr x0, [x1]
str x0, [x1]
str w9, [x1, #4]
str xzr, [x1]
strb w0, [x1, x2]
strh w0, [x1], #2
str x0, [sp, #-16]!
stp x0, x1, [x2]
stp x19, x20, [sp, #16]
stp xzr, xzr, [x0]
ldp x6, x7, [x1]; stp x6, x7, [x0]; ldp x6, x7, [x1, #16]; str x6, [x2]; stp x8, x9, [x0, #16]
ldp x0, x1, [x2]
ldp w0, w1, [x2, #8]
ldpsw x0, x1, [x2]
ldp x6, x7, [sp], #32
ldp x0, x1, [x0]
ldr q0, [x1]
ldr d0, [x1, #8]
ldr s9, [x1, x2, lsl #2]
ldr b0, [x1]
ldr q30, [x1], #16
str q0, [x1]
str d0, [x1, #8]!
stp q0, q1, [x2]
ldp q0, q1, [x2, #32]
ldp d8, d9, [sp, #16]
ld1 {v0.16b}, [x0]
ld1 {v0.4s, v1.4s}, [x0], #32
st1 {v0.2d}, [x0]
ld2 {v0.4s, v1.4s}, [x0]
ld4 {v0.16b, v1.16b, v2.16b, v3.16b}, [x0]
st3 {v0.8b, v1.8b, v2.8b}, [x0]
ld1 {v0.s}[1], [x0]
ld1r {v0.8h}, [x0]
ldr x0, [x1]; ldr x2, [x1, #8]; add x0, x0, x2; str x0, [x1, #16]
ldar x0, [x1]
ldapr x0, [x1]
stlr x0, [x1]
ldxr x0, [x1]
stxr w0, x1, [x2]
ldaxr w0, [x1]
stlxr w0, w1, [x2]
ldxr x0, [x1]; add x0, x0, #1; stxr w2, x0, [x1]; cbnz w2, .-12
clrex
ldadd x0, x1, [x2]
ldaddal w0, w1, [x2]
stadd x0, [x1]
swp x0, x1, [x2]
cas x0, x1, [x2]
casal w0, w1, [x2]
casp x0, x1, x2, x3, [x4]
ldset x0, x1, [x2]
stclr x0, [x1]
ldsmax x0, x1, [x2]
dmb ish
dmb ishld
dmb ishst
dsb ish
isb
prfm pldl1keep, [x0]
dc zva, x0
ldr w0, [x1, x2, lsl #2]; add w0, w0, #1; str w0, [x1, x2, lsl #2]
add x4, x1, x2, lsl #3; ldr x0, [x1, x2, lsl #3]; ldr w3, [x4, #-4]
ldr q0, [x0, x2]; str q0, [x1, x2]; add x2, x2, #16; cmp x2, x3; b.ne .-16
