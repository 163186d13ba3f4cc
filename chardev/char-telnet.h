/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The telnet protocol (RFC 854) as far as a terminal on a socket needs it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How far the input is inside a command; zero at the start of a connection. */
typedef struct TelnetInput {
    enum {
        TELNET_DATA,
        TELNET_COMMAND,
        TELNET_OPTION,
        TELNET_SUBNEGOTIATION,
        TELNET_SUB_IAC
    } state;
    unsigned breaks; /* IAC BRK commands found by the last telnet_filter() */
} TelnetInput;

/* What to send first: we echo, suppress go-ahead, and both sides are binary. */
extern const uint8_t telnet_greeting[];
extern const size_t telnet_greeting_size;

/* Take the commands out of @data, in place. Returns how many bytes of data are left. */
size_t telnet_filter(TelnetInput *input, uint8_t *data, size_t size);
