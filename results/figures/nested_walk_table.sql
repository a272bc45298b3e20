-- One page walk by the guest's and the host's page size: references of both dimensions and cycles, hot and cold.
WITH x AS (SELECT run, page.value AS page, tables.value AS tables, label, position,
                  SUM(CASE path WHEN 'cpu0.walker.walks' THEN 1.0 * stats.value END) AS n,
                  SUM(CASE path WHEN 'cpu0.walker.refs_guest' THEN stats.value END) AS guest,
                  SUM(CASE path WHEN 'cpu0.walker.refs_host' THEN stats.value END) AS host,
                  SUM(CASE WHEN path IN ('cpu0.walker.refs_guest_dram', 'cpu0.walker.refs_host_dram') THEN stats.value END) AS dram,
                  SUM(CASE path WHEN 'cpu0.walker.cycles' THEN stats.value END) AS cycles
           FROM runs JOIN modes USING (mode, label) JOIN stats USING (run)
                JOIN words AS page USING (run) JOIN words AS tables USING (run)
           WHERE page.key = 'page' AND tables.key = 'tables' GROUP BY run)
SELECT h.page AS "guest page", h.label AS "host", printf('%.1f + %.1f', h.guest / h.n, h.host / h.n) AS "hot: references",
       printf('%.0f', h.cycles / h.n) AS "hot: cycles", printf('%.1f + %.1f', c.guest / c.n, c.host / c.n) AS "cold: references",
       printf('%.1f', c.dram / c.n) AS "cold: from DRAM", printf('%.0f', c.cycles / c.n) AS "cold: cycles"
FROM x AS h JOIN x AS c USING (page, label) WHERE h.tables = 'hot' AND c.tables = 'cold' ORDER BY MIN(h.run) OVER (PARTITION BY h.page), h.position;
