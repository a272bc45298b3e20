-- Error of each measure in percent of what the reference machine showed, and the band allowed; the first row stands on top.
SELECT COUNT(*) OVER () - ROW_NUMBER() OVER (ORDER BY position) AS place, measure,
       100.0 * (m.value - r.value) / r.value AS error, within, printf('%.10g', round(m.value, 2)) AS simulated, printf('%.10g', r.value) || ' ' || r.unit AS measured,
       100.0 * abs(m.value - r.value) > within * abs(r.value) AS misses
FROM reference AS r JOIN measures AS m USING (measure) ORDER BY position;
