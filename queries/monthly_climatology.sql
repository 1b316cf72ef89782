-- Monthly climatology of a region: for each calendar month and cell the mean, the spread from year to year and step to
-- step, and how many values there were.
--
--   hyperslab -f queries/monthly_climatology.sql \
--       --param files='fixtures/real/air.nc' \
--       --param south=55 --param north=65 --param west=270 --param east=300
--
-- `files` is a path or a pattern such as 'sst/*.nc'. For a variable other than `air`, and axes other than `time`, `lat`
-- and `lon`, write their names instead. Only the chunks of the region are read.

SELECT
    month(time) AS month,
    lat,
    lon,
    avg(air) AS mean,
    stddev_samp(air) AS spread,
    count(air) AS n
FROM read_netcdf($files)
WHERE lat BETWEEN $south AND $north
  AND lon BETWEEN $west AND $east
GROUP BY month(time), lat, lon
ORDER BY month, lat, lon;
