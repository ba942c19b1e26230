/* SPDX-License-Identifier: MIT */
/* Operands of floating-point instructions that dis_simd.c and dis_base.c have not:
 *
 *   <fbits>        fraction bits of a scalar fixed-point conversion, 64 - scale [15:10]
 *   <fimm>         FMOV (scalar, immediate): VFPExpandImm of [20:13]
 *   <Thh>          2h 4h by Q: the halves that FMLAL and its kin read
 *   <bt>           "b" or, by Q, "t": BFMLALB, BFMLALT
 *   <Vm.elemc>     v1.h[0] v1.s[0]: a complex number of FCMLA by element, by size [23:22]
 *   <rot> <rot_add> <rot_elem>   the rotation of FCMLA, FCADD, FCMLA by element
 *
 * Facts: the Arm manual, C7.2. */

#include <math.h>

#include "a64_ops.h"
#include "dis.h"

A64_OP(fbits)
{
    a64_dis_printf(dis, "#%u", 64 - dis_bits(dis, 15, 10));
}

A64_OP(fimm)
{
    const unsigned imm = dis_bits(dis, 20, 13);
    const int exponent = (int)((imm >> 4 & 7) ^ 4) - 3;
    const double value = ldexp((16 + (imm & 15)) / 16.0, exponent);
    a64_dis_printf(dis, "#%.18e", imm >> 7 ? -value : value);
}

A64_OP(Thh)
{
    a64_dis_text(dis, dis_bits(dis, 30, 30) ? "4h" : "2h");
}

A64_OP(bt)
{
    a64_dis_text(dis, dis_bits(dis, 30, 30) ? "t" : "b");
}

A64_OP(Vm_elemc)
{
    const unsigned m = dis_bits(dis, 20, 16), h = dis_bits(dis, 11, 11), l = dis_bits(dis, 21, 21);
    if (dis_bits(dis, 23, 22) == 1)
        a64_dis_printf(dis, "v%u.h[%u]", m, h << 1 | l);
    else
        a64_dis_printf(dis, "v%u.s[%u]", m, h);
}

A64_OP(rot)
{
    a64_dis_printf(dis, "#%u", 90 * dis_bits(dis, 12, 11));
}

A64_OP(rot_add)
{
    a64_dis_text(dis, dis_bits(dis, 12, 12) ? "#270" : "#90");
}

A64_OP(rot_elem)
{
    a64_dis_printf(dis, "#%u", 90 * dis_bits(dis, 14, 13));
}
