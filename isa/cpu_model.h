/* cpu_model.h - which processor the guest sees: identity, features, cache and frequency leaves. Constant
 * while the machine runs.
 *
 * Models:       presets cascade-lake, skylake-sp, haswell, sandy-bridge, nehalem, zen2, tiny. A feature is there if features.def says that it
 *               is modelled and the preset (or cpu_model_set_feature) wishes it: what CPUID advertises works.
 * Not modelled: AMD's leaves, vendor and SVM (zen2 answers as an Intel processor would), SMT (one logical processor per core), several packages.
 * Neighbours:   cpuid.c answers CPUID from it; control.c and msr.c ask cpu_has; the MMU asks physical_bits
 *               and cpu_has.
 * Checked by:   tests/unit/test_cpuid.c
 */
#ifndef ISA_CPU_MODEL_H
#define ISA_CPU_MODEL_H

#include "models/sim/types.h"

enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX, CPUID_REGS };

enum cpu_feature {
#define FEATURE(name, leaf, reg, bit, modelled, presets) FEATURE_##name,
#include "isa/features.def"
#undef FEATURE
    FEATURE_COUNT
};

enum cpu_cache_type { CPU_CACHE_NONE, CPU_CACHE_DATA, CPU_CACHE_CODE, CPU_CACHE_UNIFIED };

struct cpu_cache {
    enum cpu_cache_type type;
    unsigned level, ways;
    u64 size_bytes;
    bool shared; /* by all cores */
};

/* Where PKRU stands in the standard format of an XSAVE area. */
#define XSAVE_PKRU_OFFSET 2688

#define CPU_MODEL_CACHES 4

struct cpu_model {
    const char *name;     /* of the preset */
    const char *brand;    /* at most 47 characters */
    u32 signature;        /* CPUID.1:EAX: family, model, stepping */
    u32 max_leaf, max_extended_leaf;
    u8 physical_bits;     /* MAXPHYADDR */
    struct cpu_cache cache[CPU_MODEL_CACHES]; /* leaf 4; the board may put the simulated machine's here */
    unsigned logical_processors;
    u64 tsc_hz;           /* leaf 15H */
    u32 microcode;        /* revision: IA32_BIOS_SIGN_ID behind CPUID leaf 1 */
    u64 platform_id;      /* IA32_PLATFORM_ID */
    u64 arch_capabilities; /* IA32_ARCH_CAPABILITIES */
    u32 base_mhz, max_mhz; /* leaf 16H */
    bool has[FEATURE_COUNT];
};

/* Fills *m from a preset's name. False: there is no such preset. VMX is off, one logical processor. */
bool cpu_model_init(struct cpu_model *m, const char *preset);
/* The n-th preset's name, NULL behind the last. */
const char *cpu_model_preset(unsigned n);
/* Switches one feature by its name in features.def. False: unknown, or `on` and not modelled. */
bool cpu_model_set_feature(struct cpu_model *m, const char *feature, bool on);

static inline bool cpu_has(const struct cpu_model *m, enum cpu_feature f) { return m->has[f]; }

/* What the running processor adds to the constant answer. */
struct cpuid_dynamic {
    u32 apic_id;
    bool osxsave;      /* CR4.OSXSAVE */
    bool ospke;        /* CR4.PKE */
    bool in_64bit_mode; /* SYSCALL's bit shows only there */
    u64 xcr0;           /* decides the size of the XSAVE area that leaf DH tells */
    bool monitor_off;   /* IA32_MISC_ENABLE[18] is clear */
};

/* CPUID's answer for EAX = leaf, ECX = subleaf (SDM Vol. 2A, "CPUID-CPU Identification"). */
void cpuid_query(const struct cpu_model *m, const struct cpuid_dynamic *d, u32 leaf, u32 subleaf,
                 u32 out[CPUID_REGS]);

#endif
