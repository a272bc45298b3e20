-- Several processors. First work: its speed over that of one processor natively. Then one IPI (kind 0), one shoot-down (1), one exchange of pages by the
-- monitor (2): cycles that the first processor sees; and with 4 processors what all of them spend on it outside the guest.
WITH x AS (SELECT run, part.value AS part, label, position, iters.number AS iters,
                  SUM(CASE WHEN path LIKE 'cpu%.cycles' AND path NOT LIKE 'cpu%.%.cycles' THEN 1 ELSE 0 END) AS processors,
                  SUM(CASE WHEN path = 'cpu0.cycles' THEN stats.value ELSE 0 END) AS cycles
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run) JOIN words AS part USING (run) JOIN words AS iters USING (run)
           WHERE part.key = 'part' AND iters.key = 'iters' GROUP BY run)
SELECT processors, position, label, 1.0 * (SELECT cycles FROM x WHERE part = 'work' AND processors = 1 AND position = 0) / cycles AS speed
FROM x WHERE part = 'work' ORDER BY position, processors;
WITH x AS (SELECT run, part.value AS part, label, position, iters.number AS iters,
                  SUM(CASE WHEN path LIKE 'cpu%.cycles' AND path NOT LIKE 'cpu%.%.cycles' THEN 1 ELSE 0 END) AS processors,
                  SUM(CASE WHEN path = 'cpu0.cycles' THEN stats.value ELSE 0 END) AS cycles
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run) JOIN words AS part USING (run) JOIN words AS iters USING (run)
           WHERE part.key = 'part' AND iters.key = 'iters' AND part.value <> 'work' GROUP BY run)
SELECT CASE part WHEN 'ipi' THEN 0 WHEN 'shootdown' THEN 1 ELSE 2 END AS kind, DENSE_RANK() OVER (ORDER BY processors) - 1 AS place, processors,
       position, cycles / (iters * CASE part WHEN 'ipi' THEN processors ELSE 1 END) AS cycles
FROM x ORDER BY 1, 2, 4;
WITH x AS (SELECT run, part.value AS part, label, position, iters.number AS iters,
                  SUM(CASE WHEN path LIKE 'cpu%.cycles' AND path NOT LIKE 'cpu%.%.cycles' THEN 1 ELSE 0 END) AS processors,
                  SUM(CASE WHEN path LIKE 'cpu%.account.%.vm_exit' THEN stats.value ELSE 0 END) AS exit_cycles,
                  SUM(CASE WHEN path LIKE 'cpu%.account.%.vm_entry' THEN stats.value ELSE 0 END) AS entry_cycles,
                  SUM(CASE WHEN path LIKE 'cpu%.account.root.%' AND path NOT LIKE '%.vm_e%' AND path NOT LIKE '%.idle' THEN stats.value ELSE 0 END) AS root_cycles
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run) JOIN words AS part USING (run) JOIN words AS iters USING (run)
           WHERE part.key = 'part' AND iters.key = 'iters' AND part.value <> 'work' GROUP BY run),
     y AS (SELECT *, iters * CASE part WHEN 'ipi' THEN processors ELSE 1 END AS n FROM x WHERE processors = 4 AND position > 0)
SELECT CASE part WHEN 'ipi' THEN 0 WHEN 'shootdown' THEN 1 ELSE 2 END AS kind, position, label,
       exit_cycles / n AS "VM exit", root_cycles / n AS "hypervisor", entry_cycles / n AS "VM entry"
FROM y ORDER BY 1, 2;
SELECT position, label FROM modes ORDER BY position;
