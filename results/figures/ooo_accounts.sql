-- CPI stacks: the cycles of a run by cause, per instruction of the native run of the same bench; then the shares of its rename slots.
WITH class(path, class) AS (
         SELECT 'cpu0.account.' || world || '.' || cause, class
         FROM (SELECT 'native' AS world UNION SELECT 'guest') JOIN
              (SELECT 'base' AS cause, 'base' AS class UNION VALUES
                  ('execute', 'execute'), ('front_end', 'front'), ('branch', 'branch'),
                  ('l1_data', 'cache'), ('l2_data', 'cache'), ('l3_data', 'cache'), ('peer_data', 'cache'), ('stores', 'cache'), ('dram_data', 'dram'),
                  ('stlb', 'walk'), ('guest_walk', 'walk'), ('host_walk', 'host'),
                  ('microcode', 'microcode'), ('serialization', 'microcode'), ('idle', 'idle'))
         UNION
         SELECT path, CASE WHEN path LIKE '%.vm_exit' OR path LIKE '%.vm_entry' THEN 'transition' ELSE 'root' END
         FROM (SELECT DISTINCT path FROM stats) WHERE path LIKE 'cpu0.account.root.%' OR path LIKE 'cpu0.account.%.vm_e%'),
     r AS (SELECT run, bench, mode FROM runs WHERE "group" = 'bars'),
     n AS (SELECT bench, value AS native FROM r JOIN stats USING (run) WHERE mode = 'native' AND path = 'cpu0.instructions'),
     b AS (SELECT bench, MIN(run) AS place FROM r GROUP BY bench),
     a AS (SELECT run, class, SUM(value) AS cycles FROM stats JOIN class USING (path) GROUP BY run, class),
     t AS (SELECT run, SUBSTR(path, 14) AS category, 1.0 * value / SUM(value) OVER (PARTITION BY run) AS share
           FROM stats WHERE path LIKE 'cpu0.topdown.%' AND path <> 'cpu0.topdown.cycles')
SELECT DENSE_RANK() OVER (ORDER BY place) - 1 AS place, bench, position, label,
       SUM(CASE class WHEN 'base'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "base",
       SUM(CASE class WHEN 'execute'    THEN 1.0 * a.cycles / native ELSE 0 END) AS "execute",
       SUM(CASE class WHEN 'front'      THEN 1.0 * a.cycles / native ELSE 0 END) AS "front end",
       SUM(CASE class WHEN 'branch'     THEN 1.0 * a.cycles / native ELSE 0 END) AS "branch",
       SUM(CASE class WHEN 'cache'      THEN 1.0 * a.cycles / native ELSE 0 END) AS "data from L1 to L3",
       SUM(CASE class WHEN 'dram'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "data from DRAM",
       SUM(CASE class WHEN 'walk'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "STLB + guest walk",
       SUM(CASE class WHEN 'host'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "host walk",
       SUM(CASE class WHEN 'microcode'  THEN 1.0 * a.cycles / native ELSE 0 END) AS "microcode + serialization",
       SUM(CASE class WHEN 'transition' THEN 1.0 * a.cycles / native ELSE 0 END) AS "VM exit + VM entry",
       SUM(CASE class WHEN 'root'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "hypervisor",
       SUM(CASE class WHEN 'idle'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "idle",
       (SELECT share FROM t WHERE t.run = r.run AND category = 'retiring')        AS "retiring",
       (SELECT share FROM t WHERE t.run = r.run AND category = 'bad_speculation') AS "bad speculation",
       (SELECT share FROM t WHERE t.run = r.run AND category = 'front_end')       AS "front-end bound",
       (SELECT share FROM t WHERE t.run = r.run AND category = 'memory')          AS "back-end bound: memory",
       (SELECT share FROM t WHERE t.run = r.run AND category = 'core')            AS "back-end bound: core",
       (SELECT share FROM t WHERE t.run = r.run AND category = 'microcode')       AS "microcode and VM transitions",
       (SELECT share FROM t WHERE t.run = r.run AND category = 'idle')            AS "idle "
FROM r JOIN n USING (bench) JOIN b USING (bench) JOIN modes USING (mode) JOIN a USING (run)
GROUP BY r.run ORDER BY place, position;
