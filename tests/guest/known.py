# SPDX-License-Identifier: MIT
"""The guests that lib/run.py runs: whether they start at EL2, on how many CPUs, of which source if not of their own name,
with which compiler flags and options of ours; and where QEMU 7.2 differs from the Arm
manual (DDI 0487, IHI 0069): why, the cases by a regular expression, and where many cases are named, a function of
what QEMU says and what Pomona says that is true of that difference only."""
import re


def esr(text):
    return int((re.search(r"taken=\d/\w+/(\w+)", text) or ["", "0"])[1], 16)


def par(text):
    return int((re.search(r"par=(\w+)", text) or ["", "1"])[1], 16)


def but(mask):
    """The two differ in no more than these bits of the syndrome."""
    return lambda theirs, ours: esr(ours) and (not (esr(theirs) ^ esr(ours)) & ~mask
                                               and re.sub(r"/\w+ ", " ", theirs) == re.sub(r"/\w+ ", " ", ours))


ISV = 0x1ffc000  # and what comes with it

GUESTS = {
    "vhe": {"el2": True, "cpus": 1},
    "vhe-only": {"el2": True, "cpus": 1, "source": "vhe", "flags": ["-DE2H_FIXED"],
                 "options": ["--cpu", "apple-m1", "--vhe-only"]},
    "vgic": {"el2": True, "cpus": 1},
    "gic": {"el2": True, "cpus": 2},
    "timers": {"el2": True, "cpus": 1},
    "psci": {"el2": True, "cpus": 32},
    "mmu": {"el2": True, "cpus": 1},
    "classes": {"el2": True, "cpus": 1},
    "pages": {"el2": False, "cpus": 1},
    "mmio": {"el2": False, "cpus": 1},
    "psci-el1": {"el2": False, "cpus": 32, "source": "psci"},
}

# What QEMU 7.2's firmware lacks of PSCI 1.1 (DEN0022) and SMCCC 1.1 (DEN0028).
PSCI = [
    ("SYSTEM_SUSPEND, SYSTEM_RESET2 and the SMCCC calls: not in QEMU 7.2",
     r"features of=([8c]400000e|[8c]4000012|80000000) |smccc (version|arch features of itself) "),
    ("SMC32 arguments are 32 bits", r"info smc32 ignores .*|on smc32 |smc32 "),
    ("affinity levels above 3 are INVALID_PARAMETERS", r"info level 4 "),
    ("an entry that cannot be is INVALID_ADDRESS since PSCI 1.0", r"on at an odd address "),
    ("a CPU that is being started is ON_PENDING; QEMU starts it again, with the second call's context", r"round n=. "),
]

VHE = [
    ("_EL12 and _EL02 names are UNDEFINED while HCR_EL2.E2H is 0",
     r"(redirect \w+ e2h=0|alias \w+_el[01]2 hcr=6010 el2) "),
    ("AFSR0, AFSR1 and AMAIR: constants in QEMU, here they hold what is written", r"redirect (afsr[01]|amair) e2h=1 "),
    ("there is no SVE", r"alias zcr_el12 .*"),
    ("above the physical address size with the MMU off: address size fault of level 0, QEMU's bus answers",
     r"route unmapped ldr .*"),
    ("MSR (immediate): QEMU exchanges op1 and op2 in the syndrome", r"route msr daifset .*"),
    ("DC ZVA of Device memory is an alignment fault", r"route dc zva .* open=1 "),
    ("SCTLR_EL2 has no UMA: DAIF traps at EL0 of a host (C5.2.3)", r"route mrs daif hcr=6091 open=1 "),
    ("CPTR_EL2 without E2H has bits that are RES1 and RES0", r"cptr e2h=0 .*"),
    ("CNTHCTL_EL2.EL1PCTEN governs the counter; QEMU looks at EL1PCEN for EL0", r"timer cntpct hcr=601[01] cnthctl=1 el0 "),
]

MMU = [
    ("ISV is of stage 2's aborts alone, and of no external abort", r".* el[012] .*", but(ISV)),
    ("QEMU checks nothing for cache maintenance", r".* (dc c?i?vac|ic ivau) ", lambda theirs, ours: theirs == " done taken=none"),
    ("QEMU 7.2 lets unaligned accesses to Device memory and DC ZVA of it pass", r".* (ldr \+1|dc zva) ",
     lambda theirs, ours: esr(ours) & 0x3f == 0x21),
    ("Device memory is Outer Shareable in PAR_EL1, whatever the descriptor says", r".* at[wu]? ",
     lambda theirs, ours: par(ours) >> 56 < 0x10 and not (par(theirs) ^ par(ours)) & ~0x180),
    ("HCR_EL2.TEA: not in QEMU 7.2", r".* no bus tea .*",
     lambda theirs, ours: ours.startswith(" taken=2/8/") and not (esr(theirs) ^ esr(ours)) & 0x3ffffff),
    ("the bus refuses an unaligned access at its own address", r".* no bus el. ldr \+1 ", lambda theirs, ours: esr(ours) & 0x3f == 0x10),
    ("a stage-2 fault of a stage-1 walk has stage 2's level (for QEMU stage 1's)", r"ptw .*", but(3)),
]

CLASSES = [
    ("MSR (immediate): QEMU exchanges op1 and op2 in the syndrome", r".* msr daifset el0 ",
     lambda theirs, ours: esr(theirs) >> 26 == esr(ours) >> 26),
    ("unaligned accesses to Device memory fault", r".* ldr unaligned a el2 ", lambda theirs, ours: esr(ours) & 0x3ffffff == 0x2000021),
    ("a store-exclusive's alignment is looked at before the monitor", r".* stxr unaligned el. ",
     lambda theirs, ours: esr(ours) & 0x3ffffff == 0x2000061),
]

KNOWN = {
    "classes": CLASSES,
    "mmu": MMU,
    "psci": PSCI,
    "psci-el1": PSCI,
    "timers": [
        ("CNTHV's PPI 28 has no wire on QEMU 7.2's board", r"(condition cnthv d=. ctl=[15]|interrupt cnthv) "),
    ],
    "gic": [
        ("a group that is off at the CPU interface does not hide the other group's interrupt",
         r"group enables cpu=[0-3] dist=[0-3] "),
        ("part number: IMPLEMENTATION DEFINED", r"id offset=ffe0 "),
        ("five priority bits here, eight in QEMU: IMPLEMENTATION DEFINED",
         r"bits (dist offset=42[04]|redist offset=104\w\w|redist offset=1041c) "),
        ("GICD_IROUTER has RES0 bits", r"router ones "),
        ("QEMU never delivers an SPI whose IROUTER.IRM is set", r"cpu1 1 of N "),
    ],
    "mmio": [
        ("two words of an exclusive pair: QEMU makes them one access, which its distributor does not answer", r"gicd ldaxp .*"),
        ("elements of a byte are accesses of a byte; QEMU joins eight", r"gpio st1 \{v0\.16b\}.*"),
        ("GPIORIS behind the five registers: lines that nothing drives are high on QEMU's board",
         r"gpio (ldp q2, q3|ld2 \{v0\.4s|ld3 ).*"),
    ],
    "vgic": [
        ("ICH_MISR_EL2.VGrp0D: QEMU takes Group 1's enable", r"misr enables=[2367abef] groups=[0-3] "),
        ("ICC_CTLR_EL1: IDbits, A3V and RSS are IMPLEMENTATION DEFINED", r"reach ctlr .*"),
    ],
    "vhe": VHE,
    "vhe-only": [("on QEMU E2H can be cleared", r"e2h ")] + VHE,
}
