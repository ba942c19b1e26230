/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACH_MACH_TIME_H
#define POMONA_MACH_MACH_TIME_H

/* Apple's clock, ticking at the guest's counter rate: CNTVCT_EL0 = mach_absolute_time() -
 * vtimer_offset. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int kern_return_t;

typedef struct mach_timebase_info {
    uint32_t numer;
    uint32_t denom;
} mach_timebase_info_data_t;

typedef struct mach_timebase_info *mach_timebase_info_t;

/* Ticks of 24 MHz since the host started. */
__attribute__((visibility("default"))) uint64_t mach_absolute_time(void);

/* Nanoseconds = ticks * numer / denom: 125 / 3. Returns 0. */
__attribute__((visibility("default"))) kern_return_t mach_timebase_info(mach_timebase_info_t info);

#ifdef __cplusplus
}
#endif

#endif
