/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Decoding with Zydis; see decode.h. */
#include "accel/tcg/decode.h"
#include "accel/tcg/memory.h"

#define ARITHMETIC                                                               \
    (ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF | \
     ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF)

static ZydisDecoder decoders[3]; /* by BLOCK_CODE_SIZE */

__attribute__((constructor)) static void decoders_init(void)
{
    /* Encodings that mean something else on processors without these extensions. */
    static const ZydisDecoderMode off[] = { ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET,
                                            ZYDIS_DECODER_MODE_LZCNT, ZYDIS_DECODER_MODE_TZCNT,
                                            ZYDIS_DECODER_MODE_CLDEMOTE };

    ZydisDecoderInit(&decoders[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&decoders[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&decoders[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (unsigned i = 0; i < G_N_ELEMENTS(decoders); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(off); j++) {
            ZydisDecoderEnableMode(&decoders[i], off[j], ZYAN_FALSE);
        }
    }
}

DecodedBlock *decoded_block_new(void)
{
    return g_new0(DecodedBlock, 1);
}

void decoded_block_free(DecodedBlock *decoded)
{
    g_free(decoded);
}

/* Does the block end with this instruction, whatever else? */
static bool ends_block(const DecodedInstruction *instruction, bool *transfer)
{
    if (instruction->status != DECODE_OK) {
        *transfer = true;
        return true;
    }
    switch (instruction->info.meta.category) {
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
        *transfer = true;
        return true;
    default:
        break;
    }
    switch (instruction->info.mnemonic) {
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
        *transfer = true;
        return true;
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_PAUSE:
    case ZYDIS_MNEMONIC_WRMSR:
    case ZYDIS_MNEMONIC_INVLPG:
    case ZYDIS_MNEMONIC_LMSW:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_INTO:
        return true;
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_POP: {
        const ZydisDecodedOperand *operand = &instruction->operands[0];
        if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER) {
            return false;
        }
        ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);
        return class == ZYDIS_REGCLASS_CONTROL || class == ZYDIS_REGCLASS_DEBUG ||
               operand->reg.value == ZYDIS_REGISTER_SS;
    }
    default:
        return false;
    }
}

static DecodeStatus decode_one(uint8_t flags, const uint8_t *bytes, unsigned available,
                               DecodedInstruction *instruction, bool *truncated)
{
    ZyanStatus status = ZydisDecoderDecodeFull(&decoders[flags & BLOCK_CODE_SIZE], bytes,
                                               MIN(available, ZYDIS_MAX_INSTRUCTION_LENGTH),
                                               &instruction->info, instruction->operands);

    *truncated = false;
    if (ZYAN_SUCCESS(status)) {
        return DECODE_OK;
    }
    if (status == ZYDIS_STATUS_NO_MORE_DATA && available < ZYDIS_MAX_INSTRUCTION_LENGTH) {
        *truncated = true;
    }
    instruction->info.length = 1;
    instruction->info.cpu_flags = NULL;
    return status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG || status == ZYDIS_STATUS_NO_MORE_DATA
               ? DECODE_TOO_LONG
               : DECODE_UNDEFINED;
}

/* The first instruction reaches into the next page. */
static void decode_crossing(Engine *e, DecodedBlock *decoded, const uint8_t *code,
                            unsigned available, uint64_t pc, uint8_t flags)
{
    uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
    uint64_t linear = e->r[SLOT_SEGMENT_BASE + X86_CS] + pc;
    uint64_t next = (linear | ~TARGET_PAGE_MASK) + 1;
    bool global, truncated;

    if ((flags & BLOCK_CODE_SIZE) != 2) {
        next = (uint32_t)next;
    }
    decoded->second_page = memory_code_page(e, next, &global);
    memcpy(bytes, code, available);
    memcpy(bytes + available, decoded->second_page, sizeof(bytes) - available);
    decoded->instructions[0].status =
        decode_one(flags, bytes, sizeof(bytes), &decoded->instructions[0], &truncated);
}

/* ---- which flags matter ---- */

/* Segment, control, debug, vector registers. */
static bool has_special_register(const DecodedInstruction *instruction)
{
    for (unsigned i = 0; i < instruction->info.operand_count_visible; i++) {
        const ZydisDecodedOperand *operand = &instruction->operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
            ZydisRegisterGetClass(operand->reg.value) > ZYDIS_REGCLASS_GPR64) {
            return true;
        }
    }
    return false;
}

static bool may_fault(const DecodedInstruction *instruction)
{
    for (unsigned i = 0; i < instruction->info.operand_count; i++) {
        const ZydisDecodedOperand *operand = &instruction->operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            operand->mem.type != ZYDIS_MEMOP_TYPE_AGEN) {
            return true;
        }
    }
    switch (instruction->info.meta.category) {
    case ZYDIS_CATEGORY_BINARY:
        return instruction->info.mnemonic == ZYDIS_MNEMONIC_DIV ||
               instruction->info.mnemonic == ZYDIS_MNEMONIC_IDIV;
    case ZYDIS_CATEGORY_BITBYTE:
    case ZYDIS_CATEGORY_CMOV:
    case ZYDIS_CATEGORY_CONVERT:
    case ZYDIS_CATEGORY_LOGICAL:
    case ZYDIS_CATEGORY_MISC:
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_ROTATE:
    case ZYDIS_CATEGORY_SHIFT:
    case ZYDIS_CATEGORY_WIDENOP:
        return instruction->info.mnemonic != ZYDIS_MNEMONIC_LEA &&
               instruction->info.meta.category == ZYDIS_CATEGORY_MISC;
    case ZYDIS_CATEGORY_DATAXFER:
        return has_special_register(instruction);
    default:
        return true;
    }
}

/* Flags that the instruction overwrites in any case. */
static uint32_t flags_killed(const DecodedInstruction *instruction)
{
    const ZydisAccessedFlags *flags = instruction->info.cpu_flags;

    switch (instruction->info.mnemonic) {
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_ADC:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_SBB:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_IMUL:
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
        return (flags->modified | flags->set_0 | flags->set_1 | flags->undefined) & ARITHMETIC;
    default:
        return 0;
    }
}

/* Backwards: flags are live at the end, before a reader, and where a fault would show them. */
static void find_live_flags(DecodedBlock *decoded)
{
    uint32_t live = ARITHMETIC;

    for (unsigned i = decoded->count; i-- > 0;) {
        DecodedInstruction *instruction = &decoded->instructions[i];
        const ZydisAccessedFlags *flags = instruction->info.cpu_flags;
        uint32_t written = 0, read = 0;
        if (flags) {
            written = flags->modified | flags->set_0 | flags->set_1 | flags->undefined;
            read = flags->tested;
        }
        instruction->flags_live = (written & live & ARITHMETIC) != 0;
        if (instruction->status != DECODE_OK || may_fault(instruction)) {
            live = ARITHMETIC;
        } else {
            live = (live & ~flags_killed(instruction)) | (read & ARITHMETIC);
        }
    }
}

void decode_block(Engine *e, DecodedBlock *decoded, const uint8_t *code, uint64_t pc, uint8_t flags)
{
    unsigned available = TARGET_PAGE_SIZE - ((uintptr_t)code & ~TARGET_PAGE_MASK);
    uint64_t segment_left = e->long_mode ? UINT64_MAX : (uint64_t)e->code_limit - pc + 1;
    unsigned limit = flags & BLOCK_SINGLE ? 1 : BLOCK_INSTRUCTIONS_MAX;
    unsigned offset = 0;

    decoded->count = 0;
    decoded->second_page = NULL;
    decoded->ends_with_transfer = false;
    while (decoded->count < limit && offset < available) {
        DecodedInstruction *instruction = &decoded->instructions[decoded->count];
        bool truncated;
        instruction->status =
            decode_one(flags, code + offset, available - offset, instruction, &truncated);
        if (truncated) {
            if (decoded->count > 0) {
                break;
            }
            decode_crossing(e, decoded, code, available, pc, flags);
        }
        instruction->pc_offset = offset;
        if (offset + instruction->info.length > segment_left) {
            /* It reaches beyond the segment: #GP(0), once everything before has run. */
            if (decoded->count > 0) {
                break;
            }
            instruction->status = DECODE_BEYOND_LIMIT;
            instruction->info.length = 1;
        }
        offset += instruction->info.length;
        decoded->count++;
        if (ends_block(instruction, &decoded->ends_with_transfer)) {
            break;
        }
    }
    decoded->bytes = offset;
    find_live_flags(decoded);
}
