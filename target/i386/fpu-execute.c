/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * x87 arithmetic: the instruction itself runs on the host's x87 unit, on the guest's whole x87
 * state (FXRSTOR, instruction, FXSAVE), under the guest's control word. Stack faults, condition
 * codes, tags, rounding, unmasked responses are thereby the processor's own.
 *
 * An unmasked exception stays pending in the saved state and never reaches the host: FXSAVE and
 * FNINIT, which follow the instruction, do not wait.
 */
#include <string.h>

#include "target/i386/fpu-internal.h"
#include "target/i386/fpu-image.h"

#define STATUS_FLAGS 0x8d5u /* OF SF ZF AF PF CF */
#define FCOMI_FLAGS  0x45u  /* ZF PF CF */

/*
 * Every x87 opcode once as a routine of four bytes: the 512 register forms, and the 64 memory
 * forms with their operand at RDI.
 */
#define FPU_STUB_BYTES 4
extern const uint8_t fpu_register_stubs[8][64][FPU_STUB_BYTES]
    __attribute__((visibility("hidden")));
extern const uint8_t fpu_memory_stubs[8][8][FPU_STUB_BYTES] __attribute__((visibility("hidden")));

__asm__(".pushsection .text.fpu_stubs,\"ax\",@progbits\n"
        ".p2align 4\n"
        ".globl fpu_register_stubs\n"
        ".hidden fpu_register_stubs\n"
        "fpu_register_stubs:\n"
        ".set fpu_stub, 0\n"
        ".rept 512\n"
        ".byte 0xd8 + fpu_stub / 64, 0xc0 + fpu_stub % 64, 0xc3, 0xcc\n"
        ".set fpu_stub, fpu_stub + 1\n"
        ".endr\n"
        ".globl fpu_memory_stubs\n"
        ".hidden fpu_memory_stubs\n"
        "fpu_memory_stubs:\n"
        ".set fpu_stub, 0\n"
        ".rept 64\n"
        ".byte 0xd8 + fpu_stub / 8, 0x07 + fpu_stub % 8 * 8, 0xc3, 0xcc\n"
        ".set fpu_stub, fpu_stub + 1\n"
        ".endr\n"
        ".popsection\n");

static const uint8_t *find_stub(const X86FPUOp *op)
{
    if (op->modrm >= 0xc0) {
        return fpu_register_stubs[op->opcode & 7][op->modrm & 0x3f];
    }
    return fpu_memory_stubs[op->opcode & 7][op->modrm >> 3 & 7];
}

/* CF, PF, AF, ZF, SF go in and out through AH. FXRSTOR loads the XMM registers as well. */
static uint8_t run_stub(FXSaveImage *image, const uint8_t *stub, void *memory, uint8_t flags)
{
    uint64_t rax = (uint64_t)flags << 8;

    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "fxrstor64 (%[image])\n\t"
                     "sahf\n\t"
                     "call *%[stub]\n\t"
                     "lahf\n\t"
                     "fxsave64 (%[image])\n\t"
                     "fninit\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "+a"(rax)
                     : [image] "r"(image), [stub] "r"(stub), "D"(memory)
                     : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
                       "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
    return rax >> 8;
}

bool x86_fpu_execute(X86State *state, const X86FPUOp *op, void *memory, uint64_t data_offset)
{
    X86FPU *fpu = &state->fpu;
    uint16_t control = fpu->control;
    uint64_t data_pointer = op->modrm < 0xc0 ? data_offset : fpu->data_pointer;
    FXSaveImage image;
    uint8_t flags;

    if (op->is_control) {
        fpu_execute_control(state, op, memory);
        return op->memory_written;
    }
    /*
     * Nothing may be pending when the host runs the instruction, whatever state was migrated here:
     * with CR0.NE clear and IGNNE# asserted it runs as if masked.
     */
    fpu_set_control(fpu, fpu_pending(fpu) ? control | FPU_CONTROL_MASKS : control);
    fxsave_image_put_fpu(&image, fpu);
    image.mxcsr = X86_MXCSR_INIT;
    flags = run_stub(&image, find_stub(op), memory, (uint8_t)state->rflags);
    fxsave_image_get_fpu(&image, fpu);
    fpu_set_control(fpu, control);
    /* Some processors save the pointers only while an exception is pending. */
    fpu->opcode = (op->opcode & 7) << 8 | op->modrm;
    fpu->instruction_pointer = state->rip;
    fpu->data_pointer = data_pointer;
    if (op->writes_flags) {
        state->rflags = (state->rflags & ~(uint64_t)STATUS_FLAGS) | (flags & FCOMI_FLAGS);
    }
    return op->memory_written &&
           !(fpu_pending(fpu) & (FPU_STATUS_IE | FPU_STATUS_OE | FPU_STATUS_UE));
}
