/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The software CPU engine: what its parts share. docs/devel/engine.md has the overview.
 *
 * Guest code is decoded once (decode.c), translated into blocks of operations (translate.c)
 * and run by handlers that tail-call each other (exec-*.c). An Engine belongs to one vCPU. One
 * thread runs all vCPUs by turns and it alone touches them, except where a field says otherwise.
 */
#pragma once

#include "system/memory.h"
#include "target/i386/cpu.h"
#include <setjmp.h>

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define COLD          __attribute__((cold, noinline))

typedef struct Engine Engine;
typedef struct Op Op;
typedef struct Block Block;

/* ---- registers as operations see them ---- */

/* Slots of Engine.r. Operands are byte offsets into it, so that AH is offset 1. */
enum {
    SLOT_ZERO = X86_REGISTER_COUNT, /* always 0: the index of an address without one */
    SLOT_T0,                        /* temporaries of one instruction */
    SLOT_T1,
    SLOT_T2,
    SLOT_ADDRESS,      /* a linear address worked out by an earlier operation */
    SLOT_SEGMENT_BASE, /* six, in order of X86SegmentIndex */
    SLOT_COUNT = SLOT_SEGMENT_BASE + X86_SEGMENT_COUNT,
};
#define SLOT_OFFSET(slot) ((uint16_t)((slot)*8))

/* ---- arithmetic flags ---- */

#define FLAG_CF          UINT32_C(0x0001)
#define FLAG_PF          UINT32_C(0x0004)
#define FLAG_AF          UINT32_C(0x0010)
#define FLAG_ZF          UINT32_C(0x0040)
#define FLAG_SF          UINT32_C(0x0080)
#define FLAG_TF          UINT32_C(0x0100)
#define FLAG_IF          UINT32_C(0x0200)
#define FLAG_DF          UINT32_C(0x0400)
#define FLAG_OF          UINT32_C(0x0800)
#define FLAG_IOPL        UINT32_C(0x3000)
#define FLAG_NT          UINT32_C(0x4000)
#define FLAG_RF          UINT32_C(0x10000)
#define FLAG_VM          UINT32_C(0x20000)
#define FLAG_AC          UINT32_C(0x40000)
#define FLAG_ID          UINT32_C(0x200000)
#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* ---- control bits the engine looks at ---- */

#define CR0_PE UINT64_C(0x1)
#define CR0_MP UINT64_C(0x2)
#define CR0_EM UINT64_C(0x4)
#define CR0_TS UINT64_C(0x8)
#define CR0_ET UINT64_C(0x10)
#define CR0_NE UINT64_C(0x20)
#define CR0_WP UINT64_C(0x10000)
#define CR0_AM UINT64_C(0x40000)
#define CR0_NW UINT64_C(0x20000000)
#define CR0_CD UINT64_C(0x40000000)
#define CR0_PG UINT64_C(0x80000000)

#define CR4_TSD        UINT64_C(0x4)
#define CR4_DE         UINT64_C(0x8)
#define CR4_PSE        UINT64_C(0x10)
#define CR4_PAE        UINT64_C(0x20)
#define CR4_PGE        UINT64_C(0x80)
#define CR4_PCE        UINT64_C(0x100)
#define CR4_OSFXSR     UINT64_C(0x200)
#define CR4_OSXMMEXCPT UINT64_C(0x400)
#define CR4_UMIP       UINT64_C(0x800)
#define CR4_FSGSBASE   UINT64_C(0x10000)
#define CR4_SMEP       UINT64_C(0x100000)
#define CR4_SMAP       UINT64_C(0x200000)

#define EFER_SCE UINT64_C(0x1)
#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)
#define EFER_NXE UINT64_C(0x800)

/* ---- exceptions ---- */

enum {
    EXCEPTION_DE = 0,
    EXCEPTION_DB = 1,
    EXCEPTION_NMI = 2,
    EXCEPTION_BP = 3,
    EXCEPTION_OF = 4,
    EXCEPTION_BR = 5,
    EXCEPTION_UD = 6,
    EXCEPTION_NM = 7,
    EXCEPTION_DF = 8,
    EXCEPTION_TS = 10,
    EXCEPTION_NP = 11,
    EXCEPTION_SS = 12,
    EXCEPTION_GP = 13,
    EXCEPTION_PF = 14,
    EXCEPTION_MF = 16,
    EXCEPTION_AC = 17,
    EXCEPTION_XM = 19,
};

/* ---- operations ---- */

typedef const Op *OpHandler(Engine *e, const Op *op);

/* Bits of Op.flags. */
#define OP_STACK_SEGMENT 0x01 /* a non-canonical address is #SS, not #GP */
/* exec_pop_memory: the address is 32 bits wide, or relative to the next instruction. */
#define OP_ADDRESS_32  0x02
#define OP_ADDRESS_RIP 0x04

/* One step of a block; 32 bytes, two in a cache line. */
struct Op {
    OpHandler *handler;
    union {
        struct {
            uint16_t dst; /* byte offsets into Engine.r */
            uint16_t src;
            uint16_t base;  /* address = r[base] + (r[index] << scale) + displacement */
            uint16_t index; /* SLOT_ZERO when there is none */
        };
        uint64_t link_generation; /* jumps: see Engine.generation_* */
    };
    int32_t displacement; /* jumps: target - block's pc */
    uint8_t scale;
    uint8_t flags : 4;
    uint8_t length : 4; /* bytes of the instruction */
    uint16_t pc_offset; /* of the instruction from the block's pc */
    union {
        uint64_t imm;
        const Block *link; /* jumps: where it goes, when link_generation is current */
        const void *pointer;
    };
};
G_STATIC_ASSERT(sizeof(Op) == 32);

/* Bits of Block.flags: what the meaning of the code bytes depends on. */
#define BLOCK_CODE_SIZE 0x03 /* 0: 16 bit, 1: 32 bit, 2: 64 bit */
#define BLOCK_STACK_32  0x04 /* 32-bit stack (outside 64-bit mode) */
#define BLOCK_USER      0x08 /* CPL 3 */
#define BLOCK_SINGLE    0x10 /* one instruction */

/* A run of guest code with one way in. */
struct Block {
    uint64_t pc;                /* RIP of the first instruction */
    const uint8_t *code;        /* its bytes in guest RAM */
    const uint8_t *code_second; /* the next page's, when the only instruction crosses; or NULL */
    Block *hash_next;
    Block *page_next;        /* list of the code page of `code` */
    Block *second_page_next; /* list of the code page of `code_second` */
    uint8_t flags;
    uint16_t bytes;
    uint16_t instructions;
    Op ops[];
};

/* ---- software TLB ---- */

typedef enum MMUMode {
    MMU_KERNEL_SMAP, /* supervisor, user pages are out of bounds for data */
    MMU_USER,
    MMU_KERNEL,
    MMU_MODE_COUNT,
} MMUMode;

typedef enum MMUAccess {
    MMU_READ,
    MMU_WRITE,
    MMU_FETCH,
} MMUAccess;

#define TLB_SIZE       1024
#define TLB_INVALID    UINT64_C(1) /* never equal to a page address */
#define TLB_ENTRY_BITS 5

/* Host address of a guest byte = linear address + addend. Tags are linear page addresses. */
typedef struct TLBEntry {
    uint64_t read;
    uint64_t write; /* valid while stores need no attention: not clean, not code, not ROM */
    uint64_t addend;
    uint64_t global; /* the page has the G bit */
} TLBEntry;
G_STATIC_ASSERT(sizeof(TLBEntry) == 1 << TLB_ENTRY_BITS);

typedef struct TLB {
    TLBEntry entries[TLB_SIZE];
    uint64_t used[TLB_SIZE / 64]; /* which entries may be valid */
} TLB;

/* Sets of pages as bitmaps of hashes: may say yes wrongly, never no. */
#define PAGE_FILTER_WORDS 64

#define CODE_TLB_SIZE 256
typedef struct CodeTLBEntry {
    uint64_t tag; /* linear page | user bit; TLB_INVALID when empty */
    const uint8_t *host;
    bool global;
} CodeTLBEntry;

#define JUMP_CACHE_SIZE 4096
typedef struct JumpEntry {
    uint64_t key; /* pc ^ Engine.jump_key */
    const Block *block;
} JumpEntry;

/* The last stretches of guest physical memory that were looked up. */
#define PHYSICAL_CACHE_SIZE 4
typedef struct PhysicalRange {
    hwaddr start, end;     /* end exclusive; start == end: empty */
    RAMBlock *block;       /* never NULL in a valid range */
    uint64_t block_offset; /* of `start` */
} PhysicalRange;

typedef struct CodeCache CodeCache;       /* block.c */
typedef struct DecodedBlock DecodedBlock; /* decode.h */

/* Why the operations came back to the run loop. */
typedef enum EngineStop {
    STOP_NONE,     /* go on at e->rip */
    STOP_HALT,     /* HLT */
    STOP_YIELD,    /* PAUSE: another vCPU is to have its turn */
    STOP_SHUTDOWN, /* triple fault */
    STOP_ERROR,    /* logged */
} EngineStop;

typedef struct PendingException {
    uint8_t vector;
    bool has_error_code;
    uint32_t error_code;
    uint64_t fault_address; /* page faults: CR2 */
} PendingException;

struct Engine {
    /* Touched by nearly every operation. */
    uint64_t r[SLOT_COUNT];
    TLBEntry *tlb;   /* entries of the current MMUMode */
    uint32_t cc_op;  /* flags.h */
    uint32_t eflags; /* all but the arithmetic flags, which are in cc_* */
    uint64_t cc_r;
    uint64_t cc_b;
    const Block *block;    /* being run */
    uint64_t instructions; /* counted as blocks are entered; read by other threads */
    const uint32_t *exit_request;
    uint64_t generation_global; /* links carrying one of these two numbers are good */
    uint64_t generation_local;
    uint64_t jump_key;
    JumpEntry jump_cache[JUMP_CACHE_SIZE];

    /* Exact between operations' slow paths and in the run loop. */
    const Op *op; /* being run, for the exact RIP of a fault; NULL: `rip` is exact */
    uint64_t rip;
    EngineStop stop;
    bool interrupt_shadow;
    bool code_changed;    /* a store hit translated code: leave the block after this instruction */
    bool data_breakpoint; /* a watched address was touched: #DB after this instruction */
    uint8_t cpl;
    uint8_t block_flags;
    MMUMode mmu_mode;
    bool long_mode;  /* CS.L with EFER.LMA */
    bool watch_data; /* DR7 has data breakpoints enabled */
    bool watch_code;
    bool single_stepping;
    bool handler_entered; /* the instruction cleared TF on its way into a handler: no trap behind it
                           */
    uint64_t physical_mask; /* A20 gate */
    uint32_t code_limit;    /* of CS, outside 64-bit mode */

    X86CPU *cpu;
    X86State *state;
    jmp_buf fault;
    PendingException exception;
    int delivering;           /* vector being delivered, -1: none (double fault detection) */
    bool delivering_external; /* EXT bit of error codes */
    uint8_t
        soft_interrupt_length; /* INT n is being delivered: its length, to step back on faults */

    PhysicalRange physical[PHYSICAL_CACHE_SIZE];
    unsigned physical_next;
    CodeTLBEntry code_tlb[CODE_TLB_SIZE];
    /* Since the last full flush, hashed: pages fetched from, pages that were part of larger ones.
     */
    uint64_t code_pages_seen[PAGE_FILTER_WORDS];
    uint64_t large_pages_seen[PAGE_FILTER_WORDS]; /* by 2 MiB */
    uint64_t huge_pages_seen[PAGE_FILTER_WORDS];  /* by 1 GiB */
    uint16_t jump_local[JUMP_CACHE_SIZE];         /* jump cache entries of non-global pages */
    unsigned jump_local_count;
    CodeCache *code;
    DecodedBlock *decoded; /* scratch of the translator */

    /* A vector operand on its way from or to memory. Handlers that end in a tail call must not
     * have it among their locals. */
    X86Vector vector_operand;

    TLB tlbs[MMU_MODE_COUNT];
};

/* The engines of all vCPUs; complete before guest code runs. */
GPtrArray *engines_all(void);

/* ---- dispatch ---- */

/*
 * Optimised builds: each handler ends in a tail call of the next one. Where the compiler does not
 * promise sibling calls (-O0, sanitizers) a handler returns the next operation to a loop.
 */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define DISPATCH(next) return (next)->handler(e, (next))
#else
#define DISPATCH(next) return (next)
#endif
#define NEXT DISPATCH(op + 1)
/*
 * A handler that passes the address of a local variable on cannot end in a tail call: it returns
 * the next operation, and the run loop goes on with it.
 */
#define NEXT_BY_LOOP return op + 1

#define R64(offset) (*(uint64_t *)((char *)e + (offset)))
#define R32(offset) (*(uint32_t *)((char *)e + (offset)))
#define R16(offset) (*(uint16_t *)((char *)e + (offset)))
#define R8(offset)  (*(uint8_t *)((char *)e + (offset)))

/* Sign-extended immediates are kept ready in Op.imm. */

static inline bool engine_exit_requested(const Engine *e)
{
    return unlikely(__atomic_load_n(e->exit_request, __ATOMIC_RELAXED));
}

/* Other threads read the count: a plain addition, but each access whole. */
ALWAYS_INLINE void engine_count(Engine *e, uint64_t instructions)
{
    uint64_t count = __atomic_load_n(&e->instructions, __ATOMIC_RELAXED);

    __atomic_store_n(&e->instructions, count + instructions, __ATOMIC_RELAXED);
}

/* Begin @block, or go back to the run loop when the vCPU is wanted elsewhere. */
ALWAYS_INLINE const Op *engine_begin(Engine *e, const Block *block)
{
    if (engine_exit_requested(e)) {
        e->rip = block->pc;
        return NULL;
    }
    e->block = block;
    engine_count(e, block->instructions);
    return block->ops;
}

ALWAYS_INLINE const Op *engine_enter(Engine *e, const Block *block)
{
    if (engine_exit_requested(e)) {
        e->rip = block->pc;
        return NULL;
    }
    e->block = block;
    engine_count(e, block->instructions);
    DISPATCH(block->ops);
}

static inline uint64_t op_pc(const Engine *e, const Op *op)
{
    return e->block->pc + op->pc_offset;
}

static inline uint64_t engine_mask_pc(const Engine *e, uint64_t pc)
{
    switch (e->block_flags & BLOCK_CODE_SIZE) {
    case 0:
        return (uint16_t)pc;
    case 1:
        return (uint32_t)pc;
    default:
        return pc;
    }
}

static inline uint64_t op_next_pc(const Engine *e, const Op *op)
{
    return engine_mask_pc(e, op_pc(e, op) + op->length);
}

/* Go to @pc: find or make its block. Returns its first operation. */
const Op *engine_jump_slow(Engine *e, uint64_t pc);

static inline unsigned jump_cache_index(uint64_t pc)
{
    return (pc ^ (pc >> 12)) & (JUMP_CACHE_SIZE - 1);
}

ALWAYS_INLINE const Op *engine_jump(Engine *e, uint64_t pc)
{
    const JumpEntry *entry = &e->jump_cache[jump_cache_index(pc)];

    if (likely(entry->key == (pc ^ e->jump_key))) {
        return engine_enter(e, entry->block);
    }
    return engine_jump_slow(e, pc);
}

/* The same for handlers that cannot tail-call. */
static inline const Op *engine_jump_by_loop(Engine *e, uint64_t pc)
{
    const JumpEntry *entry = &e->jump_cache[jump_cache_index(pc)];

    if (likely(entry->key == (pc ^ e->jump_key))) {
        return engine_begin(e, entry->block);
    }
    return engine_jump_slow(e, pc);
}

/*
 * The end of an instruction that may have stored through a slow path or changed what the rest of
 * the block depends on: goes on with the next operation, or leaves the block.
 */
const Op *engine_next_checked(Engine *e, const Op *op);
/*
 * The block is left at @op: take back the count of instructions that did not run, @op's own if it
 * is not @done.
 */
void engine_uncount(Engine *e, const Op *op, bool done);
/* Leave the block behind this instruction (the run loop looks at everything again). */
const Op *engine_leave(Engine *e, const Op *op);
