/* SPDX-License-Identifier: MIT */
/* Text with the redundancy of prose and markup, for the compressors. */

#ifndef APP_TEXT_H
#define APP_TEXT_H

#include "bench.h"

#include <string.h>

/* Fills SIZE bytes with words of a made-up vocabulary, the frequent ones first (a word's rank falls
 * off as in prose). */
static inline void app_text(uint8_t *to, size_t size, uint64_t seed)
{
    enum { WORDS = 1024 };
    static char vocabulary[WORDS][12];
    for (int k = 0; k < WORDS; k++) {
        const uint64_t x = bench_random(&seed);
        const int length = 2 + (int)(x % 9);
        for (int at = 0; at < length; at++)
            vocabulary[k][at] = (char)("etaoinshrdlucmfw"[x >> (8 + 4 * at) & 15]);
        vocabulary[k][length] = ' ';
        vocabulary[k][length + 1] = 0;
    }
    for (size_t at = 0; at < size;) {
        const uint64_t x = bench_random(&seed);
        const char *word = vocabulary[(x & 1023) >> (x >> 10 & 7)];
        const size_t length = strlen(word), room = size - at;
        memcpy(to + at, word, length < room ? length : room);
        at += length;
        if ((x >> 20 & 63) == 0 && at < size)
            to[at++] = '\n';
    }
}

#endif
