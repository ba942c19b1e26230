/* SPDX-License-Identifier: MIT */
#ifndef POMONA_VIRTIO_H
#define POMONA_VIRTIO_H

/* virtio 1.x (OASIS 1.2): split virtqueues, and the PCI transport around a device. A device such as
 * virtio_blk.c is a struct virtio_ops; it takes chains from its queues, moves bytes through the
 * chain functions and gives them back.
 *
 * The rings are the guest's: every index, address and length is checked, a chain that loops or
 * leaves memory breaks the device (DEVICE_NEEDS_RESET), never the host. Not modelled: packed rings,
 * legacy and transitional devices. */

#include "pci.h"

#define VIRTQ_MAX_QUEUES 8
#define VIRTQ_MAX_SIZE   256
/* Descriptors of one chain; an indirect table may be longer than the ring. */
#define VIRTQ_MAX_CHAIN 1024

#define VIRTIO_F_RING_INDIRECT_DESC 28
#define VIRTIO_F_RING_EVENT_IDX     29
#define VIRTIO_F_VERSION_1          32

struct virtio_device;

struct virtq {
    uint16_t size, vector;
    bool enabled;
    uint64_t desc, avail, used; /* guest-physical */
    uint16_t last_avail;        /* next entry of the available ring to take */
    uint16_t used_index;        /* next entry of the used ring to fill */
    uint16_t signalled;         /* used_index when an interrupt was last considered */
};

struct virtq_piece {
    uint64_t address;
    uint32_t size;
};

/* A request: the readable pieces first, then the writable ones. */
struct virtq_chain {
    uint16_t head;
    unsigned readable, writable; /* counts */
    uint64_t readable_size, writable_size;
    struct virtq_piece pieces[VIRTQ_MAX_CHAIN];
};

struct virtio_ops {
    struct device_class cls; /* name, description and size of the struct that begins with struct
                                virtio_device; accesses come by PCI, not by its read and write */
    uint16_t id;             /* device type: 2 is a block device */
    uint32_t class_code;
    unsigned queues;
    unsigned config_size;
    uint64_t (*features)(struct virtio_device *dev);
    /* The queue was kicked: on the machine's thread. */
    void (*kick)(struct virtio_device *dev, unsigned queue);
    void (*config_read)(struct virtio_device *dev, uint8_t *config); /* fills config_size bytes */
    void (*config_write)(struct virtio_device *dev, unsigned offset, unsigned size, uint64_t value);
    void (*reset)(struct virtio_device *dev);
    void (*fini)(struct virtio_device *dev);
};

struct virtio_device {
    struct pci_function pci;
    uint64_t driver_features;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select, config_vector;
    uint8_t status, isr, config_generation;
    struct virtq queues[VIRTQ_MAX_QUEUES];
    /* handles */
    const struct virtio_ops *ops;
    uint32_t kicked; /* bit a queue: work was deferred */
    bool deferred;
    uint8_t cap_pci;          /* offset of the configuration access capability */
    struct virtq_chain chain; /* the one request being worked on */
};

/* A new device of OPS on BUS. NULL and -errno in *RESULT when there is no room. Reset by its own
 * first status write. */
struct virtio_device *virtio_create(const struct virtio_ops *ops, struct pci_bus *bus, int *result);
void virtio_destroy(struct virtio_device *dev);

static inline bool virtio_has(const struct virtio_device *dev, unsigned feature)
{
    return dev->driver_features >> feature & 1;
}

/* Takes the next chain of QUEUE into dev->chain; false when there is none (or the device broke). */
bool virtq_pop(struct virtio_device *dev, unsigned queue);
/* Undoes the pop. */
void virtq_unpop(struct virtio_device *dev, unsigned queue);
/* Returns the chain with WRITTEN bytes in its writable pieces. Interrupts come with virtq_flush. */
void virtq_push(struct virtio_device *dev, unsigned queue, uint16_t head, uint32_t written);
/* Interrupts the guest when it wants to hear of what was pushed. */
void virtq_flush(struct virtio_device *dev, unsigned queue);

/* Copies from the readable pieces at OFFSET; from or to the writable ones at OFFSET. False where
 * the chain is too short or leaves memory; the device should then answer with an error. */
bool virtq_read(struct virtio_device *dev, uint64_t offset, void *out, size_t size);
bool virtq_write(struct virtio_device *dev, uint64_t offset, const void *data, size_t size);

/* The device's configuration changed: interrupts with the configuration vector. */
void virtio_config_changed(struct virtio_device *dev);
/* The guest's rings make no sense: stops the device until the guest resets it. */
void virtio_break(struct virtio_device *dev, const char *why);

/* virtio_pci.c, for virtio.c: raises the interrupt of VECTOR with ISR bit ISR. */
void virtio_pci_interrupt(struct virtio_device *dev, uint16_t vector, uint8_t isr);
int virtio_pci_attach(struct virtio_device *dev, struct pci_bus *bus);
void virtio_reset(struct virtio_device *dev);

#endif
