/*
 * The test guest's own network services, and the content of the file that its web server serves.
 *
 * Usage: netpeer file MIB SEED   write MIB mebibytes of generated content to stdout
 *        netpeer serve           answer on every address, IPv4 and IPv6:
 *   port 7, UDP and TCP   echo (RFC 862)
 *   port 7000, UDP        "connect PORT MIB SEED TOKEN": connect to PORT of whoever asked, send
 *                         the generated content, close. The answer is "connecting TOKEN"; a token
 *                         that came before is answered and otherwise ignored, so that the asker
 *                         may repeat what was lost.
 *
 * The generated content is the words splitmix64(SEED + i), little endian, for i = 0, 1, ... Tests
 * run this program on the host to know what the guest should have sent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright The qemu-colo authors
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ECHO_PORT = 7,
    REQUEST_PORT = 7000,
    CHUNK_WORDS = 8192,
    CHUNKS_PER_MIB = (1024 * 1024) / (CHUNK_WORDS * sizeof(uint64_t)),
    MAX_CONNECTIONS = 1000,
    ECHO_BUFFER = 4096,
    DATAGRAM_MAX = 65536,
    REMEMBERED_TOKENS = 64,
    TOKEN_SIZE = 32,
    /* Positions in the poll array of what is not a connection. */
    SLOT_UDP_ECHO = 0,
    SLOT_UDP_REQUEST,
    SLOT_LISTENER,
    FIRST_CONNECTION,
};

/* One echoed TCP connection: what was read and not yet written back. */
typedef struct {
    size_t offset;
    size_t size;
    char data[ECHO_BUFFER];
} Connection;

static struct pollfd polled[FIRST_CONNECTION + MAX_CONNECTIONS];
static Connection *connections[FIRST_CONNECTION + MAX_CONNECTIONS];
static int polled_count = FIRST_CONNECTION;
static char tokens[REMEMBERED_TOKENS][TOKEN_SIZE];
static unsigned next_token;

static void fail(const char *what)
{
    fprintf(stderr, "netpeer: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- generated content ---- */

static uint64_t splitmix64(uint64_t position)
{
    uint64_t value = (position + 1) * 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static bool write_all(int descriptor, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool write_content(int descriptor, uint64_t mib, uint64_t seed)
{
    static uint64_t words[CHUNK_WORDS];
    for (uint64_t chunk = 0; chunk < mib * CHUNKS_PER_MIB; chunk++) {
        for (int i = 0; i < CHUNK_WORDS; i++) {
            words[i] = splitmix64(seed + chunk * CHUNK_WORDS + (uint64_t)i);
        }
        if (!write_all(descriptor, words, sizeof(words))) {
            return false;
        }
    }
    return true;
}

/* ---- sockets ---- */

/* A socket on every address: IPv6's wildcard takes IPv4 too. */
static int bound_socket(int type, uint16_t port)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6,
                                    .sin6_addr = IN6ADDR_ANY_INIT,
                                    .sin6_port = htons(port) };
    int on = 1;
    int off = 0;
    int descriptor = socket(AF_INET6, type | SOCK_NONBLOCK, 0);
    if (descriptor < 0 || setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
        bind(descriptor, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fail("socket");
    }
    return descriptor;
}

static void echo_datagrams(int descriptor)
{
    static char data[DATAGRAM_MAX];
    struct sockaddr_in6 from;
    socklen_t from_size = sizeof(from);
    ssize_t size;
    while ((size = recvfrom(descriptor, data, sizeof(data), 0, (struct sockaddr *)&from,
                            &from_size)) >= 0) {
        /* A datagram that cannot be sent is lost, as datagrams may be. */
        (void)sendto(descriptor, data, (size_t)size, 0, (struct sockaddr *)&from, from_size);
        from_size = sizeof(from);
    }
}

/* ---- port 7000 ---- */

static bool is_known_token(const char *token)
{
    for (int i = 0; i < REMEMBERED_TOKENS; i++) {
        if (strcmp(tokens[i], token) == 0) {
            return true;
        }
    }
    snprintf(tokens[next_token++ % REMEMBERED_TOKENS], TOKEN_SIZE, "%s", token);
    return false;
}

/* In a process of its own: connect, send, wait until the other side has closed. */
static void connect_and_send(struct sockaddr_in6 peer, uint16_t port, uint64_t mib, uint64_t seed)
{
    pid_t child = fork();
    if (child != 0) {
        return;
    }
    peer.sin6_port = htons(port);
    char rest;
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&peer, sizeof(peer)) < 0 ||
        !write_content(descriptor, mib, seed) || shutdown(descriptor, SHUT_WR) < 0 ||
        read(descriptor, &rest, 1) < 0) {
        fail("active connection");
    }
    _exit(0);
}

static void take_requests(int descriptor)
{
    char request[256];
    struct sockaddr_in6 from;
    socklen_t from_size = sizeof(from);
    ssize_t size;
    while ((size = recvfrom(descriptor, request, sizeof(request) - 1, 0, (struct sockaddr *)&from,
                            &from_size)) >= 0) {
        uint16_t port;
        uint64_t mib;
        uint64_t seed;
        char token[TOKEN_SIZE];
        char answer[TOKEN_SIZE + 16];
        request[size] = 0;
        if (sscanf(request, "connect %" SCNu16 " %" SCNu64 " %" SCNu64 " %31s", &port, &mib, &seed,
                   token) == 4) {
            if (!is_known_token(token)) {
                connect_and_send(from, port, mib, seed);
            }
            int length = snprintf(answer, sizeof(answer), "connecting %s", token);
            (void)sendto(descriptor, answer, (size_t)length, 0, (struct sockaddr *)&from,
                         from_size);
        }
        from_size = sizeof(from);
    }
}

/* ---- TCP echo ---- */

static void accept_connections(int listener)
{
    int descriptor;
    int on = 1;
    while (polled_count < FIRST_CONNECTION + MAX_CONNECTIONS &&
           (descriptor = accept(listener, NULL, NULL)) >= 0) {
        (void)fcntl(descriptor, F_SETFL, O_NONBLOCK);
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        Connection *connection = calloc(1, sizeof(*connection));
        if (!connection) {
            fail("memory");
        }
        connections[polled_count] = connection;
        polled[polled_count++] = (struct pollfd){ .fd = descriptor, .events = POLLIN };
    }
}

static void drop_connection(int slot)
{
    close(polled[slot].fd);
    free(connections[slot]);
    polled_count--;
    polled[slot] = polled[polled_count];
    connections[slot] = connections[polled_count];
}

/* False when the connection has ended. */
static bool serve_connection(struct pollfd *entry, Connection *connection)
{
    if (connection->size == 0) {
        ssize_t size = read(entry->fd, connection->data, sizeof(connection->data));
        if (size <= 0) {
            return size < 0 && (errno == EAGAIN || errno == EINTR);
        }
        connection->offset = 0;
        connection->size = (size_t)size;
    }
    ssize_t written = write(entry->fd, connection->data + connection->offset, connection->size);
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
        return false;
    }
    if (written > 0) {
        connection->offset += (size_t)written;
        connection->size -= (size_t)written;
    }
    entry->events = connection->size > 0 ? POLLOUT : POLLIN;
    return true;
}

static void serve(void)
{
    polled[SLOT_UDP_ECHO] =
        (struct pollfd){ .fd = bound_socket(SOCK_DGRAM, ECHO_PORT), .events = POLLIN };
    polled[SLOT_UDP_REQUEST] =
        (struct pollfd){ .fd = bound_socket(SOCK_DGRAM, REQUEST_PORT), .events = POLLIN };
    polled[SLOT_LISTENER] =
        (struct pollfd){ .fd = bound_socket(SOCK_STREAM, ECHO_PORT), .events = POLLIN };
    if (listen(polled[SLOT_LISTENER].fd, MAX_CONNECTIONS) < 0) {
        fail("listen");
    }
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    while (true) {
        if (poll(polled, (nfds_t)polled_count, -1) < 0 && errno != EINTR) {
            fail("poll");
        }
        /* From the end: a slot that is dropped is filled by the last one, which was served. */
        for (int slot = polled_count - 1; slot >= FIRST_CONNECTION; slot--) {
            if (polled[slot].revents && !serve_connection(&polled[slot], connections[slot])) {
                drop_connection(slot);
            }
        }
        echo_datagrams(polled[SLOT_UDP_ECHO].fd);
        take_requests(polled[SLOT_UDP_REQUEST].fd);
        accept_connections(polled[SLOT_LISTENER].fd);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "file") == 0) {
        if (!write_content(STDOUT_FILENO, strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0))) {
            fail("file");
        }
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "serve") == 0) {
        serve();
    }
    fprintf(stderr, "Usage: netpeer file MIB SEED | netpeer serve\n");
    return 1;
}
