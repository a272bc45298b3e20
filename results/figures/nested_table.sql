-- What one exit of the inner guest becomes: exits that level 0 takes, VMREADs and VMWRITEs of level 1 among them, and cycles.
WITH x AS (SELECT run, op.value AS op, label, position, iters.number AS n,
                  SUM(CASE path WHEN 'cpu0.cycles' THEN stats.value END) AS cycles,
                  SUM(CASE path WHEN 'cpu0.vmx.exits_total' THEN stats.value END) AS exits,
                  SUM(CASE WHEN path IN ('cpu0.vmx.exits.vmread.count', 'cpu0.vmx.exits.vmwrite.count') THEN stats.value END) AS accesses,
                  SUM(CASE path WHEN 'cpu0.vmx.shadow_accesses' THEN stats.value END) AS shadowed
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run)
                JOIN words AS op USING (run) JOIN words AS iters USING (run)
           WHERE "group" = 'exits' AND op.key = 'op' AND iters.key = 'iters' GROUP BY run)
SELECT op AS "exit", label AS "hypervisors", printf('%.1f', exits / n) AS "exits to level 0",
       printf('%.1f', accesses / n) AS "of them VMREAD, VMWRITE", printf('%.1f', shadowed / n) AS "done in the shadow VMCS",
       printf('%.0f', cycles / n) AS "cycles"
FROM x ORDER BY MIN(run) OVER (PARTITION BY op), position;
