-- Run time over native run time; `place` and `position` number benches and modes.
WITH c AS (SELECT run, bench, mode, value AS cycles FROM runs JOIN stats USING (run) WHERE "group" = 'bars' AND path = 'cpu0.cycles'),
     n AS (SELECT bench, cycles AS native FROM c WHERE mode = 'native'),
     b AS (SELECT bench, RANK() OVER (ORDER BY MIN(run)) - 1 AS place FROM c GROUP BY bench)
SELECT place, bench, position, label, 1.0 * cycles / native AS ratio
FROM c JOIN n USING (bench) JOIN b USING (bench) JOIN modes USING (mode) ORDER BY place, position;
SELECT position, label FROM modes ORDER BY position;
