/* SPDX-License-Identifier: MIT */

/* TLBI ...IS and ...OS: an inbox a CPU, and DSB as the wait for those who have mail (Arm ARM
 * D8.14.5).
 *
 * A TLB belongs to its CPU's thread. A broadcast posts the operation to every CPU that has ever run
 * and asks it, by A64_ATT_TLBI, to apply it at its next block boundary. DSB waits until all that
 * the CPU posted has been applied, or its receiver has left the guest: who is outside runs no guest
 * access and drains before it runs one. A CPU that waits applies its own mail meanwhile, so that
 * CPUs that wait for each other both get on.
 *
 * One lock guards all inboxes: a broadcast costs its holder microseconds at most, and with one CPU
 * it is never taken. An inbox that overflows becomes a flush of the whole TLB. */

#include <errno.h>
#include <stdlib.h>

#include "broadcast.h"

#define INBOX_SIZE 32

struct inbox {
    struct a64_cpu *cpu; /* NULL: never ran */
    bool running;        /* inside the guest */
    unsigned count;      /* above INBOX_SIZE: flush */
    uint64_t posted;     /* operations ever */
    uint64_t applied;
    struct a64_tlbi op[INBOX_SIZE];
    uint64_t awaited[A64_MAX_CPUS]; /* what this CPU's DSB waits for: `applied` of the others */
};

struct a64_broadcast {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* mail, mail applied, a CPU left */
    unsigned waiters;
    unsigned limit;            /* inboxes at and above it were never used */
    _Atomic unsigned attached; /* CPUs that have run */
    struct inbox inbox[A64_MAX_CPUS];
};

int a64_broadcast_create(struct a64_system *sys)
{
    struct a64_broadcast *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    sys->broadcast = b;
    return 0;
}

void a64_broadcast_destroy(struct a64_system *sys)
{
    struct a64_broadcast *b = sys->broadcast;
    if (!b)
        return;
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b);
    sys->broadcast = NULL;
}

static void wake(struct a64_broadcast *b)
{
    if (b->waiters)
        pthread_cond_broadcast(&b->changed);
}

/* Applies the mail of CPU; the lock is held. */
static void apply(struct a64_broadcast *b, struct inbox *inbox)
{
    struct a64_cpu *cpu = inbox->cpu;
    atomic_fetch_and(&cpu->attention, ~(uint32_t)A64_ATT_TLBI);
    if (inbox->count > INBOX_SIZE)
        a64_tlb_flush(cpu);
    else
        for (unsigned i = 0; i < inbox->count; i++)
            a64_tlb_invalidate(cpu, &inbox->op[i]);
    inbox->count = 0;
    inbox->applied = inbox->posted;
    wake(b);
}

static void post(struct inbox *inbox, const struct a64_tlbi *op)
{
    if (inbox->count < INBOX_SIZE)
        inbox->op[inbox->count++] = *op;
    else
        inbox->count = INBOX_SIZE + 1;
    inbox->posted++;
    atomic_fetch_or(&inbox->cpu->attention, A64_ATT_TLBI);
}

static bool alone(struct a64_broadcast *b)
{
    return !b || atomic_load_explicit(&b->attached, memory_order_acquire) <= 1;
}

void a64_tlbi_broadcast(struct a64_cpu *cpu, const struct a64_tlbi *op)
{
    struct a64_broadcast *b = cpu->sys->broadcast;
    /* What this CPU stored to the tables before must be seen by walks that follow the mail. */
    atomic_thread_fence(memory_order_seq_cst);
    a64_tlb_invalidate(cpu, op);
    if (alone(b))
        return;
    pthread_mutex_lock(&b->lock);
    struct inbox *own = &b->inbox[cpu->index];
    for (unsigned i = 0; i < b->limit; i++) {
        struct inbox *inbox = &b->inbox[i];
        if (!inbox->cpu || inbox == own)
            continue;
        post(inbox, op);
        own->awaited[i] = inbox->posted;
    }
    wake(b);
    pthread_mutex_unlock(&b->lock);
}

/* Whether a CPU inside the guest still has mail that OWN waits for. */
static bool outstanding(const struct a64_broadcast *b, const struct inbox *own)
{
    for (unsigned i = 0; i < b->limit; i++) {
        const struct inbox *inbox = &b->inbox[i];
        if (inbox->running && inbox != own && inbox->applied < own->awaited[i])
            return true;
    }
    return false;
}

bool a64_tlbi_wait(struct a64_cpu *cpu)
{
    struct a64_broadcast *b = cpu->sys->broadcast;
    bool applied = false;
    atomic_thread_fence(memory_order_seq_cst);
    if (alone(b))
        return false;
    pthread_mutex_lock(&b->lock);
    struct inbox *own = &b->inbox[cpu->index];
    b->waiters++;
    while (outstanding(b, own)) {
        if (own->count) {
            apply(b, own);
            applied = true;
        } else {
            pthread_cond_wait(&b->changed, &b->lock);
        }
    }
    b->waiters--;
    pthread_mutex_unlock(&b->lock);
    return applied;
}

void a64_tlbi_drain(struct a64_cpu *cpu)
{
    struct a64_broadcast *b = cpu->sys->broadcast;
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    if (b->inbox[cpu->index].cpu)
        apply(b, &b->inbox[cpu->index]);
    pthread_mutex_unlock(&b->lock);
}

void a64_cpu_enter(struct a64_cpu *cpu)
{
    struct a64_broadcast *b = cpu->sys->broadcast;
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    struct inbox *inbox = &b->inbox[cpu->index];
    if (!inbox->cpu) {
        /* Nobody wrote to it yet, so what its TLB may hold from before is not to be trusted. */
        inbox->cpu = cpu;
        if (b->limit <= cpu->index)
            b->limit = cpu->index + 1;
        inbox->count = INBOX_SIZE + 1;
        atomic_fetch_add(&b->attached, 1);
    }
    inbox->running = true;
    if (inbox->count)
        apply(b, inbox);
    pthread_mutex_unlock(&b->lock);
}

void a64_cpu_leave(struct a64_cpu *cpu)
{
    struct a64_broadcast *b = cpu->sys->broadcast;
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->inbox[cpu->index].running = false;
    wake(b);
    pthread_mutex_unlock(&b->lock);
}

void a64_broadcast_detach(struct a64_cpu *cpu)
{
    struct a64_broadcast *b = cpu->sys->broadcast;
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    struct inbox *inbox = &b->inbox[cpu->index];
    if (inbox->cpu == cpu) {
        inbox->cpu = NULL;
        inbox->running = false;
        inbox->count = 0;
        atomic_fetch_sub(&b->attached, 1);
        wake(b);
    }
    pthread_mutex_unlock(&b->lock);
}
