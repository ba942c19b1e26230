/* SPDX-License-Identifier: MIT */
/* libFuzzer target for the decoder and the disassembler: every word is one row's or none's, and its text has an end. */

#include <stdlib.h>
#include <string.h>

#include "a64/decode.h"
#include "a64/dis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 4 <= size; at += 4) {
        uint32_t word;
        char *text = malloc(160);
        memcpy(&word, data + at, 4);
        const struct a64_row *row = a64_decode(word);
        if (row && (word & row->mask) != row->value)
            abort();
        if (!memchr(a64_disassemble(word, at, text, 160), 0, 160))
            abort();
        free(text);
    }
    return 0;
}
