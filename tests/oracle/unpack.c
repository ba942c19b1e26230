/* SPDX-License-Identifier: MIT */
/* Holds our LZFSE against another implementation's: unpack PLAIN PACKED OURS. PACKED is theirs;
 * OURS is written, for them to unpack, and may be 5 % larger than PACKED (and 64 bytes). The packed
 * file must give the plain one; cut off anywhere it must be refused with a message; damaged
 * anywhere it may give anything but must stay in its bounds (buffers are exactly as large as they
 * seem, so that a sanitizer sees more than the heap does). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/compress.h"

#define SMALL 8192 /* files up to this size are cut at every byte, larger ones at some places */

/* How many cuts or damages of a file are tried: fewer of those that take long. */
static size_t trials(const struct blob *packed)
{
    return packed->size < 200000 ? 200 : 10;
}

static _Noreturn void fail(const char *file, size_t at, const char *text)
{
    fprintf(stderr, "%s: %zu: %s\n", file, at, text);
    exit(1);
}

static void open_or_exit(struct blob *blob, const char *name)
{
    struct error err;
    if (blob_open(blob, name, &err))
        fail(name, 0, err.text);
}

/* Decodes a copy of the first SIZE bytes of DATA. */
static int decode_copy(const struct blob *in, size_t size, size_t damaged, struct error *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct blob out;
    if (!copy)
        abort();
    if (size)
        memcpy(copy, in->data, size);
    if (damaged < size)
        copy[damaged] ^= (uint8_t)(1 + rand() % 255);
    const struct blob part = {.data = copy, .size = size, .name = in->name};
    *err = (struct error){0};
    const int result = lzfse_decode(&part, &out, err);
    if (!result)
        blob_free(&out);
    free(copy);
    return result;
}

static void check_whole(const struct blob *plain, const struct blob *packed)
{
    struct blob out;
    struct error err;
    if (!lzfse_recognise(packed))
        fail(packed->name, 0, "is not recognised");
    if (lzfse_decode(packed, &out, &err))
        fail(packed->name, 0, err.text);
    if (out.size != plain->size || (out.size && memcmp(out.data, plain->data, out.size)))
        fail(packed->name, out.size, "decodes to something else");
    blob_free(&out);
}

static unsigned check_cuts(const struct blob *packed)
{
    const size_t step = packed->size <= SMALL ? 1 : packed->size / trials(packed);
    struct error err;
    unsigned cases = 0;
    for (size_t size = 0; size < packed->size; size += step, cases++)
        if (!decode_copy(packed, size, packed->size, &err) || err.code != ERROR_DATA ||
            !strstr(err.text, packed->name) || !strstr(err.text, "offset 0x"))
            fail(packed->name, size, "cut off here it is not refused with file and offset");
    return cases;
}

static unsigned check_damage(const struct blob *packed)
{
    struct error err;
    const unsigned count = (unsigned)trials(packed);
    for (unsigned i = 0; i < count; i++)
        if (decode_copy(packed, packed->size, (size_t)rand() % packed->size, &err) &&
            (err.code != ERROR_DATA || !err.text[0]))
            fail(packed->name, i, "damaged, it is refused without a reason");
    return count;
}

static void write_ours(const struct blob *plain, const struct blob *packed, const char *name)
{
    struct blob ours;
    struct error err;
    if (lzfse_encode(plain, &ours, &err))
        fail(name, 0, err.text);
    if (ours.size > packed->size + packed->size / 20 + 64)
        fail(name, ours.size, "is much larger than the other implementation's");
    FILE *file = fopen(name, "wb");
    if (!file || fwrite(ours.data, 1, ours.size, file) != ours.size || fclose(file))
        fail(name, 0, "cannot be written");
    blob_free(&ours);
}

int main(int argc, char **argv)
{
    struct blob plain, packed;
    if (argc != 4)
        return 64;
    open_or_exit(&plain, argv[1]);
    open_or_exit(&packed, argv[2]);
    check_whole(&plain, &packed);
    write_ours(&plain, &packed, argv[3]);
    const unsigned cuts = check_cuts(&packed), damages = check_damage(&packed);
    printf("%s: %zu bytes from %zu, %u cuts, %u damages\n", argv[2], plain.size, packed.size, cuts,
           damages);
    blob_free(&plain);
    blob_free(&packed);
    return 0;
}
