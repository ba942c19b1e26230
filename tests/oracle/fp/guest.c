/* SPDX-License-Identifier: MIT */
/* The guest half of fp_oracle, a static AArch64 Linux program: executes the words of each batch
 * that comes in on standard input, every case of it with its own registers, and writes the
 * registers out. Each word stands in a page of its own making as "word; ret". */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case.h"

#define RET 0xD65F03C0u

/* Runs CODE with the registers of STATE and FPCR, and leaves them in STATE. */
void fp_run(struct fp_state *state, uint64_t fpcr, const uint32_t *code);

__asm__("fp_run:\n"
        "    stp x29, x30, [sp, #-48]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    mrs x20, fpcr\n"
        "    str x20, [sp, #32]\n"
        "    mov x19, x0\n"
        "    mov x20, x2\n"
        "    msr fpcr, x1\n"
        "    ldp w4, w5, [x19, #96]\n"
        "    msr nzcv, x4\n"
        "    msr fpsr, x5\n"
        "    ldp q0, q1, [x19, #32]\n"
        "    ldp q2, q3, [x19, #64]\n"
        "    ldp x2, x3, [x19, #16]\n"
        "    ldp x0, x1, [x19]\n"
        "    blr x20\n"
        "    stp x0, x1, [x19]\n"
        "    stp x2, x3, [x19, #16]\n"
        "    stp q0, q1, [x19, #32]\n"
        "    stp q2, q3, [x19, #64]\n"
        "    mrs x4, nzcv\n"
        "    mrs x5, fpsr\n"
        "    stp w4, w5, [x19, #96]\n"
        "    ldr x20, [sp, #32]\n"
        "    msr fpcr, x20\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x29, x30, [sp], #48\n"
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

static void run_batch(uint32_t *code, struct fp_batch batch)
{
    static uint32_t words[FP_MAX_WORDS];
    struct fp_case *cases = malloc(batch.cases * sizeof *cases);
    struct fp_state *results = malloc(batch.cases * sizeof *results);
    if (!cases || !results || batch.words > FP_MAX_WORDS)
        exit(1);
    receive(words, batch.words * sizeof *words);
    receive(cases, batch.cases * sizeof *cases);
    for (uint32_t i = 0; i < batch.words; i++) {
        code[2 * i] = words[i];
        code[2 * i + 1] = RET;
    }
    __builtin___clear_cache((char *)code, (char *)(code + 2 * batch.words));
    for (uint32_t i = 0; i < batch.cases; i++) {
        results[i] = cases[i].state;
        fp_run(&results[i], cases[i].fpcr, code + 2 * cases[i].index);
    }
    send(results, batch.cases * sizeof *results);
    free(results);
    free(cases);
}

int main(void)
{
    uint32_t *code = mmap(NULL, FP_MAX_WORDS * 8, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        return 1;
    for (;;) {
        struct fp_batch batch;
        receive(&batch, sizeof batch);
        run_batch(code, batch);
    }
}
