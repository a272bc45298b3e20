-- Run time of every bench in every mode over its native run time, and the cycles behind it.
WITH c AS (SELECT run, bench, mode, value AS cycles FROM runs JOIN stats USING (run) WHERE "group" = 'bars' AND path = 'cpu0.cycles'),
     w AS (SELECT bench, MIN(run) AS place,
                  MAX(CASE mode WHEN 'native' THEN cycles END) AS native,
                  MAX(CASE mode WHEN 'shadow' THEN cycles END) AS shadow,
                  MAX(CASE mode WHEN 'ept-4k' THEN cycles END) AS ept_4k,
                  MAX(CASE mode WHEN 'ept-2m' THEN cycles END) AS ept_2m
           FROM c GROUP BY bench)
SELECT bench,
       printf('%.2f', 1.0 * native / native) AS "native",
       printf('%.2f', 1.0 * shadow / native) AS "shadow",
       printf('%.2f', 1.0 * ept_4k / native) AS "EPT 4K",
       printf('%.2f', 1.0 * ept_2m / native) AS "EPT 2M",
       native AS "native cycles", shadow AS "shadow cycles", ept_4k AS "EPT 4K cycles", ept_2m AS "EPT 2M cycles"
FROM w ORDER BY place;
