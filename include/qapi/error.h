/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Errors that carry a QMP error class.
 *
 * An error of any other GError domain reaches a QMP client with class GenericError, so most code
 * uses its own domain; QAPI_ERROR is for those whose class clients look at.
 */
#pragma once

#include "qapi/qapi-types-error.h"

/* The domain; codes are those of QapiErrorClass. */
#define QAPI_ERROR (qapi_error_quark())

GQuark qapi_error_quark(void);

/* Class under which @error is reported. */
QapiErrorClass qapi_error_class(const GError *error);

/* Set @error in the domain QAPI_ERROR with class GenericError. */
void qapi_error_set(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
