/* SPDX-License-Identifier: MIT */
#ifndef POMONA_MACHINE_PCI_H
#define POMONA_MACHINE_PCI_H

/* The board's PCI bus with what the user plugged in: disks, networks, entropy. */

#include "host/error.h"

struct machine;
struct machine_pci;

/* Makes the bus of the board's table and the devices of the machine's configuration. 0 with *OUT
 * (NULL on a board without PCI), or -1 and *ERR. */
int machine_pci_create(struct machine *machine, struct machine_pci **out, struct error *err);
void machine_pci_reset(struct machine_pci *pci);
void machine_pci_destroy(struct machine_pci *pci);

#endif
