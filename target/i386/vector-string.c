/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The string comparisons and CRC32 of SSE4.2 (Intel SDM vol. 2). */
#include "target/i386/vector-internal.h"

#define STATUS_FLAGS 0x8d5u /* OF SF ZF AF PF CF */

VECTOR_STUBS(vector_pcmpestri_stubs, "pcmpestri", "%xmm1, %xmm0");
VECTOR_STUBS(vector_pcmpestrm_stubs, "pcmpestrm", "%xmm1, %xmm0");
VECTOR_STUBS(vector_pcmpistri_stubs, "pcmpistri", "%xmm1, %xmm0");
VECTOR_STUBS(vector_pcmpistrm_stubs, "pcmpistrm", "%xmm1, %xmm0");

typedef struct StringResult {
    uint32_t index;
    __m128i mask;
} StringResult;

static StringResult string_compare(X86State *state, const uint8_t stub[8], const void *first,
                                   const void *second, int32_t first_length, int32_t second_length)
{
    /* First into ordinary variables: a load may be a call, which would not spare xmm0. */
    __m128i first_value = vector_load(first);
    __m128i second_value = vector_load(second);
    register __m128i xmm0 __asm__("xmm0") = first_value;
    register __m128i xmm1 __asm__("xmm1") = second_value;
    uint64_t rax = (uint32_t)first_length, rdx = (uint32_t)second_length, rcx = 0;

    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "call *%[stub]\n\t"
                     "pushfq\n\t"
                     "pop %%rax\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "+x"(xmm0), "+x"(xmm1), "+a"(rax), "+d"(rdx), "+c"(rcx)
                     : [stub] "r"(stub)
                     : "cc", "memory");
    state->rflags = (state->rflags & ~(uint64_t)STATUS_FLAGS) | (rax & STATUS_FLAGS);
    return (StringResult){ (uint32_t)rcx, xmm0 };
}

/* Lengths saturate at 16 either side of zero, so that 64-bit ones fit the 32-bit instruction. */
static int32_t string_length(uint64_t value, unsigned bytes)
{
    int64_t length = bytes == 8 ? (int64_t)value : (int32_t)(uint32_t)value;

    return length < -16 || length > 16 ? 16 : (int32_t)length;
}

static StringResult string_explicit(X86State *state, const uint8_t stub[8], const void *first,
                                    const void *second, unsigned bytes)
{
    return string_compare(state, stub, first, second,
                          string_length(state->registers[X86_RAX], bytes),
                          string_length(state->registers[X86_RDX], bytes));
}

#define EXPLICIT_FUNCTIONS(bytes)                                                                  \
    static int vector_PCMPESTRI_##bytes(VECTOR_PARAMETERS)                                         \
    {                                                                                              \
        state->registers[X86_RCX] =                                                                \
            string_explicit(state, vector_pcmpestri_stubs[immediate], destination, source, bytes)  \
                .index;                                                                            \
        return 0;                                                                                  \
    }                                                                                              \
    static int vector_PCMPESTRM_##bytes(VECTOR_PARAMETERS)                                         \
    {                                                                                              \
        vector_store(&state->vectors[0], string_explicit(state, vector_pcmpestrm_stubs[immediate], \
                                                         destination, source, bytes)               \
                                             .mask);                                               \
        return 0;                                                                                  \
    }
EXPLICIT_FUNCTIONS(4)
EXPLICIT_FUNCTIONS(8)

static int vector_PCMPISTRI(VECTOR_PARAMETERS)
{
    state->registers[X86_RCX] =
        string_compare(state, vector_pcmpistri_stubs[immediate], destination, source, 0, 0).index;
    return 0;
}

static int vector_PCMPISTRM(VECTOR_PARAMETERS)
{
    vector_store(
        &state->vectors[0],
        string_compare(state, vector_pcmpistrm_stubs[immediate], destination, source, 0, 0).mask);
    return 0;
}

#define CRC32_FUNCTION(bytes, instruction, type, width)                       \
    static int vector_CRC32_##bytes(VECTOR_PARAMETERS)                        \
    {                                                                         \
        uint64_t value = *(uint32_t *)destination;                            \
        type operand;                                                         \
                                                                              \
        memcpy(&operand, source, sizeof(operand));                            \
        __asm__(instruction " %1, %" width "0" : "+r"(value) : "r"(operand)); \
        *(uint64_t *)destination = value;                                     \
        return 0;                                                             \
    }
CRC32_FUNCTION(1, "crc32b", uint8_t, "k")
CRC32_FUNCTION(2, "crc32w", uint16_t, "k")
CRC32_FUNCTION(4, "crc32l", uint32_t, "k")
CRC32_FUNCTION(8, "crc32q", uint64_t, "q")

#define STRING_ROW(M, function, ...)                                             \
    ROW(M, function, SSE4_2, XMM, XMM, .source_bytes = 16, .writes_flags = true, \
        .implicit_registers = true, __VA_ARGS__)
#define CRC32_ROW(bytes)                                                      \
    ROW(CRC32, vector_CRC32_##bytes, SSE4_2, GPR, GPR, .source_bytes = bytes, \
        .destination_bytes = 8, .register_bytes = bytes, .is_general = true)

static const X86VectorOp ops[] = {
    STRING_ROW(PCMPESTRI, vector_PCMPESTRI_4, .length_bytes = 4),
    STRING_ROW(PCMPESTRI, vector_PCMPESTRI_8, .length_bytes = 8),
    STRING_ROW(PCMPESTRM, vector_PCMPESTRM_4, .length_bytes = 4),
    STRING_ROW(PCMPESTRM, vector_PCMPESTRM_8, .length_bytes = 8),
    STRING_ROW(PCMPISTRI, vector_PCMPISTRI, ),
    STRING_ROW(PCMPISTRM, vector_PCMPISTRM, ),
    CRC32_ROW(1),
    CRC32_ROW(2),
    CRC32_ROW(4),
    CRC32_ROW(8),
};

const X86VectorTable x86_vector_string_table = { ops, G_N_ELEMENTS(ops) };
