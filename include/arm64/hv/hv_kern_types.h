/* SPDX-License-Identifier: MIT */
#ifndef POMONA_ARM64_HV_KERN_TYPES_H
#define POMONA_ARM64_HV_KERN_TYPES_H

/* Return codes and memory flags. A code is err_local | err_sub(0xba5) | number, as mach error codes
 * are; as an int it is negative. */

#include <stdint.h>

/* An enumeration of a fixed width in every language mode: a real one where the compiler can (C++,
 * clang), else constants and an integer type. */
#if defined(__clang__)
#if defined(__cplusplus) || __has_extension(c_fixed_enum) || __has_extension(cxx_fixed_enum) ||    \
    __has_extension(objc_fixed_enum)
#define HV_FIXED_ENUMS 1
#endif
#elif defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define HV_FIXED_ENUMS 1
#endif

#ifdef HV_FIXED_ENUMS
#define HV_ENUM(name, type, ...) typedef enum : type { __VA_ARGS__ } name##_t
#else
#define HV_ENUM(name, type, ...)                                                                   \
    enum { __VA_ARGS__ };                                                                          \
    typedef type name##_t
#endif

typedef int hv_return_t;

#define HV_RETURN_CODE(number) ((int)(0xfae94000u | (number)))

enum {
    HV_SUCCESS = 0,
    HV_ERROR = HV_RETURN_CODE(0x01),
    HV_BUSY = HV_RETURN_CODE(0x02),
    HV_BAD_ARGUMENT = HV_RETURN_CODE(0x03),
    HV_ILLEGAL_GUEST_STATE = HV_RETURN_CODE(0x04),
    HV_NO_RESOURCES = HV_RETURN_CODE(0x05),
    HV_NO_DEVICE = HV_RETURN_CODE(0x06),
    HV_DENIED = HV_RETURN_CODE(0x07),
    HV_EXISTS = HV_RETURN_CODE(0x08),
    HV_FAULT =
        HV_RETURN_CODE(0x08), /* the x86 header's name of the same code; many clients use it */
    HV_UNSUPPORTED = HV_RETURN_CODE(0x0f),
};

/* Guest permissions of a mapping; any combination, none included. */
typedef uint64_t hv_memory_flags_t;

enum {
    HV_MEMORY_READ = 1ull << 0,
    HV_MEMORY_WRITE = 1ull << 1,
    HV_MEMORY_EXEC = 1ull << 2,
};

/* For hv_vm_allocate. */
typedef uint64_t hv_allocate_flags_t;

enum {
    HV_ALLOCATE_DEFAULT = 0,
};

#endif
