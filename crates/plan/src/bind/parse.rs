//! SQL text to syntax trees, statement by statement; every error has its place.

use super::ExplainMode;
use super::copy::Copy;
use super::dialect::HyperslabDialect;
use super::refuse::unsupported;
use super::stack::{Deep, with_deep_stack};
use super::text::Text;
use crate::{Error, Result, Span};
use sqlparser::ast::{Expr, Ident, ObjectName, Query, Reset, Set, Statement, UtilityOption};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError, ParserOptions};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use std::fmt;
use std::sync::Arc;

/// How deeply brackets and subqueries may nest.
const MAX_NESTING: usize = 250;

/// A statement whose syntax is known, and its place in the text.
pub struct ParsedStatement {
    pub(super) text: Arc<Text>,
    pub(super) span: Span,
    pub(super) form: Deep<Form>,
}

/// The kinds of statements.
pub(super) enum Form {
    Query(Box<Query>),
    Explain(ExplainMode, Box<Query>),
    Copy(Box<Copy>),
    DescribeQuery(Box<Query>),
    DescribeTable(ObjectName),
    Set(ObjectName, Box<Expr>),
    Reset(ObjectName),
}

impl ParsedStatement {
    /// The text of the statement, without the semicolon.
    pub fn sql(&self) -> &str {
        self.text.slice(self.span)
    }

    /// Its place in the text that was parsed.
    pub fn span(&self) -> Span {
        self.span
    }
}

impl fmt::Debug for ParsedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParsedStatement").field(&self.sql()).finish()
    }
}

/// Parses statements separated by semicolons.
///
/// # Errors
/// The first thing that is no SQL, or a kind of statement that is not supported, with its place.
pub fn parse(sql: &str) -> Result<Vec<ParsedStatement>> {
    if u32::try_from(sql.len()).is_err() {
        return Err(Error::new("the SQL text is longer than 4 GiB"));
    }
    with_deep_stack(|| parse_text(sql))
}

fn parse_text(sql: &str) -> Result<Vec<ParsedStatement>> {
    let mut text = Text::new(sql);
    let tokens = Tokenizer::new(&HyperslabDialect, sql).tokenize_with_location();
    let mut tokens =
        tokens.map_err(|error| syntax_error(&ParserError::TokenizerError(error.to_string()), &text, None))?;
    text.note_tokens(&tokens)?;
    mark_asof(&mut tokens, &text)?;
    let text = Arc::new(text);
    let mut reader = Reader::new(&text, tokens);
    let mut statements = Vec::new();
    while reader.skip_semicolons() {
        let from = reader.next_span();
        let form = reader.statement()?;
        let span = from.to(reader.previous_span());
        statements.push(ParsedStatement { text: text.clone(), span, form: Deep::new(form) });
        reader.expect_end()?;
    }
    Ok(statements)
}

/// Writes GLOBAL for the ASOF of a join: the parser takes it before any join, and knows ASOF with a clause of another dialect
/// only. A GLOBAL of the text itself is refused.
fn mark_asof(tokens: &mut [TokenWithSpan], text: &Text) -> Result<()> {
    let words: Vec<(usize, Keyword)> = tokens
        .iter()
        .enumerate()
        .filter_map(|(at, token)| match &token.token {
            Token::Whitespace(_) => None,
            Token::Word(word) if word.quote_style.is_none() => Some((at, word.keyword)),
            _ => Some((at, Keyword::NoKeyword)),
        })
        .collect();
    for pair in words.windows(2) {
        let [(at, word), (_, next)] = pair else { continue };
        let starts_join = matches!(
            next,
            Keyword::JOIN
                | Keyword::INNER
                | Keyword::LEFT
                | Keyword::RIGHT
                | Keyword::FULL
                | Keyword::SEMI
                | Keyword::ANTI
        );
        match word {
            Keyword::GLOBAL if starts_join => {
                return Err(unsupported("GLOBAL JOIN", text.span(tokens[*at].span)));
            }
            Keyword::ASOF if starts_join => tokens[*at].token = Token::make_keyword("GLOBAL"),
            _ => {}
        }
    }
    Ok(())
}

/// The parser, and the text for the places of what it meets.
struct Reader<'t> {
    text: &'t Text,
    parser: Parser<'static>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t Text, tokens: Vec<TokenWithSpan>) -> Self {
        let options = ParserOptions::new().with_trailing_commas(true);
        let parser = Parser::new(&HyperslabDialect).with_options(options).with_recursion_limit(MAX_NESTING);
        Self { text, parser: parser.with_tokens_with_locations(tokens) }
    }

    /// Whether a statement follows.
    fn skip_semicolons(&mut self) -> bool {
        while self.parser.consume_token(&Token::SemiColon) {}
        self.parser.peek_token_ref().token != Token::EOF
    }

    fn next_span(&self) -> Span {
        self.text.span(self.parser.peek_token_ref().span)
    }

    fn previous_span(&self) -> Span {
        self.text.span(self.parser.get_current_token().span)
    }

    fn failed(&self, error: &ParserError) -> Error {
        syntax_error(error, self.text, Some(self.next_span()))
    }

    fn expect_end(&self) -> Result<()> {
        match &self.parser.peek_token_ref().token {
            Token::EOF | Token::SemiColon => Ok(()),
            other => Err(Error::new(format!("syntax error: the statement could end before {other}"))
                .or_at(Some(self.next_span()))),
        }
    }

    fn statement(&mut self) -> Result<Form> {
        let at = self.next_span();
        if self.parser.parse_keyword(Keyword::EXPLAIN) {
            let mode = self.explain_mode()?;
            return Ok(Form::Explain(mode, self.query("EXPLAIN")?));
        }
        if self.parser.parse_one_of_keywords(&[Keyword::DESCRIBE, Keyword::DESC]).is_some() {
            return self.describe();
        }
        if self.parser.parse_keyword(Keyword::COPY) {
            return self.copy().map(|copy| Form::Copy(Box::new(copy)));
        }
        if let Some(word) = self.unsupported_statement() {
            return Err(not_yet(&word, at));
        }
        let statement = self.parser.parse_statement().map_err(|error| self.failed(&error))?;
        form(statement, at, self.text)
    }

    /// The first word of a statement that the parser would not know, or know as something else.
    fn unsupported_statement(&self) -> Option<String> {
        let Token::Word(word) = &self.parser.peek_token_ref().token else { return None };
        let known = ["SUMMARIZE", "PIVOT", "UNPIVOT", "PREPARE", "EXECUTE", "CHECKPOINT", "ANALYZE", "SHOW", "TABLE"];
        known.iter().find(|name| word.value.eq_ignore_ascii_case(name)).map(|name| (*name).to_string())
    }

    fn describe(&mut self) -> Result<Form> {
        let starts_query = match &self.parser.peek_token_ref().token {
            Token::Word(word) => {
                matches!(word.keyword, Keyword::SELECT | Keyword::FROM | Keyword::WITH | Keyword::VALUES)
            }
            token => *token == Token::LParen,
        };
        if starts_query {
            return Ok(Form::DescribeQuery(self.query("DESCRIBE")?));
        }
        let name = self.parser.parse_object_name(false);
        name.map(Form::DescribeTable).map_err(|error| self.failed(&error))
    }

    /// What follows `COPY`.
    fn copy(&mut self) -> Result<Copy> {
        let query = match self.parser.consume_token(&Token::LParen) {
            true => {
                let query = self.parser.parse_query().map_err(|error| self.failed(&error))?;
                self.parser.expect_token(&Token::RParen).map_err(|error| self.failed(&error))?;
                query
            }
            false => self.all_of_table()?,
        };
        if self.parser.peek_keyword(Keyword::FROM) {
            let error = Error::new("COPY .. FROM is not supported: nothing is imported").or_at(Some(self.next_span()));
            return Err(error.with_hint("files are read where they are: SELECT .. FROM 'file'"));
        }
        self.parser.expect_keyword(Keyword::TO).map_err(|error| self.failed(&error))?;
        let path = self.parser.parse_expr().map_err(|error| self.failed(&error))?;
        let has_options = self.parser.peek_token_ref().token == Token::LParen;
        let options = if has_options {
            self.parser.parse_utility_options().map_err(|error| self.failed(&error))?
        } else {
            Vec::new()
        };
        Ok(Copy { query, path, options })
    }

    /// `FROM t`, where just `t` is written.
    fn all_of_table(&mut self) -> Result<Box<Query>> {
        let from = TokenWithSpan::new(Token::make_keyword("FROM"), self.parser.get_current_token().span);
        let mut tokens = vec![from];
        while !matches!(&self.parser.peek_token_ref().token, Token::EOF | Token::SemiColon | Token::LParen)
            && !self.parser.peek_keyword(Keyword::TO)
            && !self.parser.peek_keyword(Keyword::FROM)
        {
            tokens.push(self.parser.next_token());
        }
        let mut table = Self::new(self.text, tokens);
        let query = table.parser.parse_query().map_err(|error| table.failed(&error))?;
        table.expect_end()?;
        Ok(query)
    }

    fn explain_mode(&mut self) -> Result<ExplainMode> {
        if self.parser.parse_keyword(Keyword::ANALYZE) {
            return Ok(ExplainMode::Analyze);
        }
        let after = &self.parser.peek_nth_token_ref(1).token;
        let is_query = matches!(after, Token::Word(w) if matches!(w.keyword, Keyword::SELECT | Keyword::FROM | Keyword::WITH | Keyword::VALUES));
        if self.parser.peek_token_ref().token != Token::LParen || is_query || *after == Token::LParen {
            return Ok(ExplainMode::Plan);
        }
        let options = self.parser.parse_utility_options().map_err(|error| self.failed(&error))?;
        options.iter().try_fold(ExplainMode::Plan, |mode, option| self.explain_option(mode, option))
    }

    fn explain_option(&self, mode: ExplainMode, option: &UtilityOption) -> Result<ExplainMode> {
        let name = option.name.value.to_lowercase();
        let value = option.arg.as_ref().map(|arg| arg.to_string().to_lowercase());
        match (name.as_str(), value.as_deref()) {
            ("passes", None | Some("true")) => Ok(ExplainMode::Passes),
            ("analyze", None | Some("true")) => Ok(ExplainMode::Analyze),
            ("format", Some("text")) => Ok(mode),
            _ => Err(Error::new(format!("EXPLAIN ({option}) is not supported"))
                .or_at(Some(self.text.span(option.name.span)))
                .with_hint("there are EXPLAIN, EXPLAIN (PASSES) and EXPLAIN ANALYZE")),
        }
    }

    fn query(&mut self, verb: &str) -> Result<Box<Query>> {
        let at = self.next_span();
        match self.statement()? {
            Form::Query(query) => Ok(query),
            _ => Err(Error::new(format!("{verb} takes a query")).or_at(Some(at))),
        }
    }
}

/// What we do with a statement of the parser's many kinds.
fn form(statement: Statement, at: Span, text: &Text) -> Result<Form> {
    let setting =
        || Error::new("this form of SET is not supported").or_at(Some(at)).with_hint("write SET name = value");
    match statement {
        Statement::Query(query) => Ok(Form::Query(query)),
        Statement::Set(Set::SingleAssignment { scope: None, hivevar: false, variable, mut values }) => {
            let value = values.pop().filter(|_| values.is_empty()).ok_or_else(setting)?;
            Ok(Form::Set(variable, Box::new(value)))
        }
        Statement::Set(_) => Err(setting()),
        Statement::Reset(reset) => match reset.reset {
            Reset::ConfigurationParameter(name) => Ok(Form::Reset(name)),
            Reset::ALL => Ok(Form::Reset(ObjectName::from(vec![Ident::new("all")]))),
            Reset::SessionAuthorization => Err(not_yet("RESET SESSION AUTHORIZATION", at)),
        },
        _ => Err(not_yet(&text.slice(at).to_uppercase(), at)),
    }
}

fn not_yet(what: &str, at: Span) -> Error {
    let error = Error::new(format!("{what} is not supported yet")).or_at(Some(at));
    error.with_hint("there are SELECT, COPY, EXPLAIN, DESCRIBE, SET and RESET")
}

/// The parser's error in our words, at the place that its message ends with, or `next` if it has none.
fn syntax_error(error: &ParserError, text: &Text, next: Option<Span>) -> Error {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => {
            let error = Error::new(format!("the statement nests more than {MAX_NESTING} levels deep")).or_at(next);
            return error.with_hint(
                "brackets, CASE, calls of functions and subqueries are levels: give inner parts a name in WITH or a subquery",
            );
        }
    };
    let (message, at) = match message.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, location(place, text)),
        None => (message, None),
    };
    let end = Span { start: text.sql().trim_end().len() as u32, end: text.sql().trim_end().len() as u32 };
    Error::new(format!("syntax error: {}", lower_first(message))).or_at(at.or(Some(end)))
}

fn location(place: &str, text: &Text) -> Option<Span> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(text.point(line.trim().parse().ok()?, column.trim().parse().ok()?))
}

fn lower_first(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
