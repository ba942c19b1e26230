/* SPDX-License-Identifier: MIT */
/* What --net says: user[,hostfwd=PROTOCOL:[ADDRESS]:PORT-[ADDRESS]:PORT]... A forward without the
 * host's address listens on all of them; one without the guest's goes to the address that the
 * network's DHCP server gives first. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "host/net.h"

#define FIRST_GUEST "10.0.2.15"

/* A port in decimal, and nothing else. */
static bool parse_port(const char *text, uint16_t *port)
{
    if (!text || !*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 5)
        return false;
    const int number = atoi(text);
    *port = (uint16_t)number;
    return number >= 1 && number <= 65535;
}

/* An address, or "" for what is in *ADDRESS already. */
static bool parse_address(const char *text, struct in_addr *address)
{
    return text && (!*text || inet_aton(text, address));
}

/* Cuts TEXT up. */
static bool parse_forward(char *text, struct net_forward *out)
{
    const char *protocol = strsep(&text, ":"), *host = strsep(&text, ":");
    const char *host_port = strsep(&text, "-"), *guest = strsep(&text, ":");
    *out = (struct net_forward){.host.s_addr = htonl(INADDR_ANY), .udp = !strcmp(protocol, "udp")};
    inet_aton(FIRST_GUEST, &out->guest);
    return (out->udp || !strcmp(protocol, "tcp")) && parse_address(host, &out->host) &&
           parse_port(host_port, &out->host_port) && parse_address(guest, &out->guest) &&
           parse_port(text, &out->guest_port);
}

static int add_forward(struct net_spec *spec, const char *text, struct error *err)
{
    struct net_forward *more = realloc(spec->forwards, (spec->count + 1) * sizeof(*more));
    char *copy = strdup(text);
    spec->forwards = more ? more : spec->forwards;
    const bool room = more && copy, good = room && parse_forward(copy, &more[spec->count]);
    spec->count += good;
    free(copy);
    if (!room)
        return error_set(err, ERROR_OS, "no memory for the network");
    return good
               ? 0
               : error_set(err, ERROR_USAGE,
                           "hostfwd=%s: write it as tcp:[ADDRESS]:PORT-[GUEST-ADDRESS]:PORT", text);
}

static int parse_part(struct net_spec *spec, const char *part, bool first, struct error *err)
{
    if (first ? !strcmp(part, "user") : !strncmp(part, "hostfwd=", 8))
        return first ? 0 : add_forward(spec, part + 8, err);
    return error_set(err, ERROR_USAGE,
                     "--net: '%s' is unknown: give user[,hostfwd=tcp::2222-:22] or none", part);
}

int net_parse(const char *text, struct net_spec *out, struct error *err)
{
    char *copy = strdup(text), *rest = copy;
    *out = (struct net_spec){0};
    int result = copy ? 0 : error_set(err, ERROR_OS, "no memory for the network");
    for (bool first = true; !result && rest; first = false)
        result = parse_part(out, strsep(&rest, ","), first, err);
    free(copy);
    return result;
}

void net_spec_free(struct net_spec *spec)
{
    free(spec->forwards);
    *spec = (struct net_spec){0};
}
