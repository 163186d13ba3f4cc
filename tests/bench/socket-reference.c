/*
 * The time that a plain loopback TCP socket needs for N MB: what checkpoints and migrations are
 * compared with. A child process receives; the time runs from the first send until the child's
 * one-byte answer that all has arrived has come back.
 *
 * Usage: socket-reference MEGABYTES ROUNDS; prints one time in microseconds a line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright The qemu-colo authors
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { MEGABYTE = 1024 * 1024, CHUNK = 256 * 1024 };

static void die(const char *what)
{
    fprintf(stderr, "socket-reference: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static char *allocate(size_t size)
{
    char *memory = malloc(size);

    if (!memory) {
        die("allocating");
    }
    memset(memory, 1, size);
    return memory;
}

/* Every byte of the @size bytes of each round into its place of a buffer, as a guest's RAM is. */
static void receive(int connection, size_t size, int rounds)
{
    char *buffer = allocate(size);

    for (int round = 0; round < rounds; round++) {
        for (size_t done = 0; done < size;) {
            ssize_t got = read(connection, buffer + done, size - done);
            if (got <= 0) {
                die("receiving");
            }
            done += got;
        }
        if (write(connection, "", 1) != 1) {
            die("answering");
        }
    }
}

static void send_all(int connection, const char *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t left = size - done;
        ssize_t sent = write(connection, buffer + done, left < CHUNK ? left : CHUNK);
        if (sent < 0) {
            die("sending");
        }
        done += sent;
    }
}

static int listen_on_loopback(struct sockaddr_in *address)
{
    socklen_t length = sizeof(*address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)address, length) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)address, &length) < 0) {
        die("listening");
    }
    return listener;
}

static void run_child(const struct sockaddr_in *address, size_t size, int rounds)
{
    int one = 1;
    int connection = socket(AF_INET, SOCK_STREAM, 0);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (connection < 0 || connect(connection, (const struct sockaddr *)address, sizeof(*address))) {
        die("connecting");
    }
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    receive(connection, size, rounds);
    exit(0);
}

int main(int argc, char **argv)
{
    size_t size = argc == 3 ? strtoul(argv[1], NULL, 10) * MEGABYTE : 0;
    int rounds = argc == 3 ? atoi(argv[2]) : 0;
    struct sockaddr_in address;
    int one = 1;

    if (size == 0 || rounds <= 0) {
        fprintf(stderr, "usage: socket-reference MEGABYTES ROUNDS\n");
        return 1;
    }
    int listener = listen_on_loopback(&address);
    pid_t child = fork();
    if (child < 0) {
        die("fork");
    }
    if (child == 0) {
        run_child(&address, size, rounds);
    }
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) {
        die("accepting");
    }
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    const char *buffer = allocate(size);
    for (int round = 0; round < rounds; round++) {
        char answer;
        uint64_t start = now_us();
        send_all(connection, buffer, size);
        if (read(connection, &answer, 1) != 1) {
            die("waiting for the answer");
        }
        printf("%llu\n", (unsigned long long)(now_us() - start));
    }
    int status;
    waitpid(child, &status, 0);
    return status == 0 ? 0 : 1;
}
