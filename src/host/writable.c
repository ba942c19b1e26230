/* SPDX-License-Identifier: MIT */
/* Whether a name can be written (writable.h), as the rights stand now: open() has the last word
 * when it comes to it. The effective user counts, as it does for open(). */

#include "host/writable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) ? errno : 0;
}

int host_cannot_make(const char *path)
{
    struct stat st;
    if (!*path)
        return ENOENT;
    if (!lstat(path, &st))
        return EEXIST;
    if (errno != ENOENT)
        return errno;
    const char *slash = strrchr(path, '/');
    if (slash && !slash[1])
        return EISDIR;
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    const int error = folder ? cannot(folder, W_OK | X_OK) : ENOMEM;
    free(folder);
    return error;
}

int host_cannot_write(const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return errno == ENOENT ? host_cannot_make(path) : errno;
    return S_ISDIR(st.st_mode) ? EISDIR : cannot(path, W_OK);
}
