/* SPDX-License-Identifier: MIT */
/* The configuration region of the virtual Mac: a block of RAM in which the firmware finds what it
 * needs to know of its VM. It is memory that the guest may overwrite, so this device has no
 * registers: it fills the region at reset.
 *
 * Two layouts of the strings are in use in public descriptions of it, 0x180 bytes apart, and it is
 * not settled which one the firmware reads, so both are filled: the one's strings lie in what is
 * unused scratch space in the other. Words whose meaning nobody published hold what a working
 * machine was seen to hold. */

#include "device/cfg.h"

#include <string.h>

enum {
    CFG_VERSION = 0x00,
    CFG_CPUS = 0x04,
    CFG_UNKNOWN_08 = 0x08, /* 1 */
    CFG_UNKNOWN_0C = 0x0c, /* 1 */
    CFG_BOARD_ID = 0x10,
    CFG_ECID = 0x18,       /* 64 bits */
    CFG_RAM_SIZE = 0x20,   /* 64 bits */
    CFG_UNKNOWN_2C = 0x2c, /* 1 */
    CFG_UNKNOWN_30 = 0x30, /* 1 */
    CFG_RANDOM = 0x38,
    CFG_MACS = 0x40, /* four, 8 bytes apart */
    CFG_CPU_IDS = 0x100,
    CFG_STRINGS_NEAR = 0x380,
    CFG_STRINGS_FAR = 0x500,
    CFG_SIZE = 0x600,
};

/* From the start of the strings. */
enum {
    STRING_SERIAL = 0x00,
    STRING_UNKNOWN = 0x20,
    STRING_MODEL = 0x40,
    WORD_UNKNOWN = 0x80, /* 1 */
    STRING_SOC = 0x84,
};

#define BOARD_ID 0x20 /* vma2 */
#define CPU_IDS  0x80 /* entries; beyond 0x20 they lie in the other layout's scratch space */

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> i * 8);
}

static void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static void put_strings(uint8_t *at)
{
    static const char serial[32] = "1234", unknown[32] = "D/A", model[32] = "VM0001";
    static const char soc[32] = "Apple M1 (Virtual)";
    memcpy(at + STRING_SERIAL, serial, sizeof(serial));
    memcpy(at + STRING_UNKNOWN, unknown, sizeof(unknown));
    memcpy(at + STRING_MODEL, model, sizeof(model));
    put32(at + WORD_UNKNOWN, 1);
    memcpy(at + STRING_SOC, soc, sizeof(soc));
}

static void cfg_reset(struct device *dev)
{
    const struct cfg_config *config = dev->config;
    uint8_t region[CFG_SIZE] = {0};
    put32(region + CFG_VERSION, 2);
    put32(region + CFG_CPUS, config->cpus);
    put32(region + CFG_UNKNOWN_08, 1);
    put32(region + CFG_UNKNOWN_0C, 1);
    put32(region + CFG_BOARD_ID, BOARD_ID);
    put64(region + CFG_ECID, config->ecid);
    put64(region + CFG_RAM_SIZE, config->ram_size);
    put32(region + CFG_UNKNOWN_2C, 1);
    put32(region + CFG_UNKNOWN_30, 1);
    machine_random(dev->machine, region + CFG_RANDOM, 4);
    for (unsigned i = 0; i < 4; i++)
        memcpy(region + CFG_MACS + i * 8, config->mac[i], 6);
    for (unsigned i = 0; i < CPU_IDS; i++)
        put32(region + CFG_CPU_IDS + i * 4, i);
    put_strings(region + CFG_STRINGS_NEAR);
    put_strings(region + CFG_STRINGS_FAR);
    guest_write(dev->machine, dev->base, region, sizeof(region));
}

static const struct device_reg regs[] = {{0}};
static const struct device_field fields[] = {{0}};

const struct device_class cfg_class = {
    .name = "cfg",
    .description = "configuration region of the virtual Mac",
    .state_size = sizeof(struct device),
    .mmio_size = 0x10000,
    .regs = regs,
    .version = 1,
    .fields = fields,
    .reset = cfg_reset,
};
