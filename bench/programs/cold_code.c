/* SPDX-License-Identifier: MIT */
/* See cold_code.h. The functions differ in their constants and in the order of their steps. */

#include "cold_code.h"

#define STEP_A(c) x = (x ^ x >> (7 + (c) % 5)) + (c)*0x1234567ULL;
#define STEP_B(c) x = k & (1ULL << ((c) % 13)) ? x * 5 + (c) : (x << 9 | x >> 55) ^ k;
#define STEP_C(c) y = (y + x) * ((c)*2 + 1) ^ (y >> 11 & 0xffff);
#define STEP_D(c) y = x > y ? y + (x >> ((c) % 31)) : y - (k << ((c) % 7));
#define STEP_E(c) x += (uint64_t)(int64_t)(int16_t)(y >> 3) & ~(k * (c));
#define STEP_F(c) x ^= (uint32_t)y * (uint64_t)(uint32_t)(k + (c));

#define BODY0(c) STEP_A(c) STEP_B(c + 1) STEP_C(c + 2) STEP_D(c + 3) STEP_E(c + 4) STEP_F(c + 5)
#define BODY1(c) STEP_C(c) STEP_A(c + 1) STEP_D(c + 2) STEP_F(c + 3) STEP_B(c + 4) STEP_E(c + 5)
#define BODY2(c) STEP_F(c) STEP_E(c + 1) STEP_B(c + 2) STEP_A(c + 3) STEP_D(c + 4) STEP_C(c + 5)
#define BODY3(c) STEP_D(c) STEP_C(c + 1) STEP_E(c + 2) STEP_B(c + 3) STEP_F(c + 4) STEP_A(c + 5)

#define FUNCTION(name, body, c)                                                                    \
    __attribute__((section("cold_code"), noinline)) static uint64_t name(uint64_t x, uint64_t k)   \
    {                                                                                              \
        uint64_t y = k * (c) + 1;                                                                  \
        __asm__ volatile(COLD_MARK_ASM : : : COLD_CLOBBER);                                        \
        body(c) if (y & 2) x += y;                                                                 \
        return x;                                                                                  \
    }
#define FOUR(name, c)                                                                              \
    FUNCTION(name##0, BODY0, c)                                                                    \
    FUNCTION(name##1, BODY1, c + 11)                                                               \
    FUNCTION(name##2, BODY2, c + 22) FUNCTION(name##3, BODY3, c + 33)
#define SIXTEEN(name, c)                                                                           \
    FOUR(name##0, c) FOUR(name##1, c + 100) FOUR(name##2, c + 200) FOUR(name##3, c + 300)
SIXTEEN(cold0, 3)
SIXTEEN(cold1, 1003)
SIXTEEN(cold2, 2003)
SIXTEEN(cold3, 3003)

#define NAMES4(name)  name##0, name##1, name##2, name##3
#define NAMES16(name) NAMES4(name##0), NAMES4(name##1), NAMES4(name##2), NAMES4(name##3)

cold_function *const cold_functions[COLD_FUNCTIONS] = {NAMES16(cold0), NAMES16(cold1),
                                                       NAMES16(cold2), NAMES16(cold3)};

/* The linker makes these symbols for a section whose name is an identifier. */
extern const uint8_t __start_cold_code[], __stop_cold_code[];

const uint8_t *cold_start(size_t *size)
{
    *size = (size_t)(__stop_cold_code - __start_cold_code);
    return __start_cold_code;
}
