/* SPDX-License-Identifier: MIT */
/* Reading the Apple device tree in place. */

#include "pip.h"

#define PROPERTY_HEADER 36

static uint32_t word(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

static const uint8_t *after_property(const uint8_t *at)
{
    return at + PROPERTY_HEADER + ((word(at + 32) + 3) & ~3u);
}

static const uint8_t *after_properties(const uint8_t *node)
{
    const uint8_t *at = node + 8;
    for (uint32_t i = 0; i < word(node); i++)
        at = after_property(at);
    return at;
}

static const uint8_t *after_node(const uint8_t *node)
{
    const uint8_t *at = after_properties(node);
    for (uint32_t i = 0; i < word(node + 4); i++)
        at = after_node(at);
    return at;
}

unsigned adt_count(struct adt node)
{
    return word(node.node + 4);
}

struct adt adt_child(struct adt node, unsigned index)
{
    const uint8_t *at = after_properties(node.node);
    while (index--)
        at = after_node(at);
    return (struct adt){at};
}

const void *adt_get(struct adt node, const char *name, uint32_t *size)
{
    const uint8_t *at = node.node + 8;
    for (uint32_t i = 0; i < word(node.node); i++, at = after_property(at)) {
        if (strcmp((const char *)at, name))
            continue;
        if (size)
            *size = word(at + 32);
        return at + PROPERTY_HEADER;
    }
    return NULL;
}

uint64_t adt_number(struct adt node, const char *name, unsigned index, uint64_t otherwise)
{
    uint32_t size;
    uint64_t value = 0;
    const uint8_t *data = adt_get(node, name, &size);
    const unsigned width = size == 4 ? 4 : 8;
    if (!data || (index + 1) * width > size)
        return otherwise;
    memcpy(&value, data + index * width, width);
    return value;
}

static bool name_is(struct adt node, const char *path, size_t length)
{
    const char *name = adt_get(node, "name", NULL);
    return name && strlen(name) == length && !memcmp(name, path, length);
}

bool adt_path(const char *path, struct adt *out)
{
    *out = (struct adt){(const uint8_t *)args->device_tree};
    while (*path) {
        size_t length = 0;
        while (*path == '/')
            path++;
        while (path[length] && path[length] != '/')
            length++;
        if (!length)
            return true;
        unsigned index = 0;
        const unsigned count = adt_count(*out);
        while (index < count && !name_is(adt_child(*out, index), path, length))
            index++;
        if (index == count)
            return false;
        *out = adt_child(*out, index);
        path += length;
    }
    return true;
}

static bool is_text(const uint8_t *data, uint32_t size)
{
    for (uint32_t i = 0; i + 1 < size; i++)
        if (data[i] && (data[i] < 32 || data[i] > 126))
            return false;
    return size > 1 && data[0] >= 32 && !data[size - 1];
}

void adt_print(struct adt node, unsigned depth)
{
    const uint8_t *at = node.node + 8;
    const char *name = adt_get(node, "name", NULL);
    for (unsigned i = 0; i < depth; i++)
        print("  ");
    print("%s:", name ? name : "?");
    for (uint32_t i = 0; i < word(node.node); i++, at = after_property(at)) {
        const uint32_t size = word(at + 32);
        if (!strcmp((const char *)at, "name"))
            continue;
        print(" %s=", (const char *)at);
        if (is_text(at + PROPERTY_HEADER, size))
            print("%s", (const char *)at + PROPERTY_HEADER);
        else if (size == 4 || size == 8)
            print("0x%lx", adt_number(node, (const char *)at, 0, 0));
        else
            print("<%u>", size);
    }
    print("\n");
    for (unsigned i = 0; i < adt_count(node); i++)
        adt_print(adt_child(node, i), depth + 1);
}
