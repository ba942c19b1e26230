/* SPDX-License-Identifier: MIT */
/* `vmapple`: the virtual Mac that Apple's firmware and kernels know as vma2. Addresses and
 * interrupts are those that QEMU's machine of the same name documents and that Apple's own device
 * tree for vma2 names (an /arm-io child's `reg` is relative to 0x10000000, its `interrupts` the
 * INTID, 32 more than the SPI here). There is no PCI I/O window and no 64-bit window. Rows of
 * BOARD_LATER are parts of the real board that this one does not have yet. */

#include "device/cfg.h"
#include "device/pl011.h"
#include "device/pl031.h"
#include "device/pl061.h"
#include "device/pvpanic.h"
#include "machine/board.h"

#define NONE BOARD_NO_SPI

static const struct board_row rows[] = {
    {BOARD_MEMORY, "rom", 0x00100000, 0x100000, NONE, 0, NULL,
     "boot ROM (AVPBooter); with rom boot CPU 0 starts here"},
    {BOARD_MEMORY, "cfg", 0x00400000, 0x10000, NONE, 0, &cfg_class,
     "what the firmware asks of the VM; rebuilt at reset"},
    {BOARD_GICD, "gicd", 0x10000000, 0x10000, NONE, 0, NULL, "GICv3 distributor, both groups"},
    {BOARD_GICR, "gicr", 0x10010000, 0x400000, NONE, 0, NULL, "0x20000 a CPU"},
    {BOARD_GICM, "gicm", 0x1fff0000, 0x10000, 0x80, 128, NULL,
     "GICv2m frame for PCIe MSI-X; MSI_TYPER has bit 31 set"},
    {BOARD_DEVICE, "uart0", 0x20010000, 0x10000, 1, 1, &pl011_class, "console"},
    {BOARD_DEVICE, "rtc", 0x20050000, 0x1000, 2, 1, &pl031_class, ""},
    {BOARD_DEVICE, "gpio", 0x20060000, 0x1000, 5, 1, &pl061_class, "line 3: power key"},
    {BOARD_DEVICE, "pvpanic", 0x20070000, 0x2, NONE, 0, &pvpanic_class,
     "the guest tells that it panicked"},
    {BOARD_LATER, "bdif", 0x30000000, 0x200000, NONE, 0, NULL,
     "the firmware's block device and DFU port"},
    {BOARD_LATER, "gfx", 0x30200000, 0x10000, 0x11, 1, NULL, "paravirtual graphics"},
    {BOARD_LATER, "iosfc", 0x30210000, 0x10000, 0x10, 1, NULL, "IOSurface mapper"},
    {BOARD_LATER, "aes", 0x30220000, 0x4000, 0x12, 1, NULL, "AES engine"},
    {BOARD_LATER, "aes-keys", 0x30230000, 0x4000, NONE, 0, NULL, "AES key disable block"},
    {BOARD_LATER, "avp-rtc", 0x30240000, 0x1000, 0x13, 1, NULL, "clock of macOS 26"},
    {BOARD_ECAM, "pcie", 0x40000000, 0x10000000, 0x20, 16, NULL, "INTx line = (slot + pin) mod 16"},
    {BOARD_MMIO32, "pcie-mmio", 0x50000000, 0x1fff0000, NONE, 0, NULL, "identity mapped"},
    {BOARD_RAM, "ram", 0x70000000, 0, NONE, 0, NULL, "one block, as large as --memory"},
    {.kind = BOARD_END},
};

const struct board board_vmapple = {
    .name = "vmapple",
    .description = "Apple's virtual Mac (vma2)",
    .rows = rows,
    .max_cpus = 32,
    .default_cpus = 2,
    .default_memory = 4ull << 30,
    .spi_count = 256,
    .power_key_line = 3,
};
