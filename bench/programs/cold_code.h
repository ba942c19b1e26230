/* SPDX-License-Identifier: MIT */
/* 64 functions of straight integer code with branches, which lie in one section and refer to
 * nothing outside, so that they can be copied and run elsewhere. Each has a mark: an instruction
 * whose immediate no result depends on. */

#ifndef COLD_CODE_H
#define COLD_CODE_H

#include <stddef.h>
#include <stdint.h>

enum { COLD_FUNCTIONS = 64 };

#ifdef __aarch64__
/* movz w17, #0x5ca1 */
#define COLD_MARK            (0x52800011U | 0x5ca1U << 5)
#define COLD_NUMBERED(nonce) (0x52800011U | ((nonce)&0xffff) << 5)
#define COLD_STEP            4
#define COLD_MARK_ASM        "movz w17, #0x5ca1"
#define COLD_CLOBBER         "x17"
#else
/* The immediate of mov r11d, #0x5ca15ca1 */
#define COLD_MARK            0x5ca15ca1U
#define COLD_NUMBERED(nonce) (nonce)
#define COLD_STEP            1
#define COLD_MARK_ASM        "mov $0x5ca15ca1, %%r11d"
#define COLD_CLOBBER         "r11"
#endif

typedef uint64_t cold_function(uint64_t x, uint64_t k);

extern cold_function *const cold_functions[COLD_FUNCTIONS];

/* Where the functions' section begins, and its size. */
const uint8_t *cold_start(size_t *size);

#endif
