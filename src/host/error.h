/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ERROR_H
#define POMONA_ERROR_H

/* How a refusal travels up to the command line: one sentence that names the file, the offset and
 * the remedy, and the exit status it deserves. Header-only, so that parsers which need nothing else
 * of src/host can use it. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* Exit statuses, as sysexits(3) numbers them. */
enum error_code {
    ERROR_NONE = 0,
    ERROR_USAGE = 64,       /* the command line is wrong */
    ERROR_DATA = 65,        /* an input file is malformed, truncated or of the wrong kind */
    ERROR_NOINPUT = 66,     /* an input file cannot be opened */
    ERROR_UNAVAILABLE = 69, /* this build or this host lacks what was asked for */
    ERROR_SOFTWARE = 70,    /* a bug of ours */
    ERROR_OS = 71,          /* the host refused memory, a thread, a socket */
    ERROR_IO = 74,          /* reading or writing failed half way */
};

struct error {
    enum error_code code;
    char text[512];
};

/* Sets ERR (which may be NULL) and returns -1, so that a caller can `return error_set(...)`. */
__attribute__((format(printf, 3, 4))) static inline int error_set(struct error *err,
                                                                  enum error_code code,
                                                                  const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return -1;
}

#endif
