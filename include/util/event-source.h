/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What our event loops ask of GLib's sources. */
#pragma once

#include <glib.h>

/*
 * For a source with descriptors, before it is attached. While GLib dispatches a source it takes
 * its descriptors out of the poll set, for the case that a handler runs the loop again, and puts
 * them back afterwards; each costs a write to the eventfd of the loop, which is then woken once
 * for nothing. Our loops are never run by a handler, so the descriptors may stay.
 */
static inline void event_source_never_nested(GSource *source)
{
    g_source_set_can_recurse(source, TRUE);
}
