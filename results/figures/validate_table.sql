-- What probes measured beside what the reference machine showed. A row that is known to miss says so.
SELECT item AS "item", measure AS "measure", printf('%.2f', m.value) AS "simulated", printf('%.10g', r.value) AS "measured", r.unit AS "unit",
       printf('%+.1f', 100.0 * (m.value - r.value) / r.value) AS "error %", printf('%g', within) AS "allowed %",
       CASE WHEN m.value IS NULL THEN 'not measured' WHEN 100.0 * abs(m.value - r.value) <= within * abs(r.value) THEN 'ok' ELSE 'miss' END AS "verdict"
FROM reference AS r LEFT JOIN measures AS m USING (measure) ORDER BY position;
