/* SPDX-License-Identifier: MIT */
/* Property lists written as XML. Dates and numbers that came from XML keep their words, since what
 * was read of them may be less. */

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "plist_internal.h"

#define MAX_NODES (1u << 22)

static bool unfolds(const struct plist *node, unsigned depth, size_t *left)
{
    node = plist_resolve(node);
    if (!*left || depth > PLIST_MAX_DEPTH)
        return false;
    --*left;
    for (const struct plist *child = node->children; child; child = child->next)
        if (!unfolds(child, depth + 1, left))
            return false;
    return true;
}

bool plist_unfolds(const struct plist *node)
{
    size_t left = MAX_NODES;
    return unfolds(node, 0, &left);
}

struct writer {
    const struct blob *in;
    const char *without;
    FILE *out;
};

/* TEXT with what XML takes for its own written as entities. */
static void write_text(const char *text, FILE *out)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        default:
            fputc(*text, out);
        }
}

static void write_data(const struct plist *leaf, FILE *out)
{
    unsigned char *text = malloc(leaf->size / 3 * 4 + 5);
    if (text && leaf->size <= INT_MAX / 2 && EVP_EncodeBlock(text, leaf->data, (int)leaf->size))
        fputs((char *)text, out);
    free(text);
}

/* A number, which may be a fraction or hexadecimal, or a date, as IN has it. */
static void write_words(const struct writer *w, const struct plist *leaf)
{
    const uint8_t *words = leaf->begin && leaf->end >= leaf->begin
                               ? blob_at(w->in, leaf->begin, leaf->end - leaf->begin)
                               : NULL;
    if (words)
        fwrite(words, 1, leaf->end - leaf->begin, w->out);
    else if (leaf->kind == PLIST_STRING)
        write_text(leaf->text, w->out);
    else
        fprintf(w->out, "%" PRId64, leaf->number);
}

static void write_leaf(const struct writer *w, const struct plist *leaf)
{
    static const char *const names[][2] = {
        [PLIST_STRING] = {"string", "date"},
        [PLIST_DATA] = {"data", "data"},
        [PLIST_INTEGER] = {"integer", "real"},
    };
    if (leaf->kind == PLIST_BOOLEAN) {
        fputs(leaf->number ? "<true/>" : "<false/>", w->out);
        return;
    }
    fprintf(w->out, "<%s>", names[leaf->kind][leaf->inexact]);
    if (leaf->kind == PLIST_DATA)
        write_data(leaf, w->out);
    else if (leaf->kind == PLIST_STRING && !leaf->inexact)
        write_text(leaf->text, w->out);
    else
        write_words(w, leaf);
    fprintf(w->out, "</%s>", names[leaf->kind][leaf->inexact]);
}

static void write_node(const struct writer *w, const struct plist *node, int depth)
{
    const struct plist *value = plist_resolve(node);
    const bool dictionary = value->kind == PLIST_DICT;
    if (value->kind > PLIST_ARRAY) {
        write_leaf(w, value);
        return;
    }
    fputs(dictionary ? "<dict>\n" : "<array>\n", w->out);
    for (const struct plist *child = value->children; child; child = child->next) {
        if (dictionary && !depth && w->without &&
            !strncmp(child->key, w->without, strlen(w->without)))
            continue;
        fprintf(w->out, "%*s", depth + 1, "");
        if (dictionary) {
            fputs("<key>", w->out);
            write_text(child->key, w->out);
            fputs("</key>", w->out);
        }
        write_node(w, child, depth + 1);
        fputc('\n', w->out);
    }
    fprintf(w->out, "%*s%s", depth, "", dictionary ? "</dict>" : "</array>");
}

void plist_write(const struct plist *node, const struct blob *in, const char *without, FILE *out)
{
    const struct writer w = {.in = in, .without = without, .out = out};
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
          "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n",
          out);
    write_node(&w, node, 0);
    fputs("\n</plist>\n", out);
}
