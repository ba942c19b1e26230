/* SPDX-License-Identifier: MIT */
/* Files as verbs read them (input.h), and keys as they are typed: hexadecimal digits. */

#include "cli/input.h"

#include <string.h>

#include "image/container.h"

#define IV_DIGITS   32
#define KEY_DIGITS  64 /* of the longest key */
#define BOTH_DIGITS (IV_DIGITS + KEY_DIGITS)

/* ---- keys ---- */

/* DIGITS hexadecimal characters, two a byte. */
static bool parse_hex(const char *text, size_t digits, uint8_t *out)
{
    for (size_t i = 0; i < digits; i++) {
        const char *alphabet = "0123456789abcdef";
        const char *at = text[i] ? strchr(alphabet, text[i] | 0x20) : NULL;
        if (!at)
            return false;
        const uint8_t nibble = (uint8_t)(at - alphabet);
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | nibble : nibble << 4);
    }
    return true;
}

/* IV_SIZE and KEY_SIZE digits; without an IV the key's first ones are it. */
static bool parse_key(const char *iv, size_t iv_size, const char *key, size_t key_size,
                      struct im4p_key *out)
{
    if (!iv && key_size == BOTH_DIGITS) {
        iv = key;
        iv_size = IV_DIGITS;
        key += IV_DIGITS;
        key_size -= IV_DIGITS;
    }
    out->size = key_size / 2;
    return iv && iv_size == IV_DIGITS && (key_size == 32 || key_size == 48 || key_size == 64) &&
           parse_hex(iv, iv_size, out->iv) && parse_hex(key, key_size, out->key);
}

/* The element of the list at *AT, and its length; *AT: the next one. NULL: there is no more. */
static const char *next_element(const char **at, size_t *size)
{
    const char *element = *at;
    if (!element)
        return NULL;
    *size = strcspn(element, ",");
    *at = element[*size] ? element + *size + 1 : NULL;
    return element;
}

int key_options_read(const struct key_options *options, struct im4p_keys *out, struct error *err)
{
    const char *ivs = options->iv, *keys = options->key, *key;
    size_t iv_size = 0, key_size;
    out->count = 0;
    while ((key = next_element(&keys, &key_size))) {
        const char *iv = next_element(&ivs, &iv_size);
        if (out->count == IM4P_MAX_KEYS)
            return error_set(err, ERROR_USAGE, "--key: %u keys at most", IM4P_MAX_KEYS);
        if ((options->iv && !iv) ||
            !parse_key(iv, iv_size, key, key_size, &out->items[out->count++]))
            return error_set(err, ERROR_USAGE,
                             "--iv has 32 hexadecimal digits for each --key, that has 32, 48 or "
                             "64; without --iv a --key has 96, the IV first");
    }
    if (ivs)
        return error_set(err, ERROR_USAGE, "--iv: there is no --key for it");
    return 0;
}

/* ---- reading ---- */

int reading_start(struct reading *reading, const struct key_options *keys, bool prints,
                  struct error *err)
{
    *reading = (struct reading){
        .context = {.step = progress_step, .ctx = &reading->progress, .keys = &reading->keys}};
    progress_start(&reading->progress, prints);
    return keys ? key_options_read(keys, &reading->keys, err) : 0;
}

void reading_end(struct reading *reading)
{
    progress_end(&reading->progress);
}

int reading_open(struct reading *reading, const char *path, const struct key_options *keys,
                 bool prints, struct source *out, struct error *err)
{
    if (reading_start(reading, keys, prints, err))
        return -1;
    const int result = container_open_with(path, &reading->context, out, err);
    if (result)
        reading_end(reading);
    return result;
}

typedef int open_fn(struct blob *out, const char *path, const struct source_context *context,
                    struct error *err);

static int open_with(open_fn *open, struct blob *out, const char *path,
                     const struct key_options *keys, struct error *err)
{
    struct reading reading;
    if (reading_start(&reading, keys, false, err))
        return -1;
    const int result = open(out, path, &reading.context, err);
    reading_end(&reading);
    return result;
}

int input_open(struct blob *out, const char *path, const struct key_options *keys,
               struct error *err)
{
    return open_with(image_open_with, out, path, keys, err);
}

int input_open_plain(struct blob *out, const char *path, const struct key_options *keys,
                     struct error *err)
{
    return open_with(image_open_plain_with, out, path, keys, err);
}
