/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet, section 8 "Registers").
 *
 * The line is as fast as the back end: what the guest sends leaves the transmitter at once, and
 * stays in its FIFO only while the back end takes nothing. The baud rate counts for the
 * receiver's timeout.
 */

#include "hw/char/serial.h"

#include <string.h>

#include "trace-hw-char.h"
#include "util/report.h"

#define UART_CLOCK_HZ   1843200u
#define DEFAULT_DIVISOR 12u /* 9600 baud */

enum {
    REGISTER_DATA,             /* receiver buffer, transmitter holding; divisor low when DLAB */
    REGISTER_INTERRUPT_ENABLE, /* divisor high when DLAB */
    REGISTER_INTERRUPT_ID,     /* write: FIFO control */
    REGISTER_LINE_CONTROL,
    REGISTER_MODEM_CONTROL,
    REGISTER_LINE_STATUS,
    REGISTER_MODEM_STATUS,
    REGISTER_SCRATCH,
    REGISTER_COUNT,
};

enum {
    IER_RECEIVED = 0x01,
    IER_TRANSMITTER_EMPTY = 0x02,
    IER_LINE_STATUS = 0x04,
    IER_MODEM_STATUS = 0x08,
    IER_MASK = 0x0f,

    IIR_NONE = 0x01,
    IIR_MODEM_STATUS = 0x00,
    IIR_TRANSMITTER_EMPTY = 0x02,
    IIR_RECEIVED = 0x04,
    IIR_LINE_STATUS = 0x06,
    IIR_RECEIVE_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RECEIVER = 0x02,
    FCR_CLEAR_TRANSMITTER = 0x04,
    FCR_DMA_MODE = 0x08,
    FCR_TRIGGER = 0xc0,

    LCR_DATA_BITS = 0x03,
    LCR_TWO_STOP_BITS = 0x04,
    LCR_PARITY = 0x08,
    LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_MASK = 0x1f,

    LSR_DATA_READY = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_PARITY = 0x04,
    LSR_FRAMING = 0x08,
    LSR_BREAK = 0x10,
    LSR_ERRORS = 0x1e,
    LSR_HOLDING_EMPTY = 0x20,
    LSR_TRANSMITTER_EMPTY = 0x40,
    LSR_FIFO_ERROR = 0x80,

    MSR_DELTA_CTS = 0x01,
    MSR_DELTA_DSR = 0x02,
    MSR_TRAILING_RI = 0x04,
    MSR_DELTA_DCD = 0x08,
    MSR_DELTAS = 0x0f,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
};

/* The other end of the line is always there and ready. */
#define MSR_CONNECTED (MSR_DCD | MSR_DSR | MSR_CTS)

static bool fifo_enabled(const Serial *serial)
{
    return serial->fifo_control & FCR_ENABLE;
}

static uint32_t fifo_depth(const Serial *serial)
{
    return fifo_enabled(serial) ? SERIAL_FIFO_SIZE : 1;
}

static uint32_t receive_trigger(const Serial *serial)
{
    static const uint8_t levels[] = { 1, 4, 8, 14 };

    return fifo_enabled(serial) ? levels[(serial->fifo_control & FCR_TRIGGER) >> 6] : 1;
}

/* ---- interrupts ---- */

static uint8_t interrupt_id(const Serial *serial)
{
    uint8_t enabled = serial->interrupt_enable;

    if ((enabled & IER_LINE_STATUS) && serial->line_errors) {
        return IIR_LINE_STATUS;
    }
    if ((enabled & IER_RECEIVED) && serial->receive_count >= receive_trigger(serial)) {
        return IIR_RECEIVED;
    }
    if ((enabled & IER_RECEIVED) && serial->receive_timeout_pending) {
        return IIR_RECEIVE_TIMEOUT;
    }
    if ((enabled & IER_TRANSMITTER_EMPTY) && serial->transmitter_empty_pending) {
        return IIR_TRANSMITTER_EMPTY;
    }
    if ((enabled & IER_MODEM_STATUS) && (serial->modem_status & MSR_DELTAS)) {
        return IIR_MODEM_STATUS;
    }
    return IIR_NONE;
}

static void update_interrupt(Serial *serial)
{
    irq_set(serial->irq, interrupt_id(serial) != IIR_NONE);
}

/* ---- line ---- */

static void update_line(Serial *serial)
{
    unsigned frame_bits = 1 + 5 + (serial->line_control & LCR_DATA_BITS) +
                          (serial->line_control & LCR_PARITY ? 1 : 0) +
                          (serial->line_control & LCR_TWO_STOP_BITS ? 2 : 1);
    unsigned divisor = serial->divisor ? serial->divisor : 1;

    serial->character_ns =
        (int64_t)frame_bits * divisor * 16 * NANOSECONDS_PER_SECOND / UART_CLOCK_HZ;
    trace_serial_line(UART_CLOCK_HZ / 16 / divisor, frame_bits, serial->character_ns);
}

static void arm_receive_timeout(Serial *serial)
{
    if (fifo_enabled(serial) && serial->receive_count > 0) {
        timer_mod_ns(serial->receive_timeout,
                     clock_get_ns(CLOCK_TYPE_VIRTUAL) + 4 * serial->character_ns);
    } else {
        timer_del(serial->receive_timeout);
    }
}

static void receive_timeout(void *opaque)
{
    Serial *serial = opaque;

    if (serial->receive_count > 0) {
        serial->receive_timeout_pending = true;
        update_interrupt(serial);
    }
}

/* A character that came to the top of the FIFO shows its errors in the line status. */
static void reveal_errors(Serial *serial)
{
    if (serial->receive_count > 0) {
        serial->line_errors |= serial->receive_errors[0];
        serial->receive_errors[0] = 0;
    }
}

static void receive_character(Serial *serial, uint8_t value, uint8_t errors)
{
    if (serial->receive_count >= fifo_depth(serial)) {
        trace_serial_overrun(value);
        serial->line_errors |= LSR_OVERRUN;
        if (!fifo_enabled(serial)) {
            serial->receive_data[0] = value;
        }
        return;
    }
    serial->receive_data[serial->receive_count] = value;
    serial->receive_errors[serial->receive_count] = errors;
    serial->receive_count++;
    reveal_errors(serial);
}

static uint8_t take_received(Serial *serial)
{
    uint8_t value = serial->receive_data[0];

    serial->receive_timeout_pending = false;
    if (serial->receive_count > 0) {
        serial->receive_count--;
        memmove(serial->receive_data, serial->receive_data + 1, serial->receive_count);
        memmove(serial->receive_errors, serial->receive_errors + 1, serial->receive_count);
        reveal_errors(serial);
        arm_receive_timeout(serial);
        if (!(serial->modem_control & MCR_LOOP)) {
            char_frontend_accept_input(&serial->frontend);
        }
    }
    return value;
}

static void clear_receiver(Serial *serial)
{
    serial->receive_count = 0;
    serial->receive_timeout_pending = false;
    timer_del(serial->receive_timeout);
    memset(serial->receive_errors, 0, sizeof(serial->receive_errors));
    char_frontend_accept_input(&serial->frontend);
}

static void clear_transmitter(Serial *serial)
{
    if (serial->transmit_count > 0) {
        serial->transmit_count = 0;
        serial->transmitter_empty_pending = true;
    }
}

/* Move characters from the transmitter to the line as far as it takes them. */
static void transmit(Serial *serial)
{
    uint32_t sent = 0;

    if (serial->transmit_count == 0) {
        return;
    }
    while (sent < serial->transmit_count) {
        uint8_t value = serial->transmit_data[sent];
        if (serial->modem_control & MCR_LOOP) {
            receive_character(serial, value, 0);
            arm_receive_timeout(serial);
        } else if (!char_output_put(&serial->output, value)) {
            break;
        }
        sent++;
    }
    serial->transmit_count -= sent;
    memmove(serial->transmit_data, serial->transmit_data + sent, serial->transmit_count);
    if (serial->transmit_count == 0) {
        serial->transmitter_empty_pending = true;
    }
}

static void output_has_room(void *opaque)
{
    Serial *serial = opaque;

    transmit(serial);
    update_interrupt(serial);
}

/* ---- modem lines ---- */

static void set_modem_lines(Serial *serial, uint8_t lines)
{
    uint8_t changed = (serial->modem_status ^ lines) & ~MSR_DELTAS;
    uint8_t deltas = serial->modem_status & MSR_DELTAS;

    deltas |= changed & MSR_CTS ? MSR_DELTA_CTS : 0;
    deltas |= changed & MSR_DSR ? MSR_DELTA_DSR : 0;
    deltas |= changed & serial->modem_status & MSR_RI ? MSR_TRAILING_RI : 0;
    deltas |= changed & MSR_DCD ? MSR_DELTA_DCD : 0;
    serial->modem_status = lines | deltas;
}

static void update_modem_lines(Serial *serial)
{
    uint8_t control = serial->modem_control;
    uint8_t looped = (control & MCR_RTS ? MSR_CTS : 0) | (control & MCR_DTR ? MSR_DSR : 0) |
                     (control & MCR_OUT1 ? MSR_RI : 0) | (control & MCR_OUT2 ? MSR_DCD : 0);

    set_modem_lines(serial, control & MCR_LOOP ? looped : MSR_CONNECTED);
}

/* ---- registers ---- */

static uint8_t read_interrupt_id(Serial *serial)
{
    uint8_t id = interrupt_id(serial);

    if (id == IIR_TRANSMITTER_EMPTY) {
        serial->transmitter_empty_pending = false;
        update_interrupt(serial);
    }
    return id | (fifo_enabled(serial) ? IIR_FIFO : 0);
}

static uint8_t read_line_status(Serial *serial)
{
    uint8_t status = serial->line_errors;

    if (serial->receive_count > 0) {
        status |= LSR_DATA_READY;
    }
    if (serial->transmit_count == 0) {
        status |= LSR_HOLDING_EMPTY | LSR_TRANSMITTER_EMPTY;
    }
    if (fifo_enabled(serial)) {
        bool error = serial->line_errors & (LSR_PARITY | LSR_FRAMING | LSR_BREAK);
        for (uint32_t i = 0; i < serial->receive_count; i++) {
            error |= serial->receive_errors[i] != 0;
        }
        status |= error ? LSR_FIFO_ERROR : 0;
    }
    if (serial->line_errors) {
        serial->line_errors = 0;
        update_interrupt(serial);
    }
    return status;
}

static uint8_t read_modem_status(Serial *serial)
{
    uint8_t status = serial->modem_status;

    if (status & MSR_DELTAS) {
        serial->modem_status &= ~MSR_DELTAS;
        update_interrupt(serial);
    }
    return status;
}

static uint8_t read_data(Serial *serial)
{
    uint8_t value = take_received(serial);

    update_interrupt(serial);
    return value;
}

static uint8_t read_register(Serial *serial, hwaddr address)
{
    bool divisor = serial->line_control & LCR_DLAB;

    switch (address) {
    case REGISTER_DATA:
        return divisor ? serial->divisor & 0xff : read_data(serial);
    case REGISTER_INTERRUPT_ENABLE:
        return divisor ? serial->divisor >> 8 : serial->interrupt_enable;
    case REGISTER_INTERRUPT_ID:
        return read_interrupt_id(serial);
    case REGISTER_LINE_CONTROL:
        return serial->line_control;
    case REGISTER_MODEM_CONTROL:
        return serial->modem_control;
    case REGISTER_LINE_STATUS:
        return read_line_status(serial);
    case REGISTER_MODEM_STATUS:
        return read_modem_status(serial);
    default:
        return serial->scratch;
    }
}

static uint64_t serial_read(void *opaque, hwaddr address, unsigned size)
{
    uint8_t value = read_register(opaque, address);

    trace_serial_read((uint16_t)address, value);
    return value;
}

static void write_data(Serial *serial, uint8_t value)
{
    if (serial->transmit_count < fifo_depth(serial)) {
        serial->transmit_count++;
    } else {
        trace_serial_overrun(serial->transmit_data[serial->transmit_count - 1]);
    }
    serial->transmit_data[serial->transmit_count - 1] = value;
    serial->transmitter_empty_pending = false;
    transmit(serial);
    update_interrupt(serial);
}

static void write_interrupt_enable(Serial *serial, uint8_t value)
{
    bool was_enabled = serial->interrupt_enable & IER_TRANSMITTER_EMPTY;

    serial->interrupt_enable = value & IER_MASK;
    if ((value & IER_TRANSMITTER_EMPTY) && !was_enabled && serial->transmit_count == 0) {
        serial->transmitter_empty_pending = true;
    }
    update_interrupt(serial);
}

static void write_fifo_control(Serial *serial, uint8_t value)
{
    bool toggled = (value ^ serial->fifo_control) & FCR_ENABLE;

    if (toggled || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RECEIVER))) {
        clear_receiver(serial);
    }
    if (toggled || ((value & FCR_ENABLE) && (value & FCR_CLEAR_TRANSMITTER))) {
        clear_transmitter(serial);
    }
    serial->fifo_control =
        value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_DMA_MODE | FCR_TRIGGER) : 0;
    update_interrupt(serial);
}

static void write_line_control(Serial *serial, uint8_t value)
{
    bool break_changed = (value ^ serial->line_control) & LCR_BREAK;

    serial->line_control = value;
    update_line(serial);
    if (!break_changed) {
        return;
    }
    if (!(serial->modem_control & MCR_LOOP)) {
        char_output_flush(&serial->output);
        char_frontend_set_break(&serial->frontend, value & LCR_BREAK);
    } else if (value & LCR_BREAK) {
        receive_character(serial, 0, LSR_BREAK | LSR_FRAMING);
        arm_receive_timeout(serial);
        update_interrupt(serial);
    }
}

static void write_modem_control(Serial *serial, uint8_t value)
{
    bool was_looped = serial->modem_control & MCR_LOOP;

    serial->modem_control = value & MCR_MASK;
    update_modem_lines(serial);
    if (was_looped && !(value & MCR_LOOP)) {
        char_frontend_accept_input(&serial->frontend);
    }
    update_interrupt(serial);
}

static void write_divisor(Serial *serial, uint16_t divisor)
{
    serial->divisor = divisor;
    update_line(serial);
}

static void write_register(Serial *serial, hwaddr address, uint8_t value)
{
    bool divisor = serial->line_control & LCR_DLAB;

    switch (address) {
    case REGISTER_DATA:
        if (divisor) {
            write_divisor(serial, (serial->divisor & 0xff00) | value);
        } else {
            write_data(serial, value);
        }
        break;
    case REGISTER_INTERRUPT_ENABLE:
        if (divisor) {
            write_divisor(serial, (uint16_t)(value << 8 | (serial->divisor & 0xff)));
        } else {
            write_interrupt_enable(serial, value);
        }
        break;
    case REGISTER_INTERRUPT_ID:
        write_fifo_control(serial, value);
        break;
    case REGISTER_LINE_CONTROL:
        write_line_control(serial, value);
        break;
    case REGISTER_MODEM_CONTROL:
        write_modem_control(serial, value);
        break;
    case REGISTER_LINE_STATUS: /* factory test only */
    case REGISTER_MODEM_STATUS:
        break;
    default:
        serial->scratch = value;
    }
}

static void serial_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    trace_serial_write((uint16_t)address, (uint8_t)value);
    write_register(opaque, address, (uint8_t)value);
}

static const MemoryRegionOps serial_ops = {
    .read = serial_read,
    .write = serial_write,
    .access_min = 1,
    .access_max = 1,
};

/* ---- the back end's side ---- */

static int serial_can_receive(void *opaque)
{
    Serial *serial = opaque;

    if (serial->modem_control & MCR_LOOP) {
        return 0;
    }
    return (int)(fifo_depth(serial) - serial->receive_count);
}

static void serial_receive(void *opaque, const uint8_t *data, int size)
{
    Serial *serial = opaque;

    trace_serial_receive(size, serial->receive_count);
    for (int i = 0; i < size; i++) {
        receive_character(serial, data[i], 0);
    }
    arm_receive_timeout(serial);
    update_interrupt(serial);
}

static void serial_event(void *opaque, CharEvent event)
{
    Serial *serial = opaque;

    if (event == CHAR_EVENT_BREAK && !(serial->modem_control & MCR_LOOP)) {
        receive_character(serial, 0, LSR_BREAK | LSR_FRAMING);
        arm_receive_timeout(serial);
        update_interrupt(serial);
    }
}

/* ---- life ---- */

bool serial_realize(Serial *serial, Chardev *chardev, GError **error)
{
    if (chardev && !char_frontend_init(&serial->frontend, chardev, error)) {
        return false;
    }
    memory_region_init_io(&serial->ports, "serial", &serial_ops, serial, REGISTER_COUNT);
    serial->receive_timeout = timer_new_ns(CLOCK_TYPE_VIRTUAL, receive_timeout, serial);
    char_output_init(&serial->output, &serial->frontend, output_has_room, serial);
    serial_reset(serial);
    char_frontend_set_handlers(&serial->frontend, serial_can_receive, serial_receive, serial_event,
                               serial, NULL);
    return true;
}

void serial_reset(Serial *serial)
{
    serial->divisor = DEFAULT_DIVISOR;
    serial->interrupt_enable = 0;
    serial->fifo_control = 0;
    serial->line_control = 0;
    serial->modem_control = 0;
    serial->modem_status = MSR_CONNECTED;
    serial->scratch = 0;
    serial->line_errors = 0;
    serial->transmit_count = 0;
    clear_receiver(serial);
    serial->transmitter_empty_pending = false;
    update_line(serial);
    update_interrupt(serial);
}

/* ---- migration ---- */

static void serial_pre_save(void *opaque)
{
    Serial *serial = opaque;

    serial->wire_receive_count = serial->receive_count;
    serial->wire_transmit_count = serial->transmit_count;
}

static bool serial_post_load(void *opaque, int version, GError **error)
{
    Serial *serial = opaque;

    serial->interrupt_enable &= IER_MASK;
    serial->fifo_control &= FCR_ENABLE | FCR_DMA_MODE | FCR_TRIGGER;
    serial->modem_control &= MCR_MASK;
    serial->line_errors &= LSR_ERRORS;
    if (serial->wire_receive_count > fifo_depth(serial) ||
        serial->wire_transmit_count > fifo_depth(serial)) {
        qc_error_set(error, "serial: FIFOs hold %u and %u characters, expected at most %u",
                     serial->wire_receive_count, serial->wire_transmit_count, fifo_depth(serial));
        return false;
    }
    serial->receive_count = serial->wire_receive_count;
    serial->transmit_count = serial->wire_transmit_count;
    for (uint32_t i = 0; i < SERIAL_FIFO_SIZE; i++) {
        serial->receive_errors[i] &= i < serial->receive_count ? LSR_ERRORS : 0;
    }
    update_line(serial);
    char_frontend_accept_input(&serial->frontend);
    return true;
}

const VMStateDescription vmstate_serial = {
    .name = "serial",
    .version = 1,
    .minimum_version = 1,
    .pre_save = serial_pre_save,
    .post_load = serial_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT16(divisor, Serial),
            VMSTATE_UINT8(interrupt_enable, Serial),
            VMSTATE_UINT8(fifo_control, Serial),
            VMSTATE_UINT8(line_control, Serial),
            VMSTATE_UINT8(modem_control, Serial),
            VMSTATE_UINT8(modem_status, Serial),
            VMSTATE_UINT8(scratch, Serial),
            VMSTATE_UINT8(line_errors, Serial),
            VMSTATE_BOOL(transmitter_empty_pending, Serial),
            VMSTATE_BOOL(receive_timeout_pending, Serial),
            VMSTATE_UINT32(wire_receive_count, Serial),
            VMSTATE_UINT8_ARRAY(receive_data, Serial),
            VMSTATE_UINT8_ARRAY(receive_errors, Serial),
            VMSTATE_UINT32(wire_transmit_count, Serial),
            VMSTATE_UINT8_ARRAY(transmit_data, Serial),
            VMSTATE_TIMER_PTR(receive_timeout, Serial),
            VMSTATE_STRUCT(output, Serial, vmstate_char_output, CharOutput),
            VMSTATE_END,
        },
};
