//! Reading the tree by paths, each refusal with the path at which it stands.

use std::str::FromStr;

use florin_kernel::{Currency, Date, Money, MoneyError, UnixMicros, parse_date};

use crate::{
    error::{ReadError, Rule},
    text::{self, Text},
    xml::Element,
};

/// An element and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    element: &'a Element,
    path: String,
}

impl<'a> Node<'a> {
    pub(crate) fn root(element: &'a Element) -> Self {
        Self { element, path: element.name.clone() }
    }

    /// An element that was taken out of the document at this path.
    pub(crate) fn taken(element: &'a Element, path: &str) -> Self {
        Self { element, path: path.to_owned() }
    }

    pub(crate) fn refuse(&self, rule: impl Into<Rule>) -> ReadError {
        ReadError { path: self.path.clone(), rule: rule.into() }
    }

    fn missing(&self, path: &str) -> ReadError {
        ReadError { path: format!("{}/{path}", self.path), rule: Rule::Missing }
    }

    /// Every child of that name, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<Self> {
        let children = self.element.children.iter().filter(|child| child.name == name);
        let path = format!("{}/{name}", self.path);
        children.map(|element| Self { element, path: path.clone() }).collect()
    }

    /// The element at a path such as `GrpHdr/MsgId`; None where a step is missing.
    pub(crate) fn at(&self, path: &str) -> Result<Option<Self>, ReadError> {
        let mut node = self.clone();
        for name in path.split('/') {
            let mut found = node.all(name);
            node = match found.pop() {
                None => return Ok(None),
                Some(one) if found.is_empty() => one,
                Some(one) => return Err(one.refuse(Rule::Repeated)),
            };
        }
        Ok(Some(node))
    }

    /// The element at a path.
    pub(crate) fn need(&self, path: &str) -> Result<Self, ReadError> {
        self.at(path)?.ok_or_else(|| self.missing(path))
    }

    fn text(&self) -> &str {
        self.element.text.trim()
    }

    /// The value at a path, where it is there.
    pub(crate) fn find<T>(&self, path: &str) -> Result<Option<T>, ReadError>
    where
        T: FromStr,
        Rule: From<T::Err>,
    {
        let Some(node) = self.at(path)? else { return Ok(None) };
        node.text().parse().map(Some).map_err(|error| node.refuse(Rule::from(error)))
    }

    /// The value at a path.
    pub(crate) fn get<T>(&self, path: &str) -> Result<T, ReadError>
    where
        T: FromStr,
        Rule: From<T::Err>,
    {
        self.find(path)?.ok_or_else(|| self.missing(path))
    }

    /// A text at a path, where it is there and not blank.
    pub(crate) fn note<const MOST: usize>(
        &self,
        path: &str,
    ) -> Result<Option<Text<MOST>>, ReadError> {
        let Some(node) = self.at(path)? else { return Ok(None) };
        text::optional(node.text()).map_err(|rule| node.refuse(rule))
    }

    /// The first of the texts under that name.
    pub(crate) fn first_note<const MOST: usize>(
        &self,
        name: &str,
    ) -> Result<Option<Text<MOST>>, ReadError> {
        let notes = self.all(name);
        let Some(node) = notes.first() else { return Ok(None) };
        text::optional(node.text()).map_err(|rule| node.refuse(rule))
    }

    /// The code at a path, which must be one of these words.
    pub(crate) fn one_of(&self, path: &str, words: &'static str) -> Result<&'a str, ReadError> {
        let node = self.need(path)?;
        let known = words.split(' ').any(|word| word == node.element.text.trim());
        if known { Ok(node.element.text.trim()) } else { Err(node.refuse(Rule::Code(words))) }
    }

    /// The amount at a path: not negative, with at most the decimals of its currency.
    pub(crate) fn amount(&self, path: &str) -> Result<Money, ReadError> {
        let node = self.need(path)?;
        node.money(node.text())
    }

    /// The positive amount at a path, no larger than one movement may be.
    pub(crate) fn payable(&self, path: &str) -> Result<Money, ReadError> {
        let amount = self.amount(path)?;
        let movable = amount.positive().and_then(Money::movable);
        movable.map_err(|error| ReadError {
            path: format!("{}/{path}", self.path),
            rule: error.into(),
        })
    }

    /// As [`Node::payable`], where it is there.
    pub(crate) fn payable_if(&self, path: &str) -> Result<Option<Money>, ReadError> {
        self.at(path)?.map(|_| self.payable(path)).transpose()
    }

    /// As [`Node::amount`], where zeros may follow the decimals of the currency: some statements
    /// write 8.850 EUR, which is the same number.
    pub(crate) fn amount_with_zeros(&self, path: &str) -> Result<Money, ReadError> {
        let node = self.need(path)?;
        let text = node.text();
        let shorter = match text.split_once('.') {
            Some((whole, fraction)) => {
                let digits = usize::try_from(node.currency()?.exponent()).unwrap_or(0);
                match fraction.get(digits..) {
                    Some(rest) if rest.bytes().all(|byte| byte == b'0') => {
                        let kept = fraction.get(..digits).unwrap_or_default();
                        if kept.is_empty() { whole.to_owned() } else { format!("{whole}.{kept}") }
                    }
                    Some(_) | None => text.to_owned(),
                }
            }
            None => text.to_owned(),
        };
        node.money(&shorter)
    }

    fn currency(&self) -> Result<Currency, ReadError> {
        let code = self.element.currency.as_deref().unwrap_or_default();
        code.parse().map_err(|error: MoneyError| {
            let path = format!("{}/@Ccy", self.path);
            ReadError { path, rule: error.into() }
        })
    }

    fn money(&self, text: &str) -> Result<Money, ReadError> {
        let currency = self.currency()?;
        if text.starts_with('-') {
            return Err(self.refuse(MoneyError::MalformedAmount));
        }
        Money::parse_in(currency, text).map_err(|error| self.refuse(error))
    }

    /// The date at a path, where it is there. A time zone after it is passed over.
    pub(crate) fn date(&self, path: &str) -> Result<Option<Date>, ReadError> {
        let Some(node) = self.at(path)? else { return Ok(None) };
        let text = node.text();
        let (date, zone) = text.split_at_checked(10).unwrap_or((text, ""));
        let is_zone = zone.is_empty() || zone == "Z" || zone.len() == 6 && zone.contains(':');
        let date = if is_zone { date } else { text };
        parse_date(date).map(Some).map_err(|error| node.refuse(error))
    }

    /// The instant at a path, where it is there; UTC where it names no offset.
    pub(crate) fn instant(&self, path: &str) -> Result<Option<UnixMicros>, ReadError> {
        let Some(node) = self.at(path)? else { return Ok(None) };
        instant(node.text()).map(Some).ok_or_else(|| node.refuse(Rule::Instant))
    }

    /// The instant at a path.
    pub(crate) fn need_instant(&self, path: &str) -> Result<UnixMicros, ReadError> {
        self.instant(path)?.ok_or_else(|| self.missing(path))
    }
}

fn instant(text: &str) -> Option<UnixMicros> {
    let with_offset: Option<jiff::Timestamp> = text.parse().ok();
    let instant = match with_offset {
        Some(instant) => instant,
        None => {
            let local: jiff::civil::DateTime = text.contains('T').then(|| text.parse().ok())??;
            jiff::tz::TimeZone::UTC.to_timestamp(local).ok()?
        }
    };
    Some(UnixMicros(instant.as_microsecond()))
}

/// An instant as it is written.
pub(crate) fn wire_instant(at: UnixMicros) -> String {
    let clamped = at.0.clamp(EARLIEST, LATEST);
    jiff::Timestamp::from_microsecond(clamped).unwrap_or_default().to_string()
}

/// The year 1, the first that the schema's type has without doubt.
const EARLIEST: i64 = -62_135_596_800_000_000;
/// The end of the year 9998, which has four digits in every time zone.
const LATEST: i64 = 253_370_764_799_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_and_without_offset() {
        let micros = |text| instant(text).map(|at| at.0);
        assert_eq!(micros("1970-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(micros("1970-01-01T01:00:01.5+01:00"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T00:00:00Z"), Some(0));
        for bad in ["1970-01-01", "yesterday", "", "1970-13-01T00:00:00"] {
            assert_eq!(micros(bad), None, "{bad}");
        }
        assert_eq!(wire_instant(UnixMicros(1_500_000)), "1970-01-01T00:00:01.5Z");
        assert_eq!(wire_instant(UnixMicros(0)), "1970-01-01T00:00:00Z");
    }
}
