/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The network in user space, from a guest's and from the host's side. The guest is a fake card at
 * 10.0.0.15 that speaks just enough of each protocol.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/char.h"
#include "fake-client.h"
#include "frame.h"
#include "monitor/hmp.h"
#include "net/checksum.h"
#include "net/user-internal.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "util/bytes.h"

/* Turns of the main loop after which something must have happened; each waits a little. */
#define TURNS_MAX 2000

#define GUEST  15
#define ROUTER 2

static FakeClient *guest;

static void start(const char *options)
{
    g_autofree char *text = g_strdup_printf("user,id=u,net=10.0.0.0/24%s", options);
    g_autoptr(GError) error = NULL;
    json_t *json = net_options_parse(text, &error);
    NetClient *backend = net_backend_create(json, &error);

    g_assert_no_error(error);
    json_decref(json);
    guest = fake_client_new(true, "n", 0);
    net_client_connect(guest->client, backend);
}

static void stop(void)
{
    g_assert_true(net_backend_delete("u", NULL));
    g_clear_pointer(&guest, fake_client_free);
}

/* ---- waiting ---- */

static gboolean tick(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static void run_until(bool (*condition)(void *opaque), void *opaque)
{
    guint ticker = g_timeout_add(5, tick, NULL);

    for (unsigned i = 0; i < TURNS_MAX && !condition(opaque); i++) {
        main_loop_iterate(true);
    }
    g_source_remove(ticker);
    g_assert_true(condition(opaque));
}

typedef struct PacketSearch {
    PacketKind kind;
    size_t payload; /* at least */
    guint index;    /* where to go on */
    Packet packet;
} PacketSearch;

/* The guest has got a packet of that kind. */
static bool packet_arrived(void *opaque)
{
    PacketSearch *search = opaque;

    for (guint i = search->index; i < guest->frames->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(guest->frames->pdata[i], &size);
        if (packet_parse(&search->packet, data, size - 1) == PACKET_OK &&
            search->packet.kind == search->kind && search->packet.payload_size >= search->payload) {
            return true;
        }
    }
    return false;
}

/* Its frame is borrowed. */
static Packet wait_packet(PacketKind kind, size_t payload, guint from)
{
    PacketSearch search = { kind, payload, from, { 0 } };

    run_until(packet_arrived, &search);
    return search.packet;
}

static void send_bytes(const uint8_t *data, size_t size)
{
    net_send_buffer(guest->client, data, size, NULL);
}

static void send_spec(const FrameSpec *spec)
{
    g_autoptr(GByteArray) frame = frame_new(spec);

    send_bytes(frame->data, frame->len);
}

/* RFC 826: who is 10.0.0.@target? The router learns who asks. */
static void send_arp(uint8_t target)
{
    uint8_t frame[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8,  6, 0, 1,
                          8,    0,    6,    4,    0,    1,    2, 0, 0, 0, 0, 2, 10, 0, 0, GUEST };

    memcpy(frame + 38, (uint8_t[]){ 10, 0, 0, target }, 4);
    send_bytes(frame, sizeof(frame));
}

/* ---- what the network answers by itself ---- */

static void test_arp(void)
{
    start("");
    send_arp(ROUTER);
    Packet packet = wait_packet(PACKET_ARP, 0, 0);
    g_assert_cmpuint(load_be16(packet.frame + 20), ==, 2); /* reply */
    g_assert_cmpmem(packet.frame + 28, 4, ((uint8_t[]){ 10, 0, 0, ROUTER }), 4);
    stop();
}

/* RFC 2131: a DHCPDISCOVER in broadcast. */
static void send_dhcp_discover(void)
{
    uint8_t message[300] = { 1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78 };
    FrameSpec spec = { .protocol = PROTOCOL_UDP,
                       .source_port = 68,
                       .destination_port = 67,
                       .payload = message,
                       .payload_size = sizeof(message) };

    memcpy(message + 28, (uint8_t[]){ 2, 0, 0, 0, 0, 2 }, 6);
    memcpy(message + 236, (uint8_t[]){ 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 }, 8);
    g_autoptr(GByteArray) frame = frame_new(&spec);
    memset(frame->data + 26, 0, 4);    /* from 0.0.0.0 */
    memset(frame->data + 30, 0xff, 4); /* to everybody */
    store_be16(frame->data + 24, 0);
    store_be16(frame->data + 24, checksum_finish(checksum_add(0, frame->data + 14, 20)));
    store_be16(frame->data + 40, 0); /* no UDP checksum */
    send_bytes(frame->data, frame->len);
}

/* The value of a DHCP option; NULL when it is not there. */
static const uint8_t *dhcp_option(const Packet *offer, uint8_t code, uint8_t *size)
{
    const uint8_t *payload = packet_payload(offer);

    for (size_t i = 240; i + 1 < offer->payload_size && payload[i] != 255;
         i += 2u + payload[i + 1]) {
        if (payload[i] == code) {
            *size = payload[i + 1];
            return payload + i + 2;
        }
    }
    return NULL;
}

static void expect_dhcp_option(const Packet *offer, uint8_t code, const void *value, size_t size)
{
    uint8_t found_size = 0;
    const uint8_t *found = dhcp_option(offer, code, &found_size);

    g_assert_nonnull(found);
    g_assert_cmpmem(found, found_size, value, size);
}

static void test_dhcp(void)
{
    start(",dhcpstart=10.0.0.40,host=10.0.0.7,dns=10.0.0.8,domainname=example.org,hostname=box");
    send_dhcp_discover();
    Packet offer = wait_packet(PACKET_UDP, 240, 0);
    g_assert_cmpmem(packet_payload(&offer) + 16, 4, ((uint8_t[]){ 10, 0, 0, 40 }), 4);
    expect_dhcp_option(&offer, 3, (uint8_t[]){ 10, 0, 0, 7 }, 4);
    expect_dhcp_option(&offer, 6, (uint8_t[]){ 10, 0, 0, 8 }, 4);
    expect_dhcp_option(&offer, 15, "example.org", 11);
    expect_dhcp_option(&offer, 12, "box", 3);
    stop();
}

/* RFC 4861: a router solicitation from fe80::2. */
static void send_router_solicitation(void)
{
    uint8_t frame[62] = { 0x33, 0x33, 0, 0, 0, 2, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60 };
    uint8_t *ip = frame + 14;

    store_be16(ip + 4, 8);
    ip[6] = PROTOCOL_ICMPV6;
    ip[7] = 255;
    memcpy(ip + 8, (uint8_t[]){ 0xfe, 0x80, [15] = 2 }, 16);
    memcpy(ip + 24, (uint8_t[]){ 0xff, 0x02, [15] = 2 }, 16);
    ip[40] = 133;
    Packet packet;
    g_assert_cmpint(packet_parse(&packet, frame, sizeof(frame)), ==, PACKET_OK);
    store_be16(ip + 42, checksum_transport(&packet, 2));
    send_bytes(frame, sizeof(frame));
}

static void test_ipv6(void)
{
    start(",ipv6-net=fd12::/64");
    send_router_solicitation();
    Packet packet = wait_packet(PACKET_ICMPV6, 4, 0);
    g_assert_cmpuint(packet.frame[packet.transport_offset], ==, 134); /* advertisement */
    const uint8_t prefix[] = { 0xfd, 0x12 };
    g_assert_nonnull(memmem(packet.frame, packet.size, prefix, sizeof(prefix)));
    stop();
}

/* ---- TCP, as far as it goes without a loss ---- */

typedef struct Connection {
    uint8_t destination;
    uint16_t port;
    uint32_t sequence, ack;
} Connection;

static void send_tcp(Connection *connection, uint8_t flags, const char *text)
{
    FrameSpec spec = { .protocol = PROTOCOL_TCP,
                       .source = GUEST,
                       .destination = connection->destination,
                       .source_port = 2000,
                       .destination_port = connection->port,
                       .sequence = connection->sequence,
                       .ack = connection->ack,
                       .flags = flags,
                       .window = 8192,
                       .payload = text,
                       .payload_size = strlen(text) };

    send_spec(&spec);
    connection->sequence += (uint32_t)strlen(text) + (flags & TCP_SYN ? 1 : 0);
}

static Connection open_tcp(uint8_t destination, uint16_t port)
{
    Connection connection = { destination, port, 1000, 0 };
    guint before = guest->frames->len;

    send_tcp(&connection, TCP_SYN, "");
    Packet packet = wait_packet(PACKET_TCP, 0, before);
    g_assert_cmpuint(packet.tcp.flags, ==, TCP_SYN | TCP_ACK);
    connection.ack = packet.tcp.sequence + 1;
    return connection;
}

/* ---- to the host ---- */

static int host_socket(int type, uint16_t *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static FrameSpec udp_to_host(uint16_t port)
{
    return (FrameSpec){ .protocol = PROTOCOL_UDP,
                        .source = GUEST,
                        .destination = ROUTER,
                        .source_port = 1000,
                        .destination_port = port,
                        .payload = "ping",
                        .payload_size = 4 };
}

/* There and back: the answer comes through the main loop. */
static void test_udp_to_host(void)
{
    struct sockaddr_in from;
    socklen_t from_size = sizeof(from);
    uint16_t port;
    char buffer[8];

    start("");
    send_arp(ROUTER);
    int fd = host_socket(SOCK_DGRAM, &port);
    FrameSpec spec = udp_to_host(port);
    send_spec(&spec);
    g_assert_cmpint(recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &from_size),
                    ==, 4);
    g_assert_cmpmem(buffer, 4, "ping", 4);
    g_assert_cmpint(sendto(fd, "pong!", 5, 0, (struct sockaddr *)&from, from_size), ==, 5);
    Packet packet = wait_packet(PACKET_UDP, 5, 0);
    g_assert_cmpmem(packet_payload(&packet), 5, "pong!", 5);
    g_assert_cmpuint(packet.source_port, ==, port);
    g_assert_cmpuint(packet.destination_port, ==, 1000);
    close(fd);
    stop();
}

/* A connection to a server of the host, and data both ways. */
static void test_tcp_to_host(void)
{
    uint16_t port;
    char buffer[8];

    start("");
    send_arp(ROUTER);
    int listener = host_socket(SOCK_STREAM, &port);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    Connection connection = open_tcp(ROUTER, port);
    int fd = accept(listener, NULL, NULL);
    g_assert_cmpint(fd, >=, 0);
    guint before = guest->frames->len;
    send_tcp(&connection, TCP_ACK | TCP_PSH, "hello");
    g_assert_cmpint(recv(fd, buffer, sizeof(buffer), 0), ==, 5);
    g_assert_cmpint(send(fd, "welcome", 7, 0), ==, 7);
    Packet packet = wait_packet(PACKET_TCP, 7, before);
    g_assert_cmpmem(packet_payload(&packet), packet.payload_size, "welcome", 7);
    close(fd);
    close(listener);
    stop();
}

static void test_restrict(void)
{
    uint16_t port;
    char buffer[8];

    start(",restrict=on");
    int fd = host_socket(SOCK_DGRAM, &port);
    FrameSpec spec = udp_to_host(port);
    send_spec(&spec); /* would be in the socket's buffer at once, as above */
    g_assert_cmpint(recv(fd, buffer, sizeof(buffer), 0), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
    close(fd);
    stop();
}

/* ---- from the host: hostfwd ---- */

/* The host's port of the one rule that there is. */
static uint16_t forwarded_port(void)
{
    g_autofree char *text = hmp_run_captured("info usernet");
    const char *line = strstr(text, "[HOST_FORWARD]");
    char address[64];
    unsigned fd, port;

    g_assert_nonnull(line);
    g_assert_cmpint(sscanf(line, "[HOST_FORWARD] %u %63s %u", &fd, address, &port), ==, 3);
    return (uint16_t)port;
}

static int connect_host(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status = connect(fd, (struct sockaddr *)&address, sizeof(address));

    if (status < 0) {
        close(fd);
    }
    return status < 0 ? -1 : fd;
}

static void test_hostfwd_option(void)
{
    start(",hostfwd=tcp:127.0.0.1:0-:22");
    send_arp(ROUTER);
    int fd = connect_host(forwarded_port());
    g_assert_cmpint(fd, >=, 0);
    Packet packet = wait_packet(PACKET_TCP, 0, 0);
    g_assert_cmpuint(packet.tcp.flags, ==, TCP_SYN);
    g_assert_cmpuint(packet.destination_port, ==, 22);
    g_assert_cmpmem(packet.destination, 4, ((uint8_t[]){ 10, 0, 0, GUEST }), 4);
    close(fd);
    stop();
}

static void expect_output(const char *command, const char *expected)
{
    g_autofree char *output = hmp_run_captured(command);

    g_assert_cmpstr(output, ==, expected);
}

static void test_hostfwd_commands(void)
{
    expect_output("hostfwd_add tcp::0-:22", "Error: user mode network stack not in use\r\n");
    start("");
    expect_output("hostfwd_add nope tcp::0-:22", "Error: unrecognized netdev id 'nope'\r\n");
    expect_output("hostfwd_add u tcp:127.0.0.1:0-:22", "");
    uint16_t port = forwarded_port();
    int fd = connect_host(port);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_autofree char *rule = g_strdup_printf("tcp:127.0.0.1:%u", port);
    g_autofree char *command = g_strdup_printf("hostfwd_remove u %s", rule);
    g_autofree char *removed = g_strdup_printf("host forwarding rule for %s removed\r\n", rule);
    g_autofree char *missing = g_strdup_printf("host forwarding rule for %s not found\r\n", rule);
    expect_output(command, removed);
    g_assert_cmpint(connect_host(port), ==, -1);
    expect_output(command, missing);
    stop();
}

static void expect_bad_rule(const char *rule, const char *why)
{
    g_autofree char *command = g_strdup_printf("hostfwd_add u %s", rule);
    g_autofree char *expected =
        g_strdup_printf("Error: Invalid host forwarding rule '%s' (%s)\r\n", rule, why);

    expect_output(command, expected);
}

static void test_hostfwd_mistakes(void)
{
    start("");
    expect_bad_rule("tcp", "No : separators");
    expect_bad_rule("tcp:5555", "Missing : separator");
    expect_bad_rule("icmp::1-:2", "Bad protocol name");
    expect_bad_rule("tcp:foo:1-:2", "Bad host address");
    expect_bad_rule("tcp::foo-:2", "Bad host port");
    expect_bad_rule("tcp::65536-:2", "Bad host port");
    expect_bad_rule("tcp::1", "Bad host port separator");
    expect_bad_rule("tcp::1-2", "Missing guest address");
    expect_bad_rule("tcp::1-foo:2", "Bad guest address");
    expect_bad_rule("tcp::1-:foo", "Bad guest port");
    expect_bad_rule("tcp::1-:0", "Bad guest port");
    expect_output("hostfwd_remove u foo",
                  "Error: Invalid host forwarding rule 'foo' (Missing : separator)\r\n");
    stop();
}

/* ---- guestfwd ---- */

static void test_guestfwd_command(void)
{
    start(",guestfwd=tcp:10.0.0.100:80-cmd:cat");
    send_arp(ROUTER);
    Connection connection = open_tcp(100, 80);
    guint before = guest->frames->len;
    send_tcp(&connection, TCP_ACK | TCP_PSH, "through cat");
    Packet packet = wait_packet(PACKET_TCP, 11, before);
    g_assert_cmpmem(packet_payload(&packet), packet.payload_size, "through cat", 11);
    stop();
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

static bool socket_readable(void *opaque)
{
    char byte;

    return recv(*(int *)opaque, &byte, 1, MSG_PEEK) == 1;
}

static bool chardev_connected(void *opaque)
{
    g_autofree char *text = hmp_run_captured("info chardev");

    return !strstr(text, "disconnected");
}

static void test_guestfwd_chardev(void)
{
    g_autofree char *folder = g_dir_make_tmp("net-user-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    g_autofree char *options =
        g_strdup_printf(",guestfwd=tcp:10.0.0.100:80-unix:%s,,server=on,,wait=off", path);
    char buffer[32];

    start(options);
    send_arp(ROUTER);
    int fd = connect_unix(path);
    run_until(chardev_connected, NULL);
    Connection connection = open_tcp(100, 80);
    send_tcp(&connection, TCP_ACK | TCP_PSH, "to the host");
    run_until(socket_readable, &fd);
    g_assert_cmpint(recv(fd, buffer, sizeof(buffer), 0), ==, 11);
    g_assert_cmpmem(buffer, 11, "to the host", 11);
    guint before = guest->frames->len;
    g_assert_cmpint(send(fd, "to the guest", 12, 0), ==, 12);
    Packet packet = wait_packet(PACKET_TCP, 12, before);
    g_assert_cmpmem(packet_payload(&packet), packet.payload_size, "to the guest", 12);
    close(fd);
    stop();
    g_assert_null(chardev_find("guestfwd.u.80"));
    g_remove(path);
    g_rmdir(folder);
}

/* ---- options ---- */

static UserOptions parse_ok(const char *text)
{
    g_autoptr(GError) error = NULL;
    json_t *json = net_options_parse(text, &error);
    UserOptions options;

    user_options_parse(json, &options, &error);
    g_assert_no_error(error);
    user_options_clear(&options);
    json_decref(json); /* only addresses are looked at */
    return options;
}

static void expect_ipv4(struct in_addr address, const char *text)
{
    char buffer[INET_ADDRSTRLEN];

    g_assert_cmpstr(inet_ntop(AF_INET, &address, buffer, sizeof(buffer)), ==, text);
}

static void expect_ipv6(struct in6_addr address, const char *text)
{
    char buffer[INET6_ADDRSTRLEN];

    g_assert_cmpstr(inet_ntop(AF_INET6, &address, buffer, sizeof(buffer)), ==, text);
}

static void test_option_addresses(void)
{
    UserOptions options = parse_ok("user");
    g_assert_true(options.config.in_enabled && options.config.in6_enabled);
    expect_ipv4(options.config.vnetwork, "10.0.2.0");
    expect_ipv4(options.config.vnetmask, "255.255.255.0");
    expect_ipv4(options.config.vhost, "10.0.2.2");
    expect_ipv4(options.config.vnameserver, "10.0.2.3");
    expect_ipv4(options.config.vdhcp_start, "10.0.2.15");
    expect_ipv6(options.config.vprefix_addr6, "fec0::");
    expect_ipv6(options.config.vhost6, "fec0::2");
    expect_ipv6(options.config.vnameserver6, "fec0::3");
    g_assert_cmpuint(options.config.vprefix_len, ==, 64);
    options = parse_ok("user,net=172.16.9.1/255.255.0.0,ipv6-net=fd00:1::/48,ipv6-dns=fd00:1::53");
    expect_ipv4(options.config.vnetwork, "172.16.0.0");
    expect_ipv4(options.config.vhost, "172.16.0.2");
    expect_ipv6(options.config.vhost6, "fd00:1::2");
    expect_ipv6(options.config.vnameserver6, "fd00:1::53");
    options = parse_ok("user,net=192.168.7.0");
    expect_ipv4(options.config.vnetmask, "255.255.255.0");
    options = parse_ok("user,ipv6=on");
    g_assert_true(!options.config.in_enabled && options.config.in6_enabled);
    options = parse_ok("user,ipv4=on");
    g_assert_true(options.config.in_enabled && !options.config.in6_enabled);
    options = parse_ok("user,ipv6=off");
    g_assert_true(options.config.in_enabled && !options.config.in6_enabled);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_assert_true(vm_start(NULL));
    g_test_add_func("/net-user/arp", test_arp);
    g_test_add_func("/net-user/dhcp", test_dhcp);
    g_test_add_func("/net-user/ipv6", test_ipv6);
    g_test_add_func("/net-user/udp-to-host", test_udp_to_host);
    g_test_add_func("/net-user/tcp-to-host", test_tcp_to_host);
    g_test_add_func("/net-user/restrict", test_restrict);
    g_test_add_func("/net-user/hostfwd/option", test_hostfwd_option);
    g_test_add_func("/net-user/hostfwd/commands", test_hostfwd_commands);
    g_test_add_func("/net-user/hostfwd/mistakes", test_hostfwd_mistakes);
    g_test_add_func("/net-user/guestfwd/command", test_guestfwd_command);
    g_test_add_func("/net-user/guestfwd/chardev", test_guestfwd_chardev);
    g_test_add_func("/net-user/options/addresses", test_option_addresses);
    return g_test_run();
}
