/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Split virtqueues with a driver that behaves: chains, used entries, notifications, state. */
#include <string.h>

#include "migration/stream.h"
#include "util/bitmap.h"
#include "virtio-harness.h"

/* ---- chains ---- */

static void test_chain(void)
{
    Harness *h = fresh(MODERN_FEATURES);
    char text[8] = "";

    memcpy(h->ram->host + BUFFERS, "request", 8);
    put_descriptor(DESCRIPTORS, 3, BUFFERS, 4, F_NEXT, 5);
    put_descriptor(DESCRIPTORS, 5, BUFFERS + 4, 4, F_NEXT, 1);
    put_descriptor(DESCRIPTORS, 1, BUFFERS + 0x100, 3, F_WRITE | F_NEXT, 2);
    put_descriptor(DESCRIPTORS, 2, BUFFERS + 0x200, 100, F_WRITE, 0);
    g_assert_true(virtqueue_empty(h->queue));
    g_assert_null(virtqueue_pop(h->queue));
    offer(3);
    g_assert_false(virtqueue_empty(h->queue));
    VirtQueueElement *element = virtqueue_pop(h->queue);
    g_assert_nonnull(element);
    g_assert_cmpuint(element->head, ==, 3);
    g_assert_cmpuint(element->out_count, ==, 2);
    g_assert_cmpuint(element->in_count, ==, 2);
    g_assert_true(element->out[1].iov_base == h->ram->host + BUFFERS + 4);
    g_assert_cmpuint(element->in[1].iov_len, ==, 100);
    g_assert_cmpuint(virtqueue_element_read(element, 2, text, 100), ==, 6);
    g_assert_cmpstr(text, ==, "quest");
    g_assert_cmpuint(virtqueue_element_write(element, 1, "answer", 7), ==, 7);
    g_assert_cmpmem(h->ram->host + BUFFERS + 0x101, 2, "an", 2);
    g_assert_cmpmem(h->ram->host + BUFFERS + 0x200, 5, "swer", 5);
    g_assert_cmpuint(used_index(), ==, 0);
    virtqueue_push(h->queue, element, 8);
    virtqueue_element_free(element);
    g_assert_cmpuint(used_index(), ==, 1);
    g_assert_cmpuint(used_id(0), ==, 3);
    g_assert_cmpuint(used_length(0), ==, 8);
    g_assert_true(virtqueue_empty(h->queue));
    g_assert_false(h->device->broken);
}

/* Plain descriptors, then a table. */
static void test_indirect(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    put_descriptor(DESCRIPTORS, 0, BUFFERS, 10, F_NEXT, 1);
    put_descriptor(DESCRIPTORS, 1, INDIRECT, 16 * 20, F_INDIRECT, 0);
    for (unsigned i = 0; i < 20; i++) {
        put_descriptor(INDIRECT, i, BUFFERS + 0x1000 * i, 7 + i,
                       (i < 19 ? F_NEXT : 0) | (i >= 5 ? F_WRITE : 0), (uint16_t)(i + 1));
    }
    offer(0);
    g_assert_true(virtqueue_has_room(h->queue, 100));
    VirtQueueElement *element = virtqueue_pop(h->queue);
    g_assert_nonnull(element);
    g_assert_cmpuint(element->out_count, ==, 6);
    g_assert_cmpuint(element->in_count, ==, 15);
    g_assert_cmpuint(element->in[14].iov_len, ==, 26);
    virtqueue_push(h->queue, element, 0);
    virtqueue_element_free(element);
}

static void test_buffer_in_two_regions(void)
{
    Harness *h = fresh(MODERN_FEATURES);
    uint8_t data[64];

    put_descriptor(DESCRIPTORS, 0, TWIN_MID - 24, 64, F_WRITE, 0);
    offer(0);
    VirtQueueElement *element = virtqueue_pop(h->queue);
    g_assert_nonnull(element);
    g_assert_cmpuint(element->in_count, ==, 2);
    g_assert_cmpuint(element->in[0].iov_len, ==, 24);
    memset(data, 0x5a, sizeof(data));
    g_assert_cmpuint(virtqueue_element_write(element, 0, data, 64), ==, 64);
    g_assert_cmpmem(h->twins[1]->host, 40, data, 40);
    virtqueue_push(h->queue, element, 64);
    virtqueue_element_free(element);
}

static void test_unpop(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    offer_simple(4, 10, F_WRITE);
    offer_simple(6, 10, F_WRITE);
    virtqueue_unpop(h->queue, virtqueue_pop(h->queue));
    for (unsigned i = 0; i < 2; i++) {
        VirtQueueElement *element = virtqueue_pop(h->queue);
        g_assert_cmpuint(element->head, ==, i ? 6 : 4);
        virtqueue_push(h->queue, element, 1);
        virtqueue_element_free(element);
    }
    g_assert_true(virtqueue_empty(h->queue));
}

/* Three buffers for one frame: nothing is seen before all are. */
static void test_fill_ahead(void)
{
    Harness *h = fresh(MODERN_FEATURES);
    VirtQueueElement *elements[3];

    for (unsigned i = 0; i < 3; i++) {
        offer_simple((uint16_t)i, 100, F_WRITE);
    }
    g_assert_true(virtqueue_has_room(h->queue, 300));
    g_assert_false(virtqueue_has_room(h->queue, 301));
    for (unsigned i = 0; i < 3; i++) {
        elements[i] = virtqueue_pop(h->queue);
        virtqueue_fill(h->queue, elements[i], 50 + i, i);
        virtqueue_element_free(elements[i]);
    }
    g_assert_cmpuint(used_index(), ==, 0);
    virtqueue_publish(h->queue, 3);
    g_assert_cmpuint(used_index(), ==, 3);
    g_assert_cmpuint(used_length(2), ==, 52);
}

/* Both indexes pass 65535 several times, out of step with the ring. */
static void test_wrap_around(void)
{
    Harness *h = fresh(MODERN_FEATURES | FEATURE(VIRTIO_F_EVENT_IDX));

    for (unsigned i = 0; i < 200000; i++) {
        offer_simple(i % RING_SIZE, 8, F_WRITE);
        VirtQueueElement *element = virtqueue_pop(h->queue);
        g_assert_nonnull(element);
        g_assert_cmpuint(element->head, ==, i % RING_SIZE);
        virtqueue_push(h->queue, element, i);
        virtqueue_element_free(element);
        g_assert_cmpuint(used_index(), ==, (uint16_t)(i + 1));
        g_assert_cmpuint(used_length(i % RING_SIZE), ==, i);
    }
    g_assert_false(h->device->broken);
}

/* A driver that resets its device while it works must not find old entries in the new ring. */
static void test_reset_in_between(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    offer_simple(0, 10, F_WRITE);
    VirtQueueElement *first = virtqueue_pop(h->queue);
    offer_simple(1, 10, F_WRITE);
    VirtQueueElement *second = virtqueue_pop(h->queue);
    fresh(MODERN_FEATURES);
    virtqueue_push(h->queue, first, 5);
    virtqueue_element_free(first);
    virtqueue_unpop(h->queue, second);
    g_assert_cmpuint(used_index(), ==, 0);
    g_assert_true(virtqueue_empty(h->queue));
    offer_simple(2, 10, F_WRITE);
    VirtQueueElement *third = virtqueue_pop(h->queue);
    g_assert_cmpuint(third->head, ==, 2);
    virtqueue_push(h->queue, third, 5);
    virtqueue_element_free(third);
    g_assert_cmpuint(used_index(), ==, 1);
}

/* Legacy: one piece, the used part on a page of its own, and before DRIVER_OK. */
static void test_legacy_layout(void)
{
    Harness *h = fresh(0);
    uint64_t page = 0x20000;

    virtio_set_status(h->device, 0);
    virtio_queue_set_legacy_page(h->queue, (uint32_t)(page >> 12));
    put_descriptor(page, 0, BUFFERS, 4, F_WRITE, 0);
    guest_store16(page + 16 * RING_SIZE + 2, 1);
    VirtQueueElement *element = virtqueue_pop(h->queue);
    g_assert_nonnull(element);
    virtqueue_push(h->queue, element, 4);
    virtqueue_element_free(element);
    g_assert_cmpuint(guest_load16(page + 0x1000 + 2), ==, 1);
    virtio_queue_set_legacy_page(h->queue, 0);
    g_assert_false(virtqueue_ready(h->queue));
}

static void test_not_ready(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    offer_simple(0, 4, F_WRITE);
    h->device->dma_disabled = true;
    g_assert_false(virtqueue_ready(h->queue));
    g_assert_null(virtqueue_pop(h->queue));
    h->device->dma_disabled = false;
    h->device->status &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
    g_assert_false(virtqueue_ready(h->queue));
    g_assert_null(virtqueue_pop(h->queue));
    h->device->status |= VIRTIO_STATUS_DRIVER_OK;
    VirtQueueElement *element = virtqueue_pop(h->queue);
    g_assert_nonnull(element);
    virtqueue_unpop(h->queue, element);
}

/* ---- notifications ---- */

static void use_one(Harness *h)
{
    offer_simple(0, 4, F_WRITE);
    VirtQueueElement *element = virtqueue_pop(h->queue);
    virtqueue_push(h->queue, element, 4);
    virtqueue_element_free(element);
    virtqueue_notify(h->queue);
}

static void test_interrupts_by_flag(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    h->queue->vector = 7;
    use_one(h);
    g_assert_cmpuint(h->queue_interrupts, ==, 1);
    g_assert_cmpuint(h->vector, ==, 7);
    g_assert_cmphex(h->device->isr, ==, VIRTIO_ISR_QUEUE);
    guest_store16(AVAILABLE, 1);
    use_one(h);
    g_assert_cmpuint(h->queue_interrupts, ==, 1);
    guest_store16(AVAILABLE, 0);
    use_one(h);
    g_assert_cmpuint(h->queue_interrupts, ==, 2);
}

static void test_interrupts_by_event_index(void)
{
    Harness *h = fresh(MODERN_FEATURES | FEATURE(VIRTIO_F_EVENT_IDX));
    uint64_t used_event = AVAILABLE + 4 + 2 * RING_SIZE;

    guest_store16(AVAILABLE, 1); /* the flag means nothing now */
    use_one(h);
    g_assert_cmpuint(h->queue_interrupts, ==, 1);
    guest_store16(used_event, 3);
    use_one(h);
    use_one(h);
    g_assert_cmpuint(h->queue_interrupts, ==, 1);
    use_one(h); /* entry 3 is used */
    g_assert_cmpuint(h->queue_interrupts, ==, 2);
    use_one(h);
    g_assert_cmpuint(h->queue_interrupts, ==, 2);
    /* One interrupt for each index that is asked for, all the way round. */
    for (unsigned i = 5; i < 70000; i++) {
        guest_store16(used_event, (uint16_t)i);
        use_one(h);
        g_assert_cmpuint(h->queue_interrupts, ==, i - 2);
    }
}

static void test_interrupt_when_empty(void)
{
    Harness *h = fresh(FEATURE(VIRTIO_F_NOTIFY_ON_EMPTY));

    guest_store16(AVAILABLE, 1);
    use_one(h);
    g_assert_cmpuint(h->queue_interrupts, ==, 1);
    offer_simple(1, 4, F_WRITE);
    offer_simple(2, 4, F_WRITE);
    VirtQueueElement *element = virtqueue_pop(h->queue);
    virtqueue_push(h->queue, element, 4);
    virtqueue_element_free(element);
    virtqueue_notify(h->queue);
    g_assert_cmpuint(h->queue_interrupts, ==, 1);
}

static void test_suppression_by_flag(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    virtqueue_disable_notification(h->queue);
    g_assert_cmpuint(guest_load16(USED), ==, 1);
    g_assert_true(virtqueue_enable_notification(h->queue));
    g_assert_cmpuint(guest_load16(USED), ==, 0);
    virtqueue_disable_notification(h->queue);
    offer_simple(0, 4, F_WRITE);
    g_assert_false(virtqueue_enable_notification(h->queue));
}

static void test_suppression_by_event_index(void)
{
    Harness *h = fresh(MODERN_FEATURES | FEATURE(VIRTIO_F_EVENT_IDX));
    uint64_t available_event = USED + 4 + 8 * RING_SIZE;

    use_one(h);
    g_assert_cmpuint(guest_load16(available_event), ==, 1);
    virtqueue_disable_notification(h->queue);
    use_one(h);
    g_assert_cmpuint(guest_load16(available_event), ==, 1);
    g_assert_true(virtqueue_enable_notification(h->queue));
    g_assert_cmpuint(guest_load16(available_event), ==, 2);
    offer_simple(0, 4, F_WRITE);
    g_assert_false(virtqueue_enable_notification(h->queue));
}

/* ---- when handlers run ---- */

static void test_handlers(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    virtio_queue_notified(h->device, 0);
    g_assert_cmpuint(h->handled, ==, 1);
    for (unsigned i = 0; i < 3; i++) {
        virtio_queue_notified(h->device, 1);
    }
    g_assert_cmpuint(h->deferred, ==, 0);
    run_pending();
    g_assert_cmpuint(h->deferred, ==, 1);
    virtio_queue_notified(h->device, 2);
    virtio_queue_notified(h->device, 65535);
    /* A stopped VM: nothing happens, and everything once when it runs on. */
    virtio_queue_notified(h->device, 1);
    virtio_vm_state_changed(h->device, false);
    virtio_queue_notified(h->device, 0);
    run_pending();
    g_assert_cmpuint(h->handled, ==, 1);
    g_assert_cmpuint(h->deferred, ==, 1);
    virtio_vm_state_changed(h->device, true);
    run_pending();
    g_assert_cmpuint(h->handled, ==, 2);
    g_assert_cmpuint(h->deferred, ==, 2);
    virtqueue_schedule(h->queue);
    virtio_set_status(h->device, 0);
    run_pending();
    g_assert_cmpuint(h->handled, ==, 2);
}

/* ---- features ---- */

static void test_features(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    g_assert_false(virtio_set_guest_features(h->device, 0)); /* too late */
    virtio_set_status(h->device, 0);
    g_assert_false(virtio_set_guest_features(h->device, FEATURE(40)));
    g_assert_false(virtio_set_guest_features(h->device, FEATURE(VIRTIO_F_VERSION_1) |
                                                            FEATURE(VIRTIO_F_NOTIFY_ON_EMPTY)));
    g_assert_cmphex(h->device->guest_features, ==, 0);
    g_assert_true(virtio_set_guest_features(h->device, FEATURE(VIRTIO_F_VERSION_1) | 1));
    g_assert_true(virtio_has_feature(h->device, VIRTIO_F_VERSION_1));
}

/* ---- dirty pages ---- */

static bool page_is_dirty(RAMBlock *block, uint64_t address)
{
    return bitmap_test(block->dirty[DIRTY_MIGRATION], address >> TARGET_PAGE_BITS);
}

static void test_dirty_log(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    dirty_log_start(DIRTY_MIGRATION);
    bitmap_clear_range(h->ram->dirty[DIRTY_MIGRATION], 0, ram_block_pages(h->ram));
    put_descriptor(DESCRIPTORS, 0, BUFFERS, 100, F_NEXT, 1);
    put_descriptor(DESCRIPTORS, 1, BUFFERS + 0x1ff0, 0x3000, F_WRITE, 0);
    offer(0);
    VirtQueueElement *element = virtqueue_pop(h->queue);
    /* As a device that reads from a file straight into the guest's memory. */
    memset(element->in[0].iov_base, 1, 0x20);
    virtqueue_push(h->queue, element, 0x20);
    virtqueue_element_free(element);
    g_assert_true(page_is_dirty(h->ram, USED));
    g_assert_false(page_is_dirty(h->ram, AVAILABLE));
    g_assert_false(page_is_dirty(h->ram, BUFFERS));
    g_assert_true(page_is_dirty(h->ram, BUFFERS + 0x1000));
    g_assert_true(page_is_dirty(h->ram, BUFFERS + 0x2000));
    g_assert_false(page_is_dirty(h->ram, BUFFERS + 0x3000));
    offer(0);
    element = virtqueue_pop(h->queue);
    virtqueue_element_write(element, 0x2f00, "x", 1);
    g_assert_true(page_is_dirty(h->ram, BUFFERS + 0x4000));
    virtqueue_unpop(h->queue, element);
    g_assert_true(page_is_dirty(h->ram, BUFFERS + 0x3000));
    dirty_log_stop(DIRTY_MIGRATION);
}

/* ---- state ---- */

static GBytes *save(void)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    size_t size;

    vmstate_save(writer, &vmstate_virtio_device, harness()->device);
    const void *data = migration_writer_data(writer, &size);
    return g_bytes_new(data, size);
}

static bool load(const void *data, size_t size, GError **error)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(data, size);

    return vmstate_load(reader, &vmstate_virtio_device, harness()->device, 1, error) &&
           migration_reader_check(reader, error);
}

/* A chain that was taken and not used is taken again by the one who loads. */
static void test_state(void)
{
    Harness *h = fresh(MODERN_FEATURES | FEATURE(VIRTIO_F_EVENT_IDX));
    g_autoptr(GError) error = NULL;
    size_t size;

    use_one(h);
    offer_simple(3, 4, F_WRITE);
    VirtQueueElement *element = virtqueue_pop(h->queue);
    g_autoptr(GBytes) state = save();
    g_autofree uint8_t *memory = g_memdup2(h->ram->host, h->ram->size);
    uint16_t place = h->next_available;
    fresh(0);
    memcpy(h->ram->host, memory, h->ram->size);
    h->next_available = place;
    const void *data = g_bytes_get_data(state, &size);
    g_assert_true(load(data, size, &error));
    g_assert_no_error(error);
    g_assert_true(virtio_has_feature(h->device, VIRTIO_F_EVENT_IDX));
    virtqueue_push(h->queue, element, 4); /* belongs to the past */
    virtqueue_element_free(element);
    g_assert_cmpuint(used_index(), ==, 1);
    element = virtqueue_pop(h->queue);
    g_assert_cmpuint(element->head, ==, 3);
    virtqueue_push(h->queue, element, 4);
    virtqueue_element_free(element);
    g_assert_cmpuint(used_index(), ==, 2);
    g_autoptr(GBytes) after = save();
    g_assert_cmpuint(g_bytes_get_size(after), ==, size);
}

static void test_state_refused(void)
{
    Harness *h = fresh(MODERN_FEATURES);
    g_autoptr(GError) error = NULL;
    size_t size;

    h->device->guest_features |= FEATURE(50);
    g_autoptr(GBytes) state = save();
    const void *data = g_bytes_get_data(state, &size);
    g_assert_false(load(data, size, &error));
    g_assert_nonnull(strstr(error->message, "test-virtio: the guest uses features"));
    g_clear_error(&error);
    fresh(MODERN_FEATURES);
    h->queue->size = 2 * RING_SIZE;
    g_autoptr(GBytes) large = save();
    data = g_bytes_get_data(large, &size);
    g_assert_false(load(data, size, &error));
    g_assert_nonnull(strstr(error->message, "queue 0: size 16, this device has 8"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtqueue/chain", test_chain);
    g_test_add_func("/virtqueue/indirect", test_indirect);
    g_test_add_func("/virtqueue/buffer-in-two-regions", test_buffer_in_two_regions);
    g_test_add_func("/virtqueue/unpop", test_unpop);
    g_test_add_func("/virtqueue/fill-ahead", test_fill_ahead);
    g_test_add_func("/virtqueue/wrap-around", test_wrap_around);
    g_test_add_func("/virtqueue/reset-in-between", test_reset_in_between);
    g_test_add_func("/virtqueue/legacy-layout", test_legacy_layout);
    g_test_add_func("/virtqueue/not-ready", test_not_ready);
    g_test_add_func("/virtqueue/interrupts/flag", test_interrupts_by_flag);
    g_test_add_func("/virtqueue/interrupts/event-index", test_interrupts_by_event_index);
    g_test_add_func("/virtqueue/interrupts/empty", test_interrupt_when_empty);
    g_test_add_func("/virtqueue/suppression/flag", test_suppression_by_flag);
    g_test_add_func("/virtqueue/suppression/event-index", test_suppression_by_event_index);
    g_test_add_func("/virtqueue/handlers", test_handlers);
    g_test_add_func("/virtqueue/features", test_features);
    g_test_add_func("/virtqueue/dirty-log", test_dirty_log);
    g_test_add_func("/virtqueue/state", test_state);
    g_test_add_func("/virtqueue/state-refused", test_state_refused);
    return g_test_run();
}
