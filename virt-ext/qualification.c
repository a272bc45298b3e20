#include "virt-ext/qualification.h"
#include <inttypes.h>
#include <stdarg.h>

/* The text as it grows. */
struct words {
    char *text;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *format, ...)
{
    size_t room = QUALIFICATION_TEXT_BYTES - w->used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->text + w->used, room, format, args);
    va_end(args);
    w->used += n < 0 ? 0 : min_u64((u64)n, room - 1);
}

/* The numbers of general-purpose registers in qualifications and instruction information. */
static const char *const register_name[16] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                              "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

/* SDM Vol. 3A, "Exception and Interrupt Reference". */
static const char *const exception_name[32] = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL,  "#TS",
    "#NP", "#SS", "#GP", "#PF", NULL,  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP"};

/* --- one decoder per layout --- */

static void address(struct words *w, const struct vmx_exit_event *e)
{
    say(w, "linear address 0x%" PRIx64, e->qualification);
}

static void displacement(struct words *w, const struct vmx_exit_event *e)
{
    say(w, "displacement 0x%" PRIx64, e->qualification);
}

static void debug_conditions(struct words *w, u64 q)
{
    for (unsigned n = 0; n < 4; n++)
        if (q >> n & 1) say(w, " breakpoint %u", n);
    if (q & BIT(13)) say(w, " access to a debug register");
    if (q & BIT(14)) say(w, " single step");
}

static void vectored_event(struct words *w, const struct vmx_exit_event *e)
{
    unsigned vector = e->interruption_info & 0xff;
    const char *name = vector < 32 ? exception_name[vector] : NULL;
    if (name)
        say(w, "%s", name);
    else
        say(w, "vector %u", vector);
    if (e->interruption_info & BIT(11)) say(w, " error code 0x%" PRIx32, e->error_code);
    if (vector == VEC_PF) say(w, " at linear address 0x%" PRIx64, e->qualification);
    if (vector == VEC_DB) debug_conditions(w, e->qualification);
}

/* With "acknowledge interrupt on exit" only. */
static void interrupt(struct words *w, const struct vmx_exit_event *e)
{
    if (e->interruption_info & BIT(31)) say(w, "vector %u", (unsigned)(e->interruption_info & 0xff));
}

static void start_up(struct words *w, const struct vmx_exit_event *e)
{
    say(w, "vector %u", (unsigned)bits(e->qualification, 7, 0));
}

static void task_switch(struct words *w, const struct vmx_exit_event *e)
{
    static const char *const source[4] = {"CALL", "IRET", "JMP", "a task gate"};
    say(w, "to TSS selector 0x%x by %s", (unsigned)bits(e->qualification, 15, 0), source[bits(e->qualification, 31, 30)]);
}

static void control_register(struct words *w, const struct vmx_exit_event *e)
{
    unsigned cr = (unsigned)bits(e->qualification, 3, 0);
    const char *reg = register_name[bits(e->qualification, 11, 8)];
    switch (bits(e->qualification, 5, 4)) {
    case 0: say(w, "MOV to CR%u from %s", cr, reg); break;
    case 1: say(w, "MOV from CR%u to %s", cr, reg); break;
    case 2: say(w, "CLTS"); break;
    default:
        say(w, "LMSW 0x%x from a %s", (unsigned)bits(e->qualification, 31, 16), e->qualification & BIT(6) ? "memory operand" : "register");
    }
}

static void debug_register(struct words *w, const struct vmx_exit_event *e)
{
    bool from = e->qualification & BIT(4);
    say(w, "MOV %s DR%u %s %s", from ? "from" : "to", (unsigned)bits(e->qualification, 2, 0), from ? "to" : "from",
        register_name[bits(e->qualification, 11, 8)]);
}

static void io(struct words *w, const struct vmx_exit_event *e)
{
    u64 q = e->qualification;
    bool in = q & BIT(3), string = q & BIT(4);
    unsigned bytes = (unsigned)bits(q, 2, 0) + 1;
    say(w, "%s%s%s %u byte%s %s port 0x%x%s", q & BIT(5) ? "REP " : "", in ? "IN" : "OUT", string ? "S" : "", bytes, bytes > 1 ? "s" : "",
        in ? "from" : "to", (unsigned)bits(q, 31, 16), q & BIT(6) ? " (immediate)" : "");
}

static void guest_state(struct words *w, const struct vmx_exit_event *e)
{
    switch (e->qualification) {
    case 2: say(w, "PDPTEs"); break;
    case 3: say(w, "injection of an NMI while NMIs are blocked"); break;
    case 4: say(w, "VMCS link pointer"); break;
    default: say(w, "a rule without a number"); break;
    }
}

static void msr_entry(struct words *w, const struct vmx_exit_event *e)
{
    say(w, "entry %" PRIu64 " of the MSR list", e->qualification);
}

static void monitor_armed(struct words *w, const struct vmx_exit_event *e)
{
    say(w, "monitoring hardware %s", e->qualification & 1 ? "armed" : "not armed");
}

static void apic_page(struct words *w, const struct vmx_exit_event *e)
{
    static const char *const type[16] = {[0] = "read", [1] = "write", [2] = "fetch", [3] = "event delivery",
                                         [10] = "guest-physical event delivery", [15] = "guest-physical"};
    const char *name = type[bits(e->qualification, 15, 12)];
    say(w, "offset 0x%x %s", (unsigned)bits(e->qualification, 11, 0), name ? name : "undefined access");
}

static void apic_offset(struct words *w, const struct vmx_exit_event *e)
{
    say(w, "offset 0x%x", (unsigned)bits(e->qualification, 11, 0));
}

static void ept_page(struct words *w, u64 q)
{
    say(w, " (%s page %s %s)", q & BIT(9) ? "user" : "supervisor", q & BIT(10) ? "writable" : "read-only",
        q & BIT(11) ? "execute-disable" : "executable");
}

/* Bits 2:0 what was tried, 5:3 what the EPT entries allow, 7 and 8 what the guest-physical address was for. */
static void ept_violation(struct words *w, const struct vmx_exit_event *e)
{
    u64 q = e->qualification;
    say(w, "%s%s%s", q & BIT(0) ? "read " : "", q & BIT(1) ? "write " : "", q & BIT(2) ? "fetch " : "");
    say(w, "where %c%c%c is allowed", q & BIT(3) ? 'r' : '-', q & BIT(4) ? 'w' : '-', q & BIT(5) ? 'x' : '-');
    if (!(q & BIT(7)))
        say(w, " without linear address");
    else if (q & BIT(8))
        say(w, " of the translated address");
    else
        say(w, " of a guest paging-structure entry");
    if (bits(q, 11, 9)) ept_page(w, q);
    if (q & BIT(12)) say(w, " NMI unblocked by IRET");
}

static void log_full(struct words *w, const struct vmx_exit_event *e)
{
    if (e->qualification & BIT(12)) say(w, "NMI unblocked by IRET");
}

/* --- which layout a reason has --- */

struct row {
    void (*decode)(struct words *w, const struct vmx_exit_event *e);
    const char *section;
};

#define BASIC "Basic VM-Exit Information"

/* clang-format off */
static const struct row rows[EXIT_REASONS] = {
    [EXIT_exception_or_nmi]           = {vectored_event,   "Information for VM Exits Due to Vectored Events"},
    [EXIT_external_interrupt]         = {interrupt,        "Information for VM Exits Due to Vectored Events"},
    [EXIT_sipi]                       = {start_up,         BASIC},
    [EXIT_task_switch]                = {task_switch,      "Exit Qualification for Task Switches"},
    [EXIT_invlpg]                     = {address,          BASIC},
    [EXIT_vmclear]                    = {displacement,     BASIC},
    [EXIT_vmptrld]                    = {displacement,     BASIC},
    [EXIT_vmptrst]                    = {displacement,     BASIC},
    [EXIT_vmread]                     = {displacement,     BASIC},
    [EXIT_vmwrite]                    = {displacement,     BASIC},
    [EXIT_vmxon]                      = {displacement,     BASIC},
    [EXIT_cr_access]                  = {control_register, "Exit Qualification for Control-Register Accesses"},
    [EXIT_mov_dr]                     = {debug_register,   "Exit Qualification for MOV DR"},
    [EXIT_io_instruction]             = {io,               "Exit Qualification for I/O Instructions"},
    [EXIT_entry_failure_guest_state]  = {guest_state,      "VM-Entry Failures During or After Loading Guest State"},
    [EXIT_entry_failure_msr_loading]  = {msr_entry,        "VM-Entry Failures During or After Loading Guest State"},
    [EXIT_mwait]                      = {monitor_armed,    BASIC},
    [EXIT_apic_access]                = {apic_page,        "Exit Qualification for APIC-Access VM Exits"},
    [EXIT_virtualized_eoi]            = {start_up,         BASIC},
    [EXIT_access_gdtr_idtr]           = {displacement,     BASIC},
    [EXIT_access_ldtr_tr]             = {displacement,     BASIC},
    [EXIT_ept_violation]              = {ept_violation,    "Exit Qualification for EPT Violations"},
    [EXIT_invept]                     = {displacement,     BASIC},
    [EXIT_invvpid]                    = {displacement,     BASIC},
    [EXIT_apic_write]                 = {apic_offset,      BASIC},
    [EXIT_invpcid]                    = {displacement,     BASIC},
    [EXIT_page_modification_log_full] = {log_full,         BASIC},
    [EXIT_xsaves]                     = {displacement,     BASIC},
    [EXIT_xrstors]                    = {displacement,     BASIC},
};
/* clang-format on */

static const struct row no_row;

static const struct row *row_of(enum exit_reason reason) { return (unsigned)reason < EXIT_REASONS ? &rows[reason] : &no_row; }

const char *qualification_text(const struct vmx_exit_event *e, char text[QUALIFICATION_TEXT_BYTES])
{
    struct words w = {.text = text};
    const struct row *r = row_of(e->reason);
    text[0] = '\0';
    if (r->decode) r->decode(&w, e);
    return text;
}

const char *qualification_section(enum exit_reason reason) { return row_of(reason)->section; }
