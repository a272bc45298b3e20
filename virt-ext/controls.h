/* controls.h - which VMX controls are on: PIN_..., PRIMARY_..., SECONDARY_..., ON_EXIT_..., ON_ENTRY_...
 * of controls.def are bit numbers. */
#ifndef VIRT_CONTROLS_H
#define VIRT_CONTROLS_H

#include "virt-ext/vmcs.h"

enum vmx_control {
#define CONTROL(word, bit, name, exists, meaning) word##_##name = (bit),
#define TERTIARY_CONTROL(bit, name, exists, meaning) TERTIARY_##name = (bit),
#include "virt-ext/controls.def"
};

static inline bool pin_on(const struct vmcs *v, enum vmx_control c) { return v->pin_controls >> c & 1; }
static inline bool primary_on(const struct vmcs *v, enum vmx_control c)
{
    return v->primary_controls >> c & 1;
}
/* The secondary controls are as if 0 until they are activated. */
static inline bool secondary_on(const struct vmcs *v, enum vmx_control c)
{
    return primary_on(v, PRIMARY_activate_secondary_controls) && (v->secondary_controls >> c & 1);
}
static inline bool guest_is_unrestricted(const struct vmcs *v)
{
    return secondary_on(v, SECONDARY_unrestricted_guest);
}
static inline bool tertiary_on(const struct vmcs *v, enum vmx_control c)
{
    return primary_on(v, PRIMARY_activate_tertiary_controls) && (v->tertiary_controls >> c & 1);
}
static inline bool exit_on(const struct vmcs *v, enum vmx_control c) { return v->exit_controls >> c & 1; }
static inline bool entry_on(const struct vmcs *v, enum vmx_control c) { return v->entry_controls >> c & 1; }

#endif
