/* SPDX-License-Identifier: MIT */
/* What XNU finds at its entry: where everything lies, boot_args of each version, the device tree
 * with every node and property that some kernel panics without. The kernels are pip's collection
 * (its path is the argument) and Mach-Os of a few numbers. Rules: xnu-boot sheet 3 to 5,
 * image-format sheet A6, A7. */

#include "boot_rig.h"

#include "boot/xnu_volume.h"
#include "image/macho.h"
#include "image/nvram.h"
#include "image/trust_cache.h"

#define PAGE  0x4000ull
#define BLOCK MIB(32)
#define RAM   0x70000000ull
#define LINK  0xfffffe0007004000ull /* VM_KERNEL_LINK_ADDRESS of macOS */
#define LOW   0xfffffe0004004000ull /* its __PRELINK_TEXT */

static const char *collection; /* pip.im4p */

/* ---- a boot, and what it left ---- */

struct boot {
    struct machine *machine;
    struct boot_entry entry;
    uint64_t virt_base, phys_base, mem_size, top, tree_va, tree, tree_length;
    struct adt_node *adt;
};

static struct boot_options with(const struct blob *kernel)
{
    return (struct boot_options){
        .kind = BOOT_XNU,
        .file = kernel ? kernel->name : collection,
        .embedded = kernel ? kernel->data : NULL,
        .embedded_size = kernel ? kernel->size : 0,
        .command_line = "-v serial=3",
    };
}

static void read_args(struct boot *b)
{
    const uint64_t args = b->entry.x[0];
    b->virt_base = boot_rig_u64(b->machine, args + 0x08);
    b->phys_base = boot_rig_u64(b->machine, args + 0x10);
    b->mem_size = boot_rig_u64(b->machine, args + 0x18);
    b->top = boot_rig_u64(b->machine, args + 0x20);
    b->tree_va = boot_rig_u64(b->machine, args + 0x60);
    b->tree_length = get_le32(boot_rig_at(b->machine, args + 0x68, 4));
    b->tree = b->tree_va - b->virt_base + b->phys_base;
}

static void boot(struct boot *b, const struct boot_options *options, uint64_t memory, unsigned cpus)
{
    struct error err = {0};
    *b = (struct boot){.machine = boot_rig_create(&board_vmapple, memory, cpus)};
    if (boot_load(b->machine, options, &b->entry, &err))
        fail_msg("%s", err.text);
    read_args(b);
    const struct blob tree = {.data = boot_rig_at(b->machine, b->tree, b->tree_length),
                              .size = b->tree_length,
                              .name = "tree"};
    if (adt_parse(&tree, &b->adt, &err))
        fail_msg("%s", err.text);
}

static void end(struct boot *b)
{
    adt_free(b->adt);
    boot_rig_destroy(b->machine);
}

/* Booting fails with STATUS. */
static void refuse(const struct boot_options *options, uint64_t memory, int status)
{
    struct machine *machine = boot_rig_create(&board_vmapple, memory, 1);
    struct boot_entry entry;
    struct error err = {0};
    assert_int_equal(boot_load(machine, options, &entry, &err), -1);
    if ((int)err.code != status)
        fail_msg("status %d: %s", (int)err.code, err.text);
    boot_rig_destroy(machine);
}

/* ---- the device tree ---- */

static const struct adt_property *property(const struct boot *b, const char *path, const char *name)
{
    const struct adt_node *node = adt_find(b->adt, path);
    if (!node)
        fail_msg("no node %s", path);
    const struct adt_property *found = adt_get(node, name);
    if (!found)
        fail_msg("no property %s %s", path, name);
    return found;
}

static uint64_t number(const struct boot *b, const char *path, const char *name)
{
    const struct adt_property *p = property(b, path, name);
    assert_true(p->size == 4 || p->size == 8);
    return p->size == 4 ? get_le32(p->value) : get_le64(p->value);
}

static uint64_t cell(const struct boot *b, const char *path, const char *name, unsigned n)
{
    const struct adt_property *p = property(b, path, name);
    assert_true(p->size >= 8 * (n + 1));
    return get_le64(p->value + 8 * n);
}

static void is_string(const struct boot *b, const char *path, const char *name, const char *want)
{
    const struct adt_property *p = property(b, path, name);
    assert_true(p->size && !p->value[p->size - 1]);
    assert_string_equal((const char *)p->value, want);
}

/* memory-map NAME; false: it is not there. */
static bool mapped(const struct boot *b, const char *name, uint64_t *address, uint64_t *length)
{
    const struct adt_property *p = adt_get(adt_find(b->adt, "/chosen/memory-map"), name);
    if (!p)
        return false;
    assert_int_equal(p->size, 16);
    *address = get_le64(p->value);
    *length = get_le64(p->value + 8);
    return true;
}

/* ---- placement ---- */

/* What holds for every boot. LOW and HEADER are the kernel's, slid; END is where it ends. */
static void check_placement(const struct boot *b, uint64_t low, uint64_t header, uint64_t end_va)
{
    uint64_t at, length;
    const uint64_t header_pa = header - b->virt_base + b->phys_base;
    const uint64_t low_pa = low - b->virt_base + b->phys_base;
    const uint64_t end_pa = end_va - b->virt_base + b->phys_base;
    assert_int_equal(header_pa % BLOCK, header % BLOCK);
    assert_int_equal(b->phys_base, RAM);
    assert_int_equal(b->mem_size, machine_ram_size(b->machine));
    assert_true(low_pa >= b->phys_base);
    assert_true(low_pa - b->phys_base < BLOCK + MIB(4)); /* the gap is less than a block */
    assert_int_equal(b->top % PAGE, 0);
    assert_true(b->top >= header_pa + BLOCK);
    assert_true(b->top <= b->phys_base + b->mem_size);
    assert_int_equal(b->entry.x[0] % PAGE, 0);
    assert_true(b->entry.x[0] >= end_pa && b->entry.x[0] + 0x480 <= b->top);
    assert_int_equal(b->tree % PAGE, 0);
    assert_int_equal(b->tree_length % PAGE, 0);
    assert_true(mapped(b, "DeviceTree", &at, &length));
    assert_int_equal(at, b->tree);
    assert_int_equal(length, b->tree_length);
    assert_true(mapped(b, "BootArgs", &at, &length));
    assert_int_equal(at, b->entry.x[0]);
    assert_false(b->entry.el2);
}

static void range_of(const struct blob *kernel, uint64_t *low, uint64_t *high)
{
    struct macho macho;
    struct error err;
    assert_int_equal(macho_open(kernel, &macho, &err), 0);
    macho_range(&macho, low, high);
}

/* pip's collection: the header is its lowest address. */
static void a_collection(void **state)
{
    static const uint64_t slides[] = {0, 0x4000, MIB(2), MIB(32), MIB(544)};
    for (unsigned k = 0; k < sizeof slides / sizeof *slides; k++) {
        struct boot b;
        struct boot_options options = with(NULL);
        options.slide = slides[k];
        boot(&b, &options, MIB(1024), 4);
        check_placement(&b, LINK + slides[k], LINK + slides[k], LINK + slides[k] + 0x8000);
        /* Load commands stay unslid: the kernel adjusts them. */
        const uint64_t header = LINK + slides[k] - b.virt_base + RAM;
        const struct blob loaded = {
            .data = boot_rig_at(b.machine, header, 0x8000), .size = 0x8000, .name = "loaded"};
        uint64_t low, high;
        range_of(&loaded, &low, &high);
        assert_true(low == LINK && high > LINK);
        assert_true(b.entry.pc > LINK + slides[k] - b.virt_base + RAM);
        assert_true(b.entry.pc < b.tree);
        assert_true(b.tree < b.entry.x[0]);
        end(&b);
    }
}

/* A static kernel whose first segment lies below its header, as Apple's do; and one of iOS. */
static const struct rig_segment mac_segments[] = {
    {"__PRELINK_TEXT", LOW, 0x8000, 0x4000, 0x8000},
    {"__TEXT", LINK, 0x8000, 0, 0x4000},
    {"__DATA", LINK + 0x8000, 0x9000, 0xc000, 0x2000}, /* with BSS, not a whole page */
    {"__EMPTY", LINK + 0x20000, 0, 0, 0},
    {NULL, 0, 0, 0, 0},
};
static const struct rig_segment phone_segments[] = {
    {"__TEXT", 0xfffffff007004000ull, 0x8000, 0, 0x4000},
    {"__DATA", 0xfffffff00700c000ull, 0x4000, 0x4000, 0x4000},
    {NULL, 0, 0, 0, 0},
};
/* No address of it is near 32 MiB. */
static const struct rig_segment odd_segments[] = {
    {"__TEXT", 0xfffffe0009ffc000ull, 0x8000, 0, 0x4000},
    {NULL, 0, 0, 0, 0},
};

static void static_kernels(void **state)
{
    static const struct rig_segment *const kernels[] = {mac_segments, phone_segments, odd_segments};
    static const uint64_t headers[] = {LINK, 0xfffffff007004000ull, 0xfffffe0009ffc000ull};
    for (unsigned k = 0; k < 3; k++) {
        struct blob kernel = rig_kernel(MH_EXECUTE, 10063, headers[k] + 0x1000, kernels[k]);
        const struct boot_options options = with(&kernel);
        uint64_t low, high;
        struct boot b;
        range_of(&kernel, &low, &high);
        boot(&b, &options, MIB(256), 1);
        check_placement(&b, low, headers[k], high);
        assert_int_equal(b.entry.pc, headers[k] + 0x1000 - b.virt_base + RAM);
        for (const struct rig_segment *s = kernels[k]; s->name; s++) {
            const uint64_t at = s->vmaddr - b.virt_base + RAM;
            if (!s->vmsize)
                continue;
            assert_memory_equal(boot_rig_at(b.machine, at, s->filesize), kernel.data + s->fileoff,
                                s->filesize);
            for (uint64_t n = s->filesize; n < s->vmsize; n += 0x1000)
                assert_int_equal(*boot_rig_at(b.machine, at + n, 1), 0);
        }
        end(&b);
        blob_free(&kernel);
    }
}

static void slide_rules(void **state)
{
    struct blob kernel = rig_kernel(MH_EXECUTE, 10063, LINK, mac_segments);
    struct boot_options options = with(&kernel);
    options.slide = MIB(32);
    refuse(&options, MIB(256), ERROR_USAGE); /* nobody would rebase it */
    options = with(NULL);
    options.slide = 0x1000;
    refuse(&options, MIB(256), ERROR_USAGE);
    options.slide = MIB(1025);
    refuse(&options, MIB(256), ERROR_USAGE);
    blob_free(&kernel);
}

/* A trust cache ends where the lowest kernel page begins; a locked tree ends where the trust cache
 * begins; the rest is above. */
static struct blob trust_module(void)
{
    struct trust_cache cache = {.version = 1};
    struct blob module;
    struct error err;
    bool added;
    for (unsigned k = 0; k < 900; k++) { /* more than a page */
        struct trust_entry entry = {.hash_type = TRUST_SHA256_TRUNCATED};
        memset(entry.cdhash, 1 + (int)(k & 127), sizeof entry.cdhash);
        entry.cdhash[19] = (uint8_t)(k >> 7);
        assert_int_equal(trust_cache_add(&cache, &entry, &added), 0);
    }
    assert_int_equal(trust_cache_write(&cache, &module, &err), 0);
    trust_cache_free(&cache);
    return module;
}

/* The tree that pomona makes, with lock-regs in it, as a file. */
static const char *locked_tree(const struct boot *b)
{
    struct error err;
    struct blob out;
    assert_non_null(adt_make(b->adt, "/chosen/lock-regs"));
    adt_remove(adt_find(b->adt, "/chosen"), "random-seed");
    adt_get(adt_find(b->adt, "/chosen"), "dram-base")->placeholder = true;
    assert_int_equal(adt_write(b->adt, &out, &err), 0);
    const char *name = rig_file("boot-xnu-tree.bin", out.data, out.size);
    blob_free(&out);
    return name;
}

static void below_the_kernel(void **state)
{
    struct blob kernel = rig_kernel(MH_EXECUTE, 10063, LINK + 0x1000, mac_segments);
    struct blob module = trust_module();
    struct boot_options options = with(&kernel);
    struct boot plain, b;
    uint64_t at, length;
    boot(&plain, &options, MIB(256), 2);
    assert_false(mapped(&plain, "TrustCache", &at, &length)); /* absent, not empty */
    assert_false(mapped(&plain, "RAMDisk", &at, &length));
    options.trust_cache = rig_file("boot-xnu-trust.bin", kernel.data, 100);
    refuse(&options, MIB(256), ERROR_DATA); /* is none */
    options.trust_cache = rig_file("boot-xnu-trust.bin", module.data, module.size);
    for (unsigned locked = 0; locked < 2; locked++) {
        options.device_tree = locked ? locked_tree(&plain) : NULL;
        boot(&b, &options, MIB(256), 2);
        check_placement(&b, LOW, LINK, LINK + 0x11000);
        const uint64_t low = LOW - b.virt_base + RAM;
        assert_true(mapped(&b, "TrustCache", &at, &length));
        assert_int_equal(at % PAGE, 0);
        assert_int_equal(at + length, low);
        /* A region of one module: count 1, offset 8. */
        const uint8_t *region = boot_rig_at(b.machine, at, length);
        assert_int_equal(get_le32(region), 1);
        assert_int_equal(get_le32(region + 4), 8);
        assert_memory_equal(region + 8, module.data, module.size);
        if (locked)
            assert_int_equal(b.tree + b.tree_length, at);
        else
            assert_true(b.tree > low);
        assert_true(b.entry.x[0] > low);
        end(&b);
    }
    end(&plain);
    blob_free(&module);
    blob_free(&kernel);
}

/* An auxiliary collection as kmutil lays it out: linked to 0, writable segments first, the header
 * above them. */
static const struct rig_segment aux_segments[] = {
    {"__DATA", 0, 0x8000, 0x8000, 0x5000},
    {"__TEXT", 0x8000, 0x8000, 0, 0x8000},
    {"__LINKEDIT", 0x10000, 0x6000, 0xd000, 0x2345},
    {NULL, 0, 0, 0, 0},
};

/* It ends at the lowest of kernel, trust cache and locked tree, and the memory map names it. */
static void auxiliary_collection(void **state)
{
    struct blob aux = rig_kernel(MH_FILESET, 10063, 0x9000, aux_segments);
    struct blob module = trust_module();
    struct boot_options options = with(NULL);
    struct boot plain;
    boot(&plain, &options, MIB(256), 2);
    options.aux_kc = rig_file("boot-xnu-aux.bin", aux.data, aux.size);
    for (unsigned k = 0; k < 8; k++) {
        uint64_t at, length, header, header_size, below = 0;
        struct boot b;
        options.slide = k & 1 ? MIB(34) : 0;
        options.trust_cache =
            k & 2 ? rig_file("boot-xnu-trust.bin", module.data, module.size) : NULL;
        options.device_tree = k & 4 ? locked_tree(&plain) : NULL;
        boot(&b, &options, MIB(256), 2);
        check_placement(&b, LINK + options.slide, LINK + options.slide, LINK + options.slide);
        if (k & 4)
            below = b.tree;
        else if (!(k & 2) || !mapped(&b, "TrustCache", &below, &length))
            below = LINK + options.slide - b.virt_base + RAM;
        assert_true(mapped(&b, "AuxKC", &at, &length));
        assert_true(mapped(&b, "AuxKC-mach_header", &header, &header_size));
        assert_int_equal(length, 0x18000); /* to a whole page */
        assert_int_equal(at + length, below);
        assert_true(at >= b.phys_base);
        assert_int_equal(header, at + 0x8000);
        assert_int_equal(header_size, 32 + get_le32(aux.data + 20));
        for (const struct rig_segment *s = aux_segments; s->name; s++) {
            assert_memory_equal(boot_rig_at(b.machine, at + s->vmaddr, s->filesize),
                                aux.data + s->fileoff, s->filesize);
            for (uint64_t n = s->filesize; n < s->vmsize; n++)
                assert_int_equal(*boot_rig_at(b.machine, at + s->vmaddr + n, 1), 0);
        }
        end(&b);
    }
    end(&plain);
    blob_free(&module);
    blob_free(&aux);
}

static void not_auxiliary(void **state)
{
    static const struct rig_segment moved[] = {{"__TEXT", 0x4000, 0x8000, 0, 0x8000},
                                               {NULL, 0, 0, 0, 0}};
    static const struct rig_segment headless[] = {{"__DATA", 0, 0x8000, 0x8000, 0x4000},
                                                  {NULL, 0, 0, 0, 0}};
    static const struct rig_segment huge[] = {{"__TEXT", 0, MIB(300), 0, 0x8000},
                                              {NULL, 0, 0, 0, 0}};
    const struct {
        uint32_t type;
        const struct rig_segment *segments;
        int status;
    } cases[] = {{MH_FILESET, moved, ERROR_DATA},
                 {MH_FILESET, headless, ERROR_DATA},
                 {MH_EXECUTE, aux_segments, ERROR_DATA},
                 {MH_FILESET, huge, ERROR_DATA}};
    struct boot_options options = with(NULL);
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct blob file = rig_kernel(cases[k].type, 10063, 0, cases[k].segments);
        options.aux_kc = rig_file("boot-xnu-aux.bin", file.data, file.size);
        refuse(&options, MIB(256), cases[k].status);
        blob_free(&file);
    }
    /* A static kernel takes none. */
    struct blob kernel = rig_kernel(MH_EXECUTE, 10063, LINK + 0x1000, mac_segments);
    struct blob aux = rig_kernel(MH_FILESET, 10063, 0x9000, aux_segments);
    options = with(&kernel);
    options.aux_kc = rig_file("boot-xnu-aux.bin", aux.data, aux.size);
    refuse(&options, MIB(256), ERROR_USAGE);
    blob_free(&aux);
    blob_free(&kernel);
}

static void ram_disk(void **state)
{
    static uint8_t content[3 * 0x4000 + 100];
    struct blob kernel = rig_kernel(MH_EXECUTE, 10063, LINK + 0x1000, mac_segments);
    struct boot_options options = with(&kernel);
    struct boot b;
    uint64_t at, length;
    memset(content, 0x5c, sizeof content);
    options.ramdisk = rig_file("boot-xnu-ramdisk.bin", content, sizeof content);
    boot(&b, &options, MIB(256), 1);
    check_placement(&b, LOW, LINK, LINK + 0x11000);
    assert_true(mapped(&b, "RAMDisk", &at, &length));
    assert_int_equal(length, sizeof content);
    assert_int_equal(at % PAGE, 0);
    assert_true(at >= b.tree + b.tree_length);
    assert_true(at + length <= b.entry.x[0] && b.entry.x[0] < b.top);
    assert_memory_equal(boot_rig_at(b.machine, at, length), content, sizeof content);
    end(&b);
    blob_free(&kernel);
}

static void too_little_memory(void **state)
{
    struct blob kernel = rig_kernel(MH_EXECUTE, 10063, LINK + 0x1000, mac_segments);
    const struct boot_options options = with(&kernel);
    refuse(&options, MIB(32), ERROR_DATA);
    refuse(&options, MIB(96), ERROR_USAGE);
    blob_free(&kernel);
}

/* ---- releases ---- */

/* "macOS 14" came with Darwin 23 and xnu-10002 to -10063, and so on. */
static void releases(void **state)
{
    static const struct {
        const char *product, *version;
        unsigned darwin, xnu; /* 0: none is known */
    } known[] = {
        {"Mac OS X", "10.15.7", 19, 6153},
        {"macOS", "11.7.10", 20, 7195},
        {"macOS", "12.0", 21, 8019},
        {"macOS", "12.7.6", 21, 8020},
        {"macOS", "13.6.9", 22, 8796},
        {"macOS", "14.6.1", 23, 10063},
        {"macOS", "15.5", 24, 11417},
        {"macOS", "26.0", 25, 12377},
        {"iPhone OS", "16.5", 22, 8796},
        {"iPhone OS", "18.0", 24, 11215},
        {"Apple TVOS", "26.1", 25, 12377},
        {"macOS", "17.0", 0, 0},
        {"macOS", "", 0, 1699},
        {"Debian", "12.4", 0, 0},
        {"iPhone OS", "10.3", 0, 3789},
    };
    for (unsigned k = 0; k < sizeof known / sizeof *known; k++) {
        struct xnu_volume volume = {0};
        const struct xnu_version kernel = {.major = known[k].xnu};
        const struct xnu_version named = {.major = known[k].xnu, .darwin = 31};
        strcpy(volume.product, known[k].product);
        strcpy(volume.version, known[k].version);
        assert_int_equal(xnu_volume_darwin(&volume), known[k].darwin);
        assert_int_equal(xnu_darwin(&kernel), known[k].darwin);
        assert_int_equal(xnu_darwin(&named), 31);
    }
}

/* ---- boot_args ---- */

static void boot_args_by_version(void **state)
{
    static const struct {
        unsigned major, revision, line;
        uint64_t flags; /* offset of bootFlags; memSizeActual is behind it */
    } versions[] = {
        {4903, 1, 256, 0x170},   {6153, 2, 608, 0x2d0},   {7195, 2, 608, 0x2d0},
        {8796, 2, 608, 0x2d0},   {10002, 2, 1024, 0x470}, {10063, 2, 1024, 0x470},
        {11417, 2, 1024, 0x470}, {12377, 3, 1024, 0x470},
    };
    for (unsigned k = 0; k < sizeof versions / sizeof *versions; k++) {
        char line[1100];
        struct blob kernel = rig_kernel(MH_EXECUTE, versions[k].major, LINK + 0x1000, mac_segments);
        struct boot_options options = with(&kernel);
        struct boot b;
        memset(line, 'x', sizeof line);
        line[versions[k].line - 1] = 0;
        options.command_line = line;
        boot(&b, &options, MIB(256), 1);
        const uint64_t args = b.entry.x[0];
        assert_int_equal(get_le16(boot_rig_at(b.machine, args, 2)), versions[k].revision);
        assert_int_equal(get_le16(boot_rig_at(b.machine, args + 2, 2)), 2);
        assert_string_equal((const char *)boot_rig_at(b.machine, args + 0x6c, 1024), line);
        for (uint64_t video = 0x28; video < 0x60; video += 8)
            assert_int_equal(boot_rig_u64(b.machine, args + video), 0);
        assert_int_equal(boot_rig_u64(b.machine, args + versions[k].flags), 0);
        assert_int_equal(boot_rig_u64(b.machine, args + versions[k].flags + 8), MIB(256));
        end(&b);
        memset(line, 'x', sizeof line);
        line[versions[k].line] = 0; /* no room for the end */
        refuse(&options, MIB(256), ERROR_USAGE);
        blob_free(&kernel);
    }
}

/* ---- the tree, node by node ---- */

static void mandatory_nodes(void **state)
{
    struct boot b;
    const struct boot_options options = with(NULL);
    boot(&b, &options, MIB(1024), 18);
    assert_string_equal(adt_name(b.adt), "device-tree");
    static const char *const nodes[] = {
        "/cpus",    "/chosen", "/chosen/memory-map", "/chosen/iBoot", "/defaults", "/options",
        "/product", "/arm-io", "/arm-io/gic",        "/arm-io/uart0"};
    for (unsigned k = 0; k < sizeof nodes / sizeof *nodes; k++)
        assert_non_null(adt_find(b.adt, nodes[k]));
    is_string(&b, "", "target-type", "VMA2MACOS");
    /* CPUs: exactly one runs; affinity by 16. */
    unsigned count = 0, running = 0;
    for (const struct adt_node *cpu = adt_find(b.adt, "/cpus")->children; cpu; cpu = cpu->next) {
        const struct adt_property *state_of = adt_get(cpu, "state"), *reg = adt_get(cpu, "reg");
        assert_non_null(state_of);
        running += !strcmp((const char *)state_of->value, "running");
        assert_int_equal(get_le32(reg->value), (count >> 4) << 8 | (count & 15));
        assert_int_equal(get_le64(adt_get(cpu, "timebase-frequency")->value), 24000000);
        assert_true(get_le64(adt_get(cpu, "bus-frequency")->value) != 0);
        assert_null(adt_get(cpu, "cluster-type"));
        assert_int_equal(adt_get(cpu, "interrupts")->size, 3 * 4); /* one of a cell each */
        assert_int_equal(get_le32(adt_get(cpu, "interrupt-parent")->value),
                         number(&b, "/arm-io/gic", "AAPL,phandle"));
        count++;
    }
    assert_int_equal(count, 18);
    assert_int_equal(running, 1);
    is_string(&b, "/cpus/cpu0", "state", "running");
    assert_int_equal(number(&b, "/arm-io/gic", "#interrupt-cells"), 1);
    is_string(&b, "/arm-io/pvpanic", "compatible", "qemu,pvpanic-mmio");
    /* Addresses are relative to the SoC's base. */
    assert_true(strlen((const char *)property(&b, "/arm-io", "device_type")->value) < 32);
    const uint64_t soc = cell(&b, "/arm-io", "ranges", 1);
    assert_int_equal(soc, 0x10000000);
    assert_int_equal(property(&b, "/arm-io/gic", "reg")->size, 32);
    assert_int_equal(soc + cell(&b, "/arm-io/gic", "reg", 0), 0x10000000);
    assert_int_equal(soc + cell(&b, "/arm-io/gic", "reg", 2), 0x10010000);
    assert_int_equal(cell(&b, "/arm-io/gic", "reg", 3),
                     18 * 0x20000); /* mapped again: keep it small */
    is_string(&b, "/arm-io/gic", "interrupt-controller", "master");
    /* Both console rules. */
    assert_int_equal(soc + cell(&b, "/arm-io/uart0", "reg", 0), 0x20010000);
    assert_int_equal(property(&b, "/arm-io/uart0", "reg")->size, 16);
    is_string(&b, "/arm-io/uart0", "compatible", "arm,pl011");
    assert_int_equal(property(&b, "/defaults", "serial-device")->size, 4);
    assert_int_equal(number(&b, "/defaults", "serial-device"),
                     number(&b, "/arm-io/uart0", "AAPL,phandle"));
    assert_int_equal(number(&b, "/arm-io/uart0", "interrupts"), 33);
    /* What a kernel panics without. */
    assert_int_equal(number(&b, "/chosen", "dram-base"), RAM);
    assert_int_equal(number(&b, "/chosen", "dram-size"), MIB(1024));
    const struct adt_property *seed = property(&b, "/chosen", "random-seed");
    uint8_t any = 0;
    assert_true(seed->size >= 64);
    for (unsigned k = 0; k < seed->size; k++)
        any |= seed->value[k];
    assert_true(any);
    assert_int_equal(property(&b, "/chosen", "unique-chip-id")->size, 8);
    assert_int_equal(property(&b, "/chosen", "chip-id")->size, 4);
    /* The NVRAM bank is one that its reader accepts, of the size that is told. */
    const struct adt_property *bank = property(&b, "/chosen", "nvram-proxy-data");
    struct nvram nvram;
    struct error err;
    assert_int_equal(bank->size, number(&b, "/chosen", "nvram-bank-size"));
    assert_int_equal(number(&b, "/chosen", "nvram-bank-count"), 1);
    assert_int_equal(number(&b, "/chosen", "nvram-current-bank"), 0);
    const struct blob image = {.data = bank->value, .size = bank->size, .name = "bank"};
    assert_int_equal(nvram_open(&image, &nvram, &err), 0);
    const struct nvram_variable *args = nvram_get(&nvram, NVRAM_COMMON, "boot-args");
    assert_int_equal(args->size, strlen("-v serial=3"));
    nvram_free(&nvram);
    end(&b);
}

/* No length has the placeholder bit, every node a property, names end within their field. */
static void check_raw(const uint8_t *data, uint64_t size, uint64_t *at)
{
    assert_true(*at + 8 <= size);
    const uint32_t properties = get_le32(data + *at), children = get_le32(data + *at + 4);
    *at += 8;
    assert_true(properties > 0);
    for (uint32_t k = 0; k < properties; k++) {
        assert_true(*at + 36 <= size);
        assert_int_equal(data[*at + 31], 0);
        const uint32_t length = get_le32(data + *at + 32);
        assert_false(length >> 31);
        *at += 36 + ((length + 3) & ~3u);
        assert_true(*at <= size);
    }
    for (uint32_t k = 0; k < children; k++)
        check_raw(data, size, at);
}

static void raw_tree(void **state)
{
    struct boot b;
    uint64_t used = 0;
    const struct boot_options options = with(NULL);
    boot(&b, &options, MIB(512), 3);
    check_raw(boot_rig_at(b.machine, b.tree, b.tree_length), b.tree_length, &used);
    assert_true(used <= b.tree_length && used + PAGE > b.tree_length);
    end(&b);
}

/* A user's tree: what must be is patched, what is there stays. */
static void users_tree(void **state)
{
    struct boot first, b;
    struct boot_options options = with(NULL);
    boot(&first, &options, MIB(512), 2);
    assert_int_equal(adt_set_string(first.adt, "model", "Mine1,1"), 0);
    adt_remove(adt_find(first.adt, "/cpus/cpu0"), "state");
    adt_remove(adt_find(first.adt, "/cpus/cpu1"), "state");
    options.device_tree = locked_tree(&first);
    boot(&b, &options, MIB(768), 2);
    is_string(&b, "", "model", "Mine1,1");
    is_string(&b, "/cpus/cpu0", "state", "running");
    is_string(&b, "/cpus/cpu1", "state", "waiting");
    assert_int_equal(number(&b, "/chosen", "dram-size"), MIB(768));
    assert_true(property(&b, "/chosen", "random-seed")->size >= 64);
    assert_false(property(&b, "/chosen", "dram-base")->placeholder);
    end(&b);
    end(&first);
}

/* The bank in the tree is sound, and of the size that it names. */
static void check_nvram(const struct boot *b)
{
    const struct adt_property *bank = property(b, "/chosen", "nvram-proxy-data");
    const struct blob image = {.data = bank->value, .size = bank->size, .name = "bank"};
    struct nvram nvram;
    struct error err;
    assert_int_equal(bank->size, number(b, "/chosen", "nvram-bank-size"));
    if (nvram_open(&image, &nvram, &err))
        fail_msg("%s", err.text);
    nvram_free(&nvram);
}

/* A tree as it lies in a restore image: more CPUs than the machine has, with no clocks, another of
 * them running, and zeros where the firmware puts the NVRAM. */
static void firmware_tree(void **state)
{
    static const uint8_t nothing[0x2000];
    struct boot first, b;
    struct boot_options options = with(NULL);
    boot(&first, &options, MIB(512), 20);
    for (struct adt_node *cpu = adt_find(first.adt, "/cpus")->children; cpu; cpu = cpu->next) {
        adt_set_u64(cpu, "timebase-frequency", 0);
        adt_set_u32(cpu, "clock-frequency", 0);
        adt_remove(cpu, "bus-frequency");
        adt_set_u64(cpu, "memory-frequency", 1000);
    }
    adt_set_string(adt_find(first.adt, "/cpus/cpu0"), "state", "waiting");
    adt_set_string(adt_find(first.adt, "/cpus/cpu17"), "state", "running");
    for (unsigned k = 0; k < 3; k++) {
        struct adt_node *chosen = adt_find(first.adt, "/chosen");
        if (k < 2)
            adt_set(chosen, "nvram-proxy-data", nothing, sizeof nothing);
        adt_set_u32(chosen, "nvram-bank-size", k == 1 ? 0x4000 : 0x2000);
        if (k == 2)
            adt_remove(chosen, "nvram-proxy-data");
        options.device_tree = locked_tree(&first);
        boot(&b, &options, MIB(512), k == 0 ? 18 : 3);
        unsigned count = 0;
        for (struct adt_node *cpu = adt_find(b.adt, "/cpus")->children; cpu; cpu = cpu->next) {
            const struct adt_property *state_of = adt_get(cpu, "state");
            assert_string_equal((const char *)state_of->value, count ? "waiting" : "running");
            assert_int_equal(get_le32(adt_get(cpu, "reg")->value), board_mpidr(count));
            assert_int_equal(get_le64(adt_get(cpu, "timebase-frequency")->value), 24000000);
            assert_int_equal(get_le64(adt_get(cpu, "bus-frequency")->value), 24000000);
            assert_int_equal(get_le64(adt_get(cpu, "clock-frequency")->value), 24000000);
            assert_int_equal(get_le64(adt_get(cpu, "memory-frequency")->value), 1000);
            count++;
        }
        assert_int_equal(count, k == 0 ? 18 : 3);
        check_nvram(&b);
        end(&b);
    }
    end(&first);
}

/* A sound bank stays, of either form. */
static void users_nvram(void **state)
{
    struct boot first, b;
    struct boot_options options = with(NULL);
    boot(&first, &options, MIB(512), 1);
    for (unsigned k = 0; k < 2; k++) {
        struct adt_node *chosen = adt_find(first.adt, "/chosen");
        struct nvram nvram;
        struct error err;
        assert_int_equal(nvram_new(k ? NVRAM_V3 : NVRAM_CHRP, 0x3000, &nvram, &err), 0);
        assert_int_equal(nvram_set(&nvram, NVRAM_COMMON, "mine", "x", 1, &err), 0);
        adt_set(chosen, "nvram-proxy-data", nvram.bank, nvram.size);
        adt_set_u32(chosen, "nvram-bank-size", (uint32_t)nvram.size);
        options.device_tree = locked_tree(&first);
        boot(&b, &options, MIB(512), 1);
        assert_memory_equal(property(&b, "/chosen", "nvram-proxy-data")->value, nvram.bank,
                            nvram.size);
        check_nvram(&b);
        end(&b);
        nvram_free(&nvram);
    }
    end(&first);
}

int main(int argc, char **argv)
{
    collection = argc > 1 ? argv[1] : "pip.im4p";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_collection),
        cmocka_unit_test(static_kernels),
        cmocka_unit_test(slide_rules),
        cmocka_unit_test(below_the_kernel),
        cmocka_unit_test(auxiliary_collection),
        cmocka_unit_test(not_auxiliary),
        cmocka_unit_test(ram_disk),
        cmocka_unit_test(too_little_memory),
        cmocka_unit_test(releases),
        cmocka_unit_test(boot_args_by_version),
        cmocka_unit_test(mandatory_nodes),
        cmocka_unit_test(raw_tree),
        cmocka_unit_test(users_tree),
        cmocka_unit_test(firmware_tree),
        cmocka_unit_test(users_nvram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
