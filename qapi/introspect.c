/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* query-qmp-schema: the generator has written the answer down. */
#include "qapi/qapi-commands-introspect.h"
#include "qapi/qapi-tables.h"

json_t *qmp_query_qmp_schema(json_t *arguments, GError **error)
{
    json_t *schema;

    if (!qapi_read_no_arguments(arguments, error)) {
        return NULL;
    }
    schema = json_loads(qapi_schema_json, 0, NULL);
    g_assert(schema);
    return schema;
}
