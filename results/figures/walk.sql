-- One nested page walk of each ledger group: of the reads with the most references (24 without translation caches), the one of median cost.
-- column: 0..3 host levels 4..1, 4 the guest's own entry; row: 0..3 guest levels 4..1, 4 the host walk of the final address.
WITH w AS (SELECT run, walk, COUNT(*) AS refs, SUM(cycles) AS cycles FROM ledger WHERE access = 'read' GROUP BY run, walk HAVING refs <= 24),
     m AS (SELECT run, MAX(refs) AS refs FROM w GROUP BY run),
     o AS (SELECT run, walk, ROW_NUMBER() OVER (PARTITION BY run ORDER BY cycles, walk) AS nth, COUNT(*) OVER (PARTITION BY run) AS all_of_them
           FROM w JOIN m USING (run, refs)),
     p AS (SELECT run, walk FROM o WHERE nth = (all_of_them + 1) / 2)
SELECT DENSE_RANK() OVER (ORDER BY run) - 1 AS panel, "group",
       CASE dim WHEN 'host' THEN 4 - host_level ELSE 4 END AS "column",
       CASE guest_level WHEN 0 THEN 4 ELSE 4 - guest_level END AS "row",
       ref + 1 AS number, served, cycles
FROM p JOIN ledger USING (run, walk) JOIN runs USING (run) ORDER BY panel, ref;
