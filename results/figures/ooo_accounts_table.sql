-- Cycles over the native run's, and the shares of rename slots by top-down category, in percent.
WITH v AS (SELECT run, bench, mode, label, path, value FROM runs JOIN stats USING (run) JOIN modes USING (mode, label) WHERE "group" = 'bars'),
     c AS (SELECT run, bench, mode, label, value AS cycles FROM v WHERE path = 'cpu0.cycles'),
     n AS (SELECT bench, cycles AS native FROM c WHERE mode = 'native'),
     i AS (SELECT bench, value AS instructions FROM v WHERE mode = 'native' AND path = 'cpu0.instructions'),
     t AS (SELECT run, SUBSTR(path, 14) AS category, 100.0 * value / SUM(value) OVER (PARTITION BY run) AS share
           FROM v WHERE path LIKE 'cpu0.topdown.%' AND path <> 'cpu0.topdown.cycles')
SELECT bench, label AS mode, PRINTF('%.2f', 1.0 * cycles / instructions) AS CPI, PRINTF('%.2f', 1.0 * cycles / native) AS "over native",
       PRINTF('%.0f', SUM(share) FILTER (WHERE category = 'retiring'))            AS retiring,
       PRINTF('%.0f', SUM(share) FILTER (WHERE category = 'bad_speculation'))     AS "bad speculation",
       PRINTF('%.0f', SUM(share) FILTER (WHERE category = 'front_end'))           AS "front end",
       PRINTF('%.0f', SUM(share) FILTER (WHERE category IN ('memory', 'core')))   AS "back end",
       PRINTF('%.0f', SUM(share) FILTER (WHERE category IN ('microcode', 'idle'))) AS "microcode and idle"
FROM c JOIN n USING (bench) JOIN i USING (bench) JOIN t USING (run) GROUP BY run ORDER BY run;
