/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Telnet commands in the input: RFC 854; options: RFC 856 (binary), 857 (echo), 858 (go-ahead). */
#include "char-telnet.h"

enum {
    TELNET_SE = 240,
    TELNET_BRK = 243,
    TELNET_SB = 250,
    TELNET_WILL = 251,
    TELNET_DO = 253,
    TELNET_DONT = 254,
    TELNET_IAC = 255,
};

enum { OPTION_BINARY = 0, OPTION_ECHO = 1, OPTION_SUPPRESS_GO_AHEAD = 3 };

const uint8_t telnet_greeting[] = {
    TELNET_IAC, TELNET_WILL, OPTION_ECHO,   TELNET_IAC, TELNET_WILL, OPTION_SUPPRESS_GO_AHEAD,
    TELNET_IAC, TELNET_WILL, OPTION_BINARY, TELNET_IAC, TELNET_DO,   OPTION_BINARY,
};
const size_t telnet_greeting_size = sizeof(telnet_greeting);

/* The byte behind IAC. Returns whether it is data. */
static int command_byte(TelnetInput *input, uint8_t byte)
{
    input->state = TELNET_DATA;
    if (byte >= TELNET_WILL && byte <= TELNET_DONT) {
        input->state = TELNET_OPTION;
    } else if (byte == TELNET_SB) {
        input->state = TELNET_SUBNEGOTIATION;
    } else if (byte == TELNET_BRK) {
        input->breaks++;
    }
    return byte == TELNET_IAC;
}

/* Whether @byte is data. */
static int next_byte(TelnetInput *input, uint8_t byte)
{
    switch (input->state) {
    case TELNET_DATA:
        if (byte == TELNET_IAC) {
            input->state = TELNET_COMMAND;
            return 0;
        }
        return 1;
    case TELNET_COMMAND:
        return command_byte(input, byte);
    case TELNET_OPTION:
        input->state = TELNET_DATA;
        return 0;
    case TELNET_SUBNEGOTIATION:
        input->state = byte == TELNET_IAC ? TELNET_SUB_IAC : TELNET_SUBNEGOTIATION;
        return 0;
    case TELNET_SUB_IAC:
        input->state = byte == TELNET_SE ? TELNET_DATA : TELNET_SUBNEGOTIATION;
        return 0;
    }
    return 0;
}

size_t telnet_filter(TelnetInput *input, uint8_t *data, size_t size)
{
    size_t kept = 0;

    input->breaks = 0;
    for (size_t i = 0; i < size; i++) {
        if (next_byte(input, data[i])) {
            data[kept++] = data[i];
        }
    }
    return kept;
}
