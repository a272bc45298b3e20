-- Several processors: of each part one event (a round of work, an IPI, a shoot-down, an exchange of pages) in cycles of the first processor, and VM exits and
-- cycles that all processors spend on them.
WITH x AS (SELECT run, part.value AS part, label, position,
                  SUM(CASE WHEN path LIKE 'cpu%.cycles' AND path NOT LIKE 'cpu%.%.cycles' THEN 1 ELSE 0 END) AS processors,
                  SUM(CASE WHEN path = 'cpu0.cycles' THEN stats.value ELSE 0 END) AS cycles,
                  SUM(CASE WHEN path LIKE 'cpu%.vmx.exits_total' THEN stats.value ELSE 0 END) AS exits,
                  SUM(CASE WHEN path LIKE 'cpu%.account.%.vm_exit' OR path LIKE 'cpu%.account.%.vm_entry'
                                OR (path LIKE 'cpu%.account.root.%' AND path NOT LIKE '%.idle') THEN stats.value ELSE 0 END) AS spent,
                  iters.number AS iters
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run) JOIN words AS part USING (run) JOIN words AS iters USING (run)
           WHERE part.key = 'part' AND iters.key = 'iters' GROUP BY run),
     y AS (SELECT *, iters * CASE part WHEN 'ipi' THEN processors ELSE 1 END AS n FROM x)
SELECT part AS "part", processors AS "processors", label AS "mode", printf('%.0f', cycles / n) AS "cycles",
       printf('%.2f', exits / n) AS "VM exits", printf('%.0f', spent / n) AS "cycles outside the guest on all processors"
FROM y ORDER BY CASE part WHEN 'work' THEN 0 WHEN 'ipi' THEN 1 WHEN 'shootdown' THEN 2 ELSE 3 END, processors, position;
