/* SPDX-License-Identifier: MIT */
/* How many instructions a guest still executes after an interrupt became pending, in loops of all
 * kinds: a signal stops the CPU's thread at a random time, and its handler raises the IRQ line and
 * notes the guest's count. The vector must be reached not more than 2,000 instructions later.
 *
 *     latency [--engine NAME] [--rounds N] [--seed S]
 *
 * With an instruction budget the engine counts exactly, and its own count is used; without one it
 * need not count, so the guest does, in memory, once for each turn of its loop. Milliseconds are
 * printed only: they are the host's. */

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "a64/exception.h"
#include "a64/mmu.h"
#include "asm.h"
#include "rig.h"

#define LIMIT       2000
#define COUNTER_VA  RIG_DATA_VA
#define MISSING_VA  (RIG_DATA_VA + 4 * 0x1000) /* rig_pages[4] is RIG_NONE */
#define MEMORY_VA   (RIG_DATA_VA + 0x1000)
#define IRQ_OPEN    0xdu /* PSTATE.DAIF with I clear */
#define STRAIGHT    6000u
#define SVC_HANDLER (RIG_VECTORS + 0x200)
/* SA, C, I, SPAN: an exception does not set PAN. */
#define SCTLR_BASE   (1ull << 3 | 1ull << 2 | 1ull << 12 | 1ull << 23)
#define FOREVER      (1ull << 60)
#define STRB_W1_POST 0x38001400u /* STRB W1, [Xn], #1 */
#define LDRB_W1_POST 0x38401400u
#define WFE          0xd503205fu
#define SEVL         0xd50320bfu

/* X20: the counter's address, X21: the count, X9: MEMORY_VA, X10: MISSING_VA. */
struct code {
    uint32_t word[STRAIGHT + 64];
    unsigned at;
    unsigned per_turn; /* instructions of a turn, at most */
};

struct latency {
    struct rig rig;
    volatile uint64_t *counter;
    bool counted;
    uint64_t nanoseconds; /* when the line was raised */
    uint64_t count;       /* what was executed then */
};

static void put(struct code *c, uint32_t word)
{
    c->word[c->at++] = word;
}

static void count(struct code *c)
{
    put(c, asm_add_imm(21, 21, 1));
    put(c, asm_str_x(21, 20));
}

static void back(struct code *c, unsigned start)
{
    put(c, asm_b((int)start - (int)c->at));
    c->per_turn = c->at - start;
}

/* ---- the loops ---- */

static void to_itself(struct code *c)
{
    put(c, asm_b(0));
    c->per_turn = 0; /* it cannot count */
}

static void tight(struct code *c)
{
    count(c);
    back(c, 0);
}

static void conditional(struct code *c)
{
    count(c);
    put(c, asm_movz(1, 50, 0));
    put(c, asm_subs_imm(1, 1, 1));
    put(c, asm_bcond(1, -1));
    back(c, 0);
    c->per_turn += 2 * 50;
}

/* Sixteen blocks on two pages, each of which goes to the next by a register. */
static void indirect(struct code *c)
{
    const unsigned blocks = 16, size = 70;
    for (unsigned k = 0; k < blocks; k++) {
        const unsigned next = (k + 1) % blocks * size;
        while (c->at < k * size)
            put(c, ASM_NOP);
        count(c);
        put(c, asm_adr(1, ((int)next - (int)c->at) * 4));
        put(c, asm_br(1));
    }
    c->per_turn = 4;
}

static void calls(struct code *c)
{
    count(c);
    put(c, asm_bl(3));
    put(c, asm_bl(2));
    put(c, asm_b(-4));
    put(c, ASM_RET);
    c->per_turn = 7;
}

/* Longer than the limit, over several pages, without a branch. */
static void straight(struct code *c)
{
    while (c->at < STRAIGHT)
        if (c->at % 64 == 0)
            count(c);
        else
            put(c, asm_add_imm(c->at % 8, (c->at + 3) % 8, c->at % 4096));
    back(c, 0);
    c->per_turn = 64;
}

/* The same with a branch forward every other instruction. */
static void forward(struct code *c)
{
    while (c->at < STRAIGHT) {
        count(c);
        for (unsigned k = 0; k < 30; k++) {
            put(c, asm_b(2));
            put(c, ASM_NOP);
        }
    }
    back(c, 0);
    c->per_turn = 64;
}

static void copy(struct code *c)
{
    count(c);
    put(c, asm_add_imm(2, 9, 0));
    put(c, asm_add_imm(3, 9, 0x400));
    put(c, asm_movz(4, 300, 0));
    put(c, LDRB_W1_POST | 2 << 5 | 1);
    put(c, STRB_W1_POST | 3 << 5 | 1);
    put(c, asm_subs_imm(4, 4, 1));
    put(c, asm_bcond(1, -3));
    back(c, 0);
    c->per_turn += 4 * 300;
}

/* A loop that a translator may run without a look at anything, for as long as it dares. */
static void unchecked(struct code *c)
{
    count(c);
    put(c, 0xf9400121u); /* LDR X1, [X9] */
    put(c, asm_cbnz(20, -(int)c->at));
    c->per_turn = c->at;
}

static void wait_for_events(struct code *c)
{
    count(c);
    put(c, SEVL);
    put(c, WFE);
    put(c, WFE);
    back(c, 0);
}

static void exceptions(struct code *c)
{
    count(c);
    put(c, asm_svc(1));
    back(c, 0);
    c->per_turn++; /* ERET */
}

/* A load that faults for ever; the handler counts. */
static void faults(struct code *c)
{
    put(c, 0xf9400141u); /* LDR X1, [X10] */
    c->per_turn = 3;
}

static void system_registers(struct code *c)
{
    count(c);
    put(c, asm_mrs(1, 3 << 14 | 3 << 11 | 14 << 7 | 2)); /* CNTVCT_EL0 */
    put(c, ASM_ISB);
    put(c, ASM_DSB_ISH);
    put(c, asm_sys(0, 7, 5, 0, 31)); /* IC IALLU */
    put(c, asm_sys(0, 8, 7, 0, 31)); /* TLBI VMALLE1 */
    back(c, 0);
}

static void exclusives(struct code *c)
{
    count(c);
    put(c, 0xc85f7c00u | 9 << 5 | 1);           /* LDXR X1, [X9] */
    put(c, 0xc8007c00u | 2 << 16 | 9 << 5 | 1); /* STXR W2, X1, [X9] */
    put(c, 0xf8210122u);                        /* LDADD X1, X2, [X9] */
    back(c, 0);
}

static const struct {
    const char *name;
    void (*make)(struct code *c);
} kinds[] = {
    {"branch to itself", to_itself},
    {"tight loop", tight},
    {"conditional loops", conditional},
    {"indirect branches", indirect},
    {"calls", calls},
    {"straight code", straight},
    {"branches forward", forward},
    {"string copy", copy},
    {"without checks", unchecked},
    {"WFE", wait_for_events},
    {"SVC and ERET", exceptions},
    {"faults", faults},
    {"system registers", system_registers},
    {"exclusives", exclusives},
};

/* ---- one measurement ---- */

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t executed(const struct latency *l)
{
    return l->counted ? __atomic_load_n(&l->rig.side[0].cpu->icount, __ATOMIC_RELAXED)
                      : *l->counter;
}

/* What the signal's handler acts on. */
static struct latency *current;

static void raise_line(int number)
{
    struct latency *l = current;
    l->nanoseconds = now();
    a64_set_line(l->rig.side[0].cpu, A64_LINE_IRQ, true);
    l->count = executed(l);
}

static void prepare(struct latency *l, const struct code *code)
{
    struct rig *rig = &l->rig;
    static const uint32_t handler[] = {0x910006b5u, 0xf9000295u, ASM_ERET}; /* counts */
    const bool faulting = code->per_turn == 3 && code->at == 1;
    rig_put_code(rig, RIG_CODE, code->word, code->at);
    rig_put_code(rig, SVC_HANDLER, handler + (faulting ? 0 : 2), faulting ? 3 : 1);
    rig_restart(rig);
    struct a64_cpu *cpu = rig->side[0].cpu;
    cpu->x[9] = MEMORY_VA;
    cpu->x[10] = MISSING_VA;
    cpu->x[20] = COUNTER_VA;
    cpu->ps.daif = IRQ_OPEN;
    *l->counter = 0;
    a64_update_watch(cpu);
}

/* Runs CODE, raises the line after MICROSECONDS, and waits for the interrupt. *NANOSECONDS from one
 * to the other; the instructions between. */
static int64_t measure(struct latency *l, const struct code *code, unsigned microseconds,
                       uint64_t *nanoseconds)
{
    struct rig_side *side = &l->rig.side[0];
    const struct itimerval delay = {.it_value.tv_usec = microseconds};
    prepare(l, code);
    if (setitimer(ITIMER_REAL, &delay, NULL))
        exit(2);
    do
        rig_run(side, l->counted ? FOREVER : ~0ull);
    while (side->stop == ENGINE_WAIT);
    const uint64_t end = now(), after = executed(l);
    if (side->stop != ENGINE_VMEXIT || side->cpu->pc != RIG_VECTORS + 0x280) {
        printf("stop %d at %#" PRIx64 " instead of the interrupt's vector\n", side->stop,
               side->cpu->pc);
        exit(1);
    }
    *nanoseconds = end - l->nanoseconds;
    return (int64_t)(after - l->count) * (l->counted ? 1 : code->per_turn);
}

static bool check(struct latency *l, unsigned kind, unsigned rounds)
{
    static struct code code;
    uint64_t longest = 0;
    int64_t most = 0;
    memset(&code, 0, sizeof code);
    kinds[kind].make(&code);
    for (unsigned n = 0; n < rounds; n++) {
        uint64_t nanoseconds;
        const unsigned delay = 5 + rig_pick(&l->rig, n % 8 ? 60 : 600);
        const int64_t instructions = measure(l, &code, delay, &nanoseconds);
        most = instructions > most ? instructions : most;
        longest = nanoseconds > longest ? nanoseconds : longest;
    }
    const bool ok = most <= LIMIT;
    printf("%-18s %-8s %5" PRId64 " instructions at most, %.3f ms%s\n", kinds[kind].name,
           l->counted ? "budget" : "free", most, (double)longest / 1e6, ok ? "" : "  TOO MANY");
    return ok;
}

static uint64_t wrong_kinds(struct latency *l, unsigned rounds)
{
    uint64_t wrong = 0;
    for (unsigned counted = 0; counted < 2; counted++) {
        const struct rig_world world = {
            .el = 1, .spsel = 1, .mmu = true, .counted = counted, .sctlr = SCTLR_BASE};
        struct a64_walk walk;
        l->counted = counted;
        rig_set_world(&l->rig, &world);
        struct rig_side *side = &l->rig.side[0];
        if (a64_walk(side->cpu, A64_REGIME_EL10, true, false, A64_WRITE, COUNTER_VA, &walk))
            exit(2);
        l->counter = rig_at(side, walk.pa);
        for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
            wrong += !check(l, kind, rounds);
    }
    return wrong;
}

int main(int argc, char **argv)
{
    static struct latency l;
    const char *engine = hv_engine_find("dbt") ? "dbt" : "interp";
    unsigned rounds = 100;
    uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--engine"))
            engine = argv[i + 1];
        else if (!strcmp(argv[i], "--rounds"))
            rounds = (unsigned)strtoul(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 0);
    }
    rig_create(&l.rig, "max", false, (const char *const[]){engine, "interp"}, NULL, NULL);
    l.rig.seed = seed;
    current = &l;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = raise_line, .sa_flags = SA_RESTART}, NULL);
    const uint64_t wrong = wrong_kinds(&l, rounds);
    printf("%s: %zu kinds of loops, %u interrupts each, with and without a budget, %" PRIu64
           " too late\n",
           engine, sizeof kinds / sizeof *kinds, rounds, wrong);
    rig_destroy(&l.rig);
    return wrong != 0;
}
