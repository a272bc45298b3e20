/* vmcs12.c - the VMCS of level 1 as a page of its memory, and the part of it that the processor can reach by
 * itself. */
#include "kit/console.h"
#include "kit/memory.h"
#include "nested.h"

struct field {
    u16 encoding;
    u8 kind;
};

static const struct field fields[VMCS12_FIELDS] = {
#define FIELD(encoding, kind) {encoding, kind},
#include "vmcs12.def"
};

/* An encoding's width (bits 14:13), type (11:10) and index (9:1), of which 31 is the highest, in nine bits.
 * */
#define FIELD_RESERVED (~0x6c3eull)
static unsigned key_of(u64 encoding)
{
    return (unsigned)((encoding >> 13 & 3) << 7 | (encoding >> 10 & 3) << 5 | (encoding >> 1 & 31));
}

static struct {
    u8 index_of_key[512]; /* plus 1; 0: there is no such field */
    u8 first[FIELD_KINDS], end[FIELD_KINDS];
    u64 shadow; /* host-physical: the shadow VMCS */
} table;

void vmcs12_set_up(void)
{
    for (unsigned i = 0; i < VMCS12_FIELDS; i++) {
        enum field_kind kind = fields[i].kind;
        table.index_of_key[key_of(fields[i].encoding)] = (u8)(i + 1);
        if (table.end[kind] == 0) table.first[kind] = (u8)i;
        table.end[kind] = (u8)(i + 1);
    }
}

int vmcs12_find(u64 encoding)
{
    return encoding & FIELD_RESERVED ? -1 : (int)table.index_of_key[key_of(encoding)] - 1;
}

enum field_kind vmcs12_kind(int index)
{
    return fields[index].kind;
}

u64 vmcs12_read(enum vmcs_field field)
{
    return nested.vmcs12->value[vmcs12_find(field)];
}

void vmcs12_write(enum vmcs_field field, u64 value)
{
    nested.vmcs12->value[vmcs12_find(field)] = value;
}

void vmcs12_load_kind(enum field_kind kind)
{
    for (unsigned i = table.first[kind]; i < table.end[kind]; i++)
        vmwrite(fields[i].encoding, nested.vmcs12->value[i]);
}

void vmcs12_save_kind(enum field_kind kind)
{
    for (unsigned i = table.first[kind]; i < table.end[kind]; i++)
        nested.vmcs12->value[i] = vmread(fields[i].encoding);
}

void vmcs12_copy_host_state(u64 from, u64 to)
{
    for (unsigned i = table.first[HOST]; i < table.end[HOST]; i++) {
        vmptrld(from);
        u64 value = vmread(fields[i].encoding);
        vmptrld(to);
        vmwrite(fields[i].encoding, value);
    }
}

/* --- the shadow VMCS --- */

#define SHADOW_INDICATOR (1u << 31) /* "VMCS Shadowing": beside the revision identifier */

static const enum field_kind shadowed[] = {INFO, GUEST_EACH, CONTROL_EACH, MERGED_EACH};
enum { SHADOWED_BUT_INFO = 1 }; /* from here on, level 1 writes them */

/* A set bit of the VMREAD or VMWRITE bitmap says that accesses to the field exit. */
static u8 *new_bitmap(unsigned first_kind)
{
    u8 *bitmap = heap_page();
    memset(bitmap, 0xff, 4096);
    for (unsigned k = first_kind; k < COUNT_OF(shadowed); k++)
        for (unsigned i = table.first[shadowed[k]]; i < table.end[shadowed[k]]; i++)
            bitmap[fields[i].encoding / 8] &= (u8) ~(1u << fields[i].encoding % 8);
    return bitmap;
}

void shadow_set_up(void)
{
    table.shadow = vmx_region();
    *(u32 *)table.shadow |= SHADOW_INDICATOR;
    vmclear(table.shadow);
    vmwrite(VMREAD_BITMAP_ADDRESS, (u64)new_bitmap(0));
    vmwrite(VMWRITE_BITMAP_ADDRESS, (u64)new_bitmap(SHADOWED_BUT_INFO));
}

void shadow_link(bool current)
{
    vmwrite(VMCS_LINK_POINTER, current ? table.shadow : NO_VMCS);
}

void shadow_load(void)
{
    vmptrld(table.shadow);
    for (unsigned k = 0; k < COUNT_OF(shadowed); k++) vmcs12_load_kind(shadowed[k]);
    vmclear(table.shadow);
    vmptrld(nested.vmcs01);
}

void shadow_save(void)
{
    vmptrld(table.shadow);
    for (unsigned k = SHADOWED_BUT_INFO; k < COUNT_OF(shadowed); k++) vmcs12_save_kind(shadowed[k]);
    vmclear(table.shadow);
    vmptrld(nested.vmcs01);
}
