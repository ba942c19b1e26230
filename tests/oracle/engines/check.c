/* SPDX-License-Identifier: MIT */
/* --engine-check: where translated code does what the words say, nothing is told; where it does
 * not, the difference is, in registers and in memory. The translation is made wrong by changing
 * words behind its back. Exits 1 if that is not so. */

#include <stdlib.h>
#include <string.h>

#include "asm.h"
#include "dbt/internal.h"
#include "rig.h"

static char *told;

static void differs(void *ctx, const char *text)
{
    free(told);
    told = strdup(text);
    if (ctx)
        ++*(unsigned *)ctx;
}

static void run_from(struct rig *rig, uint64_t pc)
{
    for (unsigned i = 0; i < 2; i++) {
        rig->start[i]->pc = pc;
        rig->start[i]->x[1] = 5;
        rig->start[i]->x[2] = 3;
        rig->start[i]->x[8] = RIG_DATA_VA;
    }
    rig_restart(rig);
    rig_run(&rig->side[1], ~0ull);
}

static void expect(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n%s\n", what, told ? told : "nothing was told");
    exit(1);
}

int main(void)
{
    static const struct rig_world world = {.mmu = true};
    static const uint64_t place = RIG_CODE + 0x400;
    const uint32_t words[] = {asm_add(0, 1, 2, 0),
                              asm_str_x(0, 8),
                              asm_subs_imm(2, 2, 1),
                              asm_bcond(1, -3),
                              asm_b(2),
                              ASM_NOP,
                              RIG_END};
    const uint32_t wrong = asm_add(0, 1, 2, 1);
    unsigned count = 0;
    struct rig rig;
    rig_create(&rig, "max", false, (const char *const[]){"interp", "dbt"}, "every-block", NULL);
    struct rig_side *side = &rig.side[1];
    side->engine->free(side->cpu);
    side->sys.knobs.differs = differs;
    side->sys.knobs.differs_ctx = &count;
    expect(!side->engine->init(side->cpu), "the engine refuses");
    rig_set_world(&rig, &world);
    struct dbt *dbt = side->cpu->engine;

    rig_put_code(&rig, RIG_CODE, words, sizeof words / sizeof words[0]);
    run_from(&rig, RIG_CODE);
    expect(!count, "a difference where there is none");
    expect(dbt->stats[STAT_CHECKED] >= 3, "nothing was compared");
    expect(side->cpu->x[0] == 6 && side->cpu->x[2] == 0, "the run is wrong");

    rig_put_code(&rig, place, words, sizeof words / sizeof words[0]);
    struct dbt_check *check = dbt->check;
    dbt->check = NULL; /* the interpreter must not see the words before they change */
    run_from(&rig, place);
    dbt->check = check;
    memcpy(rig_at(side, place), &wrong, sizeof wrong);
    run_from(&rig, place);
    expect(count, "no difference was found");
    expect(strstr(told, "x0: interp ") && strstr(told, "memory: interp ") &&
               strstr(told, "\tx0, x1, x2"),
           "not what differs");
    printf("%lu blocks compared, %u differences\n", dbt->stats[STAT_CHECKED], count);
    free(told);
    rig_destroy(&rig);
    return 0;
}
