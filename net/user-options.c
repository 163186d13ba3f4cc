/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The options of -netdev user, checked and completed. */
#include <string.h>

#include "net/net-internal.h"
#include "net/user-internal.h"
#include "util/report.h"

/* Bytes; the length of a DHCP option is one byte (RFC 2132, section 2). */
#define DHCP_NAME_MAX 255

const char *const user_option_names[] = { "bootfile",    "dhcpstart",
                                          "dns",         "dnssearch",
                                          "domainname",  "guestfwd",
                                          "host",        "hostfwd",
                                          "hostname",    "ipv4",
                                          "ipv6",        "ipv6-dns",
                                          "ipv6-host",   "ipv6-net",
                                          "ipv6-prefix", "ipv6-prefixlen",
                                          "net",         "restrict",
                                          "smb",         "smbserver",
                                          "tftp",        "tftp-server-name",
                                          NULL };

/* ---- which protocols ---- */

/* Asking for one alone switches the other off. */
static bool parse_protocols(json_t *json, SlirpConfig *config, GError **error)
{
    bool ipv4 = true;
    bool ipv6 = true;
    bool ipv4_given = json_object_get(json, "ipv4") != NULL;
    bool ipv6_given = json_object_get(json, "ipv6") != NULL;

    if (!net_option_bool(json, "ipv4", &ipv4, error) ||
        !net_option_bool(json, "ipv6", &ipv6, error)) {
        return false;
    }
    config->in_enabled = ipv4_given ? ipv4 : !(ipv6_given && ipv6);
    config->in6_enabled = ipv6_given ? ipv6 : !(ipv4_given && ipv4);
    if (!config->in_enabled && !config->in6_enabled) {
        qc_error_set(error, "IPv4 and IPv6 disabled");
        return false;
    }
    return true;
}

/* Options of a protocol that is off would do nothing. */
static bool refuse_options(json_t *json, const char *const *names, const char *protocol,
                           GError **error)
{
    for (; *names; names++) {
        if (json_object_get(json, *names)) {
            qc_error_set(error, "Parameter '%s' is given, but %s is disabled", *names, protocol);
            return false;
        }
    }
    return true;
}

/* ---- IPv4 ---- */

static bool parse_ipv4(json_t *json, const char *name, const char *meaning, struct in_addr *address,
                       GError **error)
{
    const char *text = net_option_string(json, name);

    if (text && inet_pton(AF_INET, text, address) != 1) {
        qc_error_set(error, "Failed to parse %s: '%s' is not an IPv4 address", meaning, text);
        return false;
    }
    return true;
}

/* The mask of the network's class (RFC 791, section 3.2). */
static uint32_t class_mask(uint32_t network)
{
    return !(network & 0x80000000) ? 0xff000000 : !(network & 0x40000000) ? 0xffff0000 : 0xffffff00;
}

/* "24" or "255.255.255.0". */
static bool parse_mask(const char *text, uint32_t *mask, GError **error)
{
    struct in_addr address;
    guint64 bits;

    if (inet_pton(AF_INET, text, &address) == 1) {
        *mask = ntohl(address.s_addr);
        bits = (guint64)__builtin_popcount(*mask);
        if (*mask & (~*mask >> 1)) {
            qc_error_set(error, "Failed to parse netmask: the bits of '%s' are not contiguous",
                         text);
            return false;
        }
    } else if (!g_ascii_string_to_unsigned(text, 10, 0, 32, &bits, NULL)) {
        bits = 0;
    }
    if (bits < 4) {
        qc_error_set(error, "Invalid netmask '%s' (must be in range 4-32)", text);
        return false;
    }
    *mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - bits));
    return true;
}

static bool parse_ipv4_network(json_t *json, SlirpConfig *config, GError **error)
{
    const char *text = net_option_string(json, "net");
    g_auto(GStrv) parts = g_strsplit(text ? text : "10.0.2.0/24", "/", 2);
    struct in_addr network;
    uint32_t mask;

    if (inet_pton(AF_INET, parts[0] ? parts[0] : "", &network) != 1) {
        qc_error_set(error, "Failed to parse netmask: '%s' is not like 10.0.2.0/24", text);
        return false;
    }
    mask = class_mask(ntohl(network.s_addr));
    if (parts[1] && !parse_mask(parts[1], &mask, error)) {
        return false;
    }
    config->vnetmask.s_addr = htonl(mask);
    config->vnetwork.s_addr = network.s_addr & config->vnetmask.s_addr;
    return true;
}

static struct in_addr ipv4_in_network(const SlirpConfig *config, uint32_t host)
{
    return (struct in_addr){ config->vnetwork.s_addr | (htonl(host) & ~config->vnetmask.s_addr) };
}

static bool ipv4_belongs(const SlirpConfig *config, struct in_addr address, const char *what,
                         GError **error)
{
    if ((address.s_addr & config->vnetmask.s_addr) != config->vnetwork.s_addr) {
        qc_error_set(error, "%s doesn't belong to network", what);
        return false;
    }
    return true;
}

static bool parse_ipv4_options(json_t *json, SlirpConfig *config, GError **error)
{
    static const char *const names[] = { "net", "host", "dhcpstart", "dns", NULL };

    if (!config->in_enabled) {
        return refuse_options(json, names, "IPv4", error);
    }
    if (!parse_ipv4_network(json, config, error)) {
        return false;
    }
    config->vhost = ipv4_in_network(config, 2);
    config->vnameserver = ipv4_in_network(config, 3);
    config->vdhcp_start = ipv4_in_network(config, 15);
    if (!parse_ipv4(json, "host", "host", &config->vhost, error) ||
        !parse_ipv4(json, "dns", "DNS", &config->vnameserver, error) ||
        !parse_ipv4(json, "dhcpstart", "DHCP start address", &config->vdhcp_start, error) ||
        !ipv4_belongs(config, config->vhost, "Host", error) ||
        !ipv4_belongs(config, config->vnameserver, "DNS", error) ||
        !ipv4_belongs(config, config->vdhcp_start, "DHCP", error)) {
        return false;
    }
    if (config->vhost.s_addr == config->vnameserver.s_addr) {
        qc_error_set(error, "DNS must be different from host");
        return false;
    }
    if (config->vdhcp_start.s_addr == config->vhost.s_addr ||
        config->vdhcp_start.s_addr == config->vnameserver.s_addr) {
        qc_error_set(error, "DHCP must be different from host and DNS");
        return false;
    }
    return true;
}

/* ---- IPv6 ---- */

static bool parse_ipv6(const char *text, const char *meaning, struct in6_addr *address,
                       GError **error)
{
    if (text && inet_pton(AF_INET6, text, address) != 1) {
        qc_error_set(error, "Failed to parse IPv6 %s: '%s' is not an IPv6 address", meaning, text);
        return false;
    }
    return true;
}

static bool parse_prefix_length(const char *text, uint64_t *length, GError **error)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 10, 0, 126, &number, NULL)) {
        qc_error_set(error, "Invalid IPv6 prefix length '%s' (must be between 0 and 126)", text);
        return false;
    }
    *length = number;
    return true;
}

/* ipv6-net=PREFIX[/LENGTH], or the two by themselves. */
static bool parse_ipv6_network(json_t *json, SlirpConfig *config, GError **error)
{
    const char *network = net_option_string(json, "ipv6-net");
    const char *prefix = net_option_string(json, "ipv6-prefix");
    g_auto(GStrv) parts = g_strsplit(network ? network : "fec0::", "/", 2);
    uint64_t length = 64;

    if (network && (prefix || json_object_get(json, "ipv6-prefixlen"))) {
        qc_error_set(error, "Parameter 'ipv6-net' says the same as 'ipv6-prefix' and "
                            "'ipv6-prefixlen': give only one of them");
        return false;
    }
    if (!parse_ipv6(prefix ? prefix : parts[0], "prefix", &config->vprefix_addr6, error) ||
        (parts[0] && parts[1] && !parse_prefix_length(parts[1], &length, error)) ||
        !net_option_number(json, "ipv6-prefixlen", 0, 126, &length, error)) {
        return false;
    }
    config->vprefix_len = (uint8_t)length;
    return true;
}

/* Address number @host of the network. */
static struct in6_addr ipv6_in_network(const SlirpConfig *config, uint8_t host)
{
    struct in6_addr address = config->vprefix_addr6;

    address.s6_addr[15] |= host;
    return address;
}

static bool ipv6_belongs(const SlirpConfig *config, const struct in6_addr *address,
                         const char *what, GError **error)
{
    for (unsigned bit = 0; bit < config->vprefix_len; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> (bit % 8));
        if ((address->s6_addr[bit / 8] ^ config->vprefix_addr6.s6_addr[bit / 8]) & mask) {
            qc_error_set(error, "IPv6 %s doesn't belong to network", what);
            return false;
        }
    }
    return true;
}

static bool parse_ipv6_options(json_t *json, SlirpConfig *config, GError **error)
{
    static const char *const names[] = { "ipv6-net",  "ipv6-prefix", "ipv6-prefixlen",
                                         "ipv6-host", "ipv6-dns",    NULL };

    if (!config->in6_enabled) {
        return refuse_options(json, names, "IPv6", error);
    }
    if (!parse_ipv6_network(json, config, error)) {
        return false;
    }
    config->vhost6 = ipv6_in_network(config, 2);
    config->vnameserver6 = ipv6_in_network(config, 3);
    if (!parse_ipv6(net_option_string(json, "ipv6-host"), "host", &config->vhost6, error) ||
        !parse_ipv6(net_option_string(json, "ipv6-dns"), "DNS", &config->vnameserver6, error) ||
        !ipv6_belongs(config, &config->vhost6, "host", error) ||
        !ipv6_belongs(config, &config->vnameserver6, "DNS", error)) {
        return false;
    }
    if (!memcmp(&config->vhost6, &config->vnameserver6, sizeof(config->vhost6))) {
        qc_error_set(error, "IPv6 DNS must be different from host");
        return false;
    }
    return true;
}

/* ---- names that DHCP and TFTP tell ---- */

static bool parse_name(json_t *json, const char *name, const char **text, GError **error)
{
    *text = net_option_string(json, name);
    if (*text && (!**text || strlen(*text) > DHCP_NAME_MAX)) {
        qc_error_set(error, "Parameter '%s' expects 1 to %d characters", name, DHCP_NAME_MAX);
        return false;
    }
    return true;
}

static bool parse_names(json_t *json, SlirpConfig *config, GError **error)
{
    if (!parse_name(json, "hostname", &config->vhostname, error) ||
        !parse_name(json, "domainname", &config->vdomainname, error) ||
        !parse_name(json, "bootfile", &config->bootfile, error) ||
        !parse_name(json, "tftp-server-name", &config->tftp_server_name, error)) {
        return false;
    }
    config->tftp_path = net_option_string(json, "tftp");
    if (config->tftp_path && !g_file_test(config->tftp_path, G_FILE_TEST_IS_DIR)) {
        qc_error_set(error, "Parameter 'tftp' expects a folder: '%s' is none", config->tftp_path);
        return false;
    }
    return true;
}

static bool refuse_smb(json_t *json, GError **error)
{
    static const char *const names[] = { "smb", "smbserver" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (json_object_get(json, names[i])) {
            qc_error_set(error, "Parameter '%s' is not supported: there is no SMB server",
                         names[i]);
            return false;
        }
    }
    return true;
}

bool user_options_parse(json_t *json, UserOptions *options, GError **error)
{
    SlirpConfig *config = &options->config;
    bool restricted = false;

    *options = (UserOptions){ .config.version = SLIRP_CONFIG_VERSION_MAX };
    if (!refuse_smb(json, error) || !net_option_bool(json, "restrict", &restricted, error) ||
        !parse_protocols(json, config, error) || !parse_ipv4_options(json, config, error) ||
        !parse_ipv6_options(json, config, error) || !parse_names(json, config, error) ||
        !net_option_strings(json, "dnssearch", &options->dns_search, error) ||
        !net_option_strings(json, "hostfwd", &options->host_forwards, error) ||
        !net_option_strings(json, "guestfwd", &options->guest_forwards, error)) {
        return false;
    }
    config->restricted = restricted;
    if (options->dns_search->len) {
        g_ptr_array_add(options->dns_search, NULL);
        config->vdnssearch = (const char **)options->dns_search->pdata;
    }
    return true;
}

void user_options_clear(UserOptions *options)
{
    g_clear_pointer(&options->dns_search, g_ptr_array_unref);
    g_clear_pointer(&options->host_forwards, g_ptr_array_unref);
    g_clear_pointer(&options->guest_forwards, g_ptr_array_unref);
}
