/* SPDX-License-Identifier: MIT */
/* The guest half of ldst_oracle, a static AArch64 Linux program: executes each case that comes in
 * on standard input with its own registers and memory, and writes both out. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case.h"

#define RET 0xD65F03C0u

/* Runs CODE with the registers of STATE and leaves them there. */
void ldst_run(struct ldst_state *state, const uint32_t *code);

#define V_PAIRS(op)                                                                                \
    op " q0, q1, [x19, #144]\n" op " q2, q3, [x19, #176]\n" op " q4, q5, [x19, #208]\n" op         \
       " q6, q7, [x19, #240]\n" op " q8, q9, [x19, #272]\n" op " q10, q11, [x19, #304]\n" op       \
       " q12, q13, [x19, #336]\n" op " q14, q15, [x19, #368]\n" op " q16, q17, [x19, #400]\n" op   \
       " q18, q19, [x19, #432]\n" op " q20, q21, [x19, #464]\n" op " q22, q23, [x19, #496]\n" op   \
       " q24, q25, [x19, #528]\n" op " q26, q27, [x19, #560]\n" op " q28, q29, [x19, #592]\n" op   \
       " q30, q31, [x19, #624]\n"
#define X_PAIRS(op)                                                                                \
    op " x0, x1, [x19]\n" op " x2, x3, [x19, #16]\n" op " x4, x5, [x19, #32]\n" op                 \
       " x6, x7, [x19, #48]\n" op " x8, x9, [x19, #64]\n" op " x10, x11, [x19, #80]\n" op          \
       " x12, x13, [x19, #96]\n" op " x14, x15, [x19, #112]\n"

__asm__("ldst_run:\n"
        "    stp x29, x30, [sp, #-112]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp d8, d9, [sp, #48]\n"
        "    stp d10, d11, [sp, #64]\n"
        "    stp d12, d13, [sp, #80]\n"
        "    stp d14, d15, [sp, #96]\n"
        "    mov x19, x0\n"
        "    mov x20, x1\n"
        "    mov x21, sp\n"
        "    ldr x22, [x19, #128]\n" V_PAIRS("ldp")
            X_PAIRS("ldp") "    mov sp, x22\n"
                           "    blr x20\n"
                           "    mov x22, sp\n"
                           "    mov sp, x21\n"
                           "    str x22, [x19, #128]\n" X_PAIRS("stp")
                               V_PAIRS("stp") "    ldp d14, d15, [sp, #96]\n"
                                              "    ldp d12, d13, [sp, #80]\n"
                                              "    ldp d10, d11, [sp, #64]\n"
                                              "    ldp d8, d9, [sp, #48]\n"
                                              "    ldp x21, x22, [sp, #32]\n"
                                              "    ldp x19, x20, [sp, #16]\n"
                                              "    ldp x29, x30, [sp], #112\n"
                                              "    ret\n");

/* All SIZE bytes, or the end of the program. */
static void receive(void *buffer, size_t size)
{
    for (char *at = buffer; size;) {
        const ssize_t got = read(STDIN_FILENO, at, size);
        if (got <= 0)
            exit(got != 0);
        at += got;
        size -= (size_t)got;
    }
}

static void send(const void *buffer, size_t size)
{
    for (const char *at = buffer; size;) {
        const ssize_t put = write(STDOUT_FILENO, at, size);
        if (put <= 0)
            exit(1);
        at += put;
        size -= (size_t)put;
    }
}

static void *map(uint64_t address, size_t size, int prot)
{
    void *p = mmap((void *)address, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED)
        exit(1);
    return p;
}

int main(void)
{
    static struct ldst_case cases[LDST_BATCH];
    static struct ldst_state results[LDST_BATCH];
    map(LDST_DATA, 0x10000, PROT_READ | PROT_WRITE);
    uint32_t *code = map(LDST_CODE, 12 * LDST_BATCH, PROT_READ | PROT_WRITE | PROT_EXEC);
    uint8_t *window = (uint8_t *)LDST_WINDOW;
    for (;;) {
        receive(cases, sizeof cases);
        for (unsigned i = 0; i < LDST_BATCH; i++) {
            code[3 * i] = cases[i].first;
            code[3 * i + 1] = cases[i].word;
            code[3 * i + 2] = RET;
        }
        __builtin___clear_cache((char *)code, (char *)(code + 3 * LDST_BATCH));
        for (unsigned i = 0; i < LDST_BATCH; i++) {
            results[i] = cases[i].state;
            memcpy(window, cases[i].state.memory, LDST_BYTES);
            ldst_run(&results[i], code + 3 * i);
            memcpy(results[i].memory, window, LDST_BYTES);
        }
        send(results, sizeof results);
    }
}
