-- Page walks and run time of one access of `chase` against its footprint. Cycles of a walk only where there are enough walks for a mean.
WITH s AS (SELECT run,
                  MAX(CASE path WHEN 'cpu0.cycles' THEN value END) AS cycles,
                  MAX(CASE path WHEN 'cpu0.walker.walks' THEN value END) AS walks,
                  MAX(CASE path WHEN 'cpu0.walker.cycles' THEN value END) AS walk_cycles
           FROM stats GROUP BY run)
SELECT pages.number AS pages, position, label,
       CASE WHEN walks > 0.01 * iters.number THEN 1.0 * walk_cycles / walks END AS cycles_of_a_walk,
       walk_cycles / iters.number AS walk_cycles_of_an_access,
       cycles / iters.number AS cycles_of_an_access
FROM runs JOIN s USING (run) JOIN modes USING (mode, label)
     JOIN words AS pages ON pages.run = runs.run AND pages.key = 'pages'
     JOIN words AS iters ON iters.run = runs.run AND iters.key = 'iters'
WHERE "group" = 'footprint' ORDER BY position, pages;
SELECT position, label FROM modes ORDER BY position;
