/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Address spaces: mappings with priorities rendered into a sorted flat view.
 *
 * A view is immutable; a change of the map publishes a new one. Who holds the BQL reads the current
 * view as it is. Other threads announce the view that they are about to read in a record of their
 * own and look again whether it is still the current one. Who replaces a view frees those replaced
 * ones that no record names: at most one for each thread is left over until the next change.
 */
#include "system/memory.h"

#include <string.h>

#include "accel/accel.h"
#include "system/bql.h"
#include "system/cpus.h"

#define IO_PORT_SPACE_SIZE UINT64_C(0x10000)

typedef struct Mapping {
    hwaddr address;
    MemoryRegion *region;
    int priority;
} Mapping;

typedef struct FlatRange {
    hwaddr start; /* first address */
    hwaddr last;  /* last address, inclusive: a range may end at 2^64-1 */
    MemoryRegion *region;
    uint64_t region_offset;
} FlatRange;

typedef struct FlatView {
    size_t count;
    FlatRange ranges[];
} FlatView;

struct AddressSpace {
    const char *name;
    hwaddr last;
    GArray *mappings;   /* Mapping; BQL */
    FlatView *view;     /* atomic */
    GPtrArray *retired; /* FlatView; BQL */
    unsigned generation;
};

/* A thread that reads views without the BQL. Records are never freed but used again. */
typedef struct Reader {
    const FlatView *view; /* atomic; being read now, or NULL */
    bool in_use;          /* atomic; its thread lives */
    struct Reader *next;
} Reader;

static Reader *readers; /* atomic; grows at the front */
static _Thread_local Reader *own_reader;

static AddressSpace memory_space = { .name = "memory", .last = UINT64_MAX };
static AddressSpace io_space = { .name = "I/O", .last = IO_PORT_SPACE_SIZE - 1 };

AddressSpace *address_space_memory(void)
{
    return &memory_space;
}

AddressSpace *address_space_io(void)
{
    return &io_space;
}

void memory_region_init_io(MemoryRegion *region, const char *name, const MemoryRegionOps *ops,
                           void *opaque, uint64_t size)
{
    *region = (MemoryRegion){ .name = name, .size = size, .ops = ops, .opaque = opaque };
}

void memory_region_init_ram(MemoryRegion *region, const char *name, RAMBlock *block,
                            uint64_t block_offset, uint64_t size)
{
    g_assert(block_offset + size <= block->size);
    *region =
        (MemoryRegion){ .name = name, .size = size, .block = block, .block_offset = block_offset };
}

/* ---- rendering ---- */

static gint compare_boundaries(gconstpointer a, gconstpointer b)
{
    hwaddr first = *(const hwaddr *)a;
    hwaddr second = *(const hwaddr *)b;

    return first < second ? -1 : first > second;
}

static hwaddr mapping_last(const Mapping *mapping)
{
    return mapping->address + (mapping->region->size - 1);
}

/* The mapping that is seen at @address: highest priority, the newest among equals. */
static const Mapping *visible_mapping(const AddressSpace *space, hwaddr address)
{
    const Mapping *best = NULL;

    for (guint i = 0; i < space->mappings->len; i++) {
        const Mapping *mapping = &g_array_index(space->mappings, Mapping, i);
        if (address >= mapping->address && address <= mapping_last(mapping) &&
            (!best || mapping->priority >= best->priority)) {
            best = mapping;
        }
    }
    return best;
}

/* The addresses at which what is seen may change. */
static GArray *collect_boundaries(const AddressSpace *space)
{
    GArray *boundaries = g_array_new(FALSE, FALSE, sizeof(hwaddr));

    for (guint i = 0; i < space->mappings->len; i++) {
        const Mapping *mapping = &g_array_index(space->mappings, Mapping, i);
        hwaddr last = mapping_last(mapping);
        g_array_append_val(boundaries, mapping->address);
        if (last < space->last) {
            hwaddr next = last + 1;
            g_array_append_val(boundaries, next);
        }
    }
    g_array_sort(boundaries, compare_boundaries);
    return boundaries;
}

static FlatView *render(const AddressSpace *space)
{
    g_autoptr(GArray) boundaries = collect_boundaries(space);
    FlatView *view = g_malloc(sizeof(FlatView) + boundaries->len * sizeof(FlatRange));

    view->count = 0;
    for (guint i = 0; i < boundaries->len; i++) {
        hwaddr start = g_array_index(boundaries, hwaddr, i);
        if (i > 0 && start == g_array_index(boundaries, hwaddr, i - 1)) {
            continue;
        }
        guint next = i + 1;
        while (next < boundaries->len && g_array_index(boundaries, hwaddr, next) == start) {
            next++;
        }
        hwaddr last =
            next < boundaries->len ? g_array_index(boundaries, hwaddr, next) - 1 : space->last;
        const Mapping *mapping = visible_mapping(space, start);
        if (!mapping) {
            continue;
        }
        uint64_t offset = start - mapping->address;
        FlatRange *previous = view->count ? &view->ranges[view->count - 1] : NULL;
        if (previous && previous->region == mapping->region && previous->last + 1 == start &&
            previous->region_offset + (start - previous->start) == offset) {
            previous->last = last;
            continue;
        }
        view->ranges[view->count++] = (FlatRange){ start, last, mapping->region, offset };
    }
    return view;
}

/* ---- readers ---- */

static void reader_release(gpointer data)
{
    Reader *reader = data;

    __atomic_store_n(&reader->in_use, false, __ATOMIC_RELEASE);
}

/* Its destructor runs when a thread ends. */
static GPrivate reader_of_thread = G_PRIVATE_INIT(reader_release);

static Reader *reader_take_unused(void)
{
    for (Reader *reader = __atomic_load_n(&readers, __ATOMIC_ACQUIRE); reader;
         reader = reader->next) {
        bool expected = false;
        if (__atomic_compare_exchange_n(&reader->in_use, &expected, true, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            return reader;
        }
    }
    return NULL;
}

static Reader *reader_add(void)
{
    Reader *reader = g_new0(Reader, 1);

    reader->in_use = true;
    reader->next = __atomic_load_n(&readers, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&readers, &reader->next, reader, true, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
    }
    return reader;
}

static Reader *reader_get(void)
{
    if (!own_reader) {
        own_reader = reader_take_unused();
        if (!own_reader) {
            own_reader = reader_add();
        }
        g_private_set(&reader_of_thread, own_reader);
    }
    return own_reader;
}

/*
 * The current view, which stays until view_release(). The announcement and the second look are
 * sequentially consistent, and so are the publishing of a new view and the search for
 * announcements: one of the two threads sees what the other did.
 */
static const FlatView *view_acquire(AddressSpace *space, Reader *reader)
{
    for (;;) {
        const FlatView *view = __atomic_load_n(&space->view, __ATOMIC_SEQ_CST);
        __atomic_store_n(&reader->view, view, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&space->view, __ATOMIC_SEQ_CST) == view) {
            return view;
        }
    }
}

static void view_release(Reader *reader)
{
    __atomic_store_n(&reader->view, NULL, __ATOMIC_RELEASE);
}

static bool view_is_read(const FlatView *view)
{
    for (Reader *reader = __atomic_load_n(&readers, __ATOMIC_SEQ_CST); reader;
         reader = reader->next) {
        if (__atomic_load_n(&reader->view, __ATOMIC_SEQ_CST) == view) {
            return true;
        }
    }
    return false;
}

static void free_retired_views(AddressSpace *space)
{
    for (guint i = space->retired->len; i-- > 0;) {
        FlatView *view = g_ptr_array_index(space->retired, i);
        if (!view_is_read(view)) {
            g_ptr_array_remove_index_fast(space->retired, i);
            g_free(view);
        }
    }
}

unsigned address_space_retired_views(AddressSpace *space)
{
    g_assert(bql_locked());
    return space->retired ? space->retired->len : 0;
}

/* ---- changes ---- */

static void map_changed_on_vcpu(VCPU *vcpu, void *opaque)
{
    accel_ops()->memory_map_changed(vcpu);
}

static void do_nothing_on_vcpu(VCPU *vcpu, void *opaque)
{
}

void address_space_synchronize(void)
{
    g_assert(bql_locked() && !vcpu_current());
    vcpus_run_on_all(do_nothing_on_vcpu, NULL);
}

/* The next range of RAM from *@i on; NULL: there is none. */
static const FlatRange *next_ram(const FlatView *view, size_t *i)
{
    for (; view && *i < view->count; ++*i) {
        if (view->ranges[*i].region->block) {
            return &view->ranges[(*i)++];
        }
    }
    return NULL;
}

/* Do both show the same RAM at the same addresses? Nobody caches where registers are. */
static bool same_ram(const FlatView *a, const FlatView *b)
{
    size_t i = 0;
    size_t j = 0;

    for (;;) {
        const FlatRange *first = next_ram(a, &i);
        const FlatRange *second = next_ram(b, &j);
        if (!first || !second) {
            return first == second;
        }
        if (first->start != second->start || first->last != second->last ||
            first->region != second->region || first->region_offset != second->region_offset) {
            return false;
        }
    }
}

static void publish(AddressSpace *space)
{
    FlatView *old = space->view;
    FlatView *view = render(space);
    bool ram_changed = !same_ram(old, view);

    __atomic_store_n(&space->view, view, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&space->generation, 1, __ATOMIC_SEQ_CST);
    if (old) {
        g_ptr_array_add(space->retired, old);
    }
    free_retired_views(space);
    if (ram_changed && accel_ops() && accel_ops()->memory_map_changed) {
        vcpus_run_on_all(map_changed_on_vcpu, NULL);
    }
}

void address_space_map(AddressSpace *space, hwaddr address, MemoryRegion *region, int priority)
{
    Mapping mapping = { address, region, priority };

    g_assert(bql_locked());
    g_assert(region->size && address <= space->last && region->size - 1 <= space->last - address);
    if (!space->mappings) {
        space->mappings = g_array_new(FALSE, FALSE, sizeof(Mapping));
        space->retired = g_ptr_array_new();
    }
    g_array_append_val(space->mappings, mapping);
    publish(space);
}

void address_space_unmap(AddressSpace *space, MemoryRegion *region)
{
    g_assert(bql_locked());
    for (guint i = 0; space->mappings && i < space->mappings->len; i++) {
        if (g_array_index(space->mappings, Mapping, i).region == region) {
            g_array_remove_index(space->mappings, i);
            publish(space);
            return;
        }
    }
}

unsigned address_space_generation(AddressSpace *space)
{
    return __atomic_load_n(&space->generation, __ATOMIC_ACQUIRE);
}

/* ---- lookup ---- */

/* The range that holds @address or, if none does, the first one behind it (or the count). */
static size_t view_search(const FlatView *view, hwaddr address)
{
    size_t low = 0;
    size_t high = view->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (view->ranges[middle].last < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint64_t span(hwaddr from, hwaddr last)
{
    uint64_t length = last - from + 1;

    return length ? length : UINT64_MAX;
}

static MemoryRegion *view_find(const FlatView *view, hwaddr space_last, hwaddr address,
                               uint64_t *offset, uint64_t *left)
{
    size_t i = view ? view_search(view, address) : 0;

    *offset = 0;
    if (!view || i == view->count) {
        *left = span(address, space_last);
        return NULL;
    }
    const FlatRange *range = &view->ranges[i];
    if (address < range->start) {
        *left = range->start - address;
        return NULL;
    }
    *offset = range->region_offset + (address - range->start);
    *left = span(address, range->last);
    return range->region;
}

MemoryRegion *address_space_find(AddressSpace *space, hwaddr address, uint64_t *offset,
                                 uint64_t *left)
{
    if (bql_locked()) {
        return view_find(space->view, space->last, address, offset, left);
    }
    Reader *reader = reader_get();
    const FlatView *view = view_acquire(space, reader);
    MemoryRegion *region = view_find(view, space->last, address, offset, left);
    view_release(reader);
    return region;
}

void address_space_foreach(AddressSpace *space,
                           void (*visit)(hwaddr address, uint64_t size, MemoryRegion *region,
                                         void *opaque),
                           void *opaque)
{
    const FlatView *view = space->view;

    g_assert(bql_locked());
    for (size_t i = 0; view && i < view->count; i++) {
        const FlatRange *range = &view->ranges[i];
        visit(range->start, span(range->start, range->last), range->region, opaque);
    }
}
