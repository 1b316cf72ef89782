-- Mean over the sphere for each time, and its centred running mean.
--
--   hyperslab -f queries/running_mean.sql --param files='fixtures/real/air.nc'
--
-- `files` is a path or a pattern such as 'aviso/*.nc'. For a variable other than `air`, and axes other than `time`, `lat`
-- and `lon`, write their names instead; for a running mean over another number of steps, other numbers in the frame. The
-- running mean is NULL until its window is full.

WITH series AS (
    SELECT time, weighted_avg(air, cell_area(lat, lon)) AS mean
    FROM read_netcdf($files)
    GROUP BY time
)
SELECT
    time,
    mean,
    CASE WHEN count(*) OVER w = 5 THEN avg(mean) OVER w END AS running_mean
FROM series
WINDOW w AS (ORDER BY time ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING)
ORDER BY time;
