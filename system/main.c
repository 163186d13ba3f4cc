/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The process: wires the parts together, runs the main loop, takes everything down again. */
#include <stdlib.h>

#include "system/main-loop.h"

int main(int argc, char **argv)
{
    g_set_prgname("qemu-system-x86_64");
    main_loop_init();
    main_loop_run();
    return EXIT_SUCCESS;
}
