-- Variance of a variable about its own monthly climatology, by latitude: for each cell and calendar month the mean is taken
-- off, and what is left is squared and averaged along each latitude.
--
--   hyperslab -f queries/anomaly_variance.sql --param files='fixtures/real/air.nc'
--
-- `files` is a path or a pattern such as 'aviso/*.nc'. For a variable other than `air`, and axes other than `time`, `lat`
-- and `lon`, write their names instead. The chunks are read twice, and only the climatology is held in memory between.

SELECT
    lat,
    avg(anomaly * anomaly) AS variance,
    count(anomaly) AS n
FROM (
    SELECT
        lat,
        air - avg(air) OVER (PARTITION BY lat, lon, month(time)) AS anomaly
    FROM read_netcdf($files)
)
GROUP BY lat
ORDER BY lat;
