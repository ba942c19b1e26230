#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints include/Hypervisor/hv_gic_types.h: the GIC's register names, most of them in long regular rows."""

HEAD = """/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HYPERVISOR_HV_GIC_TYPES_H
#define POMONA_HYPERVISOR_HV_GIC_TYPES_H

/* Names of the GIC's registers: offsets in their frame, or system register encodings. Made by
 * tools/gen_hv_gic_types.py. */

#include <Hypervisor/hv_vcpu_types.h>
"""

OPAQUE = """
/* What a GIC is to be like, and what it was like; os_release() frees them. */
typedef struct hv_gic_config_s *hv_gic_config_t;
typedef struct hv_gic_state_s *hv_gic_state_t;
"""

INTIDS = [("PERFORMANCE_MONITOR", 23), ("MAINTENANCE", 25), ("EL2_PHYSICAL_TIMER", 26),
          ("EL1_VIRTUAL_TIMER", 27), ("EL1_PHYSICAL_TIMER", 30)]

# name, first number, last number, offset of number 0, step
DISTRIBUTOR = [
    ("CTLR", None, None, 0x0, 0), ("TYPER", None, None, 0x4, 0),
    ("IGROUPR", 0, 31, 0x80, 4), ("ISENABLER", 0, 31, 0x100, 4), ("ICENABLER", 0, 31, 0x180, 4),
    ("ISPENDR", 0, 31, 0x200, 4), ("ICPENDR", 0, 31, 0x280, 4), ("ISACTIVER", 0, 31, 0x300, 4),
    ("ICACTIVER", 0, 31, 0x380, 4), ("IPRIORITYR", 0, 254, 0x400, 4), ("ICFGR", 0, 63, 0xc00, 4),
    ("IROUTER", 32, 1019, 0x6000, 8), ("PIDR2", None, None, 0xffe8, 0),
]
REDISTRIBUTOR = [
    ("TYPER", None, None, 0x8, 0), ("PIDR2", None, None, 0xffe8, 0),
    ("IGROUPR0", None, None, 0x10080, 0), ("ISENABLER0", None, None, 0x10100, 0),
    ("ICENABLER0", None, None, 0x10180, 0), ("ISPENDR0", None, None, 0x10200, 0),
    ("ICPENDR0", None, None, 0x10280, 0), ("ISACTIVER0", None, None, 0x10300, 0),
    ("ICACTIVER0", None, None, 0x10380, 0), ("IPRIORITYR", 0, 7, 0x10400, 4),
    ("ICFGR", 0, 1, 0x10c00, 4),
]
CPU_INTERFACE = [
    ("PMR_EL1", 0xc230), ("BPR0_EL1", 0xc643), ("AP0R0_EL1", 0xc644), ("AP1R0_EL1", 0xc648),
    ("RPR_EL1", 0xc65b), ("BPR1_EL1", 0xc663), ("CTLR_EL1", 0xc664), ("SRE_EL1", 0xc665),
    ("IGRPEN0_EL1", 0xc666), ("IGRPEN1_EL1", 0xc667),
]
HYP_INTERFACE = [
    ("AP0R0_EL2", 0xe640), ("AP1R0_EL2", 0xe648), ("HCR_EL2", 0xe658), ("VTR_EL2", 0xe659),
    ("MISR_EL2", 0xe65a), ("EISR_EL2", 0xe65b), ("ELRSR_EL2", 0xe65d), ("VMCR_EL2", 0xe65f),
] + [(f"LR{n}_EL2", 0xe660 + n) for n in range(16)]


def rows(prefix, table):
    for name, first, last, offset, step in table:
        if first is None:
            yield prefix + name, offset
        else:
            for number in range(first, last + 1):
                yield f"{prefix}{name}{number}", offset + number * step


def enum(name, base, comment, pairs):
    print(f"\n/* {comment} */\nHV_ENUM({name}, {base},")
    for key, value in pairs:
        print(f"    {key} = {value:#x},")
    print(");")


def main():
    print(HEAD + OPAQUE, end="")
    enum("hv_gic_intid", "uint16_t", "INTIDs of the interrupts that a CPU itself makes.",
         [("HV_GIC_INT_" + name, value) for name, value in INTIDS])
    enum("hv_gic_distributor_reg", "uint16_t", "Offsets in the distributor's frame.",
         rows("HV_GIC_DISTRIBUTOR_REG_GICD_", DISTRIBUTOR))
    enum("hv_gic_redistributor_reg", "uint32_t", "Offsets in a redistributor's two frames.",
         rows("HV_GIC_REDISTRIBUTOR_REG_GICR_", REDISTRIBUTOR))
    enum("hv_gic_icc_reg", "uint16_t", "The CPU interface, physical view.",
         [("HV_GIC_ICC_REG_" + n, v) for n, v in CPU_INTERFACE + [("SRE_EL2", 0xe64d)]])
    enum("hv_gic_ich_reg", "uint16_t", "The virtual CPU interface's control, for EL2.",
         [("HV_GIC_ICH_REG_" + n, v) for n, v in HYP_INTERFACE])
    enum("hv_gic_icv_reg", "uint16_t", "The CPU interface, a nested guest's view.",
         [("HV_GIC_ICV_REG_" + n, v) for n, v in CPU_INTERFACE])
    enum("hv_gic_msi_reg", "uint16_t", "The GICv2m frame.",
         [("HV_GIC_REG_GICM_TYPER", 0x8), ("HV_GIC_REG_GICM_SET_SPI_NSR", 0x40)])
    print("\n#endif")


main()
