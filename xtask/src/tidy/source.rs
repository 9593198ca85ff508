//! Reading Rust source, and the rules on length, names, documentation and ignored tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Block, ImplItemFn, ItemFn, Signature, TraitItemFn, Visibility,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::Finding;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;

/// Names that say nothing about what is inside.
const BANNED_NAMES: &[&str] = &[
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "manager",
    "handler",
    "handlers",
    "processor",
    "data",
    "info",
    "impl",
    "shared",
    "base",
];

/// One file, read and parsed.
pub struct Source {
    /// From the root of the repository.
    pub file: String,
    /// Every identifier with its line, macros included.
    pub words: Vec<Word>,
    /// Every literal as it is written, with its line, macros included.
    pub literals: Vec<(String, usize)>,
    /// The identifiers alone.
    pub identifiers: BTreeSet<String>,
    lines: usize,
    tree: syn::File,
}

/// An identifier in the source.
pub struct Word {
    /// The identifier.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
    /// Followed by `::` and not preceded by it, or the first word after `use`.
    pub names_crate: bool,
}

impl Source {
    /// Parses a file's text.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let tokens: TokenStream = text.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut words = Vec::new();
        let mut literals = Vec::new();
        collect(tokens, &mut words, &mut literals);
        let identifiers = words.iter().map(|word| word.text.clone()).collect();
        let tree = syn::parse_file(text)?;
        let (file, lines) = (file.to_owned(), text.lines().count());
        Ok(Self { file, words, literals, identifiers, lines, tree })
    }
}

/// Reads all Rust files among those given.
pub fn read_all(root: &Path, files: &[PathBuf]) -> Result<Vec<Source>> {
    let rust = files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "rs"));
    rust.map(|file| {
        let name = file.to_string_lossy();
        let text = fs::read_to_string(root.join(file)).with_context(|| name.to_string())?;
        Source::parse(&name, &text).with_context(|| name.to_string())
    })
    .collect()
}

fn collect(tokens: TokenStream, words: &mut Vec<Word>, literals: &mut Vec<(String, usize)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let colon = |index: usize| matches!(tokens.get(index), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), words, literals),
            TokenTree::Ident(ident) => {
                let previous = index.checked_sub(1);
                let after_path =
                    previous.is_some_and(colon) && index.checked_sub(2).is_some_and(colon);
                let after_use = previous
                    .and_then(|at| tokens.get(at))
                    .is_some_and(|token| matches!(token, TokenTree::Ident(word) if word == "use"));
                let before_path = colon(index + 1) && colon(index + 2);
                words.push(Word {
                    text: ident.to_string(),
                    line: ident.span().start().line,
                    names_crate: (before_path && !after_path) || after_use,
                });
            }
            TokenTree::Literal(literal) => {
                literals.push((literal.to_string(), literal.span().start().line));
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// Checks one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings =
        Findings { source, found: names(source), documents: documents(&source.file) };
    if source.lines > FILE_LINES {
        let what = format!("{} lines, at most {FILE_LINES}", source.lines);
        findings.add(source.lines, "file-length", what, "split it by what its parts decide");
    }
    findings.visit_file(&source.tree);
    findings.found
}

fn names(source: &Source) -> Vec<Finding> {
    let path = Path::new(&source.file);
    let finding = |what: String, mend: &'static str| Finding {
        file: source.file.clone(),
        line: 1,
        rule: "file-name",
        what,
        mend,
    };
    if path.file_name().is_some_and(|name| name == "mod.rs") {
        let what = "mod.rs hides its name in the editor".to_owned();
        return vec![finding(what, "write foo.rs beside foo/")];
    }
    let parts = path.iter().map(|part| part.to_string_lossy());
    parts
        .map(|part| part.trim_end_matches(".rs").to_owned())
        .filter(|part| BANNED_NAMES.contains(&part.as_str()))
        .map(|part| finding(format!("{part} says nothing"), "name it after what it does or knows"))
        .collect()
}

/// Libraries document what they offer; tests and executables offer nothing.
fn documents(file: &str) -> bool {
    let library = ["crates/", "services/", "gateway/", "simulator/"];
    library.iter().any(|folder| file.starts_with(folder)) && file.contains("src/")
}

struct Findings<'a> {
    source: &'a Source,
    found: Vec<Finding>,
    documents: bool,
}

impl Findings<'_> {
    fn add(&mut self, line: usize, rule: &'static str, what: String, mend: &'static str) {
        self.found.push(Finding { file: self.source.file.clone(), line, rule, what, mend });
    }

    fn length(&mut self, signature: &Signature, block: &Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        let lines = last.saturating_sub(first) + 1;
        if lines > FUNCTION_LINES {
            let what =
                format!("fn {} has {lines} lines, at most {FUNCTION_LINES}", signature.ident);
            let mend = "the parent decides and calls, the leaves compute";
            self.add(first, "function-length", what, mend);
        }
    }

    fn documented(&mut self, seen: &Visibility, attributes: &[Attribute], name: &syn::Ident) {
        let public = matches!(seen, Visibility::Public(_));
        let described = attributes.iter().any(|attribute| attribute.path().is_ident("doc"));
        if self.documents && public && !described && !generated(attributes) {
            let what = format!("{name} is public and says nothing about itself");
            let mend = "say what it returns, in which unit, which errors";
            self.add(name.span().start().line, "documentation", what, mend);
        }
    }
}

/// sea-orm prescribes `Model` and `Relation`; their module is what carries the words.
fn generated(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let text = list.tokens.to_string();
        text.contains("DeriveEntityModel") || text.contains("DeriveRelation")
    })
}

fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        list.path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}

macro_rules! documented_items {
    ($($visit:ident $node:ident),*) => {$(
        fn $visit(&mut self, item: &syn::$node) {
            self.documented(&item.vis, &item.attrs, &item.ident);
            visit::$visit(self, item);
        }
    )*};
}

impl Visit<'_> for Findings<'_> {
    documented_items!(
        visit_item_struct ItemStruct, visit_item_enum ItemEnum, visit_item_trait ItemTrait,
        visit_item_type ItemType, visit_item_const ItemConst, visit_item_static ItemStatic
    );

    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        let before = self.documents;
        self.documents &= !for_tests(&item.attrs);
        visit::visit_item_mod(self, item);
        self.documents = before;
    }

    fn visit_item_fn(&mut self, item: &ItemFn) {
        self.length(&item.sig, &item.block);
        self.documented(&item.vis, &item.attrs, &item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &ImplItemFn) {
        self.length(&item.sig, &item.block);
        self.documented(&item.vis, &item.attrs, &item.sig.ident);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &TraitItemFn) {
        if let Some(block) = &item.default {
            self.length(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        if attribute.path().is_ident("ignore") {
            let what = "an ignored test proves nothing".to_owned();
            let mend = "make it run everywhere, or remove it";
            self.add(attribute.span().start().line, "ignored-test", what, mend);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(file: &str, text: &str) -> Vec<(usize, &'static str)> {
        let source = Source::parse(file, text).unwrap();
        check(&source).into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn a_function_fits_on_a_screen() {
        let body = "    f();\n".repeat(FUNCTION_LINES - 2);
        let fits = format!("fn f() {{\n{body}}}\n");
        assert_eq!(rules("florin/src/main.rs", &fits), []);
        let long = format!("\nimpl S {{ fn f() {{\n    f();\n{body}}}\n}}");
        assert_eq!(rules("florin/src/main.rs", &long), [(2, "function-length")]);
    }

    #[test]
    fn a_file_is_read_in_one_sitting() {
        let long = "// line\n".repeat(FILE_LINES + 1);
        assert_eq!(rules("florin/src/main.rs", &long), [(401, "file-length")]);
    }

    #[test]
    fn names_say_what_is_inside() {
        assert_eq!(rules("crates/store/src/mod.rs", ""), [(1, "file-name")]);
        assert_eq!(rules("crates/store/src/utils.rs", ""), [(1, "file-name")]);
        assert_eq!(rules("services/cif/tests/common/it.rs", ""), [(1, "file-name")]);
        assert_eq!(rules("crates/store/src/lease.rs", ""), []);
    }

    #[test]
    fn public_items_are_documented() {
        let file = "crates/store/src/lease.rs";
        assert_eq!(rules(file, "pub fn f() {}"), [(1, "documentation")]);
        let bare = "impl S {\n pub fn f() {}\n}\npub struct S;";
        assert_eq!(rules(file, bare), [(2, "documentation"), (4, "documentation")]);
        assert_eq!(rules(file, "/// Says.\npub fn f() {}\npub(crate) fn g() {}"), []);
        assert_eq!(rules(file, "#[cfg(test)]\nmod tests { pub fn f() {} }"), []);
        assert_eq!(rules(file, "#[derive(Clone, DeriveEntityModel)]\npub struct Model;"), []);
        assert_eq!(rules("xtask/src/main.rs", "pub fn f() {}"), []);
    }

    #[test]
    fn no_test_is_ignored() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn f() {}";
        assert_eq!(rules("florin/tests/it.rs", text), [(2, "ignored-test")]);
    }
}
