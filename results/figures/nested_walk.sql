-- Cycles of one page walk by part. `panel` 0: hot, 1: cold; `place` numbers the guest's page sizes, `bar` the modes.
WITH x AS (SELECT run, page.value AS page, tables.value AS tables, position, label,
                  SUM(CASE path WHEN 'cpu0.walker.walks' THEN 1.0 * stats.value END) AS n,
                  SUM(CASE path WHEN 'cpu0.walker.cycles_caches' THEN stats.value END) AS lookups,
                  SUM(CASE path WHEN 'cpu0.walker.cycles_guest' THEN stats.value END) AS guest,
                  SUM(CASE path WHEN 'cpu0.walker.cycles_host' THEN stats.value END) AS host,
                  SUM(CASE WHEN path IN ('cpu0.walker.refs_guest', 'cpu0.walker.refs_host') THEN stats.value END) AS refs
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run)
                JOIN words AS page USING (run) JOIN words AS tables USING (run)
           WHERE page.key = 'page' AND tables.key = 'tables' GROUP BY run),
     y AS (SELECT *, MIN(run) OVER (PARTITION BY page) AS first FROM x)
SELECT tables = 'cold' AS panel, DENSE_RANK() OVER (ORDER BY first) - 1 AS place, page, DENSE_RANK() OVER (ORDER BY position) - 1 AS bar, label,
       refs / n AS refs, lookups / n AS "translation-cache lookups", guest / n AS "guest dimension", host / n AS "host dimension"
FROM y ORDER BY 1, 2, 4;
