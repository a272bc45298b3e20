/* test_exits.c - virt-ext/intercept.c: which instructions leave the guest under which controls, and what
 * the VMCS says of them. */
#include "vmx_bench.h"

/* --- one control, one instruction --- */

enum word { NONE, PRIMARY, SECONDARY };

/* clang-format off */
static const struct conditional {
    const char *name;
    enum exit_reason reason;
    enum word word;
    enum vmx_control control; /* that makes it exit */
    u8 length;
    u8 bytes[5];
} conditionals[] = {
    {"CPUID", EXIT_cpuid, NONE, 0, 2, {0x0f, 0xa2}},
    {"INVD", EXIT_invd, NONE, 0, 2, {0x0f, 0x08}},
    {"HLT", EXIT_hlt, PRIMARY, PRIMARY_hlt_exiting, 1, {0xf4}},
    {"INVLPG", EXIT_invlpg, PRIMARY, PRIMARY_invlpg_exiting, 3, {0x0f, 0x01, 0x38}},
    {"RDTSC", EXIT_rdtsc, PRIMARY, PRIMARY_rdtsc_exiting, 2, {0x0f, 0x31}},
    {"RDPMC", EXIT_rdpmc, PRIMARY, PRIMARY_rdpmc_exiting, 2, {0x0f, 0x33}},
    {"PAUSE", EXIT_pause, PRIMARY, PRIMARY_pause_exiting, 2, {0xf3, 0x90}},
    {"MOV to CR3", EXIT_cr_access, PRIMARY, PRIMARY_cr3_load_exiting, 3, {0x0f, 0x22, 0xd8}},
    {"MOV from CR3", EXIT_cr_access, PRIMARY, PRIMARY_cr3_store_exiting, 3, {0x0f, 0x20, 0xd8}},
    {"MOV to CR8", EXIT_cr_access, PRIMARY, PRIMARY_cr8_load_exiting, 4, {0x44, 0x0f, 0x22, 0xc0}},
    {"MOV from CR8", EXIT_cr_access, PRIMARY, PRIMARY_cr8_store_exiting, 4, {0x44, 0x0f, 0x20, 0xc0}},
    {"MOV to DR7", EXIT_mov_dr, PRIMARY, PRIMARY_mov_dr_exiting, 3, {0x0f, 0x23, 0xf8}},
    {"MOV from DR7", EXIT_mov_dr, PRIMARY, PRIMARY_mov_dr_exiting, 3, {0x0f, 0x21, 0xf8}},
    {"IN", EXIT_io_instruction, PRIMARY, PRIMARY_unconditional_io_exiting, 1, {0xec}},
    {"OUT", EXIT_io_instruction, PRIMARY, PRIMARY_unconditional_io_exiting, 1, {0xee}},
    {"INSB", EXIT_io_instruction, PRIMARY, PRIMARY_unconditional_io_exiting, 1, {0x6c}},
    {"OUTSB", EXIT_io_instruction, PRIMARY, PRIMARY_unconditional_io_exiting, 1, {0x6e}},
    {"MONITOR", EXIT_monitor, PRIMARY, PRIMARY_monitor_exiting, 3, {0x0f, 0x01, 0xc8}},
    {"MWAIT", EXIT_mwait, PRIMARY, PRIMARY_mwait_exiting, 3, {0x0f, 0x01, 0xc9}},
    {"RDRAND", EXIT_rdrand, SECONDARY, SECONDARY_rdrand_exiting, 3, {0x0f, 0xc7, 0xf0}},
    {"RDSEED", EXIT_rdseed, SECONDARY, SECONDARY_rdseed_exiting, 3, {0x0f, 0xc7, 0xf8}},
    {"WBINVD", EXIT_wbinvd, SECONDARY, SECONDARY_wbinvd_exiting, 2, {0x0f, 0x09}},
    {"SGDT", EXIT_access_gdtr_idtr, SECONDARY, SECONDARY_descriptor_table_exiting, 3, {0x0f, 0x01, 0x00}},
    {"SIDT", EXIT_access_gdtr_idtr, SECONDARY, SECONDARY_descriptor_table_exiting, 3, {0x0f, 0x01, 0x08}},
    {"LGDT", EXIT_access_gdtr_idtr, SECONDARY, SECONDARY_descriptor_table_exiting, 3, {0x0f, 0x01, 0x10}},
    {"LIDT", EXIT_access_gdtr_idtr, SECONDARY, SECONDARY_descriptor_table_exiting, 3, {0x0f, 0x01, 0x18}},
    {"SLDT", EXIT_access_ldtr_tr, SECONDARY, SECONDARY_descriptor_table_exiting, 3, {0x0f, 0x00, 0xc0}},
    {"STR", EXIT_access_ldtr_tr, SECONDARY, SECONDARY_descriptor_table_exiting, 3, {0x0f, 0x00, 0xc8}},
    {"LLDT", EXIT_access_ldtr_tr, SECONDARY, SECONDARY_descriptor_table_exiting, 3, {0x0f, 0x00, 0xd0}},
};
/* clang-format on */

/* A guest with the rest of the registers set so that each instruction, if it does not exit, does something
 * harmless. */
static struct vmx_bench *guest_with(u32 primary, u32 secondary)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->primary_controls =
        (v->primary_controls & ~(1u << PRIMARY_cr3_load_exiting | 1u << PRIMARY_cr3_store_exiting)) | primary;
    v->secondary_controls |= secondary;
    bench_enter(b);
    b->h.reg[REG_RAX] = AT_OPERAND;
    b->h.reg[REG_RDI] = b->h.reg[REG_RSI] = AT_OPERAND + 64;
    b->h.reg[REG_RCX] = 0;
    b->h.reg[REG_RDX] = 0x80;
    return b;
}

static u32 bit_if(const struct conditional *c, enum word word)
{
    return c->word == word ? 1u << c->control : 0;
}

static void exits_under_its_control(void **state)
{
    const struct conditional *c = *state;
    struct vmx_bench *b = guest_with(bit_if(c, PRIMARY), bit_if(c, SECONDARY));
    assert_int_equal(bench_execute(b, c->bytes, c->length), OUT_EXIT);
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(v->exit_reason, c->reason);
    assert_int_equal(v->guest_rip, AT_GUEST);
    assert_int_equal(v->exit_instruction_length, c->length);
    assert_int_equal(v->exit_interruption_info, 0);
    assert_int_equal(v->idt_vectoring_info, 0);
    assert_false(v->guest_rflags & RFLAGS_RF);
    assert_int_equal(b->h.reg[REG_RIP], AT_HOST);
    assert_int_equal(b->events, 1);
    assert_int_equal(b->event.reason, c->reason);
    assert_int_equal(b->x.stats.exits[c->reason], 1);
    vmx_check_identities(&b->x);
    vmx_bench_free(b);
}

static void stays_in_the_guest_without_its_control(void **state)
{
    const struct conditional *c = *state;
    if (c->word == NONE) return; /* unconditional */
    struct vmx_bench *b = guest_with(0, 0);
    bench_execute(b, c->bytes, c->length);
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->x.stats.exits_total, 0);
    vmx_bench_free(b);
}

/* All other controls together do not make it exit either. */
static void stays_in_the_guest_under_all_other_controls(void **state)
{
    const struct conditional *c = *state;
    if (c->word == NONE) return;
    u32 primary = 0, secondary = 0;
    for (unsigned n = 0; n < ARRAY_LEN(conditionals); n++) {
        if (conditionals[n].word == PRIMARY) primary |= 1u << conditionals[n].control;
        if (conditionals[n].word == SECONDARY) secondary |= 1u << conditionals[n].control;
    }
    struct vmx_bench *b = guest_with(primary & ~bit_if(c, PRIMARY), secondary & ~bit_if(c, SECONDARY));
    bench_execute(b, c->bytes, c->length);
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

/* --- control registers --- */

static void assert_cr_exit(const struct vmx_bench *b, enum outcome out, u64 qualification)
{
    assert_int_equal(out, OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_cr_access);
    assert_int_equal(bench_vmcs(b)->exit_qualification, qualification);
}

#define MOV_TO_CR0_RDX(b)   EXECUTE(b, 0x0f, 0x22, 0xc2)
#define MOV_TO_CR4_RDX(b)   EXECUTE(b, 0x0f, 0x22, 0xe2)
#define MOV_TO_CR3_RDX(b)   EXECUTE(b, 0x0f, 0x22, 0xda)
#define MOV_FROM_CR0_RDX(b) EXECUTE(b, 0x0f, 0x20, 0xc2)
#define MOV_FROM_CR4_RDX(b) EXECUTE(b, 0x0f, 0x20, 0xe2)

static struct vmx_bench *guest_with_masks(u64 cr0_mask, u64 cr0_shadow, u64 cr4_mask, u64 cr4_shadow)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->cr0_mask = cr0_mask;
    v->cr0_read_shadow = cr0_shadow;
    v->cr4_mask = cr4_mask;
    v->cr4_read_shadow = cr4_shadow;
    bench_enter(b);
    return b;
}

static void mov_to_cr0_exits_exactly_if_a_host_owned_bit_differs_from_the_shadow(void **state)
{
    (void)state;
    u64 cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
    struct vmx_bench *b = guest_with_masks(CR0_TS | CR0_WP, CR0_TS, 0, 0);
    b->h.reg[REG_RDX] = cr0 | CR0_TS | CR0_AM; /* AM is the guest's, TS is as the shadow has it */
    assert_int_equal(MOV_TO_CR0_RDX(b), OUT_FLUSH);
    assert_int_equal(b->h.cr0, cr0 | CR0_WP | CR0_AM); /* host-owned bits keep the register's values */
    b->h.reg[REG_RDX] = cr0;
    assert_cr_exit(b, MOV_TO_CR0_RDX(b), 0 | 0 << 4 | REG_RDX << 8);
    vmx_bench_free(b);
}

static void mov_to_cr4_exits_exactly_if_a_host_owned_bit_differs_from_the_shadow(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_masks(0, 0, CR4_VMXE | CR4_PGE, 0);
    b->h.reg[REG_RDX] = CR4_PAE | CR4_DE; /* VMXE as the guest sees it: 0 */
    assert_int_equal(MOV_TO_CR4_RDX(b), OUT_FLUSH);
    assert_int_equal(b->h.cr4, CR4_PAE | CR4_DE | CR4_VMXE);
    b->h.reg[REG_RDX] |= CR4_PGE;
    assert_cr_exit(b, MOV_TO_CR4_RDX(b), 4 | 0 << 4 | REG_RDX << 8);
    vmx_bench_free(b);
}

static void the_guest_reads_host_owned_bits_from_the_shadow(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_masks(CR0_PG | CR0_TS, CR0_TS, CR4_VMXE, 0);
    MOV_FROM_CR0_RDX(b);
    assert_int_equal(b->h.reg[REG_RDX], CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_TS);
    MOV_FROM_CR4_RDX(b);
    assert_int_equal(b->h.reg[REG_RDX], CR4_PAE);
    vmx_bench_free(b);
}

static void a_write_against_the_fixed_bits_is_gp_in_the_guest(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_in_guest();
    b->h.reg[REG_RDX] = b->h.cr4 & ~CR4_VMXE;
    assert_int_equal(MOV_TO_CR4_RDX(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

static void mov_to_cr3_of_a_target_value_does_not_exit(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->primary_controls |= 1u << PRIMARY_cr3_load_exiting;
    v->cr3_target_count = 2;
    v->cr3_target_0 = 0x101000;
    v->cr3_target_1 = 0x102000;
    v->cr3_target_2 = 0x103000; /* beyond the count */
    bench_enter(b);
    b->h.reg[REG_RDX] = 0x102000;
    MOV_TO_CR3_RDX(b);
    assert_true(hart_in_guest(&b->h));
    assert_int_equal(b->h.cr3, 0x102000);
    b->h.reg[REG_RDX] = 0x103000;
    assert_cr_exit(b, MOV_TO_CR3_RDX(b), 3 | 0 << 4 | REG_RDX << 8);
    assert_int_equal(v->guest_cr3, 0x102000);
    vmx_bench_free(b);
}

static void clts_exits_if_ts_is_host_owned_and_set_in_the_shadow(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_masks(CR0_TS, 0, 0, 0);
    b->h.cr0 |= CR0_TS;
    EXECUTE(b, 0x0f, 0x06);
    assert_true(hart_in_guest(&b->h));
    assert_true(b->h.cr0 & CR0_TS); /* host-owned: not the guest's to clear */
    vmx_bench_free(b);
    b = guest_with_masks(CR0_TS, CR0_TS, 0, 0);
    assert_cr_exit(b, EXECUTE(b, 0x0f, 0x06), 0 | 2 << 4);
    vmx_bench_free(b);
}

static void lmsw_exits_by_its_four_bits_and_tells_source_and_operand(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_masks(CR0_PE | CR0_TS, CR0_PE, 0, 0);
    b->h.reg[REG_RAX] = 0xfff0; /* clearing PE is no change; TS as in the shadow */
    EXECUTE(b, 0x0f, 0x01, 0xf0);
    assert_true(hart_in_guest(&b->h));
    b->h.reg[REG_RAX] = 0x1238;
    assert_cr_exit(b, EXECUTE(b, 0x0f, 0x01, 0xf0), 0 | 3 << 4 | 0x1238ull << 16);
    bench_enter(b);
    bench_point_at(b, 0x0008);
    assert_cr_exit(b, EXECUTE(b, 0x0f, 0x01, 0x30), 0 | 3 << 4 | 1 << 6 | 0x0008ull << 16);
    assert_int_equal(bench_vmcs(b)->guest_linear_address, AT_OPERAND);
    vmx_bench_free(b);
}

static void cr_and_dr_exits_name_direction_and_register(void **state)
{
    (void)state;
    u32 primary =
        1u << PRIMARY_cr3_store_exiting | 1u << PRIMARY_mov_dr_exiting | 1u << PRIMARY_cr8_load_exiting;
    struct vmx_bench *b = guest_with(primary, 0);
    assert_cr_exit(b, EXECUTE(b, 0x41, 0x0f, 0x20, 0xd9), 3 | 1 << 4 | REG_R9 << 8);
    bench_enter(b);
    assert_cr_exit(b, EXECUTE(b, 0x44, 0x0f, 0x22, 0xc3), 8 | 0 << 4 | REG_RBX << 8);
    bench_enter(b);
    assert_int_equal(EXECUTE(b, 0x0f, 0x23, 0xf9), OUT_EXIT); /* MOV DR7, RCX */
    assert_int_equal(bench_vmcs(b)->exit_qualification, 7 | 0 << 4 | REG_RCX << 8);
    bench_enter(b);
    assert_int_equal(EXECUTE(b, 0x0f, 0x21, 0xf2), OUT_EXIT); /* MOV RDX, DR6 */
    assert_int_equal(bench_vmcs(b)->exit_qualification, 6 | 1 << 4 | REG_RDX << 8);
    vmx_bench_free(b);
}

/* --- I/O --- */

#define OUT_DX_AL(b) EXECUTE(b, 0xee)
#define IN_EAX_DX(b) EXECUTE(b, 0xed)

static struct vmx_bench *guest_with_io_bitmaps(void)
{
    struct vmx_bench *b = vmx_bench_ready(NULL);
    struct vmcs *v = bench_vmcs(b);
    v->primary_controls |= 1u << PRIMARY_use_io_bitmaps | 1u << PRIMARY_unconditional_io_exiting;
    v->io_bitmap_a = AT_IO_BITMAP_A;
    v->io_bitmap_b = AT_IO_BITMAP_B;
    bench_enter(b);
    return b;
}

static bool port_exits(struct vmx_bench *b, u16 port, bool wide)
{
    b->h.reg[REG_RDX] = port;
    bool exited = (wide ? IN_EAX_DX(b) : OUT_DX_AL(b)) == OUT_EXIT;
    if (exited) bench_enter(b);
    b->h.reg[REG_RIP] = AT_GUEST;
    return exited;
}

static void io_bitmaps_decide_port_by_port_and_override_unconditional_exiting(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_io_bitmaps();
    b->mem.host[AT_IO_BITMAP_A + 0x3f8 / 8] = 1;
    b->mem.host[AT_IO_BITMAP_B + 0x7fff / 8] = 0x80; /* 0xffff */
    assert_true(port_exits(b, 0x3f8, false));
    assert_false(port_exits(b, 0x3f7, false));
    assert_false(port_exits(b, 0x3f9, false));
    assert_true(port_exits(b, 0x3f5, true)); /* 0x3f5..0x3f8 */
    assert_false(port_exits(b, 0x3f4, true));
    assert_true(port_exits(b, 0xffff, false));
    assert_false(port_exits(b, 0xfff8, true));
    vmx_bench_free(b);
}

static void an_access_that_wraps_the_port_space_exits(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with_io_bitmaps();
    assert_true(port_exits(b, 0xfffe, true));
    assert_false(port_exits(b, 0xfffc, true));
    vmx_bench_free(b);
}

static void io_qualification_tells_size_direction_operand_and_port(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(1u << PRIMARY_unconditional_io_exiting, 0);
    b->h.reg[REG_RDX] = 0x1f0;
    IN_EAX_DX(b);
    assert_int_equal(bench_vmcs(b)->exit_qualification, 3 | 1 << 3 | 0x1f0ull << 16);
    bench_enter(b);
    EXECUTE(b, 0xe6, 0xf4); /* OUT 0xf4, AL */
    assert_int_equal(bench_vmcs(b)->exit_qualification, 0 | 1 << 6 | 0xf4ull << 16);
    vmx_bench_free(b);
}

static void string_io_tells_linear_address_and_instruction_information(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(1u << PRIMARY_unconditional_io_exiting, 0);
    const struct vmcs *v = bench_vmcs(b);
    b->h.reg[REG_RCX] = 3;
    assert_int_equal(EXECUTE(b, 0xf3, 0x66, 0x6d), OUT_EXIT); /* REP INSW */
    assert_int_equal(v->exit_qualification, 1 | 1 << 3 | 1 << 4 | 1 << 5 | 0x80ull << 16);
    assert_int_equal(v->guest_linear_address, AT_OPERAND + 64);
    assert_int_equal(v->exit_instruction_info & 7u << 7, 2u << 7); /* 64-bit addresses */
    bench_enter(b);
    b->h.seg[SEG_FS].base = 0x100;
    b->h.reg[REG_RSI] = 0x1122334400000000 | (AT_OPERAND + 64);
    assert_int_equal(EXECUTE(b, 0x64, 0x67, 0x6e), OUT_EXIT); /* OUTSB FS:[ESI] */
    assert_int_equal(v->exit_qualification, 0 | 1 << 4 | 0x80ull << 16);
    assert_int_equal(v->guest_linear_address, AT_OPERAND + 64 + 0x100);
    assert_int_equal(v->exit_instruction_info, 1u << 7 | SEG_FS << 15);
    assert_int_equal(v->exit_instruction_length, 3);
    vmx_bench_free(b);
}

/* --- MSRs --- */

static bool msr_exits(struct vmx_bench *b, u32 msr, bool write)
{
    b->h.reg[REG_RCX] = msr;
    b->h.reg[REG_RAX] = b->h.reg[REG_RDX] = 0;
    bool exited = (write ? EXECUTE(b, 0x0f, 0x30) : EXECUTE(b, 0x0f, 0x32)) == OUT_EXIT;
    if (exited) {
        assert_int_equal(bench_exit(b), write ? EXIT_wrmsr : EXIT_rdmsr);
        bench_enter(b);
    }
    b->h.reg[REG_RIP] = AT_GUEST;
    return exited;
}

static void without_a_bitmap_every_msr_access_exits(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_in_guest();
    assert_true(msr_exits(b, 0xc0000080, false));
    assert_true(msr_exits(b, 0xc0000082, true));
    vmx_bench_free(b);
}

static void the_msr_bitmap_has_four_parts_and_ends(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->primary_controls |= 1u << PRIMARY_use_msr_bitmaps;
    bench_vmcs(b)->msr_bitmap = AT_MSR_BITMAP;
    u8 *bitmap = b->mem.host + AT_MSR_BITMAP;
    bitmap[0x174 / 8] |= 1 << 0x174 % 8;        /* read low: IA32_SYSENTER_CS */
    bitmap[1024 + 0x82 / 8] |= 1 << 0x82 % 8;   /* read high: IA32_LSTAR */
    bitmap[2048 + 0x175 / 8] |= 1 << 0x175 % 8; /* write low: IA32_SYSENTER_ESP */
    bitmap[3072 + 0x81 / 8] |= 1 << 0x81 % 8;   /* write high: IA32_STAR */
    bench_enter(b);
    assert_true(msr_exits(b, 0x174, false));
    assert_false(msr_exits(b, 0x174, true));
    assert_true(msr_exits(b, 0xc0000082, false));
    assert_false(msr_exits(b, 0xc0000082, true));
    assert_true(msr_exits(b, 0x175, true));
    assert_false(msr_exits(b, 0x175, false));
    assert_true(msr_exits(b, 0xc0000081, true));
    assert_false(msr_exits(b, 0xc0000081, false));
    assert_true(msr_exits(b, 0x2000, false)); /* outside the bitmap */
    assert_true(msr_exits(b, 0xbfffffff, true));
    assert_true(msr_exits(b, 0xc0002000, false));
    vmx_bench_free(b);
}

static void a_bitmap_look_is_a_reference_of_the_instruction(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->primary_controls |= 1u << PRIMARY_use_msr_bitmaps;
    bench_vmcs(b)->msr_bitmap = AT_MSR_BITMAP;
    bench_enter(b);
    b->h.record = &b->record;
    record_reset(&b->record);
    assert_false(msr_exits(b, 0xc0000082, false));
    assert_int_equal(b->record.n_accesses, 1);
    assert_int_equal(b->record.access[0].at.v, AT_MSR_BITMAP + 1024 + 0x82 / 8);
    vmx_bench_free(b);
}

/* --- RDTSCP and INVPCID: enabled or #UD --- */

#define RDTSCP(b)  EXECUTE(b, 0x0f, 0x01, 0xf9)
#define INVPCID(b) EXECUTE(b, 0x66, 0x0f, 0x38, 0x82, 0x08)

static void rdtscp_and_invpcid_are_ud_unless_enabled(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(1u << PRIMARY_rdtsc_exiting | 1u << PRIMARY_invlpg_exiting, 0);
    assert_int_equal(RDTSCP(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    assert_int_equal(INVPCID(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    vmx_bench_free(b);
}

static void enabled_rdtscp_and_invpcid_exit_with_their_relatives(void **state)
{
    (void)state;
    u32 enable = 1u << SECONDARY_enable_rdtscp | 1u << SECONDARY_enable_invpcid;
    struct vmx_bench *b = guest_with(1u << PRIMARY_rdtsc_exiting | 1u << PRIMARY_invlpg_exiting, enable);
    assert_int_equal(RDTSCP(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_rdtscp);
    bench_enter(b);
    assert_int_equal(INVPCID(b), OUT_EXIT);
    assert_int_equal(bench_exit(b), EXIT_invpcid);
    vmx_bench_free(b);
    b = guest_with(0, enable);
    RDTSCP(b);
    b->h.reg[REG_RCX] = 2;
    INVPCID(b);
    assert_true(hart_in_guest(&b->h));
    vmx_bench_free(b);
}

/* --- time --- */

static void the_tsc_offset_counts_in_the_guest_only(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    bench_vmcs(b)->primary_controls |= 1u << PRIMARY_use_tsc_offsetting;
    bench_vmcs(b)->tsc_offset = (u64)-1000;
    b->told.tsc = 5000;
    bench_enter(b);
    assert_int_equal(hart_read_tsc(&b->h), 4000);
    CPUID(b);
    assert_int_equal(hart_read_tsc(&b->h), 5000);
    bench_vmcs(b)->primary_controls &= ~(1u << PRIMARY_use_tsc_offsetting);
    bench_enter(b);
    assert_int_equal(hart_read_tsc(&b->h), 5000);
    vmx_bench_free(b);
}

/* --- instruction information: SDM Vol. 3C, "Information for VM Exits Due to Instruction Execution" --- */

static void invlpg_tells_the_linear_address(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(1u << PRIMARY_invlpg_exiting, 0);
    b->h.seg[SEG_GS].base = 0x4000;
    assert_int_equal(EXECUTE(b, 0x65, 0x0f, 0x01, 0x78, 0x10), OUT_EXIT); /* INVLPG GS:[RAX+0x10] */
    assert_int_equal(bench_vmcs(b)->exit_qualification, AT_OPERAND + 0x4010);
    vmx_bench_free(b);
}

static void a_memory_operand_is_told_with_scale_index_base_segment_and_displacement(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_in_guest();
    /* VMPTRLD FS:[R9 + RDX*4 - 8] */
    assert_int_equal(EXECUTE(b, 0x64, 0x41, 0x0f, 0xc7, 0x74, 0x91, 0xf8), OUT_EXIT);
    const struct vmcs *v = bench_vmcs(b);
    assert_int_equal(v->exit_qualification, (u64)-8);
    assert_int_equal(v->exit_instruction_info, 2u | 2u << 7 | SEG_FS << 15 | REG_RDX << 18 | REG_R9 << 23);
    assert_int_equal(v->exit_instruction_length, 7);
    vmx_bench_free(b);
}

static void a_rip_relative_operand_is_told_as_an_address_without_base(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_in_guest();
    assert_int_equal(EXECUTE(b, 0x0f, 0xc7, 0x35, 0x00, 0x01, 0x00, 0x00),
                     OUT_EXIT); /* VMPTRLD [RIP+0x100] */
    assert_int_equal(bench_vmcs(b)->exit_qualification, AT_GUEST + 7 + 0x100);
    assert_int_equal(bench_vmcs(b)->exit_instruction_info, 2u << 7 | SEG_DS << 15 | 1u << 22 | 1u << 27);
    vmx_bench_free(b);
}

static void register_operands_are_told_by_number(void **state)
{
    (void)state;
    struct vmx_bench *b = guest_with(1u << PRIMARY_invlpg_exiting, 1u << SECONDARY_descriptor_table_exiting |
                                                                       1u << SECONDARY_enable_invpcid);
    const struct vmcs *v = bench_vmcs(b);
    VMREAD(b); /* RBX, field RCX */
    assert_int_equal(v->exit_instruction_info, REG_RBX << 3 | 1u << 10 | REG_RCX << 28);
    assert_int_equal(v->exit_qualification, 0);
    bench_enter(b);
    VMWRITE(b);
    assert_int_equal(v->exit_instruction_info, REG_RBX << 3 | 1u << 10 | REG_RCX << 28);
    bench_enter(b);
    INVPCID(b);
    assert_int_equal(v->exit_instruction_info,
                     2u << 7 | SEG_DS << 15 | 1u << 22 | REG_RAX << 23 | REG_RCX << 28);
    bench_enter(b);
    EXECUTE(b, 0x41, 0x0f, 0x00, 0xca); /* STR R10W */
    assert_int_equal(v->exit_instruction_info & ~(1u << 11), REG_R10 << 3 | 1u << 10 | 1u << 28);
    bench_enter(b);
    EXECUTE(b, 0x0f, 0x01, 0x18); /* LIDT [RAX] */
    assert_int_equal(v->exit_instruction_info & 3u << 28, 3u << 28);
    vmx_bench_free(b);
}

/* --- main --- */

#define PER_CONDITIONAL 3

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(mov_to_cr0_exits_exactly_if_a_host_owned_bit_differs_from_the_shadow),
        cmocka_unit_test(mov_to_cr4_exits_exactly_if_a_host_owned_bit_differs_from_the_shadow),
        cmocka_unit_test(the_guest_reads_host_owned_bits_from_the_shadow),
        cmocka_unit_test(a_write_against_the_fixed_bits_is_gp_in_the_guest),
        cmocka_unit_test(mov_to_cr3_of_a_target_value_does_not_exit),
        cmocka_unit_test(clts_exits_if_ts_is_host_owned_and_set_in_the_shadow),
        cmocka_unit_test(lmsw_exits_by_its_four_bits_and_tells_source_and_operand),
        cmocka_unit_test(cr_and_dr_exits_name_direction_and_register),
        cmocka_unit_test(io_bitmaps_decide_port_by_port_and_override_unconditional_exiting),
        cmocka_unit_test(an_access_that_wraps_the_port_space_exits),
        cmocka_unit_test(io_qualification_tells_size_direction_operand_and_port),
        cmocka_unit_test(string_io_tells_linear_address_and_instruction_information),
        cmocka_unit_test(without_a_bitmap_every_msr_access_exits),
        cmocka_unit_test(the_msr_bitmap_has_four_parts_and_ends),
        cmocka_unit_test(a_bitmap_look_is_a_reference_of_the_instruction),
        cmocka_unit_test(rdtscp_and_invpcid_are_ud_unless_enabled),
        cmocka_unit_test(enabled_rdtscp_and_invpcid_exit_with_their_relatives),
        cmocka_unit_test(the_tsc_offset_counts_in_the_guest_only),
        cmocka_unit_test(invlpg_tells_the_linear_address),
        cmocka_unit_test(a_memory_operand_is_told_with_scale_index_base_segment_and_displacement),
        cmocka_unit_test(a_rip_relative_operand_is_told_as_an_address_without_base),
        cmocka_unit_test(register_operands_are_told_by_number),
    };
    struct CMUnitTest all[ARRAY_LEN(single) + PER_CONDITIONAL * ARRAY_LEN(conditionals)];
    memcpy(all, single, sizeof single);
    struct CMUnitTest *next = &all[ARRAY_LEN(single)];
    for (unsigned n = 0; n < ARRAY_LEN(conditionals); n++) {
        void *c = (void *)(uintptr_t)&conditionals[n];
        *next++ = (struct CMUnitTest){conditionals[n].name, exits_under_its_control, NULL, NULL, c};
        *next++ =
            (struct CMUnitTest){conditionals[n].name, stays_in_the_guest_without_its_control, NULL, NULL, c};
        *next++ = (struct CMUnitTest){conditionals[n].name, stays_in_the_guest_under_all_other_controls, NULL,
                                      NULL, c};
    }
    return _cmocka_run_group_tests("exits", all, ARRAY_LEN(all), NULL, NULL);
}
