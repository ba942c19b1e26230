/* SPDX-License-Identifier: MIT */
/* Runs instruction words on an AArch64 Linux (qemu-aarch64 or the real thing): reads what exec.h
 * describes from standard input and writes the results. For words that touch registers alone: no
 * memory, no branches, no SP.
 *
 * Each word stands in a slot of generated code: x30 was needed to get there, so the slot loads it,
 * runs the word and branches to the common exit. SP holds the state's address meanwhile, since no
 * word changes it. */

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "exec.h"

enum { MAX_WORDS = 1 << 16, SLOT = 3 };

struct frame {
    struct exec_state state;
    uint64_t sp;
} __attribute__((aligned(16)));

_Static_assert(offsetof(struct exec_state, x) == 512, "run's offsets");
_Static_assert(offsetof(struct exec_state, fpcr) == 760, "run's offsets");
_Static_assert(offsetof(struct frame, sp) == 800, "run's offsets");

static uint32_t code[MAX_WORDS * SLOT] __attribute__((aligned(65536)));
static volatile sig_atomic_t undefined;

void run(struct frame *frame, const uint32_t *slot);
extern const char run_exit[];

__asm__(
    ".text\n"
    "run:\n"
    "    stp x29, x30, [sp, #-160]!\n"
    "    stp x19, x20, [sp, #16]\n    stp x21, x22, [sp, #32]\n    stp x23, x24, [sp, #48]\n"
    "    stp x25, x26, [sp, #64]\n    stp x27, x28, [sp, #80]\n"
    "    stp d8, d9, [sp, #96]\n    stp d10, d11, [sp, #112]\n"
    "    stp d12, d13, [sp, #128]\n    stp d14, d15, [sp, #144]\n"
    "    mov x16, sp\n    str x16, [x0, #800]\n    mov sp, x0\n    mov x30, x1\n"
    "    ldr x16, [sp, #760]\n    msr fpcr, x16\n"
    "    ldr x16, [sp, #768]\n    msr fpsr, x16\n"
    "    ldr x16, [sp, #776]\n    msr nzcv, x16\n"
    "    .irp n, 0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30\n"
    "    ldr q\\n, [sp, #16 * \\n]\n    ldr q\\n, [sp, #16 * \\n]\n    .endr\n"
    "    .irp n, 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31\n"
    "    ldr q\\n, [sp, #16 * \\n]\n    .endr\n"
    "    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29\n"
    "    ldr x\\n, [sp, #512 + 8 * \\n]\n    .endr\n"
    "    br x30\n"
    "    .global run_exit\n"
    "run_exit:\n"
    "    .irp n, "
    "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
    "    str x\\n, [sp, #512 + 8 * \\n]\n    .endr\n"
    "    .irp n, "
    "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "    str q\\n, [sp, #16 * \\n]\n    .endr\n"
    "    mrs x16, fpsr\n    str x16, [sp, #768]\n"
    "    mrs x16, nzcv\n    str x16, [sp, #776]\n"
    "    msr fpcr, xzr\n"
    "    ldr x16, [sp, #800]\n    mov sp, x16\n"
    "    ldp x19, x20, [sp, #16]\n    ldp x21, x22, [sp, #32]\n    ldp x23, x24, [sp, #48]\n"
    "    ldp x25, x26, [sp, #64]\n    ldp x27, x28, [sp, #80]\n"
    "    ldp d8, d9, [sp, #96]\n    ldp d10, d11, [sp, #112]\n"
    "    ldp d12, d13, [sp, #128]\n    ldp d14, d15, [sp, #144]\n"
    "    ldp x29, x30, [sp], #160\n"
    "    ret\n");

static void on_undefined(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    undefined = 1;
    uc->uc_mcontext.pc = (uint64_t)run_exit;
}

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "exec_guest: %s failed\n", what);
        exit(2);
    }
}

static void catch_undefined(void)
{
    static char stack[65536];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    const struct sigaction action = {.sa_sigaction = on_undefined,
                                     .sa_flags = SA_SIGINFO | SA_ONSTACK};
    must(!sigaltstack(&alternate, NULL) && !sigaction(SIGILL, &action, NULL), "sigaction");
}

static void place(const uint32_t *words, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        uint32_t *slot = &code[k * SLOT];
        const intptr_t distance = ((intptr_t)run_exit - (intptr_t)&slot[2]) / 4;
        slot[0] = 0xF9400000 | (512 + 8 * 30) / 8 << 10 | 31 << 5 | 30; /* ldr x30, [sp, #752] */
        slot[1] = words[k];
        slot[2] = 0x14000000 | (distance & 0x3FFFFFF); /* b run_exit */
    }
    __builtin___clear_cache((char *)code, (char *)(code + count * SLOT));
    must(!mprotect(code, sizeof(code), PROT_READ | PROT_EXEC), "mprotect");
}

int main(void)
{
    static struct frame frame;
    struct exec_header header;
    must(fread(&header, sizeof(header), 1, stdin) == 1 && header.words <= MAX_WORDS, "the header");
    uint32_t *words = calloc(header.words, sizeof(*words));
    struct exec_state *states = calloc(header.states, sizeof(*states));
    must(words && fread(words, sizeof(*words), header.words, stdin) == header.words, "the words");
    must(states && fread(states, sizeof(*states), header.states, stdin) == header.states,
         "the states");
    catch_undefined();
    place(words, header.words);
    for (unsigned w = 0; w < header.words; w++) {
        for (unsigned s = 0; s < header.states; s++) {
            frame.state = states[s];
            undefined = 0;
            run(&frame, &code[w * SLOT]);
            struct exec_result result = exec_summary(&frame.state, words[w]);
            result.undefined = undefined;
            must(fwrite(&result, sizeof(result), 1, stdout) == 1, "writing");
        }
    }
    free(words);
    free(states);
    return fflush(stdout) ? 2 : 0;
}
