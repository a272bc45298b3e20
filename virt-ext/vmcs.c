#include "virt-ext/vmx.h"
#include <string.h>

#define READ_ONLY_rw false
#define READ_ONLY_ro true

const struct vmcs_field vmcs_fields[VMCS_FIELDS] = {
#define FIELD(type, name, encoding, access, exists, section)                                                 \
    {#name, section, encoding, offsetof(struct vmcs, name), sizeof(type), READ_ONLY_##access},
#include "virt-ext/vmcs.def"
#undef FIELD
};

/* Row and encoding agree on the width and on who may write. */
#define ENCODED_BYTES(encoding) (bits_13_14(encoding) == 0 ? 2 : bits_13_14(encoding) == 2 ? 4 : 8)
#define bits_13_14(encoding)    ((encoding) >> 13 & 3)
#define FIELD(type, name, encoding, access, exists, section)                                                 \
    _Static_assert(sizeof(type) == ENCODED_BYTES(encoding), #name ": width");                                \
    _Static_assert(((encoding) >> 10 & 3) != 1 || READ_ONLY_##access,                                        \
                   #name ": exit information is read-only");
#include "virt-ext/vmcs.def"
#undef FIELD
_Static_assert(sizeof(struct vmcs) <= 1024, "the smallest region that is reported");

/* Width, area and index of an encoding in ten bits: what vmcs_find looks up. */
#define INDEX_BITS         6
#define KEY(e)             (((e) >> 13 & 3) << 8 | ((e) >> 10 & 3) << 6 | ((e) >> 1 & 63))
#define ENCODING_RESERVED  (~0x6fffull)
#define INDEX_OF(encoding) bits((encoding), 9, 1)

static const u8 field_of_key[1024] = {
#define FIELD(type, name, encoding, access, exists, section) [KEY(encoding)] = VMCS_##name + 1,
#include "virt-ext/vmcs.def"
#undef FIELD
};

static bool field_exists(const struct vmx_cfg *cfg, enum vmcs_field_id field)
{
    switch (field) {
#define FIELD(type, name, encoding, access, exists, section)                                                 \
    case VMCS_##name:                                                                                        \
        return exists;
#include "virt-ext/vmcs.def"
#undef FIELD
    default: return false;
    }
}

int vmcs_find(const struct vmx_cfg *cfg, u64 encoding)
{
    if (encoding & ENCODING_RESERVED || INDEX_OF(encoding) >> INDEX_BITS) return -1;
    if (VMCS_HIGH(encoding) && VMCS_WIDTH(encoding) != 1) return -1;
    int field = field_of_key[KEY(encoding)] - 1;
    return field >= 0 && field_exists(cfg, (enum vmcs_field_id)field) ? field : -1;
}

int vmcs_find_name(const char *name, size_t length)
{
    for (int f = 0; f < VMCS_FIELDS; f++)
        if (strlen(vmcs_fields[f].name) == length && !memcmp(vmcs_fields[f].name, name, length)) return f;
    return -1;
}

/* Loads and stores of constant size: this is on the path of every VM entry and exit, some sixty times. */
static u64 load(const u8 *at, unsigned bytes)
{
    u16 v16;
    u32 v32;
    u64 v64;
    switch (bytes) {
    case 2: memcpy(&v16, at, 2); return v16;
    case 4: memcpy(&v32, at, 4); return v32;
    default: memcpy(&v64, at, 8); return v64;
    }
}

static void store(u8 *at, unsigned bytes, u64 value)
{
    switch (bytes) {
    case 2: memcpy(at, &(u16){(u16)value}, 2); break;
    case 4: memcpy(at, &(u32){(u32)value}, 4); break;
    default: memcpy(at, &value, 8); break;
    }
}

u64 vmcs_read(const struct vmcs *v, enum vmcs_field_id field, bool high)
{
    u64 value = load((const u8 *)v + vmcs_fields[field].offset, vmcs_fields[field].bytes);
    return high ? value >> 32 : value;
}

void vmcs_write(struct vmcs *v, enum vmcs_field_id field, bool high, u64 value)
{
    if (high) value = value << 32 | bits(vmcs_read(v, field, false), 31, 0);
    store((u8 *)v + vmcs_fields[field].offset, vmcs_fields[field].bytes, value);
}

void vmcs_area_span(enum vmcs_area area, u64 *first, u64 *end)
{
    *first = UINT64_MAX;
    *end = 0;
    for (size_t i = 0; i < VMCS_FIELDS; i++) {
        const struct vmcs_field *f = &vmcs_fields[i];
        if (VMCS_AREA(f->encoding) != area) continue;
        *first = min_u64(*first, f->offset);
        *end = max_u64(*end, f->offset + f->bytes);
    }
}

unsigned vmcs_highest_index(const struct vmx_cfg *cfg)
{
    unsigned highest = 0;
    for (int f = 0; f < VMCS_FIELDS; f++)
        if (field_exists(cfg, (enum vmcs_field_id)f))
            highest = (unsigned)max_u64(highest, INDEX_OF(vmcs_fields[f].encoding));
    return highest;
}
