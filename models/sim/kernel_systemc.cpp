// kernel_systemc.cpp - the keeper of time behind kernel.c: SystemC 2.3.4. The only C++ of the project.
//
// Models:       one SystemC method process with one alarm event. SystemC schedules time (and any foreign
//               SystemC or TLM module beside us); kernel.c orders what is ours within it.
// Not modelled: delta cycles of our own; several simulations at once.
// Neighbours:   kernel.c through kernel_time.h; the VCD part of kernel.h.
// Checked by:   tests/unit/test_kernel.c, linked as test_kernel_systemc.
//
// No exception leaves this file: guarded() turns one into a failed CHECK.
#define SC_INCLUDE_DYNAMIC_PROCESSES
#include <systemc>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

extern "C" {
#include "models/sim/check.h"
#include "models/sim/kernel_time.h"
}

using sc_core::sc_time;

static_assert(sizeof(u64) == sizeof(sc_time::value_type), "SystemC counts in 64 bits");

namespace
{

struct keeper {
    sc_core::sc_event alarm{"kernel_alarm"};
    u64 alarm_ps = KERNEL_NEVER; // relative to origin_ps, as all times outside this file
    u64 origin_ps = 0;           // SystemC's time at kernel_init: SystemC itself can't start again
    sc_core::sc_trace_file *vcd = nullptr;
    std::string vcd_path;
};

keeper *systemc; // lives as long as the process, as the SystemC simulation does

template <typename Body> auto guarded(Body body) noexcept
{
    try {
        return body();
    } catch (const std::exception &e) {
        CHECK(false, "SystemC: %s", e.what());
    }
}

u64 now_ps()
{
    return sc_core::sc_time_stamp().value() - systemc->origin_ps;
}

void on_alarm()
{
    systemc->alarm_ps = KERNEL_NEVER;
    kernel_step();
    if (kernel_stop_requested()) sc_core::sc_pause();
}

void build()
{
    sc_core::sc_set_time_resolution(1, sc_core::SC_PS);
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    systemc = new keeper;
    sc_core::sc_spawn_options options;
    options.spawn_method();
    options.dont_initialize();
    options.set_sensitivity(&systemc->alarm);
    sc_core::sc_spawn(on_alarm, "kernel_step", &options);
}

void advance(u64 end_ps, sc_core::sc_starvation_policy policy)
{
    u64 last = sc_core::sc_max_time().value();
    u64 end = end_ps < last - systemc->origin_ps ? end_ps + systemc->origin_ps : last;
    sc_core::sc_start(sc_time::from_value(end) - sc_core::sc_time_stamp(), policy);
    if (sc_core::sc_get_status() == sc_core::SC_STOPPED) kernel_stop(); // a foreign module called sc_stop()
}

void run(u64 end_ps)
{
    while (!kernel_stop_requested()) {
        u64 next_ps = kernel_next_event_ps();
        if (next_ps == KERNEL_NEVER) return;
        if (next_ps >= end_ps) {
            if (now_ps() < end_ps) advance(end_ps, sc_core::SC_RUN_TO_TIME);
            return;
        }
        advance(end_ps, sc_core::SC_EXIT_ON_STARVATION);
    }
}

// The date in a VCD header is the one thing that differs between two runs of the same simulation.
void blank_vcd_date(const std::string &path)
{
    std::FILE *f = std::fopen(path.c_str(), "r+");
    char line[256];
    if (!f) return;
    while (std::fgets(line, sizeof line, f) && std::strncmp(line, "$date", 5) != 0) {
    }
    long date_at = std::ftell(f);
    if (std::fgets(line, sizeof line, f) && line[0] != '$') {
        std::fseek(f, date_at, SEEK_SET);
        for (size_t i = 0; i + 1 < std::strlen(line); i++) std::fputc(' ', f);
    }
    std::fclose(f);
}

} // namespace

void kernel_time_init(void)
{
    guarded([] {
        if (!systemc) build();
        systemc->origin_ps = sc_core::sc_time_stamp().value();
    });
}

void kernel_time_fini(void)
{
    kernel_time_set_alarm(KERNEL_NEVER);
}

u64 kernel_time_now_ps(void)
{
    return now_ps();
}

void kernel_time_set_alarm(u64 at_ps)
{
    if (at_ps == systemc->alarm_ps) return;
    guarded([at_ps] {
        // An sc_event keeps the earlier of two notifications: a later one needs the cancellation.
        if (systemc->alarm_ps != KERNEL_NEVER) systemc->alarm.cancel();
        if (at_ps != KERNEL_NEVER) systemc->alarm.notify(sc_time::from_value(at_ps - now_ps()));
        systemc->alarm_ps = at_ps;
    });
}

// Whenever this is asked our own alarm stands at the first event of the queue or not at all, so it hides
// nothing.
u64 kernel_time_foreign_ps(void)
{
    return guarded([]() -> u64 {
        if (sc_core::sc_get_status() == sc_core::SC_STOPPED || !sc_core::sc_pending_activity())
            return KERNEL_NEVER;
        return now_ps() + sc_core::sc_time_to_pending_activity().value();
    });
}

void kernel_time_run(u64 end_ps)
{
    guarded([end_ps] { run(end_ps); });
}

bool kernel_vcd_open(const char *path_without_suffix)
{
    return guarded([path_without_suffix] {
        CHECK(!systemc->vcd, "a VCD trace is open already");
        systemc->vcd_path = std::string(path_without_suffix) + ".vcd";
        std::FILE *probe = std::fopen(systemc->vcd_path.c_str(), "w"); // SystemC would stop the program
        if (!probe) return false;
        std::fclose(probe);
        systemc->vcd = sc_core::sc_create_vcd_trace_file(path_without_suffix);
        systemc->vcd->set_time_unit(1, sc_core::SC_PS);
        return true;
    });
}

void kernel_vcd_trace(const char *name, const u64 *variable, unsigned width_bits)
{
    guarded([=] {
        CHECK(systemc->vcd, "no VCD trace is open for %s", name);
        sc_core::sc_trace(systemc->vcd, *variable, name, static_cast<int>(width_bits));
    });
}

void kernel_vcd_close(void)
{
    if (!systemc || !systemc->vcd) return;
    guarded([] {
        sc_core::sc_close_vcd_trace_file(systemc->vcd);
        systemc->vcd = nullptr;
        blank_vcd_date(systemc->vcd_path);
    });
}

bool kernel_vcd_is_open(void)
{
    return systemc && systemc->vcd;
}

int sc_main(int, char **)
{
    return 0;
} // libsystemc wants one; main is ours and C
