/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Which side of a checkpoint a channel's frames belong to. The sender leaves a mark at each
 * checkpoint; the marks and the checkpoints themselves come by different ways, in any order. A
 * sender that has never sent a mark sends none.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing has happened. */
typedef struct EpochGate {
    bool known;     /* the peer sends marks */
    uint64_t marks; /* at most one more than checkpoints */
    uint64_t checkpoints;
} EpochGate;

static inline void epoch_gate_mark(EpochGate *gate)
{
    gate->known = true;
    gate->marks = MIN(gate->marks + 1, gate->checkpoints + 1);
}

/* A peer whose last mark has not even come by the next checkpoint sends none any more. */
static inline void epoch_gate_checkpoint(EpochGate *gate)
{
    if (gate->marks < gate->checkpoints) {
        gate->known = false;
    }
    gate->checkpoints++;
    if (!gate->known) {
        gate->marks = MAX(gate->marks, gate->checkpoints - 1);
    }
}

/* Do frames that come now belong behind the last checkpoint? */
static inline bool epoch_gate_is_open(const EpochGate *gate)
{
    return !gate->known || gate->marks >= gate->checkpoints;
}

static inline void epoch_gate_reset(EpochGate *gate)
{
    gate->known = false;
    gate->marks = gate->checkpoints;
}
