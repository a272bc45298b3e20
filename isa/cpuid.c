/* cpuid.c - the presets, and CPUID's leaves made from them and from features.def. */
#include "isa/cpu_model.h"
#include <string.h>

#define LEAF_EXTENDED 0x80000000u

/* --- presets --- */

enum preset { PRESET_CASCADE_LAKE, PRESET_HASWELL, PRESET_NEHALEM, PRESET_TINY, PRESET_SANDY_BRIDGE, PRESET_SKYLAKE_SP, PRESET_ZEN2 };

#define CL  (1u << PRESET_CASCADE_LAKE | 1u << PRESET_SKYLAKE_SP)
#define HW  (1u << PRESET_HASWELL)
#define NH  (1u << PRESET_NEHALEM)
#define TN  (1u << PRESET_TINY)
#define SB  (1u << PRESET_SANDY_BRIDGE)
#define Z2  (1u << PRESET_ZEN2)
#define ALL (CL | HW | SB | NH | TN | Z2)
#define NONE 0u

#define L1I(size, ways)    {CPU_CACHE_CODE, 1, ways, size, false}
#define L1D(size, ways)    {CPU_CACHE_DATA, 1, ways, size, false}
#define L2(size, ways)     {CPU_CACHE_UNIFIED, 2, ways, size, false}
#define L3(size, ways)     {CPU_CACHE_UNIFIED, 3, ways, size, true}

#define PLATFORM(n) ((u64)(n) << 50)

/* IA32_ARCH_CAPABILITIES of Cascade Lake: RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, MDS_NO. */
#define CASCADE_LAKE_CAPABILITIES 0x2b

/* Signatures, frequencies and geometry: of a Xeon Platinum 8280, a Core i7-4770, a Core i7-860, a Core i7-2600, a
 * Xeon Gold 6142M; "tiny" is nobody's, and "zen2" has an EPYC 7742's instructions and sizes behind Intel's leaves and VMX. */
static const struct cpu_model presets[] = {
    [PRESET_CASCADE_LAKE] = {
        .name = "cascade-lake", .brand = "Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz",
        .signature = 0x50657, .max_leaf = 0x16, .max_extended_leaf = 0x80000008, .physical_bits = 46,
        .cache = {L1D(32 * KiB, 8), L1I(32 * KiB, 8), L2(1 * MiB, 16), L3(39424 * KiB, 11)},
        .microcode = 0x05003604, .platform_id = PLATFORM(0), .arch_capabilities = CASCADE_LAKE_CAPABILITIES,
        .logical_processors = 1, .tsc_hz = 2700 * MHz, .base_mhz = 2700, .max_mhz = 4000},
    [PRESET_HASWELL] = {
        .name = "haswell", .brand = "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz",
        .signature = 0x306c3, .max_leaf = 0xd, .max_extended_leaf = 0x80000008, .physical_bits = 39,
        .cache = {L1D(32 * KiB, 8), L1I(32 * KiB, 8), L2(256 * KiB, 8), L3(8 * MiB, 16)},
        .microcode = 0x28, .platform_id = PLATFORM(1),
        .logical_processors = 1, .tsc_hz = 3400 * MHz, .base_mhz = 3400, .max_mhz = 3900},
    [PRESET_NEHALEM] = {
        .name = "nehalem", .brand = "Intel(R) Core(TM) i7 CPU         860  @ 2.80GHz",
        .signature = 0x106e5, .max_leaf = 0xb, .max_extended_leaf = 0x80000008, .physical_bits = 36,
        .cache = {L1D(32 * KiB, 8), L1I(32 * KiB, 4), L2(256 * KiB, 8), L3(8 * MiB, 16)},
        .microcode = 0xa, .platform_id = PLATFORM(1),
        .logical_processors = 1, .tsc_hz = 2800 * MHz, .base_mhz = 2800, .max_mhz = 3460},
    [PRESET_TINY] = {
        .name = "tiny", .brand = "Gigogne tiny",
        .signature = 0x106e0, .max_leaf = 0x16, .max_extended_leaf = 0x80000008, .physical_bits = 39,
        .cache = {L1D(4 * KiB, 2), L1I(4 * KiB, 2), L2(32 * KiB, 4), L3(256 * KiB, 8)},
        .microcode = 1,
        .logical_processors = 1, .tsc_hz = 1000 * MHz, .base_mhz = 1000, .max_mhz = 1000},
    [PRESET_SANDY_BRIDGE] = {
        .name = "sandy-bridge", .brand = "Intel(R) Core(TM) i7-2600 CPU @ 3.40GHz",
        .signature = 0x206a7, .max_leaf = 0xd, .max_extended_leaf = 0x80000008, .physical_bits = 36,
        .cache = {L1D(32 * KiB, 8), L1I(32 * KiB, 8), L2(256 * KiB, 8), L3(8 * MiB, 16)},
        .microcode = 0x2f, .platform_id = PLATFORM(1),
        .logical_processors = 1, .tsc_hz = 3400 * MHz, .base_mhz = 3400, .max_mhz = 3800},
    [PRESET_SKYLAKE_SP] = {
        .name = "skylake-sp", .brand = "Intel(R) Xeon(R) Gold 6142M CPU @ 2.60GHz",
        .signature = 0x50654, .max_leaf = 0x16, .max_extended_leaf = 0x80000008, .physical_bits = 46,
        .cache = {L1D(32 * KiB, 8), L1I(32 * KiB, 8), L2(1 * MiB, 16), L3(22 * MiB, 11)},
        .microcode = 0x02007006, .platform_id = PLATFORM(0),
        .logical_processors = 1, .tsc_hz = 2600 * MHz, .base_mhz = 2600, .max_mhz = 3700},
    [PRESET_ZEN2] = {
        .name = "zen2", .brand = "Gigogne zen2: EPYC 7742 with VMX",
        .signature = 0x830f10, .max_leaf = 0xd, .max_extended_leaf = 0x80000008, .physical_bits = 48,
        .cache = {L1D(32 * KiB, 8), L1I(32 * KiB, 8), L2(512 * KiB, 8), L3(16 * MiB, 16)},
        .microcode = 1,
        .logical_processors = 1, .tsc_hz = 2250 * MHz, .base_mhz = 2250, .max_mhz = 3400},
};

const char *cpu_model_preset(unsigned n) { return n < ARRAY_LEN(presets) ? presets[n].name : NULL; }

/* --- features --- */

struct feature_row {
    const char *name;
    u32 leaf;
    enum cpuid_reg reg;
    unsigned bit;
    bool modelled;
    u32 presets;
};

static const struct feature_row features[FEATURE_COUNT] = {
#define FEATURE(name, leaf, reg, bit, modelled, presets) {#name, leaf, reg, bit, modelled, presets},
#include "isa/features.def"
#undef FEATURE
};

bool cpu_model_init(struct cpu_model *m, const char *preset)
{
    unsigned p = 0;
    while (p < ARRAY_LEN(presets) && strcmp(presets[p].name, preset))
        p++;
    if (p == ARRAY_LEN(presets))
        return false;
    *m = presets[p];
    for (unsigned f = 0; f < FEATURE_COUNT; f++)
        m->has[f] = features[f].modelled && (features[f].presets >> p & 1);
    return true;
}

bool cpu_model_set_feature(struct cpu_model *m, const char *feature, bool on)
{
    for (unsigned f = 0; f < FEATURE_COUNT; f++) {
        if (strcmp(features[f].name, feature))
            continue;
        m->has[f] = on && features[f].modelled;
        return m->has[f] == on;
    }
    return false;
}

static void add_features(const struct cpu_model *m, u32 leaf, u32 out[CPUID_REGS])
{
    for (unsigned f = 0; f < FEATURE_COUNT; f++)
        if (m->has[f] && features[f].leaf == leaf)
            out[features[f].reg] |= 1u << features[f].bit;
}

/* --- leaves --- */

static u32 word_of(const char *text)
{
    u32 w;
    memcpy(&w, text, sizeof w);
    return w;
}

static void leaf_vendor(const struct cpu_model *m, u32 out[CPUID_REGS])
{
    out[CPUID_EAX] = m->max_leaf;
    out[CPUID_EBX] = word_of("Genu");
    out[CPUID_EDX] = word_of("ineI");
    out[CPUID_ECX] = word_of("ntel");
}

static void leaf_version(const struct cpu_model *m, const struct cpuid_dynamic *d, u32 out[CPUID_REGS])
{
    out[CPUID_EAX] = m->signature;
    out[CPUID_EBX] = d->apic_id << 24 | (m->logical_processors & 0xff) << 16 | (u32)(LINE_BYTES / 8) << 8;
    if (d->osxsave)
        out[CPUID_ECX] |= 1u << 27;
    if (m->logical_processors > 1)
        out[CPUID_EDX] |= 1u << 28; /* HTT: EBX[23:16] counts */
}

#define OSPKE_BIT (1u << 4)

static void leaf_features(const struct cpuid_dynamic *d, u32 subleaf, u32 out[CPUID_REGS])
{
    if (subleaf == 0 && d->ospke)
        out[CPUID_ECX] |= OSPKE_BIT;
}

/* Descriptor ff: the caches are described by leaf 4. */
static void leaf_descriptors(u32 out[CPUID_REGS]) { out[CPUID_EAX] = 0x0000ff01; }

/* The smallest 2^n - 1 that is not below count - 1: how leaf 4 counts identifiers. */
static u32 id_mask(u32 count)
{
    u32 mask = 0;
    while (mask < count - 1)
        mask = mask << 1 | 1;
    return mask;
}

static void leaf_cache(const struct cpu_model *m, u32 subleaf, u32 out[CPUID_REGS])
{
    if (subleaf >= CPU_MODEL_CACHES || m->cache[subleaf].type == CPU_CACHE_NONE)
        return;
    const struct cpu_cache *c = &m->cache[subleaf];
    u32 ids = id_mask(m->logical_processors);
    out[CPUID_EAX] = c->type | c->level << 5 | 1u << 8 | (c->shared ? ids : 0) << 14 | ids << 26;
    out[CPUID_EBX] = (u32)(LINE_BYTES - 1) | (c->ways - 1) << 22;
    out[CPUID_ECX] = (u32)(c->size_bytes / LINE_BYTES / c->ways) - 1;
}

/* Lines of 64 bytes; ECX[0] of MWAIT is known; two forms of C1. */
static void leaf_monitor(const struct cpu_model *m, u32 out[CPUID_REGS])
{
    if (!cpu_has(m, FEATURE_monitor))
        return;
    out[CPUID_EAX] = out[CPUID_EBX] = (u32)LINE_BYTES;
    out[CPUID_ECX] = 3;
    out[CPUID_EDX] = 2 << 4;
}

/* Extended topology: one thread per core, all cores in one package. */
static void leaf_topology(const struct cpu_model *m, const struct cpuid_dynamic *d, u32 subleaf,
                          u32 out[CPUID_REGS])
{
    enum { LEVEL_SMT = 1, LEVEL_CORE = 2 };
    out[CPUID_ECX] = subleaf & 0xff;
    out[CPUID_EDX] = d->apic_id;
    if (subleaf == 0) {
        out[CPUID_EBX] = 1;
        out[CPUID_ECX] |= LEVEL_SMT << 8;
    } else if (subleaf == 1) {
        out[CPUID_EAX] = (u32)__builtin_popcount(id_mask(m->logical_processors));
        out[CPUID_EBX] = m->logical_processors;
        out[CPUID_ECX] |= LEVEL_CORE << 8;
    }
}

/* Components of the XSAVE area: SDM Vol. 1, "Enumeration of CPU Support for XSAVE Instructions and XSAVE-Supported
 * Features". AVX's stands at 576 in either format, PKRU's where Intel's processors have it. */
enum { XSAVE_BASE_BYTES = 576, XSAVE_AVX_BYTES = 256, XSAVE_PKRU_BYTES = 8, XSAVE_AVX = 2, XSAVE_PKRU = 9 };

static u32 xsave_compacted_bytes(u64 components)
{
    return XSAVE_BASE_BYTES + (components >> XSAVE_AVX & 1 ? XSAVE_AVX_BYTES : 0) +
           (components >> XSAVE_PKRU & 1 ? XSAVE_PKRU_BYTES : 0);
}

static u32 xsave_bytes(u64 components)
{
    return components >> XSAVE_PKRU & 1 ? XSAVE_PKRU_OFFSET + XSAVE_PKRU_BYTES : xsave_compacted_bytes(components);
}

static void leaf_xsave(const struct cpu_model *m, const struct cpuid_dynamic *d, u32 subleaf, u32 out[CPUID_REGS])
{
    u32 components = (cpu_has(m, FEATURE_avx) ? 7 : 3) | (cpu_has(m, FEATURE_pku) ? 1u << XSAVE_PKRU : 0);
    if (!cpu_has(m, FEATURE_xsave))
        return;
    if (subleaf == 0) {
        out[CPUID_EAX] = components;
        out[CPUID_EBX] = xsave_bytes(d->xcr0);
        out[CPUID_ECX] = xsave_bytes(components);
    } else if (subleaf == 1 && cpu_has(m, FEATURE_xsaves)) {
        out[CPUID_EBX] = xsave_compacted_bytes(d->xcr0);
    } else if (subleaf == XSAVE_AVX && cpu_has(m, FEATURE_avx)) {
        out[CPUID_EAX] = XSAVE_AVX_BYTES;
        out[CPUID_EBX] = XSAVE_BASE_BYTES;
    } else if (subleaf == XSAVE_PKRU && cpu_has(m, FEATURE_pku)) {
        out[CPUID_EAX] = XSAVE_PKRU_BYTES;
        out[CPUID_EBX] = XSAVE_PKRU_OFFSET;
    }
}

static u64 greatest_common_divisor(u64 a, u64 b)
{
    while (b) {
        u64 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

#define CRYSTAL_HZ (25 * MHz)

/* TSC frequency = ECX * EBX / EAX. */
static void leaf_tsc(const struct cpu_model *m, u32 out[CPUID_REGS])
{
    u64 divisor = greatest_common_divisor(m->tsc_hz, CRYSTAL_HZ);
    out[CPUID_EAX] = (u32)(CRYSTAL_HZ / divisor);
    out[CPUID_EBX] = (u32)(m->tsc_hz / divisor);
    out[CPUID_ECX] = (u32)CRYSTAL_HZ;
}

static void leaf_frequency(const struct cpu_model *m, u32 out[CPUID_REGS])
{
    out[CPUID_EAX] = m->base_mhz;
    out[CPUID_EBX] = m->max_mhz;
    out[CPUID_ECX] = 100;
}

static void leaf_brand(const struct cpu_model *m, u32 leaf, u32 out[CPUID_REGS])
{
    char text[48] = {0};
    strncpy(text, m->brand, sizeof text - 1);
    memcpy(out, text + 16 * (leaf - 0x80000002), 16);
}

/* The code of an associativity in leaf 80000006H. */
/* Version 2, its global control, without any counter. */
static void leaf_performance_monitoring(u32 out[CPUID_REGS]) { out[CPUID_EAX] = 2; }

static u32 associativity_code(unsigned ways)
{
    switch (ways) {
    case 2: return 2;
    case 4: return 4;
    case 8: return 6;
    case 16: return 8;
    default: return 0xf;
    }
}

static void leaf_l2(const struct cpu_model *m, u32 out[CPUID_REGS])
{
    for (unsigned i = 0; i < CPU_MODEL_CACHES; i++)
        if (m->cache[i].level == 2)
            out[CPUID_ECX] = (u32)(m->cache[i].size_bytes / KiB) << 16 |
                             associativity_code(m->cache[i].ways) << 12 | LINE_BYTES;
}

static void leaf_address_sizes(const struct cpu_model *m, u32 out[CPUID_REGS])
{
    u32 linear = cpu_has(m, FEATURE_la57) ? 57 : 48;
    out[CPUID_EAX] = m->physical_bits | linear << 8;
}

/* Beyond the highest leaf of either range Intel answers as for the highest basic one: SDM Vol. 2A, "CPUID-CPU
 * Identification". */
static u32 known_leaf(const struct cpu_model *m, u32 leaf)
{
    if (leaf >= LEAF_EXTENDED)
        return leaf <= m->max_extended_leaf ? leaf : m->max_leaf;
    return leaf <= m->max_leaf ? leaf : m->max_leaf;
}

static void fill(const struct cpu_model *m, const struct cpuid_dynamic *d, u32 leaf, u32 subleaf,
                 u32 out[CPUID_REGS])
{
    switch (leaf) {
    case 0x0: leaf_vendor(m, out); break;
    case 0x1: leaf_version(m, d, out); break;
    case 0x2: leaf_descriptors(out); break;
    case 0x4: leaf_cache(m, subleaf, out); break;
    case 0x5: leaf_monitor(m, out); break;
    case 0x7: leaf_features(d, subleaf, out); break;
    case 0xa: leaf_performance_monitoring(out); break;
    case 0xb: leaf_topology(m, d, subleaf, out); break;
    case 0xd: leaf_xsave(m, d, subleaf, out); break;
    case 0x15: leaf_tsc(m, out); break;
    case 0x16: leaf_frequency(m, out); break;
    case 0x80000000: out[CPUID_EAX] = m->max_extended_leaf; break;
    case 0x80000002: case 0x80000003: case 0x80000004: leaf_brand(m, leaf, out); break;
    case 0x80000006: leaf_l2(m, out); break;
    case 0x80000008: leaf_address_sizes(m, out); break;
    default: break;
    }
}

/* Where a leaf with subleaves keeps its feature flags. */
static u32 feature_subleaf(u32 leaf) { return leaf == 0xd ? 1 : 0; }

#define SYSCALL_BIT (1u << 11)
#define MONITOR_BIT (1u << 3)

void cpuid_query(const struct cpu_model *m, const struct cpuid_dynamic *d, u32 leaf, u32 subleaf,
                 u32 out[CPUID_REGS])
{
    leaf = known_leaf(m, leaf);
    memset(out, 0, CPUID_REGS * sizeof out[0]);
    fill(m, d, leaf, subleaf, out);
    if (subleaf == feature_subleaf(leaf) || (leaf != 7 && leaf != 0xd))
        add_features(m, leaf, out);
    if (leaf == 0x80000001 && !d->in_64bit_mode)
        out[CPUID_EDX] &= ~SYSCALL_BIT;
    if (leaf == 1 && d->monitor_off)
        out[CPUID_ECX] &= ~MONITOR_BIT;
}
