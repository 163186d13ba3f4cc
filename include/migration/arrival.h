/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Parts that must act when this process's VM becomes the one that the world sees: a migration has
 * come in and runs, or a COLO secondary has taken over.
 */
#pragma once

/* The migration parameters announce-*: how the VM's new place is to be told. */
typedef struct MigrationAnnounce {
    unsigned initial_ms; /* before the second announcement */
    unsigned max_ms;     /* longest time between two */
    unsigned rounds;
    unsigned step_ms; /* by which the time grows */
} MigrationAnnounce;

/* Main loop, BQL held, once everything else about the take-over is done. */
typedef void MigrationArrived(const MigrationAnnounce *announce, void *opaque);

/* For the life of the process. From constructors, or with the BQL. */
void migration_arrival_notifier_add(MigrationArrived *arrived, void *opaque);

/* For migration/: tell everybody, from the main loop. Any thread. */
void migration_arrived(void);
