#include "models/board/inspect.h"
#include "virt-ext/qualification.h"
#include <inttypes.h>
#include <string.h>

/* --- what a value means --- */

struct control_row {
    u8 field, bit;
    const char *name;
};

enum control_field {
    FIELD_OF_PIN = VMCS_pin_controls,
    FIELD_OF_PRIMARY = VMCS_primary_controls,
    FIELD_OF_SECONDARY = VMCS_secondary_controls,
    FIELD_OF_ON_EXIT = VMCS_exit_controls,
    FIELD_OF_ON_ENTRY = VMCS_entry_controls
};

static const struct control_row controls[] = {
#define CONTROL(word, bit, name, exists, meaning) {FIELD_OF_##word, bit, #name},
#include "virt-ext/controls.def"
};

static void explain_controls(unsigned field, u64 value, FILE *out)
{
    const char *separator = "  ";
    for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
        if (controls[i].field != field || !(value >> controls[i].bit & 1)) continue;
        fprintf(out, "%s%s", separator, controls[i].name);
        separator = ", ";
    }
}

static void explain_qualification(const struct vmcs *v, FILE *out)
{
    char words[QUALIFICATION_TEXT_BYTES];
    struct vmx_exit_event e = {.reason = (enum exit_reason)(v->exit_reason & 0xffff),
                               .qualification = v->exit_qualification,
                               .interruption_info = v->exit_interruption_info,
                               .error_code = v->exit_error_code};
    if (*qualification_text(&e, words)) fprintf(out, "  %s", words);
}

static void explain(const struct vmcs *v, unsigned field, u64 value, FILE *out)
{
    const char *reason = vmx_exit_meaning((unsigned)(v->exit_reason & 0xffff));
    if (field == VMCS_exit_reason && reason) fprintf(out, "  %s", reason);
    if (field == VMCS_exit_qualification) explain_qualification(v, out);
    explain_controls(field, value, out);
}

/* --- the listing --- */

static const char *const area_title[VMCS_AREAS] = {[VMCS_GUEST] = "Guest-State Area",
                                                   [VMCS_HOST] = "Host-State Area",
                                                   [VMCS_CONTROL] = "Control Fields",
                                                   [VMCS_EXIT_INFO] =
                                                       "VM-Exit Information Fields (read-only)"};

static void print_field(const struct vmcs *v, const struct vmcs *before, unsigned field, FILE *out)
{
    const struct vmcs_field *f = &vmcs_fields[field];
    u64 value = vmcs_read(v, (enum vmcs_field_id)field, false);
    u64 old = before ? vmcs_read(before, (enum vmcs_field_id)field, false) : value;
    fprintf(out, "%c %-26s 0x%04x  0x%0*" PRIx64, value == old ? ' ' : '*', f->name, f->encoding,
            f->bytes * 2, value);
    if (value != old) fprintf(out, "  (0x%" PRIx64 " at the last VM entry)", old);
    explain(v, field, value, out);
    fputc('\n', out);
}

static void print_area(const struct vmcs *v, const struct vmcs *before, enum vmcs_area area, FILE *out)
{
    fprintf(out, "\n%s\n", area_title[area]);
    for (unsigned field = 0; field < VMCS_FIELDS; field++)
        if (VMCS_AREA(vmcs_fields[field].encoding) == area) print_field(v, before, field, out);
}

bool inspect_vmcs(const struct vmx *x, const struct vmcs *at_entry, FILE *out)
{
    static const enum vmcs_area order[] = {VMCS_GUEST, VMCS_HOST, VMCS_CONTROL, VMCS_EXIT_INFO};
    struct vmcs v;
    if (!x->on || x->current == VMCS_NONE) {
        fprintf(out, "%s\n", x->on ? "no VMCS is current" : "the processor is not in VMX operation");
        return false;
    }
    memcpy(&v, x->hart->mem->host + x->current, sizeof v);
    fprintf(out, "VMCS at 0x%" PRIx64 ", %s%s\n", x->current,
            v.launch_state == VMCS_LAUNCH_LAUNCHED ? "launched" : "clear",
            at_entry ? "; *: changed since the last VM entry" : "; no VM entry has succeeded yet");
    for (size_t i = 0; i < ARRAY_LEN(order); i++) print_area(&v, at_entry, order[i], out);
    return true;
}
