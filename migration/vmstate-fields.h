/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the saver, the loader and the describer of device state share. */
#pragma once

#include <jansson.h>

#include "migration/vmstate.h"

/* Does a stream of @version hold @field of the object @opaque? */
bool vmstate_field_present(const VMStateField *field, void *opaque, int version);
/* How many elements it has. Not checked against the field's maximum. */
uint32_t vmstate_field_count(const VMStateField *field, const void *opaque);

/*
 * A JSON object {"vmsd_name", "version", "fields", "subsections"?} of what vmstate_save() writes
 * for @opaque now. New reference. BQL.
 */
json_t *vmstate_describe(const VMStateDescription *description, void *opaque);
