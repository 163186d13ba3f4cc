/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The memory image of FXSAVE in its 64-bit form (Intel SDM vol. 2, FXSAVE, table 3-45). */
#pragma once

#include "target/i386/fpu-ops.h"

typedef struct FXSaveImage {
    uint16_t control;
    uint16_t status;
    uint8_t tag_valid;
    uint8_t reserved;
    uint16_t opcode;
    uint64_t instruction_pointer;
    uint64_t data_pointer;
    uint32_t mxcsr;
    uint32_t mxcsr_mask;
    uint8_t stack[8][16]; /* ST(0) to ST(7) */
    X86Vector vectors[16];
    uint8_t available[96];
} __attribute__((aligned(16))) FXSaveImage;

G_STATIC_ASSERT(sizeof(FXSaveImage) == X86_FXSAVE_BYTES);

/* The x87 part of the image, from and to @fpu; the rest of the image is left alone. */
void fxsave_image_put_fpu(FXSaveImage *image, const X86FPU *fpu);
void fxsave_image_get_fpu(const FXSaveImage *image, X86FPU *fpu);
