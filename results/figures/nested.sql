-- One exit of the inner guest, with one hypervisor and with two. Panel 0: the exits that level 0 takes for it; panel 1: cycles, of each such exit
-- all from the guest's last instruction to its next. `place` numbers the kinds of exit, `bar` the modes.
WITH part AS (SELECT run, substr(path, 16, instr(substr(path, 16), '.') - 1) AS reason,
                     SUM(CASE WHEN path LIKE '%.count' THEN value END) AS count,
                     SUM(CASE WHEN path NOT LIKE '%.count' THEN value END) AS cycles
              FROM stats WHERE path LIKE 'cpu0.vmx.exits.%' GROUP BY run, reason),
     kind AS (SELECT run, count, cycles, CASE WHEN reason IN ('vmread', 'vmwrite') THEN 1 WHEN reason IN ('vmresume', 'vmlaunch') THEN 2 ELSE 3 END AS kind
              FROM part),
     x AS (SELECT run,
                  SUM(CASE kind WHEN 1 THEN count ELSE 0 END) AS n1, SUM(CASE kind WHEN 2 THEN count ELSE 0 END) AS n2,
                  SUM(CASE kind WHEN 3 THEN count ELSE 0 END) AS n3,
                  SUM(CASE kind WHEN 1 THEN cycles ELSE 0 END) AS c1, SUM(CASE kind WHEN 2 THEN cycles ELSE 0 END) AS c2,
                  SUM(CASE kind WHEN 3 THEN cycles ELSE 0 END) AS c3
           FROM kind GROUP BY run),
     y AS (SELECT op.value AS op, DENSE_RANK() OVER (ORDER BY position) - 1 AS bar, label, iters.number AS n, x.*,
                  stats.value - c1 - c2 - c3 AS c4, MIN(run) OVER (PARTITION BY op.value) AS first
           FROM runs JOIN modes USING (mode, label) JOIN x USING (run) JOIN stats USING (run)
                JOIN words AS op USING (run) JOIN words AS iters USING (run)
           WHERE "group" = 'exits' AND path = 'cpu0.cycles' AND op.key = 'op' AND iters.key = 'iters')
SELECT 0 AS panel, DENSE_RANK() OVER (ORDER BY first) - 1 AS place, op, bar, label,
       n3 / n AS "the guest's own exit", n1 / n AS "VMREAD and VMWRITE of level 1", n2 / n AS "VMRESUME of level 1", 0 AS "level 1 and the guest"
FROM y UNION ALL
SELECT 1, DENSE_RANK() OVER (ORDER BY first) - 1, op, bar, label, c3 / n, c1 / n, c2 / n, c4 / n
FROM y ORDER BY 1, 2, 4;
