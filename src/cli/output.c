/* SPDX-License-Identifier: MIT */
/* Files and JSON, written. */

#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/verbs.h"

#define COPY_SIZE (256u << 10)

int print_json(json_t *json)
{
    if (!json || json_dumpf(json, stdout, JSON_INDENT(2)))
        fputs("pomona: out of memory\n", stderr);
    putchar('\n');
    json_decref(json);
    return finish_output();
}

static int write_error(const char *path, struct error *err)
{
    return error_set(err, ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
}

/* Where the bytes go until they are complete. */
struct writer {
    const char *path; /* NULL: standard output */
    char temporary[4096];
    FILE *file;
};

static int writer_open(struct writer *writer, const char *path, struct error *err)
{
    struct stat st;
    *writer = (struct writer){.path = path && strcmp(path, "-") ? path : NULL, .file = stdout};
    if (!writer->path)
        return 0;
    /* A device or a pipe cannot be replaced. */
    if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
        writer->file = fopen(path, "wb");
        return writer->file ? 0 : write_error(path, err);
    }
    snprintf(writer->temporary, sizeof(writer->temporary), "%s.XXXXXX", path);
    const int fd = mkstemp(writer->temporary);
    writer->file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!writer->file)
        return write_error(path, err);
    const mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    return 0;
}

static int writer_close(struct writer *writer, int result, struct error *err)
{
    if (!writer->path) {
        if (!result && fflush(stdout))
            return write_error("standard output", err);
        return result;
    }
    if (fclose(writer->file) && !result)
        result = write_error(writer->path, err);
    if (!*writer->temporary)
        return result;
    if (!result && rename(writer->temporary, writer->path))
        result = write_error(writer->path, err);
    if (result)
        unlink(writer->temporary);
    return result;
}

static int writer_put(struct writer *writer, const void *data, size_t size, struct error *err)
{
    if (!size || fwrite(data, 1, size, writer->file) == size)
        return 0;
    return write_error(writer->path ? writer->path : "standard output", err);
}

int write_blob(const char *path, const struct blob *blob, struct error *err)
{
    struct writer writer;
    if (writer_open(&writer, path, err))
        return -1;
    return writer_close(&writer, writer_put(&writer, blob->data, blob->size, err), err);
}

int check_written(const char *path, struct error *err)
{
    if (path && strcmp(path, "-"))
        return 0;
    return error_set(err, ERROR_USAGE, "--json: say with --output where what is made is to go");
}

int write_made(const char *path, bool json, const struct blob *blob, struct error *err)
{
    if ((json && check_written(path, err)) || write_blob(path, blob, err))
        return -1;
    if (!json)
        return 0;
    return print_json(json_pack("{s:o, s:I}", "written", json_text(path, strlen(path)), "size",
                                (json_int_t)blob->size))
               ? error_set(err, ERROR_IO, "standard output: cannot be written")
               : 0;
}

int write_source(const char *path, const struct source *source, struct error *err)
{
    struct writer writer;
    uint8_t *buffer = malloc(COPY_SIZE);
    int result = buffer ? 0 : error_set(err, ERROR_OS, "out of memory");
    if (result || writer_open(&writer, path, err)) {
        free(buffer);
        return -1;
    }
    for (uint64_t at = 0; !result && at < source->size; at += COPY_SIZE) {
        const size_t piece =
            source->size - at < COPY_SIZE ? (size_t)(source->size - at) : COPY_SIZE;
        result =
            source_read(source, at, buffer, piece, err) || writer_put(&writer, buffer, piece, err)
                ? -1
                : 0;
        source_tell(source->context, source->name, at + piece, source->size);
    }
    free(buffer);
    return writer_close(&writer, result, err);
}

int make_folders(const char *path, struct error *err)
{
    char part[4096];
    if (strlen(path) >= sizeof(part))
        return error_set(err, ERROR_USAGE, "%s: the path is too long", path);
    for (size_t i = 1; i <= strlen(path); i++)
        if (path[i] == '/' || !path[i]) {
            memcpy(part, path, i);
            part[i] = 0;
            if (mkdir(part, 0777) && errno != EEXIST)
                return error_set(err, ERROR_IO, "%s: %s", part, strerror(errno));
        }
    return 0;
}

void file_name(const char *text, char *out, size_t size)
{
    snprintf(out, size, "%s", text);
    for (char *p = out; *p; p++)
        if (*p == '/' || (unsigned char)*p < 0x20 || (p == out && *p == '.'))
            *p = '_';
}

json_t *json_hex(const uint8_t *bytes, size_t size)
{
    char *text = malloc(2 * size + 1);
    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[2 * size] = 0;
    json_t *json = json_string(text);
    free(text);
    return json;
}

json_t *json_text(const char *text, size_t size)
{
    json_t *json = json_stringn(text, size);
    if (json)
        return json;
    char *copy = malloc(size + 1);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < size; i++)
        copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    json = json_stringn(copy, size);
    free(copy);
    return json;
}

json_t *json_address(uint64_t value)
{
    return json_sprintf("%#" PRIx64, value);
}

static void print_value(const json_t *json, int indent);

/* " value" on the same line, or what it consists of on the next ones. */
static void print_member(const json_t *value, int indent)
{
    if ((json_is_object(value) && json_object_size(value)) ||
        (json_is_array(value) && json_array_size(value))) {
        putchar('\n');
        print_value(value, indent + 2);
        return;
    }
    putchar(' ');
    if (json_is_string(value))
        print_text(json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", stdout);
    else
        fputs("none", stdout);
    putchar('\n');
}

static void print_value(const json_t *json, int indent)
{
    const char *key;
    json_t *value;
    size_t index;
    json_object_foreach((json_t *)json, key, value)
    {
        printf("%*s%s:", indent, "", key);
        print_member(value, indent);
    }
    json_array_foreach((json_t *)json, index, value)
    {
        printf("%*s-", indent, "");
        print_member(value, indent);
    }
}

void print_tree(const json_t *json)
{
    print_value(json, 0);
}

void print_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        putchar((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
}
