/* SPDX-License-Identifier: MIT */
/* `virt`: the addresses and interrupts of `qemu-system-aarch64 -M
 * virt,gic-version=3,highmem-ecam=off`, so that bare-metal programs made for that machine run
 * unchanged here, and our own test guests can be checked there. The ECAM is the low one, because
 * the Apple M1's 36-bit physical addresses do not reach the high one at 0x4010000000. The
 * virtio-mmio transports are all empty and flash and fw_cfg are absent. */

#include "device/pl011.h"
#include "device/pl031.h"
#include "device/pl061.h"
#include "device/virtio_mmio.h"
#include "machine/board.h"

#define NONE BOARD_NO_SPI

static const struct board_row rows[] = {
    {BOARD_GICD, "gicd", 0x08000000, 0x10000, NONE, 0, NULL, "GICv3 distributor, both groups"},
    {BOARD_GICM, "gicm", 0x08020000, 0x10000, 48, 64, NULL, "GICv2m frame for PCIe MSI-X"},
    {BOARD_GICR, "gicr", 0x080a0000, 0xf60000, NONE, 0, NULL, "0x20000 a CPU"},
    {BOARD_DEVICE, "uart0", 0x09000000, 0x1000, 1, 1, &pl011_class, "console"},
    {BOARD_DEVICE, "rtc", 0x09010000, 0x1000, 2, 1, &pl031_class, ""},
    {BOARD_DEVICE, "gpio", 0x09030000, 0x1000, 7, 1, &pl061_class, "line 3: power key"},
    {BOARD_DEVICE, "virtio-mmio", 0x0a000000, 0x4000, 16, 32, &virtio_mmio_class,
     "32 transports of 0x200 bytes, all empty"},
    {BOARD_MMIO32, "pcie-mmio", 0x10000000, 0x2eff0000, NONE, 0, NULL, "identity mapped"},
    {BOARD_PIO, "pcie-io", 0x3eff0000, 0x10000, NONE, 0, NULL, ""},
    {BOARD_ECAM, "pcie", 0x3f000000, 0x1000000, 3, 4, NULL, "INTx line = (slot + pin) mod 4"},
    {BOARD_RAM, "ram", 0x40000000, 0, NONE, 0, NULL, "one block, as large as --memory"},
    {.kind = BOARD_END},
};

const struct board board_virt = {
    .name = "virt",
    .description = "QEMU's generic Arm machine",
    .rows = rows,
    .max_cpus = 32,
    .default_cpus = 1,
    .default_memory = 1ull << 30,
    .spi_count = 256,
    .power_key_line = 3,
};
