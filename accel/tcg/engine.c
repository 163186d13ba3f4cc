/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The accelerator "tcg": the run loop, and the rest of the system's door to the engine. */
#include "accel/accel.h"
#include "accel/tcg/block.h"
#include "accel/tcg/changes.h"
#include "accel/tcg/debug.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/exec.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/segment.h"
#include "accel/tcg/translate.h"
#include "system/bql.h"
#include "trace-accel-tcg.h"
#include "util/report.h"

/* Is a second vCPU out of the question? Asked for by thread=multi. */
static bool single_vcpu_only;

static Engine *engine_of(VCPU *vcpu)
{
    return X86_CPU_FROM_VCPU(vcpu)->engine;
}

GPtrArray *engines_all(void)
{
    static GPtrArray *engines;

    if (!engines) {
        engines = g_ptr_array_new();
    }
    return engines;
}

/* ---- ways out of and between blocks ---- */

void engine_uncount(Engine *e, const Op *op, bool done)
{
    const Block *block = e->block;
    unsigned before = 0;

    for (const Op *o = block->ops; o < op; o++) {
        before += o[1].pc_offset != o->pc_offset;
    }
    before += done;
    engine_count(e, MIN(before, block->instructions) - (uint64_t)block->instructions);
}

const Op *engine_leave(Engine *e, const Op *op)
{
    engine_uncount(e, op, true);
    e->rip = op_next_pc(e, op);
    return NULL;
}

const Op *engine_next_checked(Engine *e, const Op *op)
{
    if (unlikely(e->code_changed) && op[1].pc_offset != op->pc_offset) {
        return engine_leave(e, op);
    }
    return op + 1;
}

const Op *engine_jump_slow(Engine *e, uint64_t pc)
{
    e->rip = pc;
    e->op = NULL;
    const Block *block = block_find(e, pc);
    block_cache_jump(e, pc, block);
    return engine_begin(e, block);
}

const Op *engine_link(Engine *e, const Op *op)
{
    uint64_t pc = e->block->pc + (int64_t)op->displacement;
    bool same_page = ((pc ^ e->block->pc) & TARGET_PAGE_MASK) == 0 && !e->block->code_second;

    e->rip = pc;
    e->op = NULL;
    uint64_t generation = e->generation_global;
    const Block *block = block_find(e, pc);
    /* Translating may have emptied the cache, and @op with it. */
    if (generation == e->generation_global) {
        block_link(e, (Op *)op, block, same_page);
    }
    return engine_begin(e, block);
}

/* ---- interrupts ---- */

/* Deliver what is due; true when the vCPU must leave the run loop. */
static bool handle_interrupts(Engine *e)
{
    VCPU *vcpu = &e->cpu->vcpu;
    uint32_t pending = vcpu_interrupts_pending(vcpu);

    if (pending & (VCPU_INTERRUPT_INIT | VCPU_INTERRUPT_SIPI | VCPU_INTERRUPT_RESET)) {
        bql_lock();
        bool leave = x86_cpu_handle_init(e->cpu);
        bql_unlock();
        if (leave) {
            return true;
        }
    }
    if ((pending & VCPU_INTERRUPT_NMI) && !e->state->nmi_blocked) {
        vcpu_interrupt_clear(vcpu, VCPU_INTERRUPT_NMI);
        e->state->nmi_blocked = true;
        external_interrupt_deliver(e, EXCEPTION_NMI);
        return false;
    }
    if ((pending & VCPU_INTERRUPT_HARD) && (e->eflags & FLAG_IF)) {
        bql_lock();
        const X86InterruptOps *ops = e->cpu->interrupt_ops;
        int vector = ops ? ops->acknowledge(e->cpu->interrupt_opaque) : -1;
        bql_unlock();
        if (vector >= 0) {
            external_interrupt_deliver(e, vector);
        }
    }
    return false;
}

/* ---- the run loop ---- */

static void log_block(Engine *e, const Block *block)
{
    const X86State *s = e->state;

    log_write(LOG_EXEC, "exec %04x:%016" PRIx64 " flags %02x\n", s->segments[X86_CS].selector,
              block->pc, block->flags);
    log_write(LOG_CPU,
              "RAX %016" PRIx64 " RBX %016" PRIx64 " RCX %016" PRIx64 " RDX %016" PRIx64
              "\nRSI %016" PRIx64 " RDI %016" PRIx64 " RBP %016" PRIx64 " RSP %016" PRIx64
              "\nR8  %016" PRIx64 " R9  %016" PRIx64 " R10 %016" PRIx64 " R11 %016" PRIx64
              "\nR12 %016" PRIx64 " R13 %016" PRIx64 " R14 %016" PRIx64 " R15 %016" PRIx64
              "\nRIP %016" PRIx64 " RFL %08" PRIx64 "\n",
              e->r[0], e->r[3], e->r[1], e->r[2], e->r[6], e->r[7], e->r[5], e->r[4], e->r[8],
              e->r[9], e->r[10], e->r[11], e->r[12], e->r[13], e->r[14], e->r[15], block->pc,
              rflags_read(e));
}

static void run_block(Engine *e, const Block *block)
{
    e->block = block;
    engine_count(e, block->instructions);
    const Op *op = block->ops;
    while (op) {
        op = op->handler(e, op);
    }
    e->op = NULL;
}

/* Run one instruction; jumps out of it find an exit request. */
static void run_single(Engine *e)
{
    static const uint32_t always = 1;
    const uint32_t *exit_request = e->exit_request;
    bool trap = e->eflags & FLAG_TF;

    e->single_stepping = true;
    e->handler_entered = false;
    if (e->watch_code && !(e->eflags & FLAG_RF) &&
        debug_code_hit(e, e->r[SLOT_SEGMENT_BASE + X86_CS] + e->rip)) {
        raise_exception(e, EXCEPTION_DB);
    }
    e->eflags &= ~FLAG_RF;
    const Block *block = block_find_single(e, e->rip);
    e->interrupt_shadow = false; /* unless this instruction casts a new one */
    e->exit_request = &always;
    run_block(e, block);
    e->exit_request = exit_request;
    e->single_stepping = false;
    trap = trap && !e->handler_entered;
    if (trap) {
        e->state->dr[6] |= DR6_SINGLE_STEP;
    }
    if (trap || e->data_breakpoint) {
        e->data_breakpoint = false;
        trap_deliver(e, EXCEPTION_DB);
    }
}

static bool wants_single_step(const Engine *e)
{
    return e->interrupt_shadow || (e->eflags & FLAG_TF) || e->watch_code || e->watch_data;
}

/* Blocks until something else is to be done. */
static void run_some(Engine *e)
{
    e->code_changed = false;
    if (unlikely(wants_single_step(e))) {
        run_single(e);
        return;
    }
    const Block *block = block_find(e, e->rip);
    if (log_enabled(LOG_EXEC | LOG_CPU)) {
        log_block(e, block);
        const uint32_t *exit_request = e->exit_request;
        static const uint32_t always = 1;
        e->exit_request = &always;
        run_block(e, block);
        e->exit_request = exit_request;
        return;
    }
    run_block(e, block);
}

static VCPUExit stop_reason(Engine *e)
{
    EngineStop stop = e->stop;

    e->stop = STOP_NONE;
    switch (stop) {
    case STOP_HALT:
        return VCPU_EXIT_HALTED;
    case STOP_YIELD:
        return VCPU_EXIT_YIELDED;
    case STOP_SHUTDOWN:
        return VCPU_EXIT_SHUTDOWN;
    default:
        return VCPU_EXIT_ERROR;
    }
}

static VCPUExit engine_loop(Engine *e)
{
    VCPU *vcpu = &e->cpu->vcpu;

    for (;;) {
        changes_take();
        if (!e->interrupt_shadow && vcpu_interrupts_pending(vcpu) && handle_interrupts(e)) {
            return VCPU_EXIT_INTERRUPTED;
        }
        if (engine_exit_requested(e)) {
            return VCPU_EXIT_INTERRUPTED;
        }
        run_some(e);
        if (e->stop != STOP_NONE) {
            return stop_reason(e);
        }
    }
}

/* A longjmp() can come out of the middle of anything: put back what was set for a while. */
static void recover(Engine *e)
{
    e->exit_request = &e->cpu->vcpu.exit_request;
    e->data_breakpoint = false;
    if (e->single_stepping) {
        e->single_stepping = false;
        e->interrupt_shadow = false;
    }
}

static VCPUExit engine_run_guarded(Engine *e)
{
    int fault;

    fault = setjmp(e->fault);
    if (fault != 0) {
        recover(e);
        if (fault == FAULT_STOP) {
            return stop_reason(e);
        }
        exception_deliver(e);
    }
    return engine_loop(e);
}

/* ---- state ---- */

static void engine_synchronize(VCPU *vcpu)
{
    Engine *e = engine_of(vcpu);
    X86State *s = e->state;

    memcpy(s->registers, e->r, sizeof(s->registers));
    s->rip = e->rip;
    s->rflags = rflags_read(e);
    s->interrupt_shadow = e->interrupt_shadow;
}

static VCPUExit engine_run(VCPU *vcpu)
{
    VCPUExit reason = engine_run_guarded(engine_of(vcpu));
    engine_synchronize(vcpu);
    return reason;
}

static void engine_state_changed(VCPU *vcpu)
{
    Engine *e = engine_of(vcpu);
    X86State *s = e->state;

    memcpy(e->r, s->registers, sizeof(s->registers));
    e->rip = s->rip;
    rflags_write(e, s->rflags);
    e->interrupt_shadow = s->interrupt_shadow;
    e->delivering = -1;
    e->stop = STOP_NONE;
    tlb_flush_all(e);
    engine_update_mode(e);
    debug_registers_changed(e);
}

static bool engine_create(VCPU *vcpu, GError **error)
{
    X86CPU *cpu = X86_CPU_FROM_VCPU(vcpu);
    Engine *e = g_new0(Engine, 1);

    e->cpu = cpu;
    e->state = &cpu->state;
    e->exit_request = &vcpu->exit_request;
    e->generation_global = 2;
    e->generation_local = 3;
    e->delivering = -1;
    e->code = code_cache_new();
    e->decoded = decoded_block_new();
    for (unsigned mode = 0; mode < MMU_MODE_COUNT; mode++) {
        memset(e->tlbs[mode].used, 0xff, sizeof(e->tlbs[mode].used));
    }
    cpu->engine = e;
    g_ptr_array_add(engines_all(), e);
    engine_state_changed(vcpu);
    return true;
}

static void engine_destroy(VCPU *vcpu)
{
    Engine *e = engine_of(vcpu);

    X86_CPU_FROM_VCPU(vcpu)->engine = NULL;
    g_ptr_array_remove(engines_all(), e);
    code_cache_free(e->code);
    decoded_block_free(e->decoded);
    g_free(e);
}

/* ---- memory ---- */

static void engine_dirty_log_cleared(VCPU *vcpu)
{
    tlb_protect_all(engine_of(vcpu));
}

static void engine_memory_map_changed(VCPU *vcpu)
{
    Engine *e = engine_of(vcpu);

    physical_forget(e);
    tlb_flush_all(e);
}

static uint64_t engine_instruction_count(void)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < vcpu_count(); i++) {
        Engine *e = engine_of(vcpu_get(i));
        if (e) {
            count += __atomic_load_n(&e->instructions, __ATOMIC_RELAXED);
        }
    }
    return count;
}

static bool engine_init(GHashTable *options, GError **error)
{
    GHashTableIter iterator;
    gpointer key, value;

    single_vcpu_only = false;
    g_hash_table_iter_init(&iterator, options);
    while (g_hash_table_iter_next(&iterator, &key, &value)) {
        bool single = strcmp(key, "thread") == 0 && strcmp(value, "single") == 0;
        bool multi = strcmp(key, "thread") == 0 && strcmp(value, "multi") == 0;
        if (!single && !multi) {
            qc_error_set(error,
                         "accelerator tcg: option '%s=%s' is not known; thread=single and "
                         "thread=multi are",
                         (char *)key, (char *)value);
            return false;
        }
        single_vcpu_only = multi;
    }
    return true;
}

/* With one vCPU a thread for each and a thread for all are the same. */
static bool engine_check_vcpu_count(unsigned count, GError **error)
{
    if (single_vcpu_only && count > 1) {
        qc_error_set(error,
                     "accelerator tcg: thread=multi is not supported with %u processors (-smp), "
                     "only with 1; thread=single runs them by turns",
                     count);
        return false;
    }
    return true;
}

static const AccelOps tcg_ops = {
    .name = "tcg",
    .description = "software CPU engine",
    .runs_guest_code = true,
    .threads = ACCEL_THREAD_SHARED,
    .init = engine_init,
    .check_vcpu_count = engine_check_vcpu_count,
    .vcpu_create = engine_create,
    .vcpu_destroy = engine_destroy,
    .vcpu_run = engine_run,
    .synchronize_state = engine_synchronize,
    .state_changed = engine_state_changed,
    .dirty_log_cleared = engine_dirty_log_cleared,
    .pages_written = changes_note_written,
    .memory_map_changed = engine_memory_map_changed,
    .instruction_count = engine_instruction_count,
};

__attribute__((constructor)) static void engine_register(void)
{
    accel_register(&tcg_ops);
}
