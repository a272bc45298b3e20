/* explain.c - why it failed: the rule, what it asks, the manual's section title, and the values of the fields that
 * the rule looks at. */
#include "virt-ext/internal.h"
#include <inttypes.h>
#include <string.h>

#define MANUAL(title) "  manual:      SDM Vol. 3C, \"" title "\"\n"

/* --- the tables --- */

struct check_row {
    const char *name, *section, *fields, *rule;
};

static const struct check_row checks[ENTRY_CHECKS] = {
#define ENTRY_CHECK(stage, name, section, fields, holds) {#name, section, fields, #holds},
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
};

static const char *const check_asks[ENTRY_CHECKS] = {
#define ASKS(name, words) [ENTRY_CHECK_##name] = words,
#include "virt-ext/entry_check_words.def"
#undef ASKS
};

struct refusal_row {
    u8 vector;
    const char *section, *asks;
};

static const struct refusal_row refusals[] = {
    {0, "", ""},
#define REFUSAL(name, vector, section, asks) {vector, section, asks},
#include "virt-ext/refusals.def"
#undef REFUSAL
};

struct error_row {
    const char *meaning, *asks;
};

static const struct error_row errors[] = {
    {"no current VMCS, or a region that is no VMCS", "a current VMCS that is no shadow VMCS: VMPTRLD first; "
                                                     "for VMXON, a region with the revision identifier"},
#define VM_ERROR(number, name, meaning, asks) [number] = {meaning, asks},
#include "virt-ext/vm_errors.def"
#undef VM_ERROR
};

struct hazard_row {
    const char *happened, *asks, *section, *here;
};

static const struct hazard_row hazards[] = {
    {"", "", "", ""},
#define HAZARD(name, happened, asks, section, here) {happened, asks, section, here},
#include "virt-ext/hazards.def"
#undef HAZARD
};

static const char *const aborts[] = {
#define ABORT(number, name, meaning) [number] = meaning,
#include "virt-ext/aborts.def"
#undef ABORT
};

u8 refusal_vector(enum vmx_refusal refusal)
{
    return refusals[refusal].vector;
}

const char *vmx_entry_check_asks(enum entry_check check)
{
    return check_asks[check];
}

/* --- remembering --- */

void vmx_note_failure(struct vmx *x, const struct vmx_failure *f)
{
    const struct hart *h = x->hart;
    x->failure = *f;
    x->failure.happened = true;
    x->failure.cr0 = h->cr0;
    x->failure.cr4 = h->cr4;
    x->failure.cpl = h->cpl;
    if (f->error == VM_ERROR_vmptrld_revision) x->failure.region_begins = physical_read32(h->mem, f->operand);
    if (x->current != VMCS_NONE) x->failure.values = *current_vmcs(x);
    if (f->check >= 0) x->stats.checks[f->check]++;
    if (x->on_failure) x->on_failure(x->on_exit_self);
}

/* --- fields --- */

static void print_field(const struct vmcs *v, const char *name, size_t length, FILE *out)
{
    int field = vmcs_find_name(name, length);
    if (field < 0) return;
    const struct vmcs_field *f = &vmcs_fields[field];
    fprintf(out, "    %-26s 0x%04x  0x%0*" PRIx64 "\n", f->name, f->encoding, f->bytes * 2,
            vmcs_read(v, (enum vmcs_field_id)field, false));
}

/* The names of a row, with spaces between them. */
static void print_fields(const struct vmcs *v, const char *names, FILE *out)
{
    while (*names) {
        size_t length = strcspn(names, " ");
        print_field(v, names, length, out);
        names += length + strspn(names + length, " ");
    }
}

/* --- control words: which bit --- */

static const char *control_name(enum vmx_word word, unsigned bit)
{
    static const char *const names[VMX_WORDS][32] = {
#define CONTROL(word, bit, name, exists, meaning) [VMX_##word][bit] = #name,
#include "virt-ext/controls.def"
    };
    return names[word][bit];
}

static void print_bits(enum vmx_word word, u32 wrong, const char *what, FILE *out)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        if (!(wrong >> bit & 1)) continue;
        const char *name = control_name(word, bit);
        fprintf(out, "    bit %u%s%s%s %s\n", bit, name ? " (" : "", name ? name : "", name ? ")" : "", what);
    }
}

static void print_control_bits(const struct vmx *x, const struct vmx_failure *f, FILE *out)
{
    static const struct {
        int check;
        enum vmcs_field_id field;
    } of_word[VMX_WORDS] = {
        [VMX_PIN] = {ENTRY_CHECK_pin_controls, VMCS_pin_controls},
        [VMX_PRIMARY] = {ENTRY_CHECK_primary_controls, VMCS_primary_controls},
        [VMX_SECONDARY] = {ENTRY_CHECK_secondary_controls, VMCS_secondary_controls},
        [VMX_ON_EXIT] = {ENTRY_CHECK_exit_controls, VMCS_exit_controls},
        [VMX_ON_ENTRY] = {ENTRY_CHECK_entry_controls, VMCS_entry_controls},
    };
    for (unsigned w = 0; w < VMX_WORDS; w++) {
        if (of_word[w].check != f->check) continue;
        u32 value = (u32)vmcs_read(&f->values, of_word[w].field, false);
        print_bits((enum vmx_word)w, value & ~x->allowed[w].may_be_1,
                   "is 1, and this processor has no such control", out);
        print_bits((enum vmx_word)w, ~value & x->allowed[w].must_be_1, "is 0, and must be 1", out);
    }
}

/* --- one printer for each way to fail --- */

static const char *instruction_name(const struct vmx_failure *f)
{
    const char *name = vmx_exit_meaning(f->instruction);
    return name ? name : "VMX instruction";
}

static void print_check(const struct vmx *x, const struct vmx_failure *f, FILE *out)
{
    const struct check_row *c = &checks[f->check];
    const char *asks = check_asks[f->check];
    fprintf(out, "  broken rule: %s\n", c->name);
    fprintf(out, "  it asks:     %s\n", asks ? asks : c->rule);
    fprintf(out, MANUAL("%s"), c->section);
    if (asks) fprintf(out, "  as code:     %s\n", c->rule);
    print_fields(&f->values, c->fields, out);
    print_control_bits(x, f, out);
}

static void print_entry_failure(const struct vmx_failure *f, FILE *out)
{
    fprintf(out, "VM entry at rip 0x%" PRIx64 " failed: exit reason %" PRIu32 ", %s\n", f->rip,
            f->exit_reason, vmx_exit_meaning(f->exit_reason));
    if (!f->msr_entry) return;
    fprintf(out, "  broken rule: entry %" PRIu32 " of the VM-entry MSR-load list could not be loaded\n",
            f->msr_entry);
    fputs("  it asks:     an MSR that may be loaded so, reserved bits 0, and a value that WRMSR would take\n",
          out);
    fputs(MANUAL("Loading MSRs"), out);
    print_fields(&f->values, "entry_msr_load_address entry_msr_load_count", out);
}

static void print_field_name(const struct vmx *x, u64 encoding, FILE *out)
{
    const char *name = NULL;
    for (unsigned n = 0; n < VMCS_FIELDS; n++)
        if (vmcs_fields[n].encoding == (encoding & ~1ull)) name = vmcs_fields[n].name;
    if (name)
        fprintf(out, ", %s%s", name,
                vmcs_find(&x->cfg, encoding) < 0 ? ", which this configuration lacks" : "");
}

static void print_operand(const struct vmx *x, const struct vmx_failure *f, FILE *out)
{
    static const char *const kind[EXIT_REASONS] = {
        [EXIT_vmread] = "field", [EXIT_vmwrite] = "field", [EXIT_invept] = "type", [EXIT_invvpid] = "type"};
    if (!f->has_operand) return;
    const char *what = kind[f->instruction] ? kind[f->instruction] : "region at";
    fprintf(out, "  operand:     %s 0x%" PRIx64, what, f->operand);
    if (!strcmp(what, "field")) print_field_name(x, f->operand, out);
    if (f->error == VM_ERROR_vmptrld_revision)
        fprintf(out,
                ", which begins with 0x%08" PRIx32 "; the processor's revision identifier is 0x%08" PRIx32,
                f->region_begins, x->cfg.revision);
    fputc('\n', out);
}

static void print_vmfail(const struct vmx *x, const struct vmx_failure *f, FILE *out)
{
    fprintf(out, "%s at rip 0x%" PRIx64 " failed: VMfail%s, error %d, %s\n", instruction_name(f), f->rip,
            f->rejected ? "Invalid" : "Valid", f->error, errors[f->error].meaning);
    print_operand(x, f, out);
    if (f->check >= 0) return;
    fprintf(out, "  it asks:     %s\n", errors[f->error].asks);
    fputs(MANUAL("VM Instruction Error Numbers"), out);
}

static void print_refusal(const struct vmx_failure *f, FILE *out)
{
    const struct refusal_row *r = &refusals[f->refusal];
    fprintf(out, "%s at rip 0x%" PRIx64 " was refused: %s\n", instruction_name(f), f->rip,
            r->vector == VEC_UD ? "#UD" : "#GP(0)");
    fprintf(out, "  it asks:     %s\n", r->asks);
    fprintf(out, MANUAL("%s"), r->section);
    fprintf(out, "  state:       CR0 0x%" PRIx64 ", CR4 0x%" PRIx64 ", CPL %u\n", f->cr0, f->cr4, f->cpl);
}

/* The row's one %s is the other processor. */
static void print_happened(const struct vmx_failure *f, FILE *out)
{
    const char *words = hazards[f->hazard].happened, *peer = strstr(words, "%s");
    fprintf(out, "%.*scpu%u%s\n", (int)(peer - words), words, f->peer, peer + 2);
}

static void print_hazard(const struct vmx_failure *f, FILE *out)
{
    const struct hazard_row *r = &hazards[f->hazard];
    fprintf(out, "%s at rip 0x%" PRIx64 " breaks a rule that no processor checks: ", instruction_name(f), f->rip);
    print_happened(f, out);
    fprintf(out, "  operand:     region at 0x%" PRIx64 "\n", f->operand);
    fprintf(out, "  it asks:     %s\n", r->asks);
    fprintf(out, MANUAL("%s"), r->section);
    fprintf(out, "  undefined:   here, %s\n", r->here);
}

static void print_abort(const struct vmx_failure *f, FILE *out)
{
    fprintf(out, "VM exit from guest rip 0x%" PRIx64 " ended in a VMX abort, indicator %d: %s\n", f->rip,
            f->abort, aborts[f->abort]);
    fputs(MANUAL("VMX Aborts"), out);
    print_fields(&f->values,
                 "exit_reason exit_qualification exit_controls host_cr3 host_cr4 exit_msr_store_address "
                 "exit_msr_store_count "
                 "exit_msr_load_address exit_msr_load_count",
                 out);
}

void vmx_print_failure(const struct vmx *x, FILE *out)
{
    const struct vmx_failure *f = &x->failure;
    if (!f->happened)
        fprintf(out, "no VMX instruction and no VM entry has failed\n");
    else if (f->hazard)
        print_hazard(f, out);
    else if (f->refusal)
        print_refusal(f, out);
    else if (f->abort)
        print_abort(f, out);
    else if (f->exit_reason)
        print_entry_failure(f, out);
    else
        print_vmfail(x, f, out);
    if (f->happened && f->check >= 0) print_check(x, f, out);
}
