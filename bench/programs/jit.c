/* SPDX-License-Identifier: MIT */
/* Code that is new: a large body of functions run once (their copies carry a number that differs
 * from run to run, so that nobody can have translated them before), and code that is written and
 * called at once, as by a compiler at run time. cold_code.c holds the functions that are copied. */

#include "bench.h"
#include "cold_code.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static uint8_t *code_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    bench_check(memory != MAP_FAILED, "mmap of memory to be executed");
    return memory;
}

static void written(uint8_t *code, size_t size)
{
    __builtin___clear_cache((char *)code, (char *)code + size);
}

/* ---- N functions of some forty instructions, each run once ---- */

/* Writes NONCE over the mark that each function of the copy at CODE carries. */
static void number_functions(uint8_t *code, size_t size, uint32_t nonce)
{
    for (size_t at = 0; at + sizeof(uint32_t) <= size; at += COLD_STEP) {
        uint32_t word;
        memcpy(&word, code + at, sizeof(word));
        if (word == COLD_MARK) {
            word = COLD_NUMBERED(nonce);
            memcpy(code + at, &word, sizeof(word));
        }
    }
}

static uint64_t coldcode(struct bench *b, uint64_t n)
{
    size_t size;
    const uint8_t *start = cold_start(&size);
    const uint64_t copies = (n + COLD_FUNCTIONS - 1) / COLD_FUNCTIONS;
    const size_t step = (size + 63) & ~(size_t)63;
    uint8_t *code = code_memory(copies * step);
    for (uint64_t copy = 0; copy < copies; copy++) {
        memcpy(code + copy * step, start, size);
        number_functions(code + copy * step, size, (uint32_t)(b->nonce >> 4) + (uint32_t)copy);
    }
    bench_begin(b);
    written(code, copies * step);
    uint64_t sum = b->seed;
    for (uint64_t k = 0; k < n; k++) {
        const size_t offset =
            (size_t)((const uint8_t *)(uintptr_t)cold_functions[k % COLD_FUNCTIONS] - start);
        sum = ((cold_function *)(uintptr_t)(code + k / COLD_FUNCTIONS * step + offset))(sum, k);
    }
    munmap(code, copies * step);
    return sum;
}

/* ---- functions written, then called ---- */

#ifdef __aarch64__
/* movz x1, #VALUE; add x0, x0, x1; ret */
static size_t write_function(uint8_t *to, uint16_t value)
{
    const uint32_t code[] = {0xd2800001 | (uint32_t)value << 5, 0x8b010000, 0xd65f03c0};
    memcpy(to, code, sizeof(code));
    return sizeof(code);
}
#else
/* lea rax, [rdi + VALUE]; ret */
static size_t write_function(uint8_t *to, uint16_t value)
{
    const uint8_t code[] = {0x48, 0x8d, 0x87, (uint8_t)value, (uint8_t)(value >> 8), 0, 0, 0xc3};
    memcpy(to, code, sizeof(code));
    return sizeof(code);
}
#endif

typedef uint64_t written_function(uint64_t x);

/* N functions, each called CALLS times; every one lies where another was a mebibyte before. */
static uint64_t write_and_call(uint64_t n, uint64_t calls)
{
    enum { SIZE = 1 << 20, STEP = 64 };
    uint8_t *code = code_memory(SIZE);
    uint64_t sum = 0;
    for (uint64_t k = 0; k < n; k++) {
        uint8_t *at = code + k * STEP % SIZE;
        written(at, write_function(at, (uint16_t)(k * 7 + k / (SIZE / STEP))));
        for (uint64_t call = 0; call < calls; call++)
            sum = ((written_function *)(uintptr_t)at)(sum) ^ call;
    }
    munmap(code, SIZE);
    return sum;
}

static uint64_t jit_call1(struct bench *b, uint64_t n)
{
    (void)b;
    return write_and_call(n, 1);
}

static uint64_t jit_call1000(struct bench *b, uint64_t n)
{
    (void)b;
    return write_and_call(n, 1000);
}

/* One address whose code is rewritten and called. */
static uint64_t jit_rewrite(struct bench *b, uint64_t n)
{
    uint8_t *code = code_memory(4096);
    uint64_t sum = 0;
    (void)b;
    for (uint64_t k = 0; k < n; k++) {
        written(code, write_function(code, (uint16_t)k));
        sum = ((written_function *)(uintptr_t)code)(sum)*3;
    }
    munmap(code, 4096);
    return sum;
}

const struct benchmark bench_jit[] = {
    {"jit", "coldcode", coldcode, 8000, 0},
    {"jit", "jit_call1", jit_call1, 20000, 0},
    {"jit", "jit_call1000", jit_call1000, 3000, 0},
    {"jit", "jit_rewrite", jit_rewrite, 10000, 0},
    {0},
};
