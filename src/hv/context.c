/* SPDX-License-Identifier: MIT */
/* Contexts, and which one the calling thread's calls act on.
 *
 * Apple's API has "the VM" of the process, so something must belong to the process: the table of
 * contexts below, and each thread's choice. Nothing else in the library is global. */

#include <stdlib.h>

#include "hv_internal.h"

static struct {
    pthread_mutex_t lock;
    struct hv_pomona_context_s *context[HV_MAX_CONTEXTS]; /* [0] is unused: the default one */
} process = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct hv_pomona_context_s default_context = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct hv_pomona_context_s *current;

struct hv_pomona_context_s *hv_context(void)
{
    return current ? current : &default_context;
}

struct hv_pomona_context_s *hv_context_find(uint32_t number)
{
    if (number == 0)
        return &default_context;
    if (number >= HV_MAX_CONTEXTS)
        return NULL;
    pthread_mutex_lock(&process.lock);
    struct hv_pomona_context_s *context = process.context[number];
    pthread_mutex_unlock(&process.lock);
    return context;
}

hv_pomona_context_t hv_pomona_context_create(void)
{
    struct hv_pomona_context_s *context = calloc(1, sizeof(*context));
    if (!context)
        return NULL;
    pthread_mutex_init(&context->lock, NULL);
    pthread_mutex_lock(&process.lock);
    for (uint32_t i = 1; i < HV_MAX_CONTEXTS && !context->number; i++) {
        if (!process.context[i]) {
            process.context[i] = context;
            context->number = i;
        }
    }
    pthread_mutex_unlock(&process.lock);
    if (context->number)
        return context;
    pthread_mutex_destroy(&context->lock);
    free(context);
    return NULL;
}

hv_return_t hv_pomona_context_destroy(hv_pomona_context_t context)
{
    if (!context || context == &default_context)
        return HV_BAD_ARGUMENT;
    pthread_mutex_lock(&context->lock);
    const bool busy = context->vm;
    pthread_mutex_unlock(&context->lock);
    if (busy)
        return HV_BUSY;
    pthread_mutex_lock(&process.lock);
    process.context[context->number] = NULL;
    pthread_mutex_unlock(&process.lock);
    if (current == context)
        current = NULL;
    pthread_mutex_destroy(&context->lock);
    free(context);
    return HV_SUCCESS;
}

hv_return_t hv_pomona_context_set_current(hv_pomona_context_t context)
{
    current = context;
    return HV_SUCCESS;
}

hv_pomona_context_t hv_pomona_context_get_current(void)
{
    return hv_context();
}
