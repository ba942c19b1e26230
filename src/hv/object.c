/* SPDX-License-Identifier: MIT */
/* Reference counting of the API's opaque objects: os_retain and os_release. */

#include <stdlib.h>

#include "hv_internal.h"

void *hv_object_create(size_t size)
{
    struct hv_object *object = calloc(1, size);
    if (object)
        atomic_init(&object->references, 1);
    return object;
}

void *os_retain(void *object)
{
    if (object)
        atomic_fetch_add(&((struct hv_object *)object)->references, 1);
    return object;
}

void os_release(void *object)
{
    struct hv_object *counted = object;
    if (!counted || atomic_fetch_sub(&counted->references, 1) != 1)
        return;
    if (counted->destroy)
        counted->destroy(counted);
    else
        free(counted);
}
