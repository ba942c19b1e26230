/* SPDX-License-Identifier: MIT */
/* The guest of interp_loop: what embedded integer benchmarks do (a linked list that is searched and
 * reversed, a matrix product, a state machine over text, a CRC of the results), again and again,
 * then HVC with the CRC in X0. It runs with the MMU off, so all accesses are aligned. */

#include <stdint.h>

struct node {
    struct node *next;
    uint64_t value;
};

static struct node nodes[64];
static int32_t a[12][12], b[12][12], c[12][12];
static const char text[] = "0x12ab,-1.5e+7,+42,hello,0.001,99999,abc,-7,1e9,0xff,12,,3.14159265,0";

static uint32_t crc16(uint32_t crc, uint32_t value)
{
    for (int bit = 0; bit < 16; bit++) {
        const uint32_t out = (crc ^ value >> bit) & 1;
        crc = crc >> 1 ^ (out ? 0xa001 : 0);
    }
    return crc;
}

static uint32_t list(uint32_t seed)
{
    struct node *head = 0, *reversed = 0;
    uint64_t found = 0;
    for (unsigned k = 0; k < 64; k++) {
        nodes[k] = (struct node){head, seed = seed * 1103515245 + 12345};
        head = &nodes[k];
    }
    for (unsigned k = 0; k < 8; k++) {
        for (const struct node *n = head; n; n = n->next)
            found += (n->value & 15) == k;
    }
    while (head) {
        struct node *next = head->next;
        head->next = reversed;
        reversed = head;
        head = next;
    }
    return (uint32_t)(found ^ reversed->value);
}

static uint32_t matrix(uint32_t seed)
{
    uint32_t sum = 0;
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < 12; j++) {
            a[i][j] = (int32_t)(seed + (uint32_t)(i * j));
            b[i][j] = (int32_t)(seed - (uint32_t)(i + j));
        }
    }
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < 12; j++) {
            int32_t product = 0;
            for (int k = 0; k < 12; k++)
                product += a[i][k] * b[k][j];
            c[i][j] = product;
            sum += (uint32_t)product;
        }
    }
    return sum;
}

static uint32_t states(void)
{
    enum { START, INTEGER, FRACTION, EXPONENT, OTHER, COUNT } state = START;
    uint32_t seen[COUNT] = {0};
    for (const char *at = text; *at; at++) {
        const char ch = *at;
        if (ch == ',')
            state = START;
        else if (ch == '.')
            state = state == INTEGER || state == START ? FRACTION : OTHER;
        else if (ch == 'e')
            state = state == INTEGER || state == FRACTION ? EXPONENT : OTHER;
        else if (ch >= '0' && ch <= '9')
            state = state == START ? INTEGER : state;
        else if (ch != '-' && ch != '+')
            state = OTHER;
        seen[state]++;
    }
    return seen[INTEGER] << 16 ^ seen[FRACTION] << 8 ^ seen[EXPONENT] << 4 ^ seen[OTHER];
}

uint32_t run(uint32_t rounds)
{
    uint32_t crc = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        crc = crc16(crc, list(round));
        crc = crc16(crc, matrix(round));
        crc = crc16(crc, states());
    }
    return crc;
}

__asm__(".section .start, \"ax\"\n.global _start\n_start:\n"
        "mov x1, #0x40800000\nmov sp, x1\nbl run\nhvc #0\n");
