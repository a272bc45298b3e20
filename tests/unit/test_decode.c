/* test_decode.c - decode.c and uops.c: forms, sizes, addresses, prefixes, micro-operations, what has no
 * row. */
#include "exec_bench.h"
#include "isa/operand.h"

static struct decoder decoder;

static struct decoded_insn decode_in(enum code_mode mode, const u8 *bytes, unsigned length)
{
    struct decoded_insn d;
    u8 padded[15];
    memset(padded, 0x90, sizeof padded);
    memcpy(padded, bytes, length);
    assert_int_equal(decode(&decoder, mode, padded, 15, &d), DECODED);
    return d;
}

static unsigned operand_bytes(struct decoded_insn d)
{
    return insn_operand_bytes(&d.hot);
}
static bool has_memory(struct decoded_insn d)
{
    return insn_has_memory(&d.hot);
}

#define DECODE(mode, ...) decode_in(mode, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define DECODE64(...)     DECODE(MODE_LONG64, __VA_ARGS__)

static void the_hot_part_has_32_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct insn), 32);
}

static void byte_registers_are_offsets_into_the_register_file(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x88, 0xe1); /* mov cl, ah */
    assert_int_equal(d.hot.dst, 8);
    assert_int_equal(d.hot.src, 1);
    d = DECODE64(0x44, 0x88, 0xfd); /* mov bpl, r15b */
    assert_int_equal(d.hot.dst, 8 * REG_RBP);
    assert_int_equal(d.hot.src, 8 * REG_R15);
}

static void a_missing_base_or_index_is_the_zero_register(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x8b, 0x04, 0x8d, 0x10, 0, 0, 0); /* mov eax, [rcx*4 + 0x10] */
    assert_int_equal(d.hot.base, REG_ZERO);
    assert_int_equal(d.hot.index, REG_RCX);
    assert_int_equal(d.hot.scale, 2);
    assert_int_equal(d.hot.disp, 0x10);
    d = DECODE64(0x8b, 0x05, 0x00, 0x01, 0, 0); /* mov eax, [rip + 0x100] */
    assert_int_equal(d.hot.base, REG_RIP);
    assert_int_equal(d.hot.index, REG_ZERO);
}

static void only_plain_addresses_skip_segment_and_truncation(void **state)
{
    (void)state;
    assert_true(DECODE64(0x8b, 0x07).hot.attr & ATTR_PLAIN_EA);
    assert_false(DECODE64(0x67, 0x8b, 0x07).hot.attr & ATTR_PLAIN_EA);
    assert_false(DECODE64(0x65, 0x8b, 0x07).hot.attr & ATTR_PLAIN_EA);
    assert_false(DECODE(MODE_PROT32, 0x8b, 0x07).hot.attr & ATTR_PLAIN_EA);
    assert_int_equal(DECODE64(0x65, 0x8b, 0x07).hot.segment, SEG_GS);
    assert_int_equal(DECODE64(0x8b, 0x45, 0).hot.segment, SEG_SS);
}

static void a_sib_byte_without_base_has_none_even_with_rex_b_and_32_bit_addresses(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x67, 0x4d, 0x28, 0x04, 0x3d, 0xcb, 0x10, 0xc4, 0x00);
    assert_int_equal(d.hot.base, REG_ZERO);
    assert_int_equal(d.hot.disp, 0x00c410cb);
}

static void operand_and_address_sizes_follow_the_mode(void **state)
{
    (void)state;
    static const struct {
        enum code_mode mode;
        unsigned bytes, prefixed_bytes, address_bytes;
    } rows[] = {
        {MODE_PROT16, 2, 4, 2}, {MODE_PROT32, 4, 2, 4}, {MODE_COMPAT32, 4, 2, 4}, {MODE_LONG64, 4, 2, 8}};
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        struct decoded_insn d = DECODE(rows[n].mode, 0x01, 0xd8); /* add */
        assert_int_equal(insn_operand_bytes(&d.hot), rows[n].bytes);
        assert_int_equal(insn_address_bytes(&d.hot), rows[n].address_bytes);
        d = DECODE(rows[n].mode, 0x66, 0x01, 0xd8);
        assert_int_equal(insn_operand_bytes(&d.hot), rows[n].prefixed_bytes);
    }
}

static void stack_operations_default_to_64_bits_in_64_bit_mode(void **state)
{
    (void)state;
    struct decoded_insn d[] = {DECODE64(0x50),
                               DECODE64(0x6a, 1),
                               DECODE64(0x9c),
                               DECODE64(0x9d),
                               DECODE64(0xc9),
                               DECODE64(0xc3),
                               DECODE64(0xe8, 0, 0, 0, 0),
                               DECODE64(0xff, 0x30),
                               DECODE64(0x0f, 0xa0),
                               DECODE64(0xc8, 1, 0, 0)};
    for (unsigned n = 0; n < ARRAY_LEN(d); n++) assert_int_equal(insn_operand_bytes(&d[n].hot), 8);
    struct decoded_insn legacy[] = {DECODE(MODE_PROT32, 0x50), DECODE(MODE_PROT32, 0x9c),
                                    DECODE(MODE_PROT32, 0xc3), DECODE(MODE_PROT32, 0x1e)};
    for (unsigned n = 0; n < ARRAY_LEN(legacy); n++) assert_int_equal(insn_operand_bytes(&legacy[n].hot), 4);
}

static void immediates_are_sign_extended(void **state)
{
    (void)state;
    assert_int_equal(DECODE64(0x48, 0x83, 0xc0, 0xff).hot.imm, -1);                /* add rax, -1 */
    assert_int_equal(DECODE64(0x48, 0x05, 0, 0, 0, 0x80).hot.imm, (u64)INT32_MIN); /* add rax, imm32 */
    assert_int_equal(DECODE64(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 0x88).hot.imm, 0x8807060504030201ull);
    assert_int_equal(DECODE64(0xd1, 0xe0).hot.imm, 1);            /* shl eax, 1 */
    assert_int_equal(DECODE64(0xc2, 0xff, 0xff).hot.imm, 0xffff); /* ret imm16 is not */
    assert_int_equal(DECODE64(0xeb, 0xfe).hot.imm, -2);
}

static void system_operands_are_where_exec_h_says(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x0f, 0x22, 0xd9); /* mov cr3, rcx */
    assert_int_equal(d.hot.imm, 3);
    assert_int_equal(d.hot.dst, REG_RCX);
    assert_int_equal(d.cold.iclass, CLASS_mov_cr3);
    assert_true(d.cold.serializing);
    d = DECODE64(0x44, 0x0f, 0x20, 0xc0); /* mov rax, cr8 */
    assert_int_equal(d.hot.imm, 8);
    assert_false(DECODE64(0x44, 0x0f, 0x22, 0xc0).cold.serializing); /* mov cr8, rax */
    d = DECODE64(0x8e, 0xd8);                                        /* mov ds, eax */
    assert_int_equal(d.hot.imm, SEG_DS);
    assert_int_equal(d.hot.dst, REG_RAX);
    assert_int_equal(DECODE64(0xe4, 0x80).hot.imm, 0x80); /* in al, 0x80 */
    assert_int_equal(DECODE64(0xed).hot.imm, ~0ull);      /* in eax, dx */
    assert_int_equal(operand_bytes(DECODE64(0xed)), 4);
    assert_int_equal(operand_bytes(DECODE64(0x66, 0xef)), 2);
    assert_int_equal(DECODE64(0xcd, 0x80).hot.imm, 0x80);
    d = DECODE(MODE_PROT32, 0xea, 1, 2, 3, 4, 8, 0); /* jmp 8:0x04030201 */
    assert_int_equal(d.hot.imm, 0x0000000804030201ull);
    assert_false(insn_has_memory(&d.hot));
    assert_true(has_memory(DECODE64(0x48, 0xff, 0x2f))); /* jmp far [rdi] */
    assert_int_equal(operand_bytes(DECODE64(0x48, 0xcf)), 8);
    assert_int_equal(operand_bytes(DECODE64(0xcf)), 4);
    assert_int_equal(operand_bytes(DECODE64(0x48, 0x0f, 0x07)), 8);
    assert_int_equal(operand_bytes(DECODE64(0x0f, 0x07)), 4);
}

static void vmread_names_the_field_by_its_register_operand(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x0f, 0x78, 0xc8); /* vmread rax, rcx */
    assert_int_equal(d.hot.dst, REG_RAX);
    assert_int_equal(d.hot.src, REG_RCX);
    d = DECODE64(0x0f, 0x79, 0xc8); /* vmwrite rcx, rax */
    assert_int_equal(d.hot.dst, REG_RAX);
    assert_int_equal(d.hot.src, REG_RCX);
    d = DECODE64(0x66, 0x0f, 0x38, 0x82, 0x0a); /* invpcid rcx, [rdx] */
    assert_int_equal(d.hot.src, REG_RCX);
    assert_int_equal(d.hot.base, REG_RDX);
}

static void what_the_manual_lists_as_serializing_is_marked(void **state)
{
    (void)state;
    struct decoded_insn serializing[] = {DECODE64(0x0f, 0xa2),       DECODE64(0x0f, 0x30),
                                         DECODE64(0x0f, 0x01, 0x38), /* cpuid wrmsr invlpg */
                                         DECODE64(0x0f, 0x01, 0x17), DECODE64(0x0f, 0x01, 0x1f),
                                         DECODE64(0x0f, 0x00, 0xd0), /* lgdt lidt lldt */
                                         DECODE64(0x0f, 0x00, 0xd8), DECODE64(0x48, 0xcf),
                                         DECODE64(0x0f, 0x09), /* ltr iretq wbinvd */
                                         DECODE64(0x0f, 0x22, 0xc0), DECODE64(0x0f, 0x23, 0xf8),
                                         DECODE64(0x0f, 0x01, 0xc2)}; /* mov cr0, mov dr7, vmlaunch */
    for (unsigned n = 0; n < ARRAY_LEN(serializing); n++) assert_true(serializing[n].cold.serializing);
    assert_false(DECODE64(0x0f, 0x31).cold.serializing);
    assert_true(DECODE64(0x0f, 0x31).cold.sees_time);
    assert_true(DECODE64(0xec).cold.sees_time);
    assert_true(DECODE64(0xf4).cold.sees_time);
}

static void assert_uop(const struct insn_info *info, unsigned n, enum uop_kind kind, u8 s0, u8 s1, u8 s2,
                       u8 dst)
{
    assert_true(n < info->n_uops);
    const struct uop *u = &info->uop[n];
    assert_int_equal(u->kind, kind);
    assert_int_equal(u->src[0], s0);
    assert_int_equal(u->src[1], s1);
    assert_int_equal(u->src[2], s2);
    assert_int_equal(u->dst, dst);
}

#define NO REG_NONE

static void a_plain_load_is_one_micro_operation(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x48, 0x8b, 0x44, 0x8b, 0x10); /* mov rax, [rbx + rcx*4 + 16] */
    assert_int_equal(d.cold.n_uops, 1);
    assert_uop(&d.cold, 0, UOP_LOAD, REG_RBX, REG_RCX, NO, REG_RAX);
    d = DECODE64(0x0f, 0xb6, 0x07); /* movzx eax, byte [rdi] */
    assert_int_equal(d.cold.n_uops, 1);
    assert_uop(&d.cold, 0, UOP_LOAD, REG_RDI, NO, NO, REG_RAX);
}

static void a_read_modify_write_loads_computes_and_stores(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x01, 0x17); /* add [rdi], edx */
    assert_int_equal(d.cold.n_uops, 3);
    assert_uop(&d.cold, 0, UOP_LOAD, REG_RDI, NO, NO, REG_TEMP0);
    assert_uop(&d.cold, 1, UOP_ALU, REG_TEMP0, REG_RDX, NO, REG_TEMP1);
    assert_uop(&d.cold, 2, UOP_STORE, REG_TEMP1, REG_RDI, NO, NO);
    assert_true(d.cold.uop[1].writes_flags);
    assert_false(d.cold.uop[1].reads_flags);
    assert_true(DECODE64(0x11, 0x17).cold.uop[1].reads_flags); /* adc */
}

static void stores_calls_and_returns_have_their_parts(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x89, 0x17); /* mov [rdi], edx */
    assert_int_equal(d.cold.n_uops, 1);
    assert_uop(&d.cold, 0, UOP_STORE, REG_RDX, REG_RDI, NO, NO);
    d = DECODE64(0x53); /* push rbx */
    assert_int_equal(d.cold.n_uops, 1);
    assert_uop(&d.cold, 0, UOP_STORE, REG_RBX, REG_RSP, NO, NO);
    d = DECODE64(0x5b); /* pop rbx */
    assert_int_equal(d.cold.n_uops, 1);
    assert_uop(&d.cold, 0, UOP_LOAD, REG_RSP, NO, NO, REG_RBX);
    d = DECODE64(0xe8, 0, 0, 0, 0);
    assert_int_equal(d.cold.n_uops, 2);
    assert_int_equal(d.cold.uop[0].kind, UOP_BRANCH);
    assert_int_equal(d.cold.uop[1].kind, UOP_STORE);
    d = DECODE64(0xc3);
    assert_int_equal(d.cold.n_uops, 2);
    assert_uop(&d.cold, 0, UOP_LOAD, REG_RSP, NO, NO, REG_TEMP0);
    assert_uop(&d.cold, 1, UOP_BRANCH, REG_TEMP0, NO, NO, NO);
}

static void kinds_follow_operands_and_width(void **state)
{
    (void)state;
    assert_int_equal(DECODE64(0x48, 0x8d, 0x44, 0x8b, 0x10).cold.uop[0].kind, UOP_LEA3);
    assert_int_equal(DECODE64(0x48, 0x8d, 0x43, 0x10).cold.uop[0].kind, UOP_LEA);
    assert_int_equal(DECODE64(0xd3, 0xe0).cold.uop[0].kind, UOP_SHIFT_CL);
    assert_int_equal(DECODE64(0xc1, 0xe0, 3).cold.uop[0].kind, UOP_SHIFT);
    assert_int_equal(DECODE64(0xf7, 0xf1).cold.uop[0].kind, UOP_DIV32);
    assert_int_equal(DECODE64(0x48, 0xf7, 0xf1).cold.uop[0].kind, UOP_DIV64);
    assert_int_equal(DECODE64(0x48, 0xf7, 0xf9).cold.uop[0].kind, UOP_IDIV64);
    assert_int_equal(DECODE64(0xf7, 0xf9).cold.uop[0].kind, UOP_DIV32);
    assert_int_equal(DECODE64(0x0f, 0xaf, 0xc1).cold.uop[0].kind, UOP_MUL);
    assert_int_equal(DECODE64(0x0f, 0xa2).cold.uop[0].kind, UOP_MICROCODE);
    assert_int_equal(DECODE64(0x0f, 0xae, 0xf0).cold.uop[0].kind, UOP_FENCE);
}

static void a_cleared_register_depends_on_nothing(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x31, 0xc0); /* xor eax, eax */
    assert_uop(&d.cold, 0, UOP_ALU, NO, NO, NO, REG_RAX);
    d = DECODE64(0x31, 0xc8); /* xor eax, ecx */
    assert_uop(&d.cold, 0, UOP_ALU, REG_RAX, REG_RCX, NO, REG_RAX);
    d = DECODE64(0x88, 0xc8); /* mov al, cl keeps the rest of rax */
    assert_int_equal(d.cold.uop[0].dst, REG_RAX);
    assert_int_equal(d.cold.uop[0].src[0], REG_RAX);
}

static void a_conditional_move_depends_on_what_it_may_keep(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x48, 0x0f, 0x44, 0xc3); /* cmovz rax, rbx */
    assert_int_equal(d.cold.n_uops, 1);
    assert_uop(&d.cold, 0, UOP_CMOV, REG_RAX, REG_RBX, NO, REG_RAX);
    assert_true(d.cold.uop[0].reads_flags);
}

static void a_prefix_that_changes_the_immediates_length_is_told(void **state)
{
    (void)state;
    assert_true(DECODE64(0x66, 0x05, 0x34, 0x12).cold.length_changes);             /* add ax, 0x1234 */
    assert_true(DECODE64(0x66, 0xc7, 0x00, 0x34, 0x12).cold.length_changes);       /* mov word [rax], 0x1234 */
    assert_false(DECODE64(0x05, 0x34, 0x12, 0, 0).cold.length_changes);            /* add eax, 0x1234 */
    assert_false(DECODE64(0x66, 0x83, 0xc0, 0x12).cold.length_changes);            /* add ax, 0x12 */
    assert_false(DECODE64(0x66, 0x01, 0xd8).cold.length_changes);                  /* add ax, bx */
    assert_false(DECODE64(0x66, 0x0f, 0x70, 0xc0, 0x12).cold.length_changes);      /* pshufd xmm0, xmm0, 0x12 */
    assert_false(DECODE64(0xc2, 0x10, 0x00).cold.length_changes);                  /* ret 16 */
}

static void flow_tells_direct_from_indirect(void **state)
{
    (void)state;
    assert_int_equal(DECODE64(0xeb, 0).cold.flow, FLOW_JUMP);
    assert_int_equal(DECODE64(0xff, 0xe0).cold.flow, FLOW_INDIRECT);
    assert_int_equal(DECODE64(0xff, 0x20).cold.flow, FLOW_INDIRECT);
    assert_int_equal(DECODE64(0xe8, 0, 0, 0, 0).cold.flow, FLOW_CALL);
    assert_int_equal(DECODE64(0xff, 0xd0).cold.flow, FLOW_CALL_INDIRECT);
    assert_int_equal(DECODE64(0xc3).cold.flow, FLOW_RET);
    assert_int_equal(DECODE64(0x74, 0).cold.flow, FLOW_COND);
    assert_int_equal(DECODE64(0xe2, 0).cold.flow, FLOW_COND);
    assert_int_equal(DECODE64(0x0f, 0x05).cold.flow, FLOW_FAR);
}

static void locked_and_exchanging_instructions_are_atomic(void **state)
{
    (void)state;
    assert_int_equal(DECODE64(0xf0, 0x01, 0x17).cold.iclass, CLASS_atomic);
    assert_int_equal(DECODE64(0x87, 0x17).cold.iclass, CLASS_atomic); /* xchg [rdi], edx */
    assert_true(DECODE64(0x87, 0x17).cold.locked);
    assert_false(DECODE64(0x87, 0xd0).cold.locked);
    assert_ptr_equal(DECODE64(0xf0, 0x01, 0xc0).hot.exec, exec_ud); /* lock add eax, eax */
    assert_ptr_equal(DECODE64(0xf0, 0x8b, 0x07).hot.exec, exec_ud); /* lock mov */
}

static void a_marker_is_a_nop_with_a_payload(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x0f, 0x1f, 0x80, 0x34, 0x12, 0x01, 0x47);
    assert_true(d.cold.marker);
    assert_int_equal(d.cold.marker_payload, 0x47011234);
    assert_true(d.stops && d.alone);
    assert_false(DECODE64(0x0f, 0x1f, 0x80, 0, 0, 0, 0).cold.marker);
    assert_int_equal(DECODE64(0x0f, 0x1f, 0x80, 0, 0, 0, 0).hot.length, 7);
}

static void bytes_that_are_no_instruction_answer_ud_and_too_many_gp(void **state)
{
    (void)state;
    struct decoded_insn d;
    u8 prefixes[15];
    memset(prefixes, 0x66, sizeof prefixes);
    assert_int_equal(decode(&decoder, MODE_LONG64, prefixes, 15, &d), DECODED);
    assert_ptr_not_equal(d.hot.exec, exec_ud);
    assert_ptr_equal(DECODE64(0xff, 0xff).hot.exec, exec_ud);
    assert_ptr_equal(DECODE64(0x06).hot.exec, exec_ud); /* push es */
    assert_ptr_equal(DECODE64(0x0f, 0x0b).hot.exec, exec_ud);
    assert_ptr_equal(DECODE64(0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc1).hot.exec, exec_unmodelled); /* vaddps zmm */
}

static void mmx_registers_are_dependences(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0x0f, 0xfc, 0xd1); /* paddb mm2, mm1 */
    assert_uop(&d.cold, 0, UOP_VADD, REG_MMX0 + 2, REG_MMX0 + 1, NO, REG_MMX0 + 2);
    d = DECODE64(0x0f, 0x6f, 0x1f); /* movq mm3, [rdi] */
    assert_uop(&d.cold, 0, UOP_LOAD, REG_RDI, NO, NO, REG_MMX0 + 3);
    assert_int_equal(d.cold.n_uops, 1);
}

static void opcode_90_with_rex_b_exchanges_whatever_its_prefix(void **state)
{
    (void)state;
    struct decoded_insn d = DECODE64(0xf3, 0x41, 0x90); /* rep xchg r8d, eax */
    assert_int_equal(d.cold.mnemonic, ZYDIS_MNEMONIC_XCHG);
    assert_int_equal(d.hot.length, 3);
    assert_int_equal(d.cold.bytes[0], 0xf3);
    assert_int_equal(DECODE64(0xf3, 0x48, 0x90).cold.mnemonic, ZYDIS_MNEMONIC_PAUSE);
}

static void half_an_instruction_asks_for_more(void **state)
{
    (void)state;
    struct decoded_insn d;
    static const u8 bytes[] = {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8};
    for (unsigned n = 1; n < sizeof bytes; n++)
        assert_int_equal(decode(&decoder, MODE_LONG64, bytes, n, &d), DECODED_TRUNCATED);
    assert_int_equal(decode(&decoder, MODE_LONG64, bytes, sizeof bytes, &d), DECODED);
}

static void disassembly_is_intel_syntax(void **state)
{
    (void)state;
    char text[80];
    static const u8 add[] = {0x48, 0x01, 0xd8}, nothing[] = {0xff, 0xff};
    isa_disassemble(add, sizeof add, MODE_LONG64, 0, text, sizeof text);
    assert_string_equal(text, "add rax, rbx");
    isa_disassemble(nothing, sizeof nothing, MODE_LONG64, 0, text, sizeof text);
    assert_string_equal(text, "(no instruction)");
}

static int set_up(void **state)
{
    (void)state;
    decoder_init(&decoder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hot_part_has_32_bytes),
        cmocka_unit_test(byte_registers_are_offsets_into_the_register_file),
        cmocka_unit_test(a_missing_base_or_index_is_the_zero_register),
        cmocka_unit_test(only_plain_addresses_skip_segment_and_truncation),
        cmocka_unit_test(a_sib_byte_without_base_has_none_even_with_rex_b_and_32_bit_addresses),
        cmocka_unit_test(operand_and_address_sizes_follow_the_mode),
        cmocka_unit_test(stack_operations_default_to_64_bits_in_64_bit_mode),
        cmocka_unit_test(immediates_are_sign_extended),
        cmocka_unit_test(system_operands_are_where_exec_h_says),
        cmocka_unit_test(vmread_names_the_field_by_its_register_operand),
        cmocka_unit_test(what_the_manual_lists_as_serializing_is_marked),
        cmocka_unit_test(a_plain_load_is_one_micro_operation),
        cmocka_unit_test(a_read_modify_write_loads_computes_and_stores),
        cmocka_unit_test(stores_calls_and_returns_have_their_parts),
        cmocka_unit_test(kinds_follow_operands_and_width),
        cmocka_unit_test(a_cleared_register_depends_on_nothing),
        cmocka_unit_test(a_conditional_move_depends_on_what_it_may_keep),
        cmocka_unit_test(a_prefix_that_changes_the_immediates_length_is_told),
        cmocka_unit_test(flow_tells_direct_from_indirect),
        cmocka_unit_test(locked_and_exchanging_instructions_are_atomic),
        cmocka_unit_test(a_marker_is_a_nop_with_a_payload),
        cmocka_unit_test(bytes_that_are_no_instruction_answer_ud_and_too_many_gp),
        cmocka_unit_test(mmx_registers_are_dependences),
        cmocka_unit_test(opcode_90_with_rex_b_exchanges_whatever_its_prefix),
        cmocka_unit_test(half_an_instruction_asks_for_more),
        cmocka_unit_test(disassembly_is_intel_syntax),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
