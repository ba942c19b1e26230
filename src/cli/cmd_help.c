/* SPDX-License-Identifier: MIT */
/* `pomona help [VERB]`: the manual, and the hidden `pomona complete SHELL` that the build runs for
 * the completion files and, as `pomona complete man`, for the manual page. */

#include "cli/verbs.h"

#include <string.h>

static int run_help(const struct verb *self, int argc, char **argv)
{
    struct operands operands;
    int status;
    if (!verb_parse(self, argc, argv, NULL, &operands, &status))
        return status;
    char wanted[64] = "";
    for (unsigned i = 0; i < operands.count; i++) {
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof(wanted) - used, "%s%s", i ? " " : "", operands.items[i]);
    }
    bool found = false;
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        bool match = operands.count ? !strcmp((*verb)->name, wanted) : !(*verb)->hidden;
        if (!match)
            continue;
        if (found)
            putchar('\n');
        options_help(*verb, stdout);
        found = true;
    }
    if (found)
        return finish_output();
    struct error err;
    error_set(&err, ERROR_USAGE, "no verb '%s'; 'pomona --help' lists the verbs", wanted);
    return report(&err);
}

const struct verb verb_help = {
    .name = "help",
    .synopsis = "[VERB]",
    .summary = "prints the manual of a verb, or of all",
    .max_operands = 2,
    .run = run_help,
};

static int run_complete(const struct verb *self, int argc, char **argv)
{
    struct operands operands;
    struct error err;
    int status;
    if (!verb_parse(self, argc, argv, NULL, &operands, &status))
        return status;
    const char *what = operands.count ? operands.items[0] : "";
    if (!strcmp(what, "bash"))
        options_complete_bash(verbs, stdout);
    else if (!strcmp(what, "zsh"))
        options_complete_zsh(verbs, stdout);
    else if (!strcmp(what, "man"))
        options_man(verbs, stdout);
    else {
        error_set(&err, ERROR_USAGE, "usage: pomona complete %s", self->synopsis);
        return report(&err);
    }
    return finish_output();
}

const struct verb verb_complete = {
    .name = "complete",
    .synopsis = "bash|zsh|man",
    .summary = "prints a completion file or the manual page",
    .max_operands = 1,
    .hidden = true,
    .run = run_complete,
};
