-- One exit of each reason, in cycles: out of the guest, in the hypervisor, back into the guest. `panel` numbers modes, `place` reasons.
WITH x AS (SELECT run, substr(path, 16, instr(substr(path, 16), '.') - 1) AS reason,
                  MAX(CASE WHEN path LIKE '%.count'       THEN value END) AS count,
                  MAX(CASE WHEN path LIKE '%.cycles_out'  THEN value END) AS out,
                  MAX(CASE WHEN path LIKE '%.cycles_root' THEN value END) AS root,
                  MAX(CASE WHEN path LIKE '%.cycles_in'   THEN value END) AS "in"
           FROM stats WHERE path LIKE 'cpu0.vmx.exits.%' GROUP BY run, reason)
SELECT DENSE_RANK() OVER (ORDER BY position) - 1 AS panel, label,
       ROW_NUMBER() OVER (PARTITION BY position ORDER BY (out + root + "in") / count) - 1 AS place, reason,
       1.0 * out / count AS "out", 1.0 * root / count AS "hypervisor", 1.0 * "in" / count AS "in", count
FROM runs JOIN modes USING (mode, label) JOIN x USING (run)
WHERE "group" = 'exits' AND count >= 20 ORDER BY position, place;
