/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* FXSAVE and FXRSTOR (Intel SDM vol. 2). */
#include <string.h>

#include "target/i386/fpu-internal.h"
#include "target/i386/fpu-image.h"

#define EXCEPTION_GP 13

#define LEGACY_VECTORS 8
#define OPCODE_MASK    0x7ff

void fxsave_image_put_fpu(FXSaveImage *image, const X86FPU *fpu)
{
    unsigned top = fpu_top(fpu);

    image->control = fpu->control;
    image->status = fpu->status;
    image->tag_valid = fpu->tag_valid;
    image->reserved = 0;
    image->opcode = fpu->opcode;
    image->instruction_pointer = fpu->instruction_pointer;
    image->data_pointer = fpu->data_pointer;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(image->stack[i], fpu->registers[(top + i) & 7], sizeof(image->stack[i]));
    }
}

void fxsave_image_get_fpu(const FXSaveImage *image, X86FPU *fpu)
{
    fpu->status = image->status;
    fpu->tag_valid = image->tag_valid;
    fpu->opcode = image->opcode & OPCODE_MASK;
    fpu->instruction_pointer = image->instruction_pointer;
    fpu->data_pointer = image->data_pointer;
    fpu_set_control(fpu, image->control);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(fpu_st(fpu, i), image->stack[i], FPU_REGISTER_BYTES);
    }
}

unsigned x86_fxsave_bytes(bool long_mode)
{
    return offsetof(FXSaveImage, vectors) +
           (long_mode ? X86_REGISTER_COUNT : LEGACY_VECTORS) * sizeof(X86Vector);
}

void x86_fxsave(const X86State *state, uint8_t image[X86_FXSAVE_BYTES], bool wide, bool long_mode)
{
    FXSaveImage built;

    fxsave_image_put_fpu(&built, &state->fpu);
    built.mxcsr = state->mxcsr;
    built.mxcsr_mask = X86_MXCSR_MASK;
    memcpy(built.vectors, state->vectors, sizeof(built.vectors));
    if (!wide) {
        /* 32-bit offset, 16-bit selector, both times */
        built.instruction_pointer &= UINT32_MAX;
        built.data_pointer &= UINT32_MAX;
    }
    memcpy(image, &built, x86_fxsave_bytes(long_mode));
}

int x86_fxrstor(X86State *state, const uint8_t image[X86_FXSAVE_BYTES], bool wide, bool long_mode)
{
    FXSaveImage fetched;

    memcpy(&fetched, image, sizeof(fetched));
    if (fetched.mxcsr & ~X86_MXCSR_MASK) {
        return EXCEPTION_GP;
    }
    if (!wide) {
        fetched.instruction_pointer &= UINT32_MAX;
        fetched.data_pointer &= UINT32_MAX;
    }
    fxsave_image_get_fpu(&fetched, &state->fpu);
    state->mxcsr = fetched.mxcsr;
    memcpy(state->vectors, fetched.vectors,
           (long_mode ? X86_REGISTER_COUNT : LEGACY_VECTORS) * sizeof(X86Vector));
    return 0;
}
