-- Values at places: what a variable is between the cells around each station, at each time.
--
--   hyperslab -f queries/values_at_places.sql \
--       --param files='fixtures/real/air.nc' --param places='stations.csv' \
--       --param start=2014-10-01 --param end=2014-10-03 --format csv
--
-- `places` has the columns id, lat and lon, in degrees of any convention. For a track, a place at each time of its own, write
-- `interpolate(a.air, a.time => p.time, a.lat => p.lat, a.lon => p.lon)` and leave out a.time and the filter.
-- For a variable other than `air`, and axes other than `time`, `lat` and `lon`, write their names instead.

SELECT
    p.id,
    a.time,
    interpolate(a.air, a.lat => p.lat, a.lon => p.lon) AS air
FROM read_csv($places) AS p
CROSS JOIN read_netcdf($files) AS a
WHERE a.time >= $start
  AND a.time < $end
ORDER BY p.id, a.time;
