/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Integer expressions that people type: 0x1000+4*2, (1<<20), ~3 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Take an expression off *@text, which moves behind it and blanks that follow. Operators, from
 * strong to weak: unary + - ~, then * / %, then + -, then << >>, then & | ^; all but unary ones
 * from left to right; parentheses at most 32 deep. Numbers as in C; arithmetic wraps at 64 bits.
 */
bool hmp_expression_take(const char **text, int64_t *value, GError **error);
