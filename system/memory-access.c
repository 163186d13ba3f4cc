/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Loads and stores on regions and address spaces: RAM directly, registers through their
 * handlers with the access size adapted to what the device takes.
 */
#include <string.h>

#include "system/bql.h"
#include "system/memory.h"
#include "util/bytes.h"

#define MEMORY_ACCESS_MAX 8u

static uint64_t load_bytes(const uint8_t *host, unsigned size)
{
    switch (size) {
    case 1:
        return *host;
    case 2:
        return load_le16(host);
    case 4:
        return load_le32(host);
    default:
        return load_le64(host);
    }
}

static void store_bytes(uint8_t *host, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        *host = (uint8_t)value;
        break;
    case 2:
        store_le16(host, (uint16_t)value);
        break;
    case 4:
        store_le32(host, (uint32_t)value);
        break;
    default:
        store_le64(host, value);
        break;
    }
}

static uint64_t all_ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (size * 8)) - 1;
}

/* The size of the handler calls that serve an access of @size at @offset. */
static unsigned handler_size(const MemoryRegionOps *ops, hwaddr offset, unsigned size)
{
    unsigned minimum = ops->access_min ? ops->access_min : 1;
    unsigned maximum = ops->access_max ? ops->access_max : MEMORY_ACCESS_MAX;
    unsigned step = CLAMP(size, minimum, maximum);

    while (step > minimum && offset % step) {
        step /= 2;
    }
    return step;
}

/* A handler call and the bytes of it that belong to the access. */
typedef struct RegisterPart {
    hwaddr address; /* aligned to the handler's size */
    unsigned skip;  /* bytes of it in front of ours */
    unsigned size;  /* our bytes */
} RegisterPart;

/* The part that begins at @offset and is at most @left bytes long. */
static RegisterPart register_part(hwaddr offset, unsigned left, unsigned step)
{
    hwaddr aligned = offset & ~(hwaddr)(step - 1);
    unsigned skip = (unsigned)(offset - aligned);

    return (RegisterPart){ aligned, skip, MIN(step - skip, left) };
}

static uint64_t registers_load(MemoryRegion *region, hwaddr offset, unsigned size)
{
    unsigned step = handler_size(region->ops, offset, size);
    uint64_t value = 0;

    if (!region->ops->read) {
        return all_ones(size);
    }
    for (unsigned done = 0; done < size;) {
        RegisterPart part = register_part(offset + done, size - done, step);
        uint64_t bytes = region->ops->read(region->opaque, part.address, step);
        value |= (bytes >> (8 * part.skip) & all_ones(part.size)) << (8 * done);
        done += part.size;
    }
    return value;
}

static void registers_store(MemoryRegion *region, hwaddr offset, uint64_t value, unsigned size)
{
    unsigned step = handler_size(region->ops, offset, size);

    if (!region->ops->write) {
        return;
    }
    for (unsigned done = 0; done < size;) {
        RegisterPart part = register_part(offset + done, size - done, step);
        uint64_t bytes = value >> (8 * done) & all_ones(part.size);
        region->ops->write(region->opaque, part.address, bytes << (8 * part.skip), step);
        done += part.size;
    }
}

uint64_t memory_region_load(MemoryRegion *region, hwaddr offset, unsigned size)
{
    if (region->block) {
        return load_bytes(region->block->host + region->block_offset + offset, size);
    }
    bool locked = bql_locked();
    if (!locked) {
        bql_lock();
    }
    uint64_t value = registers_load(region, offset, size);
    if (!locked) {
        bql_unlock();
    }
    return value;
}

void memory_region_store(MemoryRegion *region, hwaddr offset, uint64_t value, unsigned size)
{
    if (region->block) {
        if (!region->block->read_only) {
            uint64_t position = region->block_offset + offset;
            store_bytes(region->block->host + position, value, size);
            ram_block_written(region->block, position, size);
        }
        return;
    }
    bool locked = bql_locked();
    if (!locked) {
        bql_lock();
    }
    registers_store(region, offset, value, size);
    if (!locked) {
        bql_unlock();
    }
}

uint64_t address_space_load(AddressSpace *space, hwaddr address, unsigned size)
{
    uint64_t offset;
    uint64_t left;
    MemoryRegion *region = address_space_find(space, address, &offset, &left);

    if (left < size) { /* crosses the end of a region: byte by byte */
        uint64_t value = 0;
        for (unsigned i = 0; i < size; i++) {
            value |= address_space_load(space, address + i, 1) << (8 * i);
        }
        return value;
    }
    return region ? memory_region_load(region, offset, size) : all_ones(size);
}

void address_space_store(AddressSpace *space, hwaddr address, uint64_t value, unsigned size)
{
    uint64_t offset;
    uint64_t left;
    MemoryRegion *region = address_space_find(space, address, &offset, &left);

    if (left < size) {
        for (unsigned i = 0; i < size; i++) {
            address_space_store(space, address + i, value >> (8 * i) & 0xff, 1);
        }
        return;
    }
    if (region) {
        memory_region_store(region, offset, value, size);
    }
}

bool address_space_read(AddressSpace *space, hwaddr address, void *buffer, uint64_t length)
{
    uint8_t *out = buffer;

    while (length) {
        uint64_t offset;
        uint64_t left;
        MemoryRegion *region = address_space_find(space, address, &offset, &left);
        if (!region || !region->block) {
            return false;
        }
        uint64_t part = MIN(left, length);
        memcpy(out, region->block->host + region->block_offset + offset, part);
        out += part;
        address += part;
        length -= part;
    }
    return true;
}

bool address_space_write(AddressSpace *space, hwaddr address, const void *buffer, uint64_t length)
{
    const uint8_t *in = buffer;

    while (length) {
        uint64_t offset;
        uint64_t left;
        MemoryRegion *region = address_space_find(space, address, &offset, &left);
        if (!region || !region->block || region->block->read_only) {
            return false;
        }
        uint64_t part = MIN(left, length);
        uint64_t position = region->block_offset + offset;
        memcpy(region->block->host + position, in, part);
        ram_block_written(region->block, position, part);
        in += part;
        address += part;
        length -= part;
    }
    return true;
}
