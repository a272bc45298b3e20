/* Exit qualifications in words: one row per layout and per field of it, bit by bit as the manual draws them. */
#include "virt-ext/qualification.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void expect(struct vmx_exit_event e, const char *words)
{
    char text[QUALIFICATION_TEXT_BYTES];
    memset(text, 'x', sizeof text);
    assert_string_equal(qualification_text(&e, text), words);
}

#define EXITS(name, q)            (struct vmx_exit_event){.reason = EXIT_##name, .qualification = (q)}
#define VECTORED(name, q, info, error) \
    (struct vmx_exit_event){.reason = EXIT_##name, .qualification = (q), .interruption_info = (info), .error_code = (error)}
#define VALID     (1u << 31)
#define HARDWARE  (3u << 8)
#define HAS_ERROR (1u << 11)

static void control_registers_name_the_access_and_the_register(void **state)
{
    (void)state;
    expect(EXITS(cr_access, 0x003), "MOV to CR3 from RAX");
    expect(EXITS(cr_access, 0xf04), "MOV to CR4 from R15");
    expect(EXITS(cr_access, 0x318), "MOV from CR8 to RBX");
    expect(EXITS(cr_access, 0x020), "CLTS");
    expect(EXITS(cr_access, 0xbeef0030), "LMSW 0xbeef from a register");
    expect(EXITS(cr_access, 0x00010070), "LMSW 0x1 from a memory operand");
}

static void debug_registers_name_the_direction(void **state)
{
    (void)state;
    expect(EXITS(mov_dr, 0x107), "MOV to DR7 from RCX");
    expect(EXITS(mov_dr, 0x816), "MOV from DR6 to R8");
}

static void io_names_port_size_and_form(void **state)
{
    (void)state;
    expect(EXITS(io_instruction, 0x03f80000), "OUT 1 byte to port 0x3f8");
    expect(EXITS(io_instruction, 0x00f40040), "OUT 1 byte to port 0xf4 (immediate)");
    expect(EXITS(io_instruction, 0x0cfc000b), "IN 4 bytes from port 0xcfc");
    expect(EXITS(io_instruction, 0xffff0039), "REP INS 2 bytes from port 0xffff");
    expect(EXITS(io_instruction, 0x00100010), "OUTS 1 byte to port 0x10");
}

static void exceptions_name_vector_error_code_and_address(void **state)
{
    (void)state;
    expect(VECTORED(exception_or_nmi, 0x7fff0010, VALID | HARDWARE | HAS_ERROR | 14, 6), "#PF error code 0x6 at linear address 0x7fff0010");
    expect(VECTORED(exception_or_nmi, 0, VALID | HARDWARE | HAS_ERROR | 13, 0x18), "#GP error code 0x18");
    expect(VECTORED(exception_or_nmi, 0, VALID | HARDWARE | 6, 0), "#UD");
    expect(VECTORED(exception_or_nmi, 0, VALID | 2u << 8 | 2, 0), "NMI");
    expect(VECTORED(exception_or_nmi, 0x4009, VALID | HARDWARE | 1, 0), "#DB breakpoint 0 breakpoint 3 single step");
    expect(VECTORED(exception_or_nmi, 0x2000, VALID | HARDWARE | 1, 0), "#DB access to a debug register");
    expect(VECTORED(exception_or_nmi, 0, VALID | HARDWARE | 15, 0), "vector 15");
    expect(VECTORED(exception_or_nmi, 0, VALID | HARDWARE | 31, 0), "vector 31");
}

static void an_interrupt_has_a_vector_only_if_it_was_acknowledged(void **state)
{
    (void)state;
    expect(VECTORED(external_interrupt, 0, VALID | 0x30, 0), "vector 48");
    expect(EXITS(external_interrupt, 0), "");
}

static void ept_violations_name_the_access_the_rights_and_the_purpose(void **state)
{
    (void)state;
    expect(EXITS(ept_violation, 0x181), "read where --- is allowed of the translated address");
    expect(EXITS(ept_violation, 0x1aa), "write where r-x is allowed of the translated address");
    expect(EXITS(ept_violation, 0x084), "fetch where --- is allowed of a guest paging-structure entry");
    expect(EXITS(ept_violation, 0x01b), "read write where rw- is allowed without linear address");
    expect(EXITS(ept_violation, 0x782), "write where --- is allowed of the translated address (user page writable executable)");
    expect(EXITS(ept_violation, 0x982), "write where --- is allowed of the translated address (supervisor page read-only execute-disable)");
    expect(EXITS(ept_violation, 0x1181), "read where --- is allowed of the translated address NMI unblocked by IRET");
}

static void entry_failures_name_what_the_number_stands_for(void **state)
{
    (void)state;
    expect(EXITS(entry_failure_guest_state, 0), "a rule without a number");
    expect(EXITS(entry_failure_guest_state, 2), "PDPTEs");
    expect(EXITS(entry_failure_guest_state, 3), "injection of an NMI while NMIs are blocked");
    expect(EXITS(entry_failure_guest_state, 4), "VMCS link pointer");
    expect(EXITS(entry_failure_msr_loading, 7), "entry 7 of the MSR list");
}

static void addresses_displacements_and_vectors(void **state)
{
    (void)state;
    expect(EXITS(invlpg, 0xffff800000001000), "linear address 0xffff800000001000");
    expect(EXITS(vmread, 0x18), "displacement 0x18");
    expect(EXITS(access_gdtr_idtr, 0x1000), "displacement 0x1000");
    expect(EXITS(sipi, 0x9a), "vector 154");
    expect(EXITS(virtualized_eoi, 0x41), "vector 65");
    expect(EXITS(mwait, 1), "monitoring hardware armed");
    expect(EXITS(mwait, 0), "monitoring hardware not armed");
    expect(EXITS(task_switch, 0x80000028), "to TSS selector 0x28 by JMP");
    expect(EXITS(task_switch, 0x40000030), "to TSS selector 0x30 by IRET");
}

static void apic_pages_name_offset_and_access(void **state)
{
    (void)state;
    expect(EXITS(apic_access, 0x10b0), "offset 0xb0 write");
    expect(EXITS(apic_access, 0x3080), "offset 0x80 event delivery");
    expect(EXITS(apic_access, 0x5080), "offset 0x80 undefined access");
    expect(EXITS(apic_write, 0x300), "offset 0x300");
}

static void reasons_without_a_qualification_say_nothing(void **state)
{
    (void)state;
    expect(EXITS(cpuid, 0), "");
    expect(EXITS(hlt, 0), "");
    expect((struct vmx_exit_event){.reason = (enum exit_reason)200}, "");
    assert_null(qualification_section(EXIT_cpuid));
    assert_null(qualification_section((enum exit_reason)200));
}

/* Whatever the bits are, the words end inside their room. */
static void a_decoder_takes_any_bits(void **state)
{
    (void)state;
    char text[QUALIFICATION_TEXT_BYTES];
    for (unsigned r = 0; r < EXIT_REASONS; r++)
        for (unsigned bit = 0; bit <= 64; bit++) {
            u64 q = bit == 64 ? ~0ull : 1ull << bit;
            struct vmx_exit_event e = {
                .reason = (enum exit_reason)r, .qualification = q, .interruption_info = (u32)q, .error_code = ~0u};
            assert_true(strlen(qualification_text(&e, text)) < sizeof text - 1);
            assert_true(!*text || qualification_section((enum exit_reason)r));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_registers_name_the_access_and_the_register),
        cmocka_unit_test(debug_registers_name_the_direction),
        cmocka_unit_test(io_names_port_size_and_form),
        cmocka_unit_test(exceptions_name_vector_error_code_and_address),
        cmocka_unit_test(an_interrupt_has_a_vector_only_if_it_was_acknowledged),
        cmocka_unit_test(ept_violations_name_the_access_the_rights_and_the_purpose),
        cmocka_unit_test(entry_failures_name_what_the_number_stands_for),
        cmocka_unit_test(addresses_displacements_and_vectors),
        cmocka_unit_test(apic_pages_name_offset_and_access),
        cmocka_unit_test(reasons_without_a_qualification_say_nothing),
        cmocka_unit_test(a_decoder_takes_any_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
