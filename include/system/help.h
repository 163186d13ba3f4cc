/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* "-machine help", "-device help" and the like. */
#pragma once

#include "system/options.h"

/* When one of @options asks for a list, print it and exit with 0. */
void help_print_and_exit_if_asked(const VMOptions *options);
