-- Means of regions: for each region and month the mean over its cells, weighted by their areas.
--
--   hyperslab -f queries/means_of_regions.sql \
--       --param files='fixtures/real/air.nc' --param regions='regions.geojson' \
--       --format csv
--
-- `regions` is a GeoJSON file with a property `name` and longitudes from -180 to 180, whatever those of the grid; a cell
-- belongs to the regions that its centre lies in. For a variable other than `air`, and axes other than `time`, `lat` and `lon`,
-- write their names instead.

SELECT
    r.name,
    date_trunc('month', a.time) AS month,
    weighted_avg(a.air, cell_area(a.lat, a.lon)) AS air,
    count(a.air) AS n
FROM read_netcdf($files) AS a
JOIN read_geojson($regions) AS r
  ON ST_Contains(r.geom, ST_Point(CASE WHEN a.lon > 180 THEN a.lon - 360 ELSE a.lon END, a.lat))
GROUP BY r.name, month
ORDER BY r.name, month;
