-- Every cycle of a run in ten classes, over the native run's cycles. `slow`: some mode takes more than 2.5 times native.
WITH class(path, class) AS (
         SELECT 'cpu0.account.' || world || '.' || cause, class
         FROM (SELECT 'native' AS world UNION SELECT 'guest') JOIN
              (SELECT 'base' AS cause, 'compute' AS class UNION VALUES
                  ('execute', 'compute'), ('front_end', 'front'), ('branch', 'front'),
                  ('l1_data', 'cache'), ('l2_data', 'cache'), ('l3_data', 'cache'), ('peer_data', 'cache'), ('stores', 'cache'), ('dram_data', 'dram'),
                  ('stlb', 'walk'), ('guest_walk', 'walk'), ('host_walk', 'host'),
                  ('microcode', 'microcode'), ('serialization', 'microcode'), ('idle', 'idle'))
         UNION
         SELECT path, CASE WHEN path LIKE '%.vm_exit' OR path LIKE '%.vm_entry' THEN 'transition' ELSE 'root' END
         FROM (SELECT DISTINCT path FROM stats) WHERE path LIKE 'cpu0.account.root.%' OR path LIKE 'cpu0.account.%.vm_e%'),
     c AS (SELECT run, value AS cycles FROM stats WHERE path = 'cpu0.cycles'),
     r AS (SELECT run, bench, mode, cycles FROM runs JOIN c USING (run) WHERE "group" = 'bars'),
     n AS (SELECT bench, cycles AS native FROM r WHERE mode = 'native'),
     b AS (SELECT bench, MIN(run) AS place, MAX(1.0 * cycles / native) > 2.5 AS slow FROM r JOIN n USING (bench) GROUP BY bench),
     a AS (SELECT run, class, SUM(value) AS cycles FROM stats JOIN class USING (path) GROUP BY run, class)
SELECT DENSE_RANK() OVER (PARTITION BY slow ORDER BY place) - 1 AS place, bench, position, label, slow,
       SUM(CASE class WHEN 'compute'    THEN 1.0 * a.cycles / native ELSE 0 END) AS "base + execute",
       SUM(CASE class WHEN 'front'      THEN 1.0 * a.cycles / native ELSE 0 END) AS "front end + branch",
       SUM(CASE class WHEN 'cache'      THEN 1.0 * a.cycles / native ELSE 0 END) AS "data from L1 to L3",
       SUM(CASE class WHEN 'dram'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "data from DRAM",
       SUM(CASE class WHEN 'walk'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "STLB + guest walk",
       SUM(CASE class WHEN 'host'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "host walk",
       SUM(CASE class WHEN 'microcode'  THEN 1.0 * a.cycles / native ELSE 0 END) AS "microcode + serialization",
       SUM(CASE class WHEN 'transition' THEN 1.0 * a.cycles / native ELSE 0 END) AS "VM exit + VM entry",
       SUM(CASE class WHEN 'root'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "hypervisor",
       SUM(CASE class WHEN 'idle'       THEN 1.0 * a.cycles / native ELSE 0 END) AS "idle"
FROM r JOIN n USING (bench) JOIN b USING (bench) JOIN modes USING (mode) JOIN a USING (run)
GROUP BY r.run ORDER BY slow, place, position;
SELECT position, label FROM modes ORDER BY position;
