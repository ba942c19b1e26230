/* SPDX-License-Identifier: MIT */
/* The VM's memory map: hv_vm_map, hv_vm_unmap, hv_vm_protect, and its readers.
 *
 * The map is a sorted array that never changes once vCPUs can see it. A change builds a new array,
 * stops all vCPUs, exchanges the pointer, has every TLB flushed before its vCPU goes on, and frees
 * the old array: so readers inside the guest need no lock, and memory is out of the guest's reach
 * when hv_vm_unmap returns. Rules of arguments and results: what was measured on Apple's framework
 * (an overlap is HV_ERROR, unmapping nothing succeeds). ADDR follows the host's pages, IPA and SIZE
 * the VM's granule. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../a64/host_large.h"
#include "hv_internal.h"

static inline uint64_t slot_end(const struct hv_slot *slot)
{
    return slot->ipa + slot->size;
}

/* Index of the first slot that ends above IPA; map->count when none does. */
static size_t slot_above(const struct hv_map *map, uint64_t ipa)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (slot_end(&map->slot[middle]) <= ipa)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct hv_slot *slot_at(const struct hv_map *map, uint64_t ipa)
{
    const size_t i = slot_above(map, ipa);
    return i < map->count && map->slot[i].ipa <= ipa ? &map->slot[i] : NULL;
}

bool hv_bus_page(void *ctx, uint64_t pa, struct a64_page *out)
{
    const struct hv_vm *vm = ctx;
    const struct hv_slot *slot = slot_at(vm->map, pa);
    if (!slot)
        return false;
    const uint64_t page = 1ull << A64_PAGE_SHIFT, before = pa - slot->ipa;
    *out = (struct a64_page){
        .host = slot->host + before,
        .flags = slot->flags,
        .before = before,
        .behind = slot->size - before < page ? 0 : slot->size - before - page,
    };
    return true;
}

bool hv_memory_copy(struct hv_vm *vm, uint64_t ipa, void *data, size_t size, bool write)
{
    uint8_t *bytes = data;
    while (size) {
        const struct hv_slot *slot = slot_at(vm->map, ipa);
        if (!slot)
            return false;
        const uint64_t left = slot_end(slot) - ipa;
        const size_t step = size < left ? size : (size_t)left;
        uint8_t *host = slot->host + (ipa - slot->ipa);
        if (write)
            host_copy_to(host, bytes, step);
        else
            host_copy_from(bytes, host, step);
        bytes += step;
        ipa += step;
        size -= step;
    }
    return true;
}

static bool range_valid(const struct hv_vm *vm, uint64_t ipa, uint64_t size)
{
    const uint64_t limit = 1ull << vm->config.ipa_bits;
    return size && !((ipa | size) & (vm->granule - 1)) && ipa < limit && size <= limit - ipa;
}

/* All of [ipa, end) mapped. */
static bool fully_mapped(const struct hv_map *map, uint64_t ipa, uint64_t end)
{
    while (ipa < end) {
        const struct hv_slot *slot = slot_at(map, ipa);
        if (!slot)
            return false;
        ipa = slot_end(slot);
    }
    return true;
}

/* A map with room for ADDITIONAL slots more than OLD has; empty. */
static struct hv_map *map_alloc(const struct hv_map *old, size_t additional)
{
    const size_t count = (old ? old->count : 0) + additional;
    struct hv_map *map = malloc(sizeof(*map) + count * sizeof(map->slot[0]));
    if (map)
        map->count = 0;
    return map;
}

/* Appends [ipa, end) of SLOT, if it is not empty. */
static void append_part(struct hv_map *map, const struct hv_slot *slot, uint64_t ipa, uint64_t end)
{
    if (ipa >= end)
        return;
    map->slot[map->count++] = (struct hv_slot){
        .ipa = ipa,
        .size = end - ipa,
        .host = slot->host + (ipa - slot->ipa),
        .flags = slot->flags,
    };
}

/* Makes MAP the VM's. Caller holds context->lock. */
static void publish(struct hv_vm *vm, struct hv_map *map)
{
    hv_pause(vm);
    struct hv_map *old = vm->map;
    vm->map = map;
    for (unsigned i = 0; i < HV_MAX_VCPUS; i++)
        if (vm->vcpus[i])
            atomic_store(&vm->vcpus[i]->flush, true);
    a64_code_changed(&vm->sys);
    hv_resume(vm);
    free(old);
}

static hv_return_t map_locked(struct hv_vm *vm, uint8_t *host, uint64_t ipa, uint64_t size,
                              uint32_t flags)
{
    const struct hv_map *old = vm->map;
    const size_t at = slot_above(old, ipa);
    if (at < old->count && old->slot[at].ipa < ipa + size)
        return HV_ERROR;
    struct hv_map *map = map_alloc(old, 1);
    if (!map)
        return HV_NO_RESOURCES;
    memcpy(map->slot, old->slot, at * sizeof(map->slot[0]));
    map->slot[at] = (struct hv_slot){ipa, size, host, flags};
    memcpy(map->slot + at + 1, old->slot + at, (old->count - at) * sizeof(map->slot[0]));
    map->count = old->count + 1;
    publish(vm, map);
    return HV_SUCCESS;
}

/* Copies OLD, with [ipa, end) left out (flags NULL) or given other flags; at most two slots more.
 */
static struct hv_map *map_cut(const struct hv_map *old, uint64_t ipa, uint64_t end,
                              const uint32_t *flags)
{
    struct hv_map *map = map_alloc(old, 2);
    if (!map)
        return NULL;
    for (size_t i = 0; i < old->count; i++) {
        const struct hv_slot *slot = &old->slot[i];
        const uint64_t last = slot_end(slot);
        const uint64_t from = slot->ipa > ipa ? slot->ipa : ipa, to = last < end ? last : end;
        if (from >= to) {
            append_part(map, slot, slot->ipa, last);
            continue;
        }
        append_part(map, slot, slot->ipa, from);
        if (flags) {
            append_part(map, slot, from, to);
            map->slot[map->count - 1].flags = *flags;
        }
        append_part(map, slot, to, last);
    }
    return map;
}

static hv_return_t cut_locked(struct hv_vm *vm, uint64_t ipa, uint64_t size, const uint32_t *flags)
{
    if (flags && !fully_mapped(vm->map, ipa, ipa + size))
        return HV_ERROR;
    struct hv_map *map = map_cut(vm->map, ipa, ipa + size, flags);
    if (!map)
        return HV_NO_RESOURCES;
    publish(vm, map);
    return HV_SUCCESS;
}

#define MEMORY_FLAGS (HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC)

hv_return_t hv_vm_map(void *addr, hv_ipa_t ipa, size_t size, hv_memory_flags_t flags)
{
    const uintptr_t host_page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (!addr || ((uintptr_t)addr & (host_page - 1)) || (flags & ~(uint64_t)MEMORY_FLAGS))
        return HV_BAD_ARGUMENT;
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    hv_return_t result = HV_NO_DEVICE;
    if (context->vm)
        result = range_valid(context->vm, ipa, size)
                     ? map_locked(context->vm, addr, ipa, size, (uint32_t)flags)
                     : HV_BAD_ARGUMENT;
    pthread_mutex_unlock(&context->lock);
    return result;
}

/* hv_vm_unmap (flags NULL) and hv_vm_protect. */
static hv_return_t vm_cut(hv_ipa_t ipa, size_t size, const uint32_t *flags)
{
    struct hv_pomona_context_s *context = hv_context();
    pthread_mutex_lock(&context->lock);
    hv_return_t result = HV_NO_DEVICE;
    if (context->vm)
        result = range_valid(context->vm, ipa, size) ? cut_locked(context->vm, ipa, size, flags)
                                                     : HV_BAD_ARGUMENT;
    pthread_mutex_unlock(&context->lock);
    return result;
}

hv_return_t hv_vm_unmap(hv_ipa_t ipa, size_t size)
{
    return vm_cut(ipa, size, NULL);
}

hv_return_t hv_vm_protect(hv_ipa_t ipa, size_t size, hv_memory_flags_t flags)
{
    if (flags & ~(uint64_t)MEMORY_FLAGS)
        return HV_BAD_ARGUMENT;
    const uint32_t value = (uint32_t)flags;
    return vm_cut(ipa, size, &value);
}

/* ---- host memory ---- */

/* A file of SIZE bytes that only this process has, and only in memory; -1: the host has none. */
static int memory_file(size_t size)
{
#ifdef __linux__
    const int fd = memfd_create("pomona-memory", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, (off_t)size)) {
        close(fd);
        return -1;
    }
    return fd;
#else
    (void)size;
    return -1;
#endif
}

/* SIZE bytes at a multiple of ALIGN, of file FD unless it is -1; NULL: there is no room. Shared, as the translator may
 * map it twice (src/dbt/window.c). */
static uint8_t *map_memory(size_t size, size_t align, int fd)
{
    uint8_t *aligned = host_reserve(0, size, align);
    if (!aligned)
        return NULL;
    const int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0);
    if (mmap(aligned, size, PROT_READ | PROT_WRITE, flags, fd, 0) == aligned)
        return aligned;
    munmap(aligned, size);
    return NULL;
}

/* Guest memory in large pages where the host gives them to shared memory by itself; elsewhere the machine asks for them
 * (src/machine/large.c). */
hv_return_t hv_pomona_vm_allocate(void **uvap, size_t size, int *fd)
{
    if (!uvap || !fd || !size || (size & (HV_GRANULE_16K - 1)))
        return HV_BAD_ARGUMENT;
    const size_t align = size < HOST_LARGE ? HV_GRANULE_16K : HOST_LARGE;
    *fd = align == HOST_LARGE ? memory_file(size) : -1;
    *uvap = map_memory(size, align, *fd);
    if (!*uvap) {
        if (*fd >= 0)
            close(*fd);
        return HV_NO_RESOURCES;
    }
#ifdef MADV_HUGEPAGE
    if (align == HOST_LARGE)
        madvise(*uvap, size, MADV_HUGEPAGE);
#endif
    return HV_SUCCESS;
}

hv_return_t hv_vm_allocate(void **uvap, size_t size, hv_allocate_flags_t flags)
{
    int fd;
    if (flags != HV_ALLOCATE_DEFAULT)
        return HV_BAD_ARGUMENT;
    void *memory;
    const hv_return_t result = hv_pomona_vm_allocate(uvap ? &memory : NULL, size, &fd);
    if (result)
        return result;
    if (fd >= 0)
        close(fd);
    *uvap = memory;
    return HV_SUCCESS;
}

hv_return_t hv_vm_deallocate(void *uva, size_t size)
{
    if (!uva || !size || (((uintptr_t)uva | size) & (HV_GRANULE_16K - 1)))
        return HV_BAD_ARGUMENT;
    return munmap(uva, size) ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

/* Larger writes are taken to be anywhere. */
#define CODE_PAGES 64u

hv_return_t hv_pomona_code_changed(hv_ipa_t ipa, size_t size)
{
    struct hv_pomona_context_s *context = hv_context();
    struct hv_vm *vm = context->vm;
    if (!vm)
        return HV_NO_DEVICE;
    const uint64_t first = ipa & ~(uint64_t)(HV_GRANULE_4K - 1);
    if (size > CODE_PAGES * HV_GRANULE_4K)
        a64_code_changed(&vm->sys);
    else if (size)
        for (uint64_t page = first; page <= ipa + size - 1; page += HV_GRANULE_4K)
            a64_code_changed_at(&vm->sys, page);
    return HV_SUCCESS;
}
