/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The console device as its driver sees it: control messages, data in both directions, back ends
 * that do not keep up. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libqvirtio.h"

#define BOARD "-machine pc -m 16 -nodefaults "
#define SLOT  0x10

#define RING   UINT64_C(0x100000)
#define BUFFER UINT64_C(0x200000)

#define F_VERSION_1 (UINT64_C(1) << 32)
#define F_MULTIPORT UINT64_C(2)

enum {
    READY = 0,
    ADD = 1,
    PORT_READY = 3,
    CONSOLE = 4,
    OPEN = 6,
    NAME = 7,
};

typedef struct Driver {
    QVirtIO device;
    QVirtQueue control_in, control_out;
    uint16_t seen; /* control messages */
} Driver;

/* Messages to the driver land in buffers of 64 bytes, one for each used entry, in order. */
#define CONTROL_BUFFER(n) (BUFFER + 64 * (uint64_t)(n))
#define CONTROL_BUFFERS   16

static Driver begin(QTestState *qtest, uint64_t features)
{
    Driver driver = { .device = qvirtio_find(qtest, SLOT, false) };

    qvirtio_negotiate(&driver.device, F_VERSION_1 | features);
    if (features & F_MULTIPORT) {
        driver.control_in = qvirtio_queue(&driver.device, 2, RING, 0xffff);
        driver.control_out = qvirtio_queue(&driver.device, 3, RING + 0x4000, 0xffff);
    }
    return driver;
}

/* The queues point to the device, which has moved into the caller's variable. */
static void settle(Driver *driver)
{
    driver->control_in.device = &driver->device;
    driver->control_out.device = &driver->device;
    qvirtio_driver_ok(&driver->device);
}

static void offer_control(Driver *driver, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        qvirtio_offer(&driver->control_in, CONTROL_BUFFER(driver->control_in.offered), 64,
                      QVIRTIO_F_WRITE);
    }
    qvirtio_notify(&driver->control_in);
}

static void tell(Driver *driver, uint32_t port, uint16_t event, uint16_t value)
{
    QTestState *qtest = driver->device.qtest;
    uint64_t address = BUFFER + 0x1000;

    qtest_writel(qtest, address, port);
    qtest_writew(qtest, address + 4, event);
    qtest_writew(qtest, address + 6, value);
    qvirtio_offer(&driver->control_out, address, 8, 0);
    qvirtio_notify(&driver->control_out);
}

static void expect_none(Driver *driver)
{
    g_assert_cmpuint(qvirtio_used_index(&driver->control_in), ==, driver->seen);
}

static void expect(Driver *driver, uint32_t port, uint16_t event, uint16_t value, const char *name)
{
    QTestState *qtest = driver->device.qtest;
    uint64_t address = CONTROL_BUFFER(driver->seen);
    char text[64] = "";

    for (unsigned i = 0; i < 1000 && qvirtio_used_index(&driver->control_in) == driver->seen; i++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(qvirtio_used_index(&driver->control_in), !=, driver->seen);
    uint32_t length = qvirtio_used_length(&driver->control_in, driver->seen++);
    g_assert_cmpuint(qtest_readl(qtest, address), ==, port);
    g_assert_cmpuint(qtest_readw(qtest, address + 4), ==, event);
    g_assert_cmpuint(qtest_readw(qtest, address + 6), ==, value);
    g_assert_cmpuint(length, ==, 8 + strlen(name));
    qtest_memread(qtest, address + 8, text, strlen(name));
    g_assert_cmpstr(text, ==, name);
}

/* A connected client of the socket at @path. */
static int client(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = 60 };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), ==, 0);
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

static char *socket_path(void)
{
    return g_strdup_printf("%s/virtio-serial-%d", g_get_tmp_dir(), getpid());
}

static void expect_serport_event(QTestState *qtest, bool open)
{
    json_t *event = qtest_qmp_event(qtest, "VSERPORT_CHANGE");
    json_t *data = json_object_get(event, "data");

    g_assert_cmpstr(json_string_value(json_object_get(data, "id")), ==, "agent");
    g_assert_cmpint(json_is_true(json_object_get(data, "open")), ==, open);
    json_decref(event);
}

/* ---- control messages ---- */

static void test_handshake(void)
{
    g_autofree char *path = socket_path();
    g_autofree char *arguments = g_strdup_printf(
        BOARD "-device virtio-serial-pci,id=vs,max_ports=5 -chardev null,id=n "
              "-chardev socket,id=s,path=%s,server=on,wait=off -device virtconsole,chardev=n "
              "-device virtserialport,bus=vs.0,nr=4,name=org.agent,chardev=s,id=agent",
        path);
    QTestState *qtest = qtest_start(arguments);
    Driver driver = begin(qtest, F_MULTIPORT);

    settle(&driver);
    g_assert_cmpuint(qtest_readl(qtest, driver.device.config + 4), ==, 5);
    g_assert_cmpuint(qtest_readw(qtest, driver.device.common + 18), ==, 12);
    /* Two buffers only: the rest is told when there are more. */
    offer_control(&driver, 2);
    expect_none(&driver);
    tell(&driver, 0, READY, 1);
    expect(&driver, 0, ADD, 1, "");
    expect(&driver, 4, ADD, 1, "");
    tell(&driver, 4, PORT_READY, 1);
    tell(&driver, 0, PORT_READY, 1);
    expect_none(&driver);
    offer_control(&driver, CONTROL_BUFFERS);
    expect(&driver, 0, CONSOLE, 1, "");
    expect(&driver, 0, OPEN, 1, "");
    expect(&driver, 4, NAME, 1, "org.agent");
    expect_none(&driver);
    /* The host's side of the port opens and closes. */
    int fd = client(path);
    expect(&driver, 4, OPEN, 1, "");
    close(fd);
    expect(&driver, 4, OPEN, 0, "");
    tell(&driver, 4, OPEN, 1);
    expect_serport_event(qtest, true);
    tell(&driver, 4, OPEN, 0);
    expect_serport_event(qtest, false);
    /* Messages that make no sense. */
    tell(&driver, 1, PORT_READY, 1);
    tell(&driver, UINT32_MAX, OPEN, 1);
    tell(&driver, 0, 77, 1);
    expect_none(&driver);
    g_assert_cmphex(qvirtio_status(&driver.device), ==, 15);
    qtest_quit(qtest);
}

/* ---- data ---- */

static void expect_log(QTestState *qtest, const char *expected)
{
    json_t *text =
        qtest_qmp(qtest, "ringbuf-read", json_pack("{s:s,s:i}", "device", "log", "size", 1024));

    g_assert_cmpstr(json_string_value(text), ==, expected);
    json_decref(text);
}

/* A driver without control messages: port 0 is there and open. */
static void test_single_port(void)
{
    QTestState *qtest =
        qtest_start(BOARD "-device virtio-serial-pci,max_ports=1 "
                          "-chardev ringbuf,id=log,size=1024 -device virtconsole,chardev=log");
    Driver driver = begin(qtest, 0);

    settle(&driver);
    g_assert_cmphex(qvirtio_offered(&driver.device) & F_MULTIPORT, ==, 0);
    QVirtQueue output = qvirtio_queue(&driver.device, 1, RING, 0xffff);
    qtest_memwrite(qtest, BUFFER, "hello world", 11);
    qvirtio_offer(&output, BUFFER, 6, 0);
    qvirtio_offer(&output, BUFFER + 6, 5, 0);
    qvirtio_notify(&output);
    g_assert_cmpuint(qvirtio_used_index(&output), ==, 2);
    expect_log(qtest, "hello world");
    qtest_quit(qtest);
}

/* At least @count entries are used. */
static void wait_used(QVirtQueue *queue, uint16_t count)
{
    for (unsigned i = 0; i < 5000 && qvirtio_used_index(queue) < count; i++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(qvirtio_used_index(queue), >=, count);
}

typedef struct SocketPort {
    QTestState *qtest;
    Driver driver;
    QVirtQueue input, output;
    char *path;
    int fd;
} SocketPort;

/* Port 1 with a client on its socket, its queues behind those for control messages. */
static void socket_port_open(SocketPort *port)
{
    port->path = socket_path();
    g_autofree char *arguments =
        g_strdup_printf(BOARD "-device virtio-serial-pci -chardev "
                              "socket,id=s,path=%s,server=on,wait=off -device "
                              "virtserialport,chardev=s",
                        port->path);
    port->qtest = qtest_start(arguments);
    port->driver = begin(port->qtest, F_MULTIPORT);
    settle(&port->driver);
    port->input = qvirtio_queue(&port->driver.device, 4, RING + 0x8000, 0xffff);
    port->output = qvirtio_queue(&port->driver.device, 5, RING + 0xc000, 0xffff);
    port->fd = client(port->path);
}

static void socket_port_close(SocketPort *port)
{
    close(port->fd);
    qtest_quit(port->qtest);
    g_free(port->path);
}

/* Input waits until the guest has opened the port and offers room, and comes in order. */
static void test_input(void)
{
    SocketPort port;
    char text[64] = "";

    socket_port_open(&port);
    g_assert_cmpint(write(port.fd, "0123456789", 10), ==, 10);
    qvirtio_offer(&port.input, BUFFER, 4, QVIRTIO_F_WRITE);
    qvirtio_notify(&port.input);
    g_usleep(20000);
    g_assert_cmpuint(qvirtio_used_index(&port.input), ==, 0);
    tell(&port.driver, 1, OPEN, 1);
    wait_used(&port.input, 1);
    for (unsigned i = 1; i < 4; i++) {
        qvirtio_offer(&port.input, BUFFER + 0x100 * i, 4, QVIRTIO_F_WRITE);
    }
    qvirtio_notify(&port.input);
    g_autoptr(GString) all = g_string_new(NULL);
    for (unsigned i = 0; i < 4 && all->len < 10; i++) {
        wait_used(&port.input, (uint16_t)(i + 1));
        uint32_t length = qvirtio_used_length(&port.input, (uint16_t)i);
        qtest_memread(port.qtest, BUFFER + 0x100 * i, text, length);
        g_string_append_len(all, text, length);
    }
    g_assert_cmpstr(all->str, ==, "0123456789");
    socket_port_close(&port);
}

#define CHUNK  4096u
#define CHUNKS 400u

/* A client that does not read: chains stay in the ring, and all of it arrives once it reads. */
static void test_output_stalls(void)
{
    SocketPort port;
    uint8_t data[CHUNK];

    socket_port_open(&port);
    for (unsigned i = 0; i < CHUNK; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    qtest_memwrite(port.qtest, BUFFER, data, CHUNK);
    uint64_t received = 0;
    unsigned offered = 0;
    bool stalled = false;
    while (received < (uint64_t)CHUNK * CHUNKS) {
        uint8_t part[1000];
        while (offered < CHUNKS &&
               (uint16_t)(offered - qvirtio_used_index(&port.output)) < port.output.size) {
            qvirtio_offer(&port.output, BUFFER, CHUNK, 0);
            qvirtio_notify(&port.output);
            offered++;
        }
        stalled |= qvirtio_used_index(&port.output) != offered;
        ssize_t count = read(port.fd, part, sizeof(part));
        g_assert_cmpint(count, >, 0);
        for (ssize_t i = 0; i < count; i++) {
            g_assert_cmphex(part[i], ==, data[(received + (uint64_t)i) % CHUNK]);
        }
        received += (uint64_t)count;
    }
    g_assert_true(stalled);
    wait_used(&port.output, (uint16_t)CHUNKS);
    socket_port_close(&port);
}

/* Output of a port that is not there is swallowed. */
static void test_no_port(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-serial-pci");
    Driver driver = begin(qtest, F_MULTIPORT);

    settle(&driver);
    QVirtQueue output = qvirtio_queue(&driver.device, 7, RING + 0x8000, 0xffff);
    qvirtio_offer(&output, BUFFER, 100, 0);
    qvirtio_notify(&output);
    g_assert_cmpuint(qvirtio_used_index(&output), ==, 1);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-serial/handshake", test_handshake);
    g_test_add_func("/virtio-serial/single-port", test_single_port);
    g_test_add_func("/virtio-serial/input", test_input);
    g_test_add_func("/virtio-serial/output-stalls", test_output_stalls);
    g_test_add_func("/virtio-serial/no-port", test_no_port);
    return g_test_run();
}
