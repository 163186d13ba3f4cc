/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The commands of the qtest protocol, see docs/devel/qtest.md. Each answers with exactly one
 * line that begins with OK, FAIL (what it names is not there) or ERR (it was written wrongly).
 */
#include <errno.h>
#include <string.h>

#include "hw/core/device.h"
#include "qtest-internal.h"
#include "system/memory.h"
#include "system/object.h"
#include "util/timer.h"

#define QTEST_BLOCK_MAX   (16u * 1024 * 1024)
#define QTEST_WORDS_MAX   6
#define QTEST_UNNAMED_IN  "unnamed-gpio-in"
#define QTEST_UNNAMED_OUT "unnamed-gpio-out"

typedef struct QtestCommand {
    const char *name;
    unsigned minimum; /* arguments */
    unsigned maximum;
    const char *usage;
    void (*execute)(const struct QtestCommand *command, char **arguments, unsigned count);
    unsigned size; /* bytes of one access; 0 where the arguments say */
} QtestCommand;

/* ---- arguments ---- */

/* Decimal, 0x hexadecimal or 0 octal; answers ERR when it is none of these. */
static bool parse_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = g_ascii_strtoull(text, &end, 0);
    if (errno || end == text || *end || !g_ascii_isdigit(*text)) {
        qtest_send("ERR '%s' is not a number", text);
        return false;
    }
    return true;
}

/* Address and length of a block that does not run over the end of the address space. */
static bool parse_block(char **arguments, uint64_t *address, uint64_t *length)
{
    if (!parse_number(arguments[0], address) || !parse_number(arguments[1], length)) {
        return false;
    }
    if (*length > QTEST_BLOCK_MAX) {
        qtest_send("ERR length %s is more than %u", arguments[1], QTEST_BLOCK_MAX);
        return false;
    }
    return true;
}

/* ---- ports and memory ---- */

static void execute_out(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t port, value;
    if (parse_number(arguments[0], &port) && parse_number(arguments[1], &value)) {
        address_space_store(address_space_io(), port & 0xffff, value, command->size);
        qtest_send("OK");
    }
}

static void execute_in(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t port;
    if (parse_number(arguments[0], &port)) {
        uint64_t value = address_space_load(address_space_io(), port & 0xffff, command->size);
        qtest_send("OK 0x%04" G_GINT64_MODIFIER "x", value);
    }
}

static void execute_store(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t address, value;
    if (parse_number(arguments[0], &address) && parse_number(arguments[1], &value)) {
        address_space_store(address_space_memory(), address, value, command->size);
        qtest_send("OK");
    }
}

static void execute_load(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t address;
    if (parse_number(arguments[0], &address)) {
        uint64_t value = address_space_load(address_space_memory(), address, command->size);
        qtest_send("OK 0x%016" G_GINT64_MODIFIER "x", value);
    }
}

/* ---- blocks ---- */

/* RAM at once, anything else byte by byte. */
static void block_load(uint64_t address, uint8_t *bytes, uint64_t length)
{
    if (address_space_read(address_space_memory(), address, bytes, length)) {
        return;
    }
    for (uint64_t i = 0; i < length; i++) {
        bytes[i] = address_space_load(address_space_memory(), address + i, 1);
    }
}

static void block_store(uint64_t address, const uint8_t *bytes, uint64_t length)
{
    if (address_space_write(address_space_memory(), address, bytes, length)) {
        return;
    }
    for (uint64_t i = 0; i < length; i++) {
        address_space_store(address_space_memory(), address + i, bytes[i], 1);
    }
}

static void execute_read(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t address, length;
    if (!parse_block(arguments, &address, &length)) {
        return;
    }
    g_autofree uint8_t *bytes = g_malloc(length);
    g_autofree char *text = g_malloc(2 * length + 1);
    block_load(address, bytes, length);
    for (uint64_t i = 0; i < length; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 0xf];
    }
    text[2 * length] = '\0';
    qtest_send("OK 0x%s", text);
}

/* Hexadecimal digits in pairs; what is missing up to @length is zero. */
static bool parse_hex(const char *text, uint8_t *bytes, uint64_t length)
{
    size_t digits = strlen(text);
    if (digits < 2 || text[0] != '0' || text[1] != 'x' || digits % 2 || digits / 2 - 1 > length) {
        return false;
    }
    text += 2;
    for (size_t i = 0; i < digits - 2; i++) {
        int digit = g_ascii_xdigit_value(text[i]);
        if (digit < 0) {
            return false;
        }
        bytes[i / 2] = bytes[i / 2] << 4 | digit;
    }
    return true;
}

static void execute_write(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t address, length;
    if (!parse_block(arguments, &address, &length)) {
        return;
    }
    g_autofree uint8_t *bytes = g_malloc0(length);
    if (!parse_hex(arguments[2], bytes, length)) {
        qtest_send("ERR data must be 0x and at most %" G_GUINT64_FORMAT " pairs of digits", length);
        return;
    }
    block_store(address, bytes, length);
    qtest_send("OK");
}

static void execute_b64read(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t address, length;
    if (!parse_block(arguments, &address, &length)) {
        return;
    }
    g_autofree uint8_t *bytes = g_malloc(length);
    block_load(address, bytes, length);
    g_autofree char *text = g_base64_encode(bytes, length);
    qtest_send("OK %s", text);
}

static void execute_b64write(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t address, length;
    gsize decoded;
    if (!parse_block(arguments, &address, &length)) {
        return;
    }
    g_autofree uint8_t *bytes = g_base64_decode(arguments[2], &decoded);
    if (decoded != length) {
        qtest_send("ERR data decodes to %" G_GSIZE_FORMAT " bytes, not %" G_GUINT64_FORMAT, decoded,
                   length);
        return;
    }
    block_store(address, bytes, length);
    qtest_send("OK");
}

static void execute_memset(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t address, length, value;
    if (!parse_block(arguments, &address, &length) || !parse_number(arguments[2], &value)) {
        return;
    }
    g_autofree uint8_t *bytes = g_malloc(length);
    if (length) {
        memset(bytes, (int)(value & 0xff), length);
    }
    block_store(address, bytes, length);
    qtest_send("OK");
}

static void execute_endianness(const QtestCommand *command, char **arguments, unsigned count)
{
    qtest_send("OK little");
}

/* ---- time ---- */

static void advance_clock(const QtestCommand *command, int64_t target)
{
    if (!qtest_drives_clock()) {
        qtest_send("FAIL %s needs -accel qtest", command->name);
        return;
    }
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    if (target > now) {
        now = virtual_clock_advance_to_ns(target);
    }
    qtest_send("OK %" G_GINT64_FORMAT, now);
}

static void execute_clock_step(const QtestCommand *command, char **arguments, unsigned count)
{
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    uint64_t step;
    if (count == 0) {
        advance_clock(command, virtual_clock_deadline_ns());
    } else if (parse_number(arguments[0], &step)) {
        advance_clock(command, now + (int64_t)MIN(step, (uint64_t)(G_MAXINT64 - now)));
    }
}

static void execute_clock_set(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t target;
    if (parse_number(arguments[0], &target)) {
        advance_clock(command, (int64_t)MIN(target, (uint64_t)G_MAXINT64));
    }
}

/* ---- lines ---- */

static Device *observed; /* the device whose lines are reported */
static bool reporting;

void qtest_forget_client(void)
{
    reporting = false;
}

/* Answers FAIL when there is no such device. */
static Device *find_device(const char *path)
{
    GObject *object = object_tree_find(path);
    if (!object || !g_type_is_a(G_OBJECT_TYPE(object), TYPE_DEVICE)) {
        qtest_send("FAIL Unknown device");
        return NULL;
    }
    return DEVICE(object);
}

/* The name of a group, NULL for the unnamed one. */
static const char *group_name(const char *text)
{
    bool unnamed = !text || !strcmp(text, QTEST_UNNAMED_IN) || !strcmp(text, QTEST_UNNAMED_OUT);
    return unnamed ? NULL : text;
}

static void report_line(IRQ *irq, int level, void *opaque)
{
    if (reporting) {
        qtest_send("IRQ %s %d", level ? "raise" : "lower", irq->observed_n);
    }
}

static void intercept(char **arguments, unsigned count, bool outputs)
{
    Device *device = find_device(arguments[0]);
    if (!device) {
        return;
    }
    if (observed && observed != device) {
        qtest_send("FAIL IRQ intercept already enabled");
        return;
    }
    const char *group = group_name(count > 1 ? arguments[1] : NULL);
    if (!device_observe_gpio(device, group, outputs, report_line, NULL)) {
        qtest_send("FAIL Unknown lines");
        return;
    }
    observed = device;
    reporting = true;
    qtest_send("OK");
}

static void execute_intercept_in(const QtestCommand *command, char **arguments, unsigned count)
{
    intercept(arguments, count, false);
}

static void execute_intercept_out(const QtestCommand *command, char **arguments, unsigned count)
{
    intercept(arguments, count, true);
}

static void execute_set_irq_in(const QtestCommand *command, char **arguments, unsigned count)
{
    uint64_t number, level;
    Device *device = find_device(arguments[0]);
    const char *group = group_name(arguments[1]);
    if (!device || !parse_number(arguments[2], &number) || !parse_number(arguments[3], &level)) {
        return;
    }
    if (number >= device_gpio_count(device, group, false)) {
        qtest_send("FAIL Unknown lines");
        return;
    }
    irq_set(device_get_gpio_in(device, group, (unsigned)number), level != 0);
    qtest_send("OK");
}

static void execute_module_load(const QtestCommand *command, char **arguments, unsigned count)
{
    qtest_send("FAIL there are no loadable modules");
}

/* ---- the table ---- */

static const QtestCommand commands[] = {
    { "outb", 2, 2, "PORT VALUE", execute_out, 1 },
    { "outw", 2, 2, "PORT VALUE", execute_out, 2 },
    { "outl", 2, 2, "PORT VALUE", execute_out, 4 },
    { "inb", 1, 1, "PORT", execute_in, 1 },
    { "inw", 1, 1, "PORT", execute_in, 2 },
    { "inl", 1, 1, "PORT", execute_in, 4 },
    { "writeb", 2, 2, "ADDRESS VALUE", execute_store, 1 },
    { "writew", 2, 2, "ADDRESS VALUE", execute_store, 2 },
    { "writel", 2, 2, "ADDRESS VALUE", execute_store, 4 },
    { "writeq", 2, 2, "ADDRESS VALUE", execute_store, 8 },
    { "readb", 1, 1, "ADDRESS", execute_load, 1 },
    { "readw", 1, 1, "ADDRESS", execute_load, 2 },
    { "readl", 1, 1, "ADDRESS", execute_load, 4 },
    { "readq", 1, 1, "ADDRESS", execute_load, 8 },
    { "read", 2, 2, "ADDRESS SIZE", execute_read },
    { "write", 3, 3, "ADDRESS SIZE 0xDIGITS", execute_write },
    { "b64read", 2, 2, "ADDRESS SIZE", execute_b64read },
    { "b64write", 3, 3, "ADDRESS SIZE BASE64", execute_b64write },
    { "memset", 3, 3, "ADDRESS SIZE BYTE", execute_memset },
    { "endianness", 0, 0, "", execute_endianness },
    { "clock_step", 0, 1, "[NANOSECONDS]", execute_clock_step },
    { "clock_set", 1, 1, "NANOSECONDS", execute_clock_set },
    { "irq_intercept_in", 1, 2, "DEVICE [GROUP]", execute_intercept_in },
    { "irq_intercept_out", 1, 2, "DEVICE [GROUP]", execute_intercept_out },
    { "set_irq_in", 4, 4, "DEVICE GROUP NUMBER LEVEL", execute_set_irq_in },
    { "module_load", 2, 2, "PREFIX NAME", execute_module_load },
};

/* Split at blanks, in place; returns how many words there are, QTEST_WORDS_MAX at most. */
static unsigned split_words(char *line, char **words)
{
    unsigned count = 0;
    char *position = line;
    for (char *word; count < QTEST_WORDS_MAX && (word = strtok_r(position, " ", &position));) {
        words[count++] = word;
    }
    return count;
}

void qtest_execute(char *line)
{
    char *words[QTEST_WORDS_MAX];
    unsigned count = split_words(line, words);
    if (count == 0) {
        qtest_send("ERR empty line");
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const QtestCommand *command = &commands[i];
        if (strcmp(command->name, words[0]) != 0) {
            continue;
        }
        if (count - 1 < command->minimum || count - 1 > command->maximum) {
            qtest_send("ERR usage: %s %s", command->name, command->usage);
        } else {
            command->execute(command, words + 1, count - 1);
        }
        return;
    }
    qtest_send("FAIL Unknown command '%s'", words[0]);
}
