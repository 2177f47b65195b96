//! One Rust file reduced to the facts that the rules speak about.
//!
//! The facts come from the token stream, not from a syntax tree: so code inside macros is seen too.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};

/// A file of the repository.
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) lines: Vec<String>,
    pub(crate) functions: Vec<Function>,
    pub(crate) unsafe_uses: Vec<UnsafeUse>,
    /// Attributes that silence a lint without saying why.
    pub(crate) silenced: Vec<usize>,
    pub(crate) names: Vec<Name>,
    /// Codes such as `S104` inside functions called `code`.
    pub(crate) codes: Vec<(usize, String)>,
    /// Modules in other files that are compiled for tests alone.
    pub(crate) test_modules: Vec<String>,
    /// The `#[cfg(test)]` module that ends the file.
    pub(crate) trailing_tests: Option<RangeInclusive<usize>>,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: RangeInclusive<usize>,
    pub(crate) in_test: bool,
}

pub(crate) struct UnsafeUse {
    pub(crate) line: usize,
    /// A block or an `unsafe impl`: somebody promises something here.
    pub(crate) promises: bool,
}

/// A path of two or more segments, written from the crate's root where that could be told.
pub(crate) struct Name {
    pub(crate) line: usize,
    pub(crate) path: String,
    pub(crate) in_test: bool,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Source, LexError> {
        let tokens: TokenStream = text.parse()?;
        let mut source = Source {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            functions: Vec::new(),
            unsafe_uses: Vec::new(),
            silenced: Vec::new(),
            names: Vec::new(),
            codes: Vec::new(),
            test_modules: Vec::new(),
            trailing_tests: None,
        };
        let place = Place {
            modules: module_path(path),
            in_test: false,
            in_code: false,
        };
        source.walk(tokens, &place);
        let end = source.lines.len();
        source.trailing_tests = source.trailing_tests.filter(|tests| *tests.end() == end);
        Ok(source)
    }

    pub(crate) fn production_lines(&self) -> usize {
        let tests = self.trailing_tests.clone().map_or(0, Iterator::count);
        self.lines.len() - tests
    }

    fn walk(&mut self, tokens: TokenStream, place: &Place) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut item = Item::default();
        let mut at = 0;
        while at < tokens.len() {
            at += match &tokens[at] {
                TokenTree::Ident(ident) => {
                    self.word(&ident.to_string(), &tokens[at..], place, &mut item)
                }
                TokenTree::Group(group) => {
                    self.group(group, place, &mut item);
                    1
                }
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    self.attribute(&tokens[at + 1..], &mut item)
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    self.test_modules.extend(item.outline_test_module());
                    item = Item::default();
                    1
                }
                TokenTree::Literal(literal) if place.in_code => {
                    self.code(&literal.to_string(), line(&tokens[at]));
                    1
                }
                _ => 1,
            };
        }
    }

    /// Reads what starts with a word; returns how many tokens were used.
    fn word(&mut self, word: &str, tokens: &[TokenTree], place: &Place, item: &mut Item) -> usize {
        let next = tokens.get(1);
        item.start.get_or_insert(line(&tokens[0]));
        match (word, next) {
            ("fn", Some(TokenTree::Ident(name))) => item.function = Some(name.to_string()),
            ("mod", Some(TokenTree::Ident(name))) => item.module = Some(name.to_string()),
            ("unsafe", next) => self.unsafe_uses.push(UnsafeUse {
                line: line(&tokens[0]),
                promises: promises(next),
            }),
            _ => {
                let (names, used) = paths(tokens);
                let in_test = place.in_test || item.is_test;
                let resolve = |path: Vec<String>| Name {
                    line: line(&tokens[0]),
                    path: place.resolve(&path),
                    in_test,
                };
                self.names.extend(names.into_iter().map(resolve));
                return used;
            }
        }
        1
    }

    /// Reads a group: the body of the item if it has braces, else a part of it.
    fn group(&mut self, group: &Group, place: &Place, item: &mut Item) {
        if group.delimiter() != Delimiter::Brace {
            return self.walk(group.stream(), &place.inside(&Item::default()));
        }
        let body = std::mem::take(item);
        let start = body.start.unwrap_or_else(|| group.span_open().start().line);
        let lines = start..=group.span_close().end().line;
        let place = place.inside(&body);
        if let Some(name) = body.function {
            self.functions.push(Function {
                name,
                lines: lines.clone(),
                in_test: place.in_test,
            });
        }
        if body.module.is_some() && body.is_test {
            self.trailing_tests = Some(lines);
        }
        self.walk(group.stream(), &place);
    }

    /// Reads what follows a `#`; returns how many tokens were used, with the `#`.
    fn attribute(&mut self, rest: &[TokenTree], item: &mut Item) -> usize {
        let inner = usize::from(is_punct(rest.first(), '!'));
        let Some(TokenTree::Group(group)) = rest.get(inner) else {
            return 1;
        };
        let text = group.stream().to_string().replace([' ', '\n'], "");
        let silences = |lint: &str| {
            text.starts_with(lint)
                || (text.starts_with("cfg_attr") && text.contains(&format!(",{lint}")))
        };
        if silences("allow(") || (silences("expect(") && !text.contains("reason=")) {
            self.silenced.push(group.span_open().start().line);
        }
        if text.starts_with("unsafe(") {
            self.unsafe_uses.push(UnsafeUse {
                line: group.span_open().start().line,
                promises: false,
            });
        }
        item.is_test |= inner == 0 && (text == "cfg(test)" || text == "test");
        2 + inner
    }

    fn code(&mut self, literal: &str, line: usize) {
        let text = literal.trim_matches('"');
        let [letter, digits @ ..] = text.as_bytes() else {
            return;
        };
        if letter.is_ascii_uppercase() && digits.len() == 3 && digits.iter().all(u8::is_ascii_digit)
        {
            self.codes.push((line, text.to_owned()));
        }
    }
}

/// Where in the crate the walk stands.
struct Place {
    modules: Vec<String>,
    in_test: bool,
    in_code: bool,
}

impl Place {
    fn inside(&self, item: &Item) -> Place {
        let mut modules = self.modules.clone();
        modules.extend(item.module.clone());
        Place {
            modules,
            in_test: self.in_test || item.is_test,
            in_code: self.in_code || item.function.as_deref() == Some("code"),
        }
    }

    /// Turns `self::` and `super::` into a path from the crate's root.
    fn resolve(&self, path: &[String]) -> String {
        let supers = path.iter().take_while(|it| *it == "super" || *it == "self");
        let ups = supers.clone().filter(|it| *it == "super").count();
        let relative = supers.count();
        if relative == 0 {
            return path.join("::");
        }
        let kept = self.modules.len().saturating_sub(ups);
        let mut whole = vec!["crate".to_owned()];
        whole.extend_from_slice(&self.modules[..kept]);
        whole.extend_from_slice(&path[relative..]);
        whole.join("::")
    }
}

/// What is known of the item being read before its body or its semicolon.
#[derive(Default)]
struct Item {
    start: Option<usize>,
    is_test: bool,
    function: Option<String>,
    module: Option<String>,
}

impl Item {
    fn outline_test_module(&self) -> Option<String> {
        self.module.clone().filter(|_| self.is_test)
    }
}

/// `vfs/src/store/txn.rs` is the module `store::txn`.
fn module_path(path: &str) -> Vec<String> {
    let inside = path.rsplit_once("src/").map_or("", |(_, inside)| inside);
    let parts = inside.trim_end_matches(".rs").split('/');
    let is_module = |part: &&str| !matches!(*part, "" | "mod" | "lib" | "main");
    parts.filter(is_module).map(str::to_owned).collect()
}

/// The paths that start at the first token (`a::{b, c::d}` holds two), and how many tokens they fill.
fn paths(tokens: &[TokenTree]) -> (Vec<Vec<String>>, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Group(group)) if at > 0 && group.delimiter() == Delimiter::Brace => {
                return (branches(&path, group.stream()), at + 1);
            }
            Some(TokenTree::Punct(star)) if at > 0 && star.as_char() == '*' => {
                path.push("*".to_owned())
            }
            _ => break,
        }
        at += 1;
        if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
            break;
        }
        at += 2;
    }
    let names = if path.len() > 1 {
        vec![path]
    } else {
        Vec::new()
    };
    (names, at.max(1))
}

fn branches(prefix: &[String], stream: TokenStream) -> Vec<Vec<String>> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut found = Vec::new();
    for branch in tokens.split(|token| is_punct(Some(token), ',')) {
        let (inner, _) = paths(branch);
        match (inner.is_empty(), branch.first()) {
            (true, Some(one)) if one.to_string() == "self" => found.push(prefix.to_vec()),
            (true, Some(one)) => found.push([prefix, &[one.to_string()]].concat()),
            _ => found.extend(inner.into_iter().map(|path| [prefix, &path].concat())),
        }
    }
    found
}

fn promises(next: Option<&TokenTree>) -> bool {
    match next {
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(TokenTree::Ident(ident)) => ident == "impl",
        _ => false,
    }
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}
