/* SPDX-License-Identifier: MIT */
/* Bundles of virtual Macs. What each program writes is a row of a table: which file says that it is
 * one, and a function that takes from the description what there is. The machine identifier and the
 * hardware model are property lists that Apple's framework gives the programs as bytes; they keep
 * them in files, as data, or in base 64. Facts: virtual Mac sheet, part E. Not read: shared
 * folders, saved states, and the framework's own header of auxiliary images. */

#include "bundle.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plist.h"

#define MAX_NESTING     4
#define LARGEST_TEXT    (1u << 20) /* of a description or an identifier */
#define LARGEST_AUX     (1ull << 30)
#define MIB             (1ull << 20)
#define ASIF_MAGIC      "shdw"
#define FIRST_IMG4_BYTE 0x30

struct reader {
    struct bundle *bundle;
    const struct plist *root; /* the description; NULL: there is none */
    struct error *err;
    int result;
};

/* ---- files of the folder ---- */

/* NAME in FOLDER, or NAME where it is absolute; NULL without memory. */
static char *path_of(const char *folder, const char *name)
{
    char *path = NULL;
    if (*name == '/')
        return strdup(name);
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static bool exists(const char *folder, const char *name)
{
    char *path = path_of(folder, name);
    const bool there = path && !access(path, F_OK);
    free(path);
    return there;
}

/* The small file NAME in memory; its path is *PATH, which must outlive it. */
static int read_small(const char *folder, const char *name, char **path, struct blob *out,
                      struct error *err)
{
    *path = path_of(folder, name);
    if (!*path)
        return error_set(err, ERROR_OS, "%s: no memory", name);
    int result = blob_open(out, *path, err);
    if (!result && out->size > LARGEST_TEXT) {
        result = blob_error(out, LARGEST_TEXT, err, "too large for what it should be");
        blob_free(out);
    }
    if (result)
        free(*path);
    return result;
}

static int read_description(const char *folder, const char *name, struct plist **root,
                            struct error *err)
{
    struct blob text;
    char *path;
    if (read_small(folder, name, &path, &text, err))
        return -1;
    const int result = plist_parse(&text, root, err);
    blob_free(&text);
    free(path);
    return result;
}

static void fail(struct reader *r, const char *what)
{
    if (!r->result)
        r->result = error_set(r->err, ERROR_DATA, "%s: %s", r->bundle->folder, what);
}

/* ---- identifiers ---- */

static bool is_base64(const struct blob *in)
{
    size_t digits = 0;
    for (size_t i = 0; i < in->size; i++) {
        const char c = (char)in->data[i];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '+' || c == '/')
            digits++;
        else if (!c || !strchr("= \t\r\n", c))
            return false;
    }
    return digits >= 16;
}

/* Calls USE with the property list that IN is or holds in base 64; false when there is none. */
static bool with_list(const struct blob *in, bool (*use)(const struct plist *root, void *context),
                      void *context)
{
    struct blob current = *in;
    current.owned = NULL;
    current.mapped = 0;
    bool found = false;
    for (int depth = 0; depth < MAX_NESTING && is_base64(&current); depth++) {
        char *text = malloc(current.size);
        if (!text)
            break;
        memcpy(text, current.data, current.size);
        const size_t size = plist_base64(text, current.size);
        blob_free(&current);
        blob_adopt(&current, text, size, in->name);
    }
    struct plist *root;
    if (!plist_parse(&current, &root, NULL)) {
        found = use(root, context);
        plist_free(root);
    }
    blob_free(&current);
    return found;
}

static bool take_ecid(const struct plist *root, void *context)
{
    return plist_number(root, "ECID", context);
}

bool bundle_identifier_ecid(const struct blob *identifier, uint64_t *ecid)
{
    return with_list(identifier, take_ecid, ecid);
}

static bool take_model(const struct plist *root, void *context)
{
    struct bundle *bundle = context;
    const struct plist *minimum = plist_get(root, "MinimumSupportedOS");
    uint64_t number;
    bundle->platform = plist_number(root, "PlatformVersion", &number) ? (unsigned)number : 0;
    bundle->representation =
        plist_number(root, "DataRepresentationVersion", &number) ? (unsigned)number : 0;
    const struct plist *part = minimum ? minimum->children : NULL;
    for (size_t i = 0; i < 3 && part; i++, part = part->next)
        bundle->minimum_os[i] = (unsigned)part->number;
    return bundle->platform != 0;
}

/* A value as bytes: data, or a string. */
static bool as_blob(const struct plist *value, struct blob *out)
{
    if (!value || (value->kind != PLIST_DATA && value->kind != PLIST_STRING))
        return false;
    *out = (struct blob){.data =
                             value->kind == PLIST_DATA ? value->data : (const uint8_t *)value->text,
                         .size = value->size,
                         .name = ""};
    return true;
}

static void use_identifier(struct reader *r, const struct blob *identifier)
{
    if (bundle_identifier_ecid(identifier, &r->bundle->ecid))
        r->bundle->ecid_from = BUNDLE_ECID_IDENTIFIER;
}

static void identify(struct reader *r, const struct plist *identifier, const struct plist *model)
{
    struct blob bytes;
    if (as_blob(identifier, &bytes))
        use_identifier(r, &bytes);
    if (as_blob(model, &bytes))
        with_list(&bytes, take_model, r->bundle);
}

/* The same from files, of which either may be lost. */
static void identify_files(struct reader *r, const char *identifier, const char *model)
{
    struct blob bytes;
    char *path;
    if (!read_small(r->bundle->folder, identifier, &path, &bytes, NULL)) {
        use_identifier(r, &bytes);
        blob_free(&bytes);
        free(path);
    }
    if (!read_small(r->bundle->folder, model, &path, &bytes, NULL)) {
        with_list(&bytes, take_model, r->bundle);
        blob_free(&bytes);
        free(path);
    }
}

bool bundle_aux_ecid(const struct blob *aux, uint64_t *ecid, uint64_t *offset)
{
    static const uint8_t property[] = {0x16, 4, 'E', 'C', 'I', 'D', 2};
    const uint8_t *end = aux->data + aux->size;
    for (const uint8_t *p = aux->data; p && (p = memmem(p, (size_t)(end - p), property, 7)); p++) {
        const uint8_t *number = p + 8;
        const size_t room = (size_t)(end - p), size = room > 8 ? p[7] : 0;
        if (!size || size > 9 || size > room - 8 || (size == 9 && number[0]) || number[0] >> 7)
            continue;
        *ecid = 0;
        for (size_t i = 0; i < size; i++)
            *ecid = *ecid << 8 | number[i];
        *offset = (uint64_t)(p - aux->data);
        return true;
    }
    return false;
}

const char *bundle_model(const struct bundle *bundle)
{
    return bundle->platform == 2 ? "VirtualMac2,1" : NULL;
}

/* ---- disks, network ---- */

static void add_disk(struct reader *r, const char *name, bool read_only, const char *format)
{
    struct bundle *bundle = r->bundle;
    struct bundle_disk *more =
        realloc(bundle->disks, (bundle->disk_count + 1) * sizeof(*bundle->disks));
    struct source file;
    uint8_t magic[4];
    if (!more) {
        fail(r, "no memory");
        return;
    }
    bundle->disks = more;
    struct bundle_disk *disk = &more[bundle->disk_count++];
    *disk = (struct bundle_disk){
        .path = path_of(bundle->folder, name), .read_only = read_only, .format = "raw"};
    if (disk->path && !source_open(&file, disk->path, NULL)) {
        disk->there = true;
        disk->size = file.size;
        if (source_peek(&file, 0, magic, 4) == 4 && !memcmp(magic, ASIF_MAGIC, 4))
            disk->format = "asif";
        source_close(&file);
    }
    if (format && !strcasecmp(format, "asif"))
        disk->format = "asif";
}

static bool flag(const struct plist *node, const char *key)
{
    const struct plist *value = plist_get(node, key);
    return value && value->kind >= PLIST_INTEGER && value->number;
}

static void set_aux(struct reader *r, const char *name)
{
    struct bundle *bundle = r->bundle;
    if (bundle->aux || !exists(bundle->folder, name))
        return;
    bundle->aux = path_of(bundle->folder, name);
}

static void set_number(const struct plist *node, const char *key, uint64_t unit, uint64_t *out)
{
    uint64_t number;
    if (plist_number(node, key, &number) && number && number < (1ull << 50) / unit)
        *out = number * unit;
}

static void set_cpus(struct reader *r, const struct plist *node, const char *key)
{
    uint64_t number = 0;
    set_number(node, key, 1, &number);
    r->bundle->cpus = number < 1024 ? (unsigned)number : 0;
}

static void set_display(struct reader *r, const struct plist *display, const char *width,
                        const char *height)
{
    uint64_t w = 0, h = 0;
    set_number(display, width, 1, &w);
    set_number(display, height, 1, &h);
    r->bundle->width = (unsigned)w;
    r->bundle->height = (unsigned)h;
}

bool bundle_parse_mac(const char *text, uint8_t mac[6])
{
    unsigned byte[6];
    char more;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
               &byte[5], &more) != 6 ||
        byte[0] & 1)
        return false;
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)byte[i];
    return true;
}

static void set_mac(struct reader *r, const char *text)
{
    if (text && !r->bundle->has_mac)
        r->bundle->has_mac = bundle_parse_mac(text, r->bundle->mac);
}

static const struct plist *first_child(const struct plist *node)
{
    return node ? plist_resolve(node->children) : NULL;
}

#define EACH(item, list)                                                                           \
    for (const struct plist *item = (list) ? (list)->children : NULL; item; item = item->next)

/* ---- each program's ---- */

static void read_macosvm(struct reader *r)
{
    EACH(item, plist_get(r->root, "storage"))
    {
        const char *type = plist_text(item, "type"), *file = plist_text(item, "file");
        if (type && file && !strcmp(type, "aux"))
            set_aux(r, file);
        else if (type && file && !strcmp(type, "disk"))
            add_disk(r, file, flag(item, "readOnly"), NULL);
    }
    identify(r, plist_get(r->root, "machineId"), plist_get(r->root, "hardwareModel"));
    set_cpus(r, r->root, "cpus");
    set_number(r->root, "ram", 1, &r->bundle->memory);
    set_display(r, first_child(plist_get(r->root, "displays")), "width", "height");
    EACH(item, plist_get(r->root, "networks"))
    set_mac(r, plist_text(item, "mac"));
}

static void read_tart(struct reader *r)
{
    add_disk(r, "disk.img", false, plist_text(r->root, "diskFormat"));
    set_aux(r, "nvram.bin");
    identify(r, plist_get(r->root, "ecid"), plist_get(r->root, "hardwareModel"));
    set_cpus(r, r->root, "cpuCount");
    set_number(r->root, "memorySize", 1, &r->bundle->memory);
    set_display(r, plist_get(r->root, "display"), "width", "height");
    set_mac(r, plist_text(r->root, "macAddress"));
}

static void read_virtualbuddy(struct reader *r)
{
    const struct plist *hardware = plist_get(r->root, "hardware");
    EACH(item, plist_get(hardware, "storageDevices"))
    {
        const struct plist *image =
            plist_get(plist_get(plist_get(item, "backing"), "managedImage"), "_0");
        const char *name = plist_text(image, "filename");
        /* The name has no extension there. */
        static const char *const extensions[] = {"img", "asif"};
        for (size_t i = 0; name && i < sizeof(extensions) / sizeof(extensions[0]); i++) {
            char file[512];
            snprintf(file, sizeof(file), "%s.%s", name, extensions[i]);
            if (exists(r->bundle->folder, file))
                add_disk(r, file, flag(item, "isReadOnly"), extensions[i]);
        }
    }
    if (!r->bundle->disk_count)
        add_disk(r, "Disk.img", false, NULL);
    set_aux(r, "AuxiliaryStorage");
    identify_files(r, "MachineIdentifier", "HardwareModel");
    set_cpus(r, hardware, "cpuCount");
    set_number(hardware, "memorySize", 1, &r->bundle->memory);
    set_display(r, first_child(plist_get(hardware, "displayDevices")), "width", "height");
    EACH(item, plist_get(hardware, "networkDevices"))
    set_mac(r, plist_text(item, "macAddress"));
}

static void read_utm(struct reader *r)
{
    const struct plist *system = plist_get(r->root, "System");
    const struct plist *platform = plist_get(system, "MacPlatform");
    const char *backend = plist_text(r->root, "Backend"), *aux;
    char file[1024];
    if (!backend || strcmp(backend, "Apple") || !platform) {
        fail(r, "a virtual machine of UTM's that is no Mac: QEMU runs it");
        return;
    }
    EACH(item, plist_get(r->root, "Drive"))
    {
        const char *name = plist_text(item, "ImageName");
        snprintf(file, sizeof(file), "Data/%s", name ? name : "");
        if (name)
            add_disk(r, file, flag(item, "ReadOnly"), NULL);
    }
    aux = plist_text(platform, "AuxiliaryStoragePath");
    snprintf(file, sizeof(file), "Data/%s", aux ? aux : "AuxiliaryStorage");
    set_aux(r, aux && *aux == '/' ? aux : file);
    identify(r, plist_get(platform, "MachineIdentifier"), plist_get(platform, "HardwareModel"));
    set_cpus(r, system, "CPUCount");
    set_number(system, "MemorySize", MIB, &r->bundle->memory);
    set_display(r, first_child(plist_get(r->root, "Display")), "WidthPixels", "HeightPixels");
    EACH(item, plist_get(r->root, "Network"))
    set_mac(r, plist_text(item, "MacAddress"));
}

static void read_apple(struct reader *r)
{
    add_disk(r, "Disk.img", false, NULL);
    set_aux(r, "AuxiliaryStorage");
    identify_files(r, "MachineIdentifier", "HardwareModel");
}

static void read_pomona(struct reader *r)
{
    const char *ecid = plist_text(r->root, "ecid");
    const char *aux = plist_text(r->root, "aux");
    EACH(item, plist_get(r->root, "disks"))
    {
        const char *path = plist_text(item, "path");
        if (path)
            add_disk(r, path, flag(item, "read_only"), plist_text(item, "format"));
    }
    if (aux)
        set_aux(r, aux);
    if (ecid) {
        r->bundle->ecid = strtoull(ecid, NULL, 0);
        r->bundle->ecid_from = BUNDLE_ECID_IDENTIFIER;
    }
    if (plist_get(r->root, "hardware_model"))
        take_model(plist_get(r->root, "hardware_model"), r->bundle);
    set_cpus(r, r->root, "cpus");
    set_number(r->root, "memory", 1, &r->bundle->memory);
    set_display(r, plist_get(r->root, "display"), "width", "height");
    set_mac(r, plist_text(r->root, "mac"));
}

/* The file that is there in a bundle of that kind and in none that comes later; what describes it;
 * a key without which the description is another program's. */
static const struct bundle_class {
    const char *kind, *whose, *file, *description, *key;
    void (*read)(struct reader *r);
} classes[] = {
    {"pomona", "imported by Pomona", BUNDLE_POMONA_FILE, BUNDLE_POMONA_FILE, NULL, read_pomona},
    {"utm", "of UTM's", "config.plist", "config.plist", NULL, read_utm},
    {"virtualbuddy", "of VirtualBuddy's", ".vbdata", ".vbdata/Config.plist", NULL,
     read_virtualbuddy},
    {"tart", "of Tart's", "config.json", "config.json", "hardwareModel", read_tart},
    {"macosvm", "of macosvm's", "vm.json", "vm.json", "storage", read_macosvm},
    {"macosvm", "of macosvm's", "macosvm.json", "macosvm.json", "storage", read_macosvm},
    {"apple", "as Apple's sample program makes it", "AuxiliaryStorage", NULL, NULL, read_apple},
    {"apple", "as Apple's sample program makes it", "MachineIdentifier", NULL, NULL, read_apple},
};

static int read_class(struct reader *r, const struct bundle_class *class, const char *description)
{
    struct plist *root = NULL;
    if (description && exists(r->bundle->folder, description) &&
        read_description(r->bundle->folder, description, &root, r->err))
        return -1;
    r->root = root;
    r->bundle->kind = class->kind;
    r->bundle->description = class->whose;
    if (!class->key || plist_get(root, class->key))
        class->read(r);
    else
        r->result = error_set(r->err, ERROR_DATA,
                              "%s/%s: no '%s' in it, so it describes no virtual Mac that is known",
                              r->bundle->folder, description, class->key);
    plist_free(root);
    return r->result;
}

static int read_folder(struct reader *r)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (exists(r->bundle->folder, classes[i].file))
            return read_class(r, &classes[i], classes[i].description);
    return error_set(r->err, ERROR_DATA,
                     "%s: no bundle of a virtual Mac that is known: there is none of pomona.json, "
                     "config.plist, .vbdata, config.json, vm.json, AuxiliaryStorage in it",
                     r->bundle->folder);
}

/* A description with a name of its own, as macosvm allows. */
static int read_file(struct reader *r, const char *name)
{
    const size_t count = sizeof(classes) / sizeof(classes[0]);
    size_t i = 0;
    while (i < count && (!classes[i].description || strcmp(classes[i].description, name)))
        i++;
    for (size_t k = 0; i == count && k < count; k++)
        if (!strcmp(classes[k].kind, "macosvm"))
            i = k;
    return read_class(r, &classes[i], name);
}

/* Where the auxiliary image's contents begin. The framework's header has no documented magic: the
 * size gives it away, or an IMG4 that begins behind it and not before. */
static uint64_t find_contents(const struct blob *aux)
{
    if (aux->size % MIB == BUNDLE_AUX_HEADER)
        return BUNDLE_AUX_HEADER;
    return aux->size > BUNDLE_AUX_HEADER && aux->data[0] != FIRST_IMG4_BYTE &&
                   aux->data[BUNDLE_AUX_HEADER] == FIRST_IMG4_BYTE
               ? BUNDLE_AUX_HEADER
               : 0;
}

static int look_into_aux(struct bundle *bundle, struct error *err)
{
    struct blob aux;
    if (blob_open(&aux, bundle->aux, err))
        return -1;
    bundle->aux_size = aux.size;
    bundle->aux_offset = find_contents(&aux);
    if (aux.size <= LARGEST_AUX && !bundle->ecid_from &&
        bundle_aux_ecid(&aux, &bundle->ecid, &bundle->ecid_offset))
        bundle->ecid_from = BUNDLE_ECID_AUX;
    blob_free(&aux);
    return 0;
}

int bundle_open(const char *path, struct bundle *out, struct error *err)
{
    struct stat st;
    struct reader r = {.bundle = out, .err = err};
    *out = (struct bundle){.folder = strdup(path)};
    if (!out->folder)
        return error_set(err, ERROR_OS, "%s: no memory", path);
    const bool folder = !stat(path, &st) && S_ISDIR(st.st_mode);
    const char *slash = strrchr(path, '/');
    size_t length = strlen(path);
    if (!folder)
        snprintf(out->folder, length + 1, "%.*s", slash ? (int)(slash - path) : (int)length,
                 slash ? path : ".");
    while (folder && length > 1 && out->folder[length - 1] == '/')
        out->folder[--length] = 0;
    int result = folder ? read_folder(&r)
                 : access(path, F_OK)
                     ? error_set(err, ERROR_NOINPUT, "%s: there is no such folder", path)
                     : read_file(&r, slash ? slash + 1 : path);
    if (!result && out->aux)
        result = look_into_aux(out, err);
    if (result)
        bundle_free(out);
    return result;
}

void bundle_free(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->disk_count; i++)
        free(bundle->disks[i].path);
    free(bundle->disks);
    free(bundle->aux);
    free(bundle->folder);
    *bundle = (struct bundle){0};
}

int bundle_aux_contents(const struct bundle *bundle, struct source *out, struct error *err)
{
    struct source file;
    if (source_open(&file, bundle->aux, err))
        return -1;
    const int result = source_range(&file, bundle->aux_offset, file.size - bundle->aux_offset,
                                    "(contents)", out, err);
    source_close(&file);
    return result;
}
