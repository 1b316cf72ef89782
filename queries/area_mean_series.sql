-- Area mean series: for each time the mean over a region, each cell weighted with its area (which goes with the cosine of
-- latitude), over the cells that have a value.
--
--   hyperslab -f queries/area_mean_series.sql \
--       --param files='fixtures/real/air.nc' \
--       --param south=50 --param north=70 \
--       --param start=2014-10-01 --param end=2014-10-03 --format csv
--
-- `files` is a path or a pattern such as 'sst/*.nc'; `end` itself is left out. Dates are read in the calendar of the files.
-- For a variable other than `air`, and axes other than `time` and `lat`, write their names instead.

SELECT
    time,
    sum(air * cos(radians(lat))) / sum(cos(radians(lat))) AS area_mean,
    count(*) AS cells
FROM read_netcdf($files)
WHERE air IS NOT NULL
  AND lat BETWEEN $south AND $north
  AND time >= $start
  AND time < $end
GROUP BY time
ORDER BY time;
