/* SPDX-License-Identifier: MIT */
/* PL031, the Arm PrimeCell real time clock (Arm DDI 0224): seconds since 1970, and an alarm when
 * they equal RTCMR.
 *
 * The clock is always running, as if a battery had kept it: RTCCR reads 1. What the guest loads
 * into RTCLR is kept as a distance from the host's time and survives a reset. The alarm may come up
 * to a second late. */

#include "device/pl031.h"

enum {
    RTCDR = 0x00,
    RTCMR = 0x04,
    RTCLR = 0x08,
    RTCCR = 0x0c,
    RTCIMSC = 0x10,
    RTCRIS = 0x14,
    RTCMIS = 0x18,
    RTCICR = 0x1c,
};

#define PERIPH_ID 0x00041031u

struct pl031 {
    struct device dev;
    uint32_t offset; /* RTCDR minus the machine's wall clock */
    uint32_t mr, lr, imsc, ris;
    struct device_timer alarm;
};

static void update_irq(struct pl031 *rtc)
{
    irq_set(&rtc->dev.irq[0], (rtc->ris & rtc->imsc) != 0);
}

static uint32_t seconds(const struct pl031 *rtc)
{
    return (uint32_t)machine_wall_seconds(rtc->dev.machine) + rtc->offset;
}

/* The counter reaches RTCMR once in 2^32 seconds. */
static void arm_alarm(struct pl031 *rtc)
{
    uint32_t left = rtc->mr - seconds(rtc);
    device_timer_set(rtc->dev.machine, &rtc->alarm,
                     machine_now(rtc->dev.machine) + left * 1000000000ull);
}

static void alarm_fire(struct device_timer *timer, void *ctx)
{
    struct pl031 *rtc = ctx;
    int32_t late = (int32_t)(seconds(rtc) - rtc->mr);
    if (late < 0) { /* the host's clock was set back meanwhile */
        arm_alarm(rtc);
        return;
    }
    rtc->ris = 1;
    update_irq(rtc);
}

static uint64_t pl031_read(struct device *dev, uint64_t offset, unsigned size)
{
    struct pl031 *rtc = (struct pl031 *)dev;
    uint64_t value = 0;
    switch (offset) {
    case RTCDR:
        return seconds(rtc);
    case RTCMR:
        return rtc->mr;
    case RTCLR:
        return rtc->lr;
    case RTCCR:
        return 1;
    case RTCIMSC:
        return rtc->imsc;
    case RTCRIS:
        return rtc->ris;
    case RTCMIS:
        return rtc->ris & rtc->imsc;
    }
    if (!primecell_id(PERIPH_ID, offset, &value))
        device_warn(dev, offset, "read of a register that is not there");
    return value;
}

static void pl031_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl031 *rtc = (struct pl031 *)dev;
    switch (offset) {
    case RTCMR:
        rtc->mr = (uint32_t)value;
        arm_alarm(rtc);
        break;
    case RTCLR:
        rtc->lr = (uint32_t)value;
        rtc->offset += rtc->lr - seconds(rtc);
        arm_alarm(rtc);
        break;
    case RTCCR: /* writing has no effect once the clock runs */
        break;
    case RTCIMSC:
        rtc->imsc = value & 1;
        break;
    case RTCICR:
        rtc->ris &= ~(uint32_t)value;
        break;
    default:
        device_warn(dev, offset, "write of 0x%llx to a register that is not there",
                    (unsigned long long)value);
    }
    update_irq(rtc);
}

static void pl031_reset(struct device *dev)
{
    struct pl031 *rtc = (struct pl031 *)dev;
    rtc->mr = rtc->lr = rtc->imsc = rtc->ris = 0;
    device_timer_set(dev->machine, &rtc->alarm, UINT64_MAX);
    update_irq(rtc);
}

static int pl031_init(struct device *dev)
{
    struct pl031 *rtc = (struct pl031 *)dev;
    rtc->alarm = (struct device_timer){UINT64_MAX, alarm_fire, rtc, dev->machine, NULL};
    return 0;
}

static void pl031_fini(struct device *dev)
{
    device_timer_set(dev->machine, &((struct pl031 *)dev)->alarm, UINT64_MAX);
}

static const struct device_reg regs[] = {
    {"RTCDR", RTCDR, 4, 0, 0},
    {"RTCMR", RTCMR, 4, 0, UINT32_MAX},
    {"RTCLR", RTCLR, 4, 0, UINT32_MAX},
    {"RTCCR", RTCCR, 4, 1, 0},
    {"RTCIMSC", RTCIMSC, 4, 0, 1},
    {"RTCRIS", RTCRIS, 4, 0, 0},
    {"RTCMIS", RTCMIS, 4, 0, 0},
    {"RTCICR", RTCICR, 4, 0, 1},
    {"RTCPeriphID0", 0xfe0, 4, 0x31, 0},
    {"RTCPeriphID1", 0xfe4, 4, 0x10, 0},
    {"RTCPeriphID2", 0xfe8, 4, 0x04, 0},
    {"RTCPeriphID3", 0xfec, 4, 0x00, 0},
    {"RTCPCellID0", 0xff0, 4, 0x0d, 0},
    {"RTCPCellID1", 0xff4, 4, 0xf0, 0},
    {"RTCPCellID2", 0xff8, 4, 0x05, 0},
    {"RTCPCellID3", 0xffc, 4, 0xb1, 0},
    {0},
};

static const struct device_field fields[] = {
    DEVICE_FIELD(struct pl031, offset),
    DEVICE_FIELD(struct pl031, mr),
    DEVICE_FIELD(struct pl031, lr),
    DEVICE_FIELD(struct pl031, imsc),
    DEVICE_FIELD(struct pl031, ris),
    DEVICE_FIELD(struct pl031, alarm.when),
    {0},
};

const struct device_class pl031_class = {
    .name = "pl031",
    .description = "Arm PrimeCell real time clock",
    .state_size = sizeof(struct pl031),
    .mmio_size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .regs = regs,
    .version = 1,
    .fields = fields,
    .init = pl031_init,
    .reset = pl031_reset,
    .read = pl031_read,
    .write = pl031_write,
    .fini = pl031_fini,
};
