-- One interrupt of the guest, by mode of its APIC (panel) and technique (place): first exits by what they are for, then cycles without
-- those in which the guest waits for its timer.
WITH x AS (SELECT run, mode.value AS apic, position, label, 6.0 * iters.number AS n
           FROM runs JOIN modes USING (mode, label) JOIN words AS mode USING (run) JOIN words AS iters USING (run)
           WHERE mode.key = 'mode' AND iters.key = 'iters'),
     e AS (SELECT run, substr(path, 16, instr(substr(path, 16), '.') - 1) AS reason, value AS count
           FROM stats WHERE path LIKE 'cpu0.vmx.exits.%.count')
SELECT apic = 'x2apic' AS panel, position AS place, label, apic,
       SUM(CASE WHEN reason IN ('apic_access', 'apic_write', 'rdmsr', 'wrmsr') THEN count ELSE 0 END) / n AS "APIC registers",
       SUM(CASE WHEN reason IN ('cr_access', 'tpr_below_threshold') THEN count ELSE 0 END) / n AS "task priority",
       SUM(CASE WHEN reason IN ('external_interrupt', 'interrupt_window') THEN count ELSE 0 END) / n AS "interrupts",
       SUM(CASE WHEN reason NOT IN ('apic_access', 'apic_write', 'rdmsr', 'wrmsr', 'cr_access', 'tpr_below_threshold',
                                    'external_interrupt', 'interrupt_window') THEN count ELSE 0 END) / n AS "HLT and others"
FROM x JOIN e USING (run) GROUP BY run ORDER BY panel, place;
WITH x AS (SELECT run, mode.value AS apic, position, label, 6.0 * iters.number AS n
           FROM runs JOIN modes USING (mode, label) JOIN words AS mode USING (run) JOIN words AS iters USING (run)
           WHERE mode.key = 'mode' AND iters.key = 'iters'),
     a AS (SELECT run, CASE WHEN path LIKE '%.vm_exit' OR path LIKE '%.vm_entry' THEN 'transition'
                            WHEN path LIKE '%.idle' THEN 'idle'
                            WHEN path LIKE 'cpu0.account.root.%' THEN 'root' ELSE 'guest' END AS class, value AS cycles
           FROM stats WHERE path LIKE 'cpu0.account.%')
SELECT apic = 'x2apic' AS panel, position AS place, label, apic,
       SUM(CASE class WHEN 'guest' THEN cycles ELSE 0 END) / n AS "the guest",
       SUM(CASE class WHEN 'transition' THEN cycles ELSE 0 END) / n AS "VM exit and VM entry",
       SUM(CASE class WHEN 'root' THEN cycles ELSE 0 END) / n AS "hypervisor"
FROM x JOIN a USING (run) GROUP BY run ORDER BY panel, place;
