/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Guest code written in the host assembler's language, in any of the three code sizes. */
#pragma once

#include <stdint.h>

#define CODE_BLOB(name, mode, text)                                 \
    extern const uint8_t name[], name##_end[];                      \
    __asm__(".pushsection .rodata\n"                                \
            ".code" mode "\n" #name ":\n" text "\n" #name "_end:\n" \
            ".code64\n"                                             \
            ".popsection")

#define CODE16(name, text) CODE_BLOB(name, "16", text)
#define CODE32(name, text) CODE_BLOB(name, "32", text)
#define CODE64(name, text) CODE_BLOB(name, "64", text)

#define CODE_BYTES(name) ((unsigned)(name##_end - name))
