-- First: distributions, a row a bucket's upper end: which share of the values is at most so large; panel 0: page walks, 1: loads.
WITH wanted(panel, series, bench, mode, path, label) AS (VALUES
         (0, 0, 'chase', 'native', 'cpu0.walker.latency_cycles',       'native'),
         (0, 1, 'chase', 'shadow', 'cpu0.walker.latency_cycles',       'shadow'),
         (0, 2, 'chase', 'ept-4k', 'cpu0.walker.latency_cycles',       'EPT 4K'),
         (0, 3, 'chase', 'ept-2m', 'cpu0.walker.latency_cycles',       'EPT 2M'),
         (0, 4, 'chase', 'ept-4k', 'cpu0.walker.latency_guest_cycles', 'EPT 4K: guest dimension'),
         (0, 5, 'chase', 'ept-4k', 'cpu0.walker.latency_host_cycles',  'EPT 4K: host dimension'),
         (1, 0, 'stream',   'native', 'cpu0.ooo.load_to_use_cycles', 'stream'),
         (1, 1, 'hashjoin', 'native', 'cpu0.ooo.load_to_use_cycles', 'hashjoin'),
         (1, 2, 'bfs',      'native', 'cpu0.ooo.load_to_use_cycles', 'bfs'),
         (1, 3, 'btree',    'native', 'cpu0.ooo.load_to_use_cycles', 'btree'),
         (1, 4, 'gups',     'native', 'cpu0.ooo.load_to_use_cycles', 'gups'),
         (1, 5, 'chase',    'native', 'cpu0.ooo.load_to_use_cycles', 'chase')),
     h AS (SELECT panel, series, wanted.label, low, high,
                  1.0 * SUM(count) OVER (PARTITION BY panel, series ORDER BY low) / SUM(count) OVER (PARTITION BY panel, series) AS share
           FROM wanted JOIN runs USING (bench, mode) JOIN histograms USING (run, path) WHERE "group" = 'bars')
SELECT panel, series, label, high AS cycles, share FROM h
UNION ALL SELECT panel, series, label, MIN(low), 0 FROM h GROUP BY panel, series
ORDER BY panel, series, cycles, share;
-- Then: VM exits by reason and part, the buckets that hold the 5th, 50th and 95th percentile; reasons in the order of the whole's median.
WITH p(path, run, low, high, cumulated, total) AS (
         SELECT path, run, low, high, SUM(count) OVER (PARTITION BY run, path ORDER BY low), SUM(count) OVER (PARTITION BY run, path)
         FROM histograms WHERE path LIKE 'cpu0.vmx.exits.%.latency%_cycles'),
     q AS (SELECT path, run,
                  MIN(CASE WHEN cumulated >= 0.05 * total THEN low END)  AS lowest,
                  MIN(CASE WHEN cumulated >= 0.50 * total THEN low END)  AS median_from,
                  MIN(CASE WHEN cumulated >= 0.50 * total THEN high END) AS median_to,
                  MIN(CASE WHEN cumulated >= 0.95 * total THEN high END) AS highest
           FROM p GROUP BY path, run),
     n AS (SELECT *, SUBSTR(path, 16, INSTR(path, '.latency') - 16) AS reason, SUBSTR(path, INSTR(path, '.latency') + 8) AS part FROM q),
     w AS (SELECT n.*, runs."group", bench, mode, label FROM n JOIN runs USING (run)
           WHERE ("group" = 'exits' AND mode = 'ept-2m')
              OR (mode = 'shadow' AND (bench = 'faults' AND reason = 'exception_or_nmi' OR bench = 'ctxswitch' AND reason = 'cr_access' OR
                                       bench = 'ptemod' AND reason = 'invlpg'))),
     o AS (SELECT run, reason, ROW_NUMBER() OVER (ORDER BY median_from, lowest, highest, reason) - 1 AS place FROM w WHERE part = '_cycles')
SELECT place, REPLACE(reason, '_', ' ') || CASE mode WHEN 'shadow' THEN ' (shadow: ' || bench || ')' ELSE ' (EPT)' END AS reason,
       CASE part WHEN '_out_cycles' THEN 0 WHEN '_root_cycles' THEN 1 WHEN '_in_cycles' THEN 2 ELSE 3 END AS part,
       lowest, median_from, median_to, highest
FROM w JOIN o USING (run, reason) ORDER BY place, part;
