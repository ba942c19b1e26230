/* SPDX-License-Identifier: MIT */
#ifndef POMONA_LZFSE_FORMAT_H
#define POMONA_LZFSE_FORMAT_H

/* What LZFSE's decoder and encoder share (image-format sheet A2); private to src/image. */

#include <stdint.h>

#define MAGIC_END  0x24787662u
#define MAGIC_RAW  0x2d787662u
#define MAGIC_V1   0x31787662u
#define MAGIC_V2   0x32787662u
#define MAGIC_LZVN 0x6e787662u

#define L_SYMBOLS       20
#define M_SYMBOLS       20
#define D_SYMBOLS       64
#define LITERAL_SYMBOLS 256
#define ALL_SYMBOLS     (L_SYMBOLS + M_SYMBOLS + D_SYMBOLS + LITERAL_SYMBOLS)
#define L_STATES        64
#define M_STATES        64
#define D_STATES        256
#define LITERAL_STATES  1024
#define MAX_LITERALS    40000
#define MAX_MATCHES     10000
/* 50 bytes of fields and the tables, padded to four. */
#define V1_HEADER 772
#define V2_HEADER 32

/* How many extra bits a length or distance symbol carries; its base is the sum of all ranges before
 * it. */
static inline unsigned lzfse_l_extra(unsigned symbol)
{
    static const uint8_t tail[] = {2, 3, 5, 8};
    return symbol < 16 ? 0 : tail[symbol - 16];
}

static inline unsigned lzfse_m_extra(unsigned symbol)
{
    static const uint8_t tail[] = {3, 5, 8, 11};
    return symbol < 16 ? 0 : tail[symbol - 16];
}

static inline unsigned lzfse_d_extra(unsigned symbol)
{
    return symbol / 4;
}

static inline unsigned floor_log2(uint32_t value)
{
    return 31 - (unsigned)__builtin_clz(value);
}

#endif
