-- The steps of a lecture on Dask and xarray ("Dask for Parallel Computing and Big Data", R. Abernathey), as queries: arrays that
-- are larger than memory, then sea-level maps.
--
--   hyperslab -f queries/dask_lecture.sql --param files='fixtures/real/air.nc' --param day=2014-10-02
--
-- `files` is a path or a pattern such as 'aviso/2015/*.nc', `day` a day that it has. For a variable other than `air`, and axes
-- other than `time`, `lat` and `lon`, write their names instead. No step holds more than a map in memory.

-- What there is: names, types, dimensions, units. Nothing but headers is read.
DESCRIBE FROM read_netcdf($files);

-- How many values there are, and their sum.
SELECT count(*) AS cells, count(air) AS valid, sum(air) AS total
FROM read_netcdf($files);

-- Which chunks the sum would read: the graph of the computation.
EXPLAIN SELECT sum(air) FROM read_netcdf($files);

-- The mean of an array times itself reversed on both axes: each chunk meets the one at the opposite corner.
SELECT avg(a.air * b.air) AS reversed_product
FROM read_netcdf($files) AS a
JOIN read_netcdf($files) AS b
  ON a.time = b.time
 AND dim_index(b.lat) = dim_size(b.lat) - 1 - dim_index(a.lat)
 AND dim_index(b.lon) = dim_size(b.lon) - 1 - dim_index(a.lon);

-- A mean along one axis of a function of the values.
SELECT lon, avg(pow(cos(air), 2)) AS mean_cos2
FROM read_netcdf($files)
GROUP BY lon
ORDER BY lon;

-- A histogram of all values in 100 bins of equal width; 0 and 101 count what lies below and above.
SELECT width_bucket(air, 220, 320, 100) AS bin, count(*) AS n
FROM read_netcdf($files)
WHERE air IS NOT NULL
GROUP BY bin
ORDER BY bin;

-- The map of one day: the chunks of the others are not read.
SELECT lat, lon, avg(air) AS air
FROM read_netcdf($files)
WHERE CAST(time AS DATE) = CAST($day AS DATE)
GROUP BY lat, lon;

-- The map of means.
SELECT lat, lon, avg(air) AS mean
FROM read_netcdf($files)
GROUP BY lat, lon;

-- The variance by latitude of the anomaly from that map.
SELECT lat, avg(anomaly * anomaly) AS variance
FROM (
    SELECT lat, air - avg(air) OVER (PARTITION BY lat, lon) AS anomaly
    FROM read_netcdf($files)
)
GROUP BY lat
ORDER BY lat;

-- The global-mean series of the anomaly, weighted with cos(latitude) where there is a value.
SELECT time, weighted_avg(anomaly, cos(radians(lat))) AS mean_anomaly
FROM (
    SELECT time, lat, air - avg(air) OVER (PARTITION BY lat, lon) AS anomaly
    FROM read_netcdf($files)
)
GROUP BY time
ORDER BY time;

-- The plain mean of each time and its centred running mean, here over 5 steps; NULL until the window is full.
SELECT
    time,
    mean,
    CASE WHEN count(*) OVER w = 5 THEN avg(mean) OVER w END AS running_mean
FROM (
    SELECT time, avg(air) AS mean
    FROM read_netcdf($files)
    GROUP BY time
)
WINDOW w AS (ORDER BY time ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING)
ORDER BY time;
