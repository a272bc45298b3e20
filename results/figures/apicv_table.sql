-- One interrupt of the guest: VM exits, and cycles besides those in which it waits for its timer.
WITH x AS (SELECT run, mode.value AS apic, position, label, 6.0 * iters.number AS n,
                  SUM(CASE path WHEN 'cpu0.vmx.exits_total' THEN stats.value ELSE 0 END) AS exits,
                  SUM(CASE path WHEN 'cpu0.vmx.virtual_interrupts' THEN stats.value ELSE 0 END) AS virtual,
                  SUM(CASE path WHEN 'cpu0.vmx.virtual_eois' THEN stats.value ELSE 0 END) AS eois,
                  SUM(CASE WHEN path = 'cpu0.cycles' THEN stats.value WHEN path LIKE 'cpu0.account.%.idle' THEN -stats.value ELSE 0 END) AS cycles
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run) JOIN words AS mode USING (run) JOIN words AS iters USING (run)
           WHERE mode.key = 'mode' AND iters.key = 'iters' GROUP BY run)
SELECT apic AS "APIC", label AS "technique", printf('%.2f', exits / n) AS "exits", printf('%.2f', virtual / n) AS "virtual interrupts",
       printf('%.2f', eois / n) AS "virtual EOIs", printf('%.0f', cycles / n) AS "cycles"
FROM x ORDER BY apic DESC, position;
