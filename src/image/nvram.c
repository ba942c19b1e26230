/* SPDX-License-Identifier: MIT */
/* A CHRP NVRAM bank. Partition header: signature, checksum, length in 16-byte units, name. The
 * first partition is Apple's, with an Adler-32 of everything behind it. */

#include "nvram.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compress.h"

#define UNIT                16
#define SIGNATURE_APPLE     0x5a
#define SIGNATURE_VARIABLES 0x70
#define SIGNATURE_FREE      0x7f
#define APPLE_SIZE          0x20
#define VARIABLES_SIZE      0x700
#define ADLER_OFFSET        16
#define ADLER_START         20
#define GENERATION_OFFSET   20

/* Signature plus bytes 2..15, carries folded in. */
static uint8_t checksum(const uint8_t *header)
{
    unsigned sum = header[0];
    for (int i = 2; i < UNIT; i++) {
        sum += header[i];
        sum = (sum & 0xff) + (sum >> 8);
    }
    return (uint8_t)sum;
}

static void put_header(uint8_t *at, uint8_t signature, size_t size, const char *name)
{
    at[0] = signature;
    at[2] = (uint8_t)(size / UNIT);
    at[3] = (uint8_t)(size / UNIT >> 8);
    memset(at + 4, 0, 12);
    memcpy(at + 4, name, strlen(name));
    at[1] = checksum(at);
}

int nvram_make_chrp(uint8_t *bank, size_t size, const char *boot_args)
{
    const size_t free_at = APPLE_SIZE + 2 * VARIABLES_SIZE;
    if (size % UNIT || size < 0x1000 || size / UNIT > 0xffff)
        return -EINVAL;
    if (boot_args && strlen(boot_args) + 16 > VARIABLES_SIZE - UNIT)
        return -E2BIG;
    memset(bank, 0, size);
    put_header(bank, SIGNATURE_APPLE, APPLE_SIZE, "nvram");
    put_header(bank + APPLE_SIZE, SIGNATURE_VARIABLES, VARIABLES_SIZE, "common");
    if (boot_args)
        snprintf((char *)bank + APPLE_SIZE + UNIT, VARIABLES_SIZE - UNIT, "boot-args=%s",
                 boot_args);
    put_header(bank + APPLE_SIZE + VARIABLES_SIZE, SIGNATURE_VARIABLES, VARIABLES_SIZE, "system");
    put_header(bank + free_at, SIGNATURE_FREE, size - free_at, "wwwwwwwwwwww");
    put_le32(bank + GENERATION_OFFSET, 1);
    put_le32(bank + ADLER_OFFSET, compress_adler32(bank + ADLER_START, size - ADLER_START));
    return 0;
}
