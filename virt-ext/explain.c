/* explain.c - why it failed: the rule, the manual's section title, and the values of the fields that the
 * rule looks at. */
#include "virt-ext/internal.h"
#include <inttypes.h>
#include <string.h>

struct check_row {
    const char *name, *section, *fields, *rule;
};

static const struct check_row checks[ENTRY_CHECKS] = {
#define ENTRY_CHECK(stage, name, section, fields, holds) {#name, section, fields, #holds},
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
};

static const char *error_meaning(enum vm_error error)
{
    switch (error) {
#define VM_ERROR(number, name, meaning)                                                                      \
    case VM_ERROR_##name:                                                                                    \
        return meaning;
#include "virt-ext/vm_errors.def"
#undef VM_ERROR
    default: return "no current VMCS, or a region that is no VMCS";
    }
}

void vmx_note_failure(struct vmx *x, const struct vmx_failure *f)
{
    x->failure = *f;
    x->failure.happened = true;
    if (x->current != VMCS_NONE) x->failure.values = *current_vmcs(x);
    if (f->check >= 0) x->stats.checks[f->check]++;
}

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

static void print_check(const struct vmx_failure *f, FILE *out)
{
    const struct check_row *c = &checks[f->check];
    fprintf(out, "  broken rule: %s\n", c->name);
    fprintf(out, "  manual:      SDM Vol. 3C, \"%s\"\n", c->section);
    fprintf(out, "  it asks:     %s\n", c->rule);
    print_fields(&f->values, c->fields, out);
}

static void print_entry_failure(const struct vmx_failure *f, FILE *out)
{
    fprintf(out, "VM entry at rip 0x%" PRIx64 " failed: exit reason %" PRIu32 ", %s\n", f->rip,
            f->exit_reason, vmx_exit_meaning(f->exit_reason));
    if (f->msr_entry) {
        fprintf(out,
                "  entry %" PRIu32
                " of the MSR list could not be loaded\n  manual:      SDM Vol. 3C, \"Loading MSRs\"\n",
                f->msr_entry);
        print_fields(&f->values, "entry_msr_load_address entry_msr_load_count", out);
    }
}

static void print_vmfail(const struct vmx_failure *f, FILE *out)
{
    fprintf(out, "VMX instruction at rip 0x%" PRIx64 " failed: VMfail%s, error %d, %s\n", f->rip,
            f->rejected ? "Invalid" : "Valid", f->error, error_meaning(f->error));
}

void vmx_print_failure(const struct vmx *x, FILE *out)
{
    const struct vmx_failure *f = &x->failure;
    if (!f->happened) {
        fprintf(out, "no VMX instruction and no VM entry has failed\n");
        return;
    }
    if (f->exit_reason)
        print_entry_failure(f, out);
    else
        print_vmfail(f, out);
    if (f->check >= 0) print_check(f, out);
}
