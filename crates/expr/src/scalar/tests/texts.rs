//! Text.

use super::check;

#[test]
fn text() {
    check(
        r"
        lower (ABÄ::VARCHAR) = abä::VARCHAR
        length (äb::VARCHAR) = 2::BIGINT
        length (::VARCHAR) = 0::BIGINT
        trim (  a ::VARCHAR) = a::VARCHAR
        trim (xxaxx::VARCHAR; x::VARCHAR) = a::VARCHAR
        ltrim (xya::VARCHAR; yx::VARCHAR) = a::VARCHAR
        substring (hello::VARCHAR; 2::INTEGER; 3::INTEGER) = ell::VARCHAR
        substring (hello::VARCHAR; 0::INTEGER; 3::INTEGER) = he::VARCHAR
        substring (hello::VARCHAR; -3::INTEGER; 2::INTEGER) = ll::VARCHAR
        substring (hello::VARCHAR; 2::INTEGER) = ello::VARCHAR
        substring (hello::VARCHAR; 2::INTEGER; -1::INTEGER) = h::VARCHAR
        substring (hello::VARCHAR; -10::INTEGER; 8::INTEGER) = hel::VARCHAR
        substring (häß::VARCHAR; 2::INTEGER; 1::INTEGER) = ä::VARCHAR
        concat (a::VARCHAR; NULL::NULL; 1::INTEGER) = a1::VARCHAR
        concat (a::VARCHAR; 1.5::DECIMAL(2,1); true::BOOLEAN) = a1.5true::VARCHAR
        || (a::VARCHAR; 1::INTEGER) = a1::VARCHAR
        || (a::VARCHAR; 2000-01-01::DATE) = a2000-01-01::VARCHAR
        like (abc::VARCHAR; a%::VARCHAR) = true::BOOLEAN
        like (abc::VARCHAR; A%::VARCHAR) = false::BOOLEAN
        ilike (abc::VARCHAR; A%::VARCHAR) = true::BOOLEAN
        like (a%c::VARCHAR; a\%c::VARCHAR) = false::BOOLEAN
        like (a\xc::VARCHAR; a\%c::VARCHAR) = true::BOOLEAN
        like_escape (a%c::VARCHAR; a\%c::VARCHAR; \::VARCHAR) = true::BOOLEAN
        like_escape (abc::VARCHAR; a\%c::VARCHAR; \::VARCHAR) = false::BOOLEAN
        like_escape (a_c::VARCHAR; a$_c::VARCHAR; $::VARCHAR) = true::BOOLEAN
        like (aäc::VARCHAR; a_c::VARCHAR) = true::BOOLEAN
        starts_with (abc::VARCHAR; ab::VARCHAR) = true::BOOLEAN
        ends_with (abc::VARCHAR; bc::VARCHAR) = true::BOOLEAN
        contains (abc::VARCHAR; b::VARCHAR) = true::BOOLEAN
        contains (a%c::VARCHAR; b::VARCHAR) = false::BOOLEAN
        replace (aaa::VARCHAR; a::VARCHAR; b::VARCHAR) = bbb::VARCHAR
        replace (aaa::VARCHAR; ::VARCHAR; b::VARCHAR) = aaa::VARCHAR
        left (hello::VARCHAR; 2::INTEGER) = he::VARCHAR
        left (hello::VARCHAR; -2::INTEGER) = hel::VARCHAR
        right (hello::VARCHAR; 2::INTEGER) = lo::VARCHAR
        right (hello::VARCHAR; -2::INTEGER) = llo::VARCHAR
        right (hello::VARCHAR; 9::INTEGER) = hello::VARCHAR
        regexp_matches (hello::VARCHAR; l+::VARCHAR) = true::BOOLEAN
        regexp_matches (hello::VARCHAR; [::VARCHAR) ! wrong regular expression
        upper (NULL::NULL) = NULL::VARCHAR
        reverse (abc::VARCHAR) = cba::VARCHAR
        lower (1::INTEGER) ! there is no lower(INTEGER)
        ",
    );
}
