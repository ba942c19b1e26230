/* SPDX-License-Identifier: MIT */
/* What the options tables print: --help, the manual page, completions for bash and zsh. */

#include "cli/options.h"

#include <string.h>

#define HELP_COLUMN 30

/* TEXT from column COLUMN on, broken at blanks so that lines end before column 90. */
static void print_wrapped(FILE *out, const char *text, int column)
{
    int at = column;
    while (*text) {
        int length = (int)strcspn(text, " \n");
        if (at > column && at + length > 90) {
            fprintf(out, "\n%*s", column, "");
            at = column;
        }
        fprintf(out, "%.*s", length, text);
        at += length;
        text += length;
        if (*text == '\n') {
            fprintf(out, "\n%*s", column, "");
            at = column;
        } else if (*text == ' ') {
            fputc(' ', out);
            at++;
        }
        text += *text != 0;
    }
    fputc('\n', out);
}

static void print_choices(FILE *out, const struct option *opt)
{
    for (size_t i = 0; opt->choices[i]; i++)
        fprintf(out, "%s%s", i ? "|" : "", opt->choices[i]);
}

void options_help(const struct verb *verb, FILE *out)
{
    fprintf(out, "usage: pomona %s %s\n\n%s\n", verb->name, verb->synopsis, verb->summary);
    if (verb->description) {
        fputc('\n', out);
        print_wrapped(out, verb->description, 0);
    }
    if (verb->options && verb->options->name)
        fputs("\noptions:\n", out);
    for (const struct option *opt = verb->options; opt && opt->name; opt++) {
        char left[80];
        if (opt->letter)
            snprintf(left, sizeof(left), "  -%c, --%s%s%s", opt->letter, opt->name,
                     opt->arg ? " " : "", opt->arg ? opt->arg : "");
        else
            snprintf(left, sizeof(left), "      --%s%s%s", opt->name, opt->arg ? " " : "",
                     opt->arg ? opt->arg : "");
        if (strlen(left) >= HELP_COLUMN)
            fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
        else
            fprintf(out, "%-*s", HELP_COLUMN, left);
        print_wrapped(out, opt->help, HELP_COLUMN);
        if (opt->choices) {
            fprintf(out, "%*s", HELP_COLUMN, "");
            print_choices(out, opt);
            fputc('\n', out);
        }
    }
    fprintf(out, "      --help%*sprints this\n", HELP_COLUMN - 12, "");
}

/* Dashes and what troff would take for a macro, escaped. */
static void man_text(FILE *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        line_start = *text == '\n';
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void man_option(FILE *out, const struct option *opt)
{
    fputs(".TP\n.B ", out);
    if (opt->letter)
        fprintf(out, "\\-%c, ", opt->letter);
    fputs("\\-\\-", out);
    man_text(out, opt->name);
    if (opt->arg)
        fprintf(out, " \\fI%s\\fR", opt->arg);
    fputc('\n', out);
    man_text(out, opt->help);
    fputc('\n', out);
    if (opt->choices) {
        fputs("One of: ", out);
        print_choices(out, opt);
        fputs(".\n", out);
    }
}

static void man_verb(FILE *out, const struct verb *verb)
{
    fprintf(out, ".SS pomona %s ", verb->name);
    man_text(out, verb->synopsis);
    fputc('\n', out);
    man_text(out, verb->summary);
    fputs(".\n", out);
    if (verb->description) {
        fputs(".PP\n", out);
        man_text(out, verb->description);
        fputc('\n', out);
    }
    for (const struct option *opt = verb->options; opt && opt->name; opt++)
        man_option(out, opt);
}

void options_man(const struct verb *const *verbs, FILE *out)
{
    fprintf(out, ".TH POMONA 1 \"\" \"Pomona %s\" \"User Commands\"\n", POMONA_VERSION);
    fputs(".SH NAME\npomona \\- an Apple\\-silicon virtual machine that runs anywhere\n", out);
    fputs(".SH SYNOPSIS\n.B pomona\n\\fIVERB\\fR [\\fIOPTIONS\\fR] [\\fIOPERANDS\\fR]\n", out);
    fputs(".SH VERBS\n", out);
    for (; *verbs; verbs++)
        if (!(*verbs)->hidden)
            man_verb(out, *verbs);
    fputs(".SH KEYS\nOn a terminal that is the guest's serial line, Ctrl\\-A and then x leaves, "
          "p presses the guest's power key, h lists the keys, and Ctrl\\-A sends one Ctrl\\-A to "
          "the guest.\n",
          out);
    fputs(".SH EXIT STATUS\n.TP\n0\nThe guest powered off.\n.TP\n3\nThe guest panicked or loops in "
          "exceptions.\n.TP\n64\nThe command line is wrong.\n.TP\n65, 66\nAn input file is "
          "malformed, "
          "or cannot be opened.\n.TP\n69 to 74\nThe host lacks or refused something.\n",
          out);
}

/* ---- verbs of two words: "macho disass" ---- */

/* The length of the first word of VERB's name. */
static int first_word(const struct verb *verb)
{
    return (int)strcspn(verb->name, " ");
}

static bool same_first_word(const struct verb *a, const struct verb *b)
{
    return first_word(a) == first_word(b) && !strncmp(a->name, b->name, (size_t)first_word(a));
}

/* Whether VERBS[I] is the first of those shown that begin with its first word. */
static bool begins_group(const struct verb *const *verbs, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!verbs[k]->hidden && same_first_word(verbs[k], verbs[i]))
            return false;
    return !verbs[i]->hidden;
}

/* Each first word once, with blanks behind. */
static void print_first_words(FILE *out, const struct verb *const *verbs)
{
    for (size_t i = 0; verbs[i]; i++)
        if (begins_group(verbs, i))
            fprintf(out, "%.*s ", first_word(verbs[i]), verbs[i]->name);
}

/* The second words of those that begin as VERBS[I] does: how many; printed if OUT is given. */
static unsigned second_words(FILE *out, const struct verb *const *verbs, size_t i)
{
    unsigned count = 0;
    for (size_t k = 0; verbs[k]; k++) {
        const char *second = strchr(verbs[k]->name, ' ');
        if (verbs[k]->hidden || !second || !same_first_word(verbs[k], verbs[i]))
            continue;
        if (out)
            fprintf(out, "%s%s", count ? " " : "", second + 1);
        count++;
    }
    return count;
}

static void print_names(FILE *out, const struct verb *verb)
{
    for (const struct option *opt = verb->options; opt && opt->name; opt++)
        fprintf(out, "--%s ", opt->name);
    fputs("--help", out);
}

static void bash_verb(FILE *out, const struct verb *verb)
{
    fprintf(out, "    '%s '*)\n        case $prev in\n", verb->name);
    for (const struct option *opt = verb->options; opt && opt->name; opt++) {
        if (opt->kind == OPTION_FLAG)
            continue;
        fprintf(out, opt->letter ? "        --%s|-%c) " : "        --%s) ", opt->name, opt->letter);
        if (opt->choices) {
            fputs("COMPREPLY=($(compgen -W '", out);
            for (size_t i = 0; opt->choices[i]; i++)
                fprintf(out, "%s%s", i ? " " : "", opt->choices[i]);
            fputs("' -- \"$cur\")) ;;\n", out);
        } else {
            fputs(opt->kind == OPTION_FILE || opt->kind == OPTION_LIST
                      ? "COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
                      : "COMPREPLY=() ;;\n",
                  out);
        }
    }
    fputs("        *) case $cur in\n           -*) COMPREPLY=($(compgen -W '", out);
    print_names(out, verb);
    fputs("' -- \"$cur\")) ;;\n           *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
          "           esac ;;\n        esac ;;\n",
          out);
}

/* Behind the first word of verbs of two; a verb of that one word has its own completion when none
 * of the second words fits. */
static void bash_second_words(FILE *out, const struct verb *const *verbs)
{
    fputs("    case $words in\n    'help ') COMPREPLY=($(compgen -W '", out);
    print_first_words(out, verbs);
    fputs("' -- \"$cur\")) ;;\n", out);
    for (size_t i = 0; verbs[i]; i++) {
        if (!begins_group(verbs, i) || !second_words(NULL, verbs, i))
            continue;
        const int length = first_word(verbs[i]);
        fprintf(out, "    '%.*s '|'help %.*s ') COMPREPLY=($(compgen -W '", length, verbs[i]->name,
                length, verbs[i]->name);
        second_words(out, verbs, i);
        fputs("' -- \"$cur\")) ;;\n", out);
    }
    fputs("    esac\n    [ ${#COMPREPLY[@]} = 0 ] || return\n", out);
}

void options_complete_bash(const struct verb *const *verbs, FILE *out)
{
    fputs("# bash completion for pomona; made by `pomona complete bash`\n_pomona()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local words=\"${COMP_WORDS[*]:1:COMP_CWORD-1} \"\n    COMPREPLY=()\n",
          out);
    bash_second_words(out, verbs);
    fputs("    case $words in\n", out);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (!(*verb)->hidden)
            bash_verb(out, *verb);
    fputs("    ' ') COMPREPLY=($(compgen -W '", out);
    print_first_words(out, verbs);
    fputs("--help --version' -- \"$cur\")) ;;\n    esac\n}\ncomplete -o filenames -F _pomona "
          "pomona\n",
          out);
}

/* Quotes and brackets mean something inside a zsh _arguments specification. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void zsh_option(FILE *out, const struct option *opt)
{
    const char *again = opt->kind == OPTION_LIST ? "*" : "";
    if (opt->letter)
        fprintf(out, "        '%s'{-%c,--%s}'[", again, opt->letter, opt->name);
    else
        fprintf(out, "        '%s--%s[", again, opt->name);
    zsh_text(out, opt->help);
    fputc(']', out);
    if (opt->kind != OPTION_FLAG) {
        fprintf(out, ":");
        zsh_text(out, opt->arg);
        fputc(':', out);
        if (opt->choices) {
            fputc('(', out);
            for (size_t i = 0; opt->choices[i]; i++)
                fprintf(out, "%s%s", i ? " " : "", opt->choices[i]);
            fputc(')', out);
        } else if (opt->kind == OPTION_FILE || opt->kind == OPTION_LIST) {
            fputs("_files", out);
        }
    }
    fputs("' \\\n", out);
}

/* $words[CURRENT] is the word that is being completed. */
static void zsh_second_words(FILE *out, const struct verb *const *verbs)
{
    fputs("    if (( CURRENT == 2 )); then\n        compadd -- ", out);
    print_first_words(out, verbs);
    fputs("--help --version\n        return\n    fi\n"
          "    case \"${words[2,CURRENT-1]} \" in\n    'help ') compadd -- ",
          out);
    print_first_words(out, verbs);
    fputs("&& return ;;\n", out);
    for (size_t i = 0; verbs[i]; i++) {
        if (!begins_group(verbs, i) || !second_words(NULL, verbs, i))
            continue;
        const int length = first_word(verbs[i]);
        fprintf(out, "    '%.*s '|'help %.*s ') compadd -- ", length, verbs[i]->name, length,
                verbs[i]->name);
        second_words(out, verbs, i);
        fputs(" && return ;;\n", out);
    }
    fputs("    esac\n", out);
}

void options_complete_zsh(const struct verb *const *verbs, FILE *out)
{
    fputs("#compdef pomona\n# zsh completion for pomona; made by `pomona complete zsh`\n"
          "_pomona()\n{\n",
          out);
    zsh_second_words(out, verbs);
    fputs("    case \"${words[2,CURRENT-1]} \" in\n", out);
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        if ((*verb)->hidden)
            continue;
        fprintf(out, "    '%s '*)\n        _arguments \\\n", (*verb)->name);
        for (const struct option *opt = (*verb)->options; opt && opt->name; opt++)
            zsh_option(out, opt);
        fputs("        '--help[prints help]' '*:file:_files' ;;\n", out);
    }
    fputs("    esac\n}\n_pomona \"$@\"\n", out);
}
