//! What the parser shall take: DuckDB's words and precedences.

use sqlparser::ast::{self, BinaryOperator, Expr, UnaryOperator};
use sqlparser::dialect::{Dialect, DuckDbDialect};
use sqlparser::keywords::{Keyword, RESERVED_FOR_IDENTIFIER};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;
use std::any::TypeId;

/// DuckDB's grammar as far as the parser knows it, with its precedences put right.
#[derive(Debug)]
pub(super) struct HyperslabDialect;

/// `^` and `**` bind tighter than `*`; `||` looser than `+`; a sign tighter than all.
const POWER: u8 = 45;
const CONCATENATION: u8 = 25;
const IS: u8 = 17;

impl Dialect for HyperslabDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<DuckDbDialect>()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    /// CASE and CAST are no names without quotes, as in DuckDB. If they could be, an error within them would be reported as
    /// one at its first word.
    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        matches!(keyword, Keyword::CASE | Keyword::CAST) || RESERVED_FOR_IDENTIFIER.contains(&keyword)
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('"')
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let op = match &parser.peek_token_ref().token {
            Token::EscapedStringLiteral(text) => {
                let value = ast::Value::EscapedStringLiteral(text.clone());
                let span = parser.peek_token_ref().span;
                parser.advance_token();
                return Some(Ok(Expr::Value(ast::ValueWithSpan { value, span })));
            }
            Token::Minus => UnaryOperator::Minus,
            Token::Plus => UnaryOperator::Plus,
            _ => return None,
        };
        parser.advance_token();
        Some(parser.parse_subexpr(POWER).map(|expr| Expr::UnaryOp { op, expr: Box::new(expr) }))
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        if is_power(parser) {
            parser.advance_token();
            parser.advance_token();
            let (left, op) = (Box::new(expr.clone()), BinaryOperator::Custom("**".to_string()));
            return Some(parser.parse_subexpr(POWER).map(|right| Expr::BinaryOp { left, op, right: Box::new(right) }));
        }
        if !is_isnull(parser) {
            return None;
        }
        parser.advance_token();
        Some(Ok(Expr::IsNull(Box::new(expr.clone()))))
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::Caret => Some(Ok(POWER)),
            Token::Mul if is_power(parser) => Some(Ok(POWER)),
            Token::StringConcat | Token::ShiftLeft | Token::ShiftRight => Some(Ok(CONCATENATION)),
            Token::Word(_) if is_isnull(parser) => Some(Ok(IS)),
            _ => None,
        }
    }

    fn supports_trailing_commas(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    /// `interpolate(e.t2m, e.lat => 48.2)`. Options with `=` are comparisons to the parser: see `Binder::arguments`.
    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    fn supports_dictionary_syntax(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        false
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_explain_with_utility_options(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }
}

fn is_isnull(parser: &Parser) -> bool {
    matches!(&parser.peek_token_ref().token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("isnull"))
}

/// `**`, which the tokenizer takes for two signs.
fn is_power(parser: &Parser) -> bool {
    let is_star = |n| parser.peek_nth_token_no_skip(n).token == Token::Mul;
    parser.peek_token_ref().token == Token::Mul && {
        let blanks =
            (0..).take_while(|n| matches!(parser.peek_nth_token_no_skip(*n).token, Token::Whitespace(_))).count();
        is_star(blanks) && is_star(blanks + 1)
    }
}
