//! Shapes: as text (WKT), which constants fold to bytes, and as bytes (WKB).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = hyperslab_expr::scalar::shape_text(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let literal = text.replace('\'', "''");
        hyperslab_plan_fuzz::plan(&format!(
            "SELECT v FROM 'x.nc' WHERE st_contains(st_geomfromtext('{literal}'), st_point(lon, lat))"
        ));
    }
});
